//! `agnt replay`: publishes a recording at its pace.
//!
//! Every tick of the schedule is published, none is skipped: a server that is slow makes the
//! replay late, and the summary says by how much. Names and types go ahead of an agent's first
//! record. The log counts what the kernel has taken.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agnt_outbound::Tls;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::client::Publisher;
use super::client_error::ClientError;
use super::endpoint::{Endpoint, EndpointError};
use super::publish_log::PublishLog;
use super::recording::{Recording, RecordingError};
use super::schedule::{Pace, Schedule, Tick};
use super::stopping;
use crate::domain::{HiddenText, StreamName};

/// How long a tick that is being written may still take when the replay is told to stop.
const STOP_MAX: Duration = Duration::from_secs(2);

/// What is replayed, where to and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayOptions {
    /// The recording, CSV or gzipped CSV.
    pub file: PathBuf,
    /// The server, `ws://HOST:PORT` or `wss://HOST:PORT`, with or without a path.
    pub url: String,
    /// How TLS is spoken, if it is asked for.
    pub tls: Tls,
    /// The stream to publish to; `None` leaves it to the URL.
    pub stream: Option<StreamName>,
    /// Speed, rate in ticks a second, repetition and alignment.
    pub pace: Pace,
    /// Where to write the [`PublishLog`] as JSON; `None` keeps no log.
    pub log: Option<PathBuf>,
    /// The type that every agent is introduced with.
    pub agent_type: String,
    /// The API key or the token that is shown, if any.
    pub credential: Option<HiddenText>,
}

/// What a replay did.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaySummary {
    /// Agents that were published at least once.
    pub agents: u64,
    /// Ticks that were published.
    pub ticks: u64,
    /// `POSITION_UPDATE` frames.
    pub frames: u64,
    /// Position records, those that say "gone" included.
    pub records: u64,
    /// Bytes written, WebSocket headers included.
    pub bytes: u64,
    /// Errors that the server answered with.
    pub errors: u64,
    /// The most that a tick left behind its time, in milliseconds.
    pub late_ms_max: f64,
    /// Duration of the publishing in seconds.
    pub seconds: f64,
    /// Whether it was told to stop before the recording's end.
    pub stopped: bool,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording can't be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The speed or the rate is out of range.
    #[error("{name} is {value}; allowed is {allowed}")]
    Pace {
        /// `speed` or `hz`.
        name: &'static str,
        /// The number that was given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The server can't be reached or ended the session.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The log can't be written.
    #[error("log: cannot write {path}: {source}")]
    Log {
        /// The file as it was named.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl From<EndpointError> for ReplayError {
    fn from(error: EndpointError) -> Self {
        Self::Client(error.into())
    }
}

/// Replays until the recording ends or `shutdown` becomes true.
///
/// At the end it waits until the server has taken everything and has answered the Close, writes
/// the log and tells the summary to the program's log.
pub async fn run(
    options: ReplayOptions,
    mut shutdown: watch::Receiver<bool>,
) -> Result<ReplaySummary, ReplayError> {
    check(&options.pace)?;
    let endpoint = Endpoint::parse(&options.url, options.stream.as_ref())?;
    let mut endpoint = endpoint.speaking(options.tls.clone());
    endpoint.credential.clone_from(&options.credential);
    let log_file = options.log.as_deref().map(create_log).transpose()?;
    let recording = Arc::new(Recording::open(&options.file)?);
    tracing::info!(
        file = %options.file.display(),
        agents = recording.tracks().len(),
        points = recording.points(),
        "recording read"
    );
    let schedule = Schedule::new(recording, options.pace);
    let client_id = format!("agnt-replay-{:08x}", fastrand::u32(..));
    let publisher = Publisher::connect(&endpoint, &client_id).await?;
    let mut replay = Replay {
        publisher,
        agent_type: options.agent_type,
        log: log_file.is_some().then(PublishLog::default),
        summary: ReplaySummary::nothing(),
    };
    let stopping = stopping(&mut shutdown);
    let played = replay.play(schedule, stopping).await;
    // The log is written whatever happened, since what was published has been published.
    if let (Some((path, file)), Some(log)) = (log_file, &replay.log) {
        serde_json::to_writer(io::BufWriter::new(file), log).map_err(|error| ReplayError::Log {
            path: path.display().to_string(),
            source: error.into(),
        })?;
    }
    let end = played?;
    let Replay {
        publisher,
        mut summary,
        ..
    } = replay;
    summary.bytes = publisher.bytes_sent();
    summary.errors = publisher.errors();
    if end != End::Torn {
        publisher.close().await?;
    }
    tracing::info!(
        agents = summary.agents,
        ticks = summary.ticks,
        frames = summary.frames,
        records = summary.records,
        bytes = summary.bytes,
        errors = summary.errors,
        late_ms_max = summary.late_ms_max.round(),
        seconds = summary.seconds,
        stopped = summary.stopped,
        "replay ended"
    );
    Ok(summary)
}

fn check(pace: &Pace) -> Result<(), ReplayError> {
    if !(pace.speed.is_finite() && pace.speed > 0.0) {
        let allowed = "a number above 0";
        return Err(ReplayError::Pace {
            name: "speed",
            value: pace.speed,
            allowed,
        });
    }
    if pace.hz != 0.0 && !(0.001..=1_000.0).contains(&pace.hz) {
        let allowed = "0 for the recorded points only, or 0.001 to 1000";
        return Err(ReplayError::Pace {
            name: "hz",
            value: pace.hz,
            allowed,
        });
    }
    Ok(())
}

/// Makes the log's file before anything is published, so that a wrong path costs nothing.
fn create_log(path: &Path) -> Result<(&Path, std::fs::File), ReplayError> {
    let file = std::fs::File::create(path).map_err(|source| ReplayError::Log {
        path: path.display().to_string(),
        source,
    })?;
    Ok((path, file))
}

/// How the publishing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The recording was over.
    Played,
    /// It was told to stop and did so between two ticks.
    Stopped,
    /// It was told to stop in the middle of a tick that the server did not take.
    Torn,
}

