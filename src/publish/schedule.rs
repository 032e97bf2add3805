//! What a replay publishes and when: a recording and a pace in, ticks out.
//!
//! Pure: no clock, no socket. Output time counts from 0 in milliseconds; recording time runs
//! `speed` times as fast. Ticks come in order of time and are never empty.
//!
//! Per agent, inside a leg of its track: at a positive rate one interpolated record a tick, at
//! rate 0 the recorded points only. Past a leg's end: one record with NaN as its x position (the
//! agent is gone), then nothing until its next leg. A leg that falls between two ticks whole is
//! shown at the second by its last point, so that every agent is seen. Velocities are those of
//! the recording, whatever the speed.

use std::sync::Arc;

use agnt_codec::AgentPosition;

use super::leg::{LegCursor, Sight};
use super::recording::Recording;
use super::track::Track;

/// How a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Milliseconds of recording for each millisecond of output; above 0.
    pub speed: f64,
    /// Ticks a second of output; 0 publishes the recorded points only, at their own times.
    pub hz: f64,
    /// Starts again when the recording has ended, for ever.
    pub repeat: bool,
    /// Starts every agent at the beginning, whenever it was first recorded.
    pub align: bool,
}

/// One tick, borrowed from the schedule that made it.
#[derive(Debug, Clone, Copy)]
pub struct Tick<'a> {
    /// Output time in milliseconds since the start of the replay.
    pub at_ms: f64,
    /// The records, in the order in which the agents first appear in the recording; an id at most
    /// once.
    pub records: &'a [AgentPosition],
    /// Agents in `records` that no tick held before, as places in [`Recording::tracks`].
    pub newcomers: &'a [usize],
}

/// An endless or finite sequence of ticks.
#[derive(Debug)]
pub struct Schedule {
    recording: Arc<Recording>,
    pace: Pace,
    players: Vec<Player>,
    /// Recording times at which somebody has a point, counted from the lap's start; rate 0 only.
    instants_ms: Vec<u64>,
    /// Steps within this lap: ticks at a positive rate, instants at rate 0.
    step: u64,
    /// Output time in milliseconds at which this lap began.
    lap_at_ms: f64,
    records: Vec<AgentPosition>,
    newcomers: Vec<usize>,
}

/// Where one track is in this lap.
#[derive(Debug)]
struct Player {
    cursor: LegCursor,
    /// Recording time of the lap's start on the track's own clock, in milliseconds.
    origin_ms: u64,
    met: bool,
}

impl Schedule {
    /// Lays out the ticks of `recording` at `pace`.
    pub fn new(recording: Arc<Recording>, pace: Pace) -> Self {
        let first_ms = recording
            .tracks()
            .iter()
            .map(Track::start_ms)
            .min()
            .unwrap_or(0);
        let players: Vec<Player> = recording
            .tracks()
            .iter()
            .map(|track| Player {
                cursor: LegCursor::new(track),
                origin_ms: if pace.align {
                    track.start_ms()
                } else {
                    first_ms
                },
                met: false,
            })
            .collect();
        let instants_ms = if pace.hz > 0.0 {
            Vec::new()
        } else {
            instants(recording.tracks(), &players)
        };
        Self {
            recording,
            pace,
            players,
            instants_ms,
            step: 0,
            lap_at_ms: 0.0,
            records: Vec::new(),
            newcomers: Vec::new(),
        }
    }

    /// The recording that is played.
    pub fn recording(&self) -> Arc<Recording> {
        Arc::clone(&self.recording)
    }

    /// Makes the next tick; `None` when the recording has ended and does not repeat.
    pub fn next_tick(&mut self) -> Option<Tick<'_>> {
        if self.players.is_empty() {
            return None;
        }
        loop {
            // Recording time since the lap's start, and the same moment in output time.
            let (t_ms, at_ms) = if self.pace.hz > 0.0 {
                let output_ms = self.step as f64 * 1e3 / self.pace.hz;
                (output_ms * self.pace.speed, self.lap_at_ms + output_ms)
            } else {
                let t_ms = self.instant_ms() as f64;
                (t_ms, self.lap_at_ms + t_ms / self.pace.speed)
            };
            self.fill(t_ms);
            self.step += 1;
            if !self.records.is_empty() {
                return Some(Tick {
                    at_ms,
                    records: &self.records,
                    newcomers: &self.newcomers,
                });
            }
            if self.players.iter().all(|player| player.cursor.ended()) {
                if !self.pace.repeat {
                    return None;
                }
                self.lap_at_ms = at_ms;
                self.rewind();
            }
        }
    }

    /// Time of the current instant; behind the last one a step is a millisecond, so that the
    /// agents that were there to the end go in a tick of their own.
    fn instant_ms(&self) -> u64 {
        let last = self.instants_ms.len() - 1;
        match self.instants_ms.get(self.step as usize) {
            Some(&t_ms) => t_ms,
            None => self.instants_ms[last] + self.step - last as u64,
        }
    }

    fn fill(&mut self, t_ms: f64) {
        self.records.clear();
        self.newcomers.clear();
        let interpolated = self.pace.hz > 0.0;
        for (place, (track, player)) in self
            .recording
            .tracks()
            .iter()
            .zip(&mut self.players)
            .enumerate()
        {
            let sight = player
                .cursor
                .advance(track, player.origin_ms as f64 + t_ms, interpolated);
            self.records.push(match sight {
                Sight::Nothing => continue,
                Sight::Gone => AgentPosition::gone(track.agent_id),
                Sight::At(position, velocity) => {
                    AgentPosition::new(track.agent_id, position, velocity)
                }
            });
            if !player.met {
                player.met = true;
                self.newcomers.push(place);
            }
        }
    }

    fn rewind(&mut self) {
        self.step = 0;
        for (track, player) in self.recording.tracks().iter().zip(&mut self.players) {
            player.cursor = LegCursor::new(track);
        }
    }
}

/// All distinct times at which a track has a point, counted from the lap's start, in order.
fn instants(tracks: &[Track], players: &[Player]) -> Vec<u64> {
    let mut times_ms: Vec<u64> = tracks
        .iter()
        .zip(players)
        .flat_map(|(track, player)| {
            track
                .points()
                .iter()
                .map(|point| point.t_ms - player.origin_ms)
        })
        .collect();
    times_ms.sort_unstable();
    times_ms.dedup();
    times_ms
}

#[cfg(test)]
#[path = "tests/schedule.rs"]
mod tests;