/// A replay that is under way.
struct Replay {
    publisher: Publisher,
    agent_type: String,
    log: Option<PublishLog>,
    summary: ReplaySummary,
}

impl Replay {
    /// Publishes tick after tick.
    async fn play(
        &mut self,
        mut schedule: Schedule,
        stopping: impl Future<Output = ()>,
    ) -> Result<End, ClientError> {
        let recording = schedule.recording();
        let mut stopping = std::pin::pin!(stopping);
        let start = Instant::now();
        let mut end = End::Played;
        while end == End::Played {
            let Some(tick) = schedule.next_tick() else {
                break;
            };
            let due = start + Duration::from_secs_f64(tick.at_ms / 1e3);
            tokio::select! {
                rested = self.publisher.rest_until(due) => rested?,
                () = &mut stopping => {
                    end = End::Stopped;
                    break;
                }
            }
            let late_ms = Instant::now().duration_since(due).as_secs_f64() * 1e3;
            self.summary.late_ms_max = self.summary.late_ms_max.max(late_ms);
            // A write that has begun gets the time to finish, so that the session can be closed.
            let mut publishing = std::pin::pin!(self.publish(&recording, tick));
            end = tokio::select! {
                published = &mut publishing => published.map(|()| End::Played)?,
                () = &mut stopping => match timeout(STOP_MAX, publishing).await {
                    Ok(published) => published.map(|()| End::Stopped)?,
                    Err(_) => End::Torn,
                },
            };
        }
        self.summary.seconds = start.elapsed().as_secs_f64();
        self.summary.stopped = end != End::Played;
        Ok(end)
    }

    async fn publish(&mut self, recording: &Recording, tick: Tick<'_>) -> Result<(), ClientError> {
        if !tick.newcomers.is_empty() {
            let tracks = tick
                .newcomers
                .iter()
                .map(|&place| &recording.tracks()[place]);
            let named = tracks.map(|track| (track.agent_id, track.name.as_str()));
            self.publisher.introduce(named, &self.agent_type).await?;
        }
        let frames = self.publisher.publish_tick(tick.records).await?;
        self.summary.agents += tick.newcomers.len() as u64;
        self.summary.ticks += 1;
        self.summary.frames += frames;
        self.summary.records += tick.records.len() as u64;
        if let Some(log) = &mut self.log {
            log.note_tick(frames, tick.records);
        }
        Ok(())
    }
}

impl ReplaySummary {
    fn nothing() -> Self {
        Self {
            agents: 0,
            ticks: 0,
            frames: 0,
            records: 0,
            bytes: 0,
            errors: 0,
            late_ms_max: 0.0,
            seconds: 0.0,
            stopped: false,
        }
    }
}

#[cfg(test)]
#[path = "tests/replay.rs"]
mod tests;
