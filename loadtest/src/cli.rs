//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::credential::CredentialArgs;
use crate::events::EventsArgs;
use crate::failure::{Failure, Result};
use crate::fanout::Plan;
use crate::fill::{FillArgs, PagesArgs};
use crate::pace::Rate;
use crate::rest::RestArgs;
use crate::stream::Trust;
use crate::swarm::Swarm;
use crate::target::Target;
use crate::terms::{Algorithm, Compression, Terms};

/// Puts a server of agents' positions under load and verifies all that it delivers.
#[derive(Debug, Parser)]
#[command(name = "agnt-load", version, about)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publishers to viewers: delivery, order, latency, the server's CPU and memory
    Fanout(FanoutArgs),
    /// The physical limit: one thread, one epoll, one send for all that waits
    Floor(ServeArgs),
    /// What a Rust user would write instead
    Baseline(BaselineArgs),
    /// The server, the floor and the baselines in turn, as ratios
    Compare(CompareArgs),
    /// What compressing costs the server, for one viewer and for many
    Compression(CompressionArgs),
    /// Memory of viewers of an empty stream
    Idle(IdleArgs),
    /// Sessions held over heartbeats, one more refused
    Hold(HoldArgs),
    /// Events from POST to subscribers' sockets: nothing lost, nothing twice, latency
    Events(EventsArgs),
    /// Agents, tasks, workflows and events, many of each, over many connections
    Fill(FillArgs),
    /// What pages of a full server's lists take
    Pages(PagesArgs),
    /// Requests of the agent API on a schedule: latency, every answer checked, the server's CPU
    Rest(RestArgs),
}

/// What viewers, publishers and who looks at `/metrics` may do.
pub(crate) const SCOPES: &str = "read,publish,metrics";

/// Which server.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// A server that runs: ws://HOST:PORT[/PATH], or wss:// with --ca
    #[arg(long, required_unless_present = "spawn", conflicts_with = "spawn")]
    url: Option<String>,
    /// A program to start as `PROGRAM serve --listen 127.0.0.1:0`
    #[arg(long)]
    spawn: Option<PathBuf>,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    spawn_arg: Vec<String>,
    /// Over TLS, by the authorities of this PEM file: for sessions, not for requests of the agent API
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Has that program let in only who has a key, as the sessions here do
    #[arg(long, requires = "spawn")]
    guarded: bool,
    #[command(flatten)]
    credential: CredentialArgs,
    /// The process to measure, with --url
    #[arg(long)]
    pid: Option<u32>,
    /// Load another machine than this one
    #[arg(long)]
    allow_remote: bool,
}

impl TargetArgs {
    /// Starts or finds the server; `extra` goes to a program that is started.
    pub(crate) fn target(&self, extra: &[String]) -> Result<Target> {
        let trust = self.ca.as_deref().map(Trust::read).transpose()?;
        let url = self.url.as_deref().unwrap_or_default();
        if trust.is_none() && (url.starts_with("wss:") || url.starts_with("https:")) {
            return Err(Failure::new(format!("{url}: TLS needs --ca FILE")));
        }
        let credential = match &self.spawn {
            Some(_) => self.credential.said(),
            None => self.credential.credential(),
        };
        let target = match (&self.spawn, &self.url) {
            (Some(program), _) => {
                let arguments = serve_arguments(&self.spawn_arg, extra);
                match self.guarded {
                    true => Target::spawn_guarded(program, &arguments, SCOPES),
                    false => Target::spawn(program, &arguments),
                }
            }
            (None, Some(url)) => Target::at(url, self.pid, self.allow_remote),
            (None, None) => Err(Failure::new("--url or --spawn")),
        };
        Ok(target?.trusting(trust).shown(credential))
    }
}

/// The arguments that a server program is started with.
pub(crate) fn serve_arguments(given: &[String], extra: &[String]) -> Vec<String> {
    let fixed = ["serve", "--listen", "127.0.0.1:0"].map(str::to_owned);
    fixed
        .into_iter()
        .chain(given.iter().cloned())
        .chain(extra.iter().cloned())
        .collect()
}

/// Options of `fanout`.
#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Publishers, each with its own agents
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    publishers: u32,
    /// Agents of each publisher
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    agents: u32,
    /// Ticks a second of each publisher, or `max`
    #[arg(long, default_value = "60", value_parser = parse_hz)]
    hz: Hz,
    /// Viewers that verify
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    viewers: u32,
    /// Viewers that complete the handshake and then read nothing
    #[arg(long, default_value_t = 0)]
    slow_viewers: u32,
    /// Receive buffer of the slow viewers' sockets
    #[arg(long, value_name = "BYTES")]
    slow_rcvbuf: Option<usize>,
    /// When the slow viewers start to read, counted from the end of the warm-up
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    slow_resume_after: Option<Duration>,
    /// The measured window
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    /// Publishing before it
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    warmup_seconds: Duration,
    /// With `--hz max`: ticks on their way (default 16, or 64 for ticks below 16 kB)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    window: Option<u32>,
    #[command(flatten)]
    form: FormArgs,
    /// The stream (default: one of its own)
    #[arg(long)]
    stream: Option<String>,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl FanoutArgs {
    /// The run that the options describe.
    pub(crate) fn plan(&self) -> Plan {
        let swarm = Swarm {
            publishers: self.publishers as usize,
            agents: self.agents as usize,
        };
        let rate = match self.hz {
            Hz::Fixed(hz) => Rate::Hz(hz),
            Hz::Max => Rate::Max {
                window_ticks: self.window.unwrap_or_else(|| default_window_ticks(swarm)),
            },
        };
        Plan {
            stream: self.stream.clone().unwrap_or_else(own_stream),
            swarm,
            rate,
            viewers: self.viewers as usize,
            slow_viewers: self.slow_viewers as usize,
            slow_rcvbuf_bytes: self.slow_rcvbuf,
            slow_resume_after: self.slow_resume_after,
            terms: self.form.terms(),
            verify_every: self.form.verify_every as usize,
            warmup: self.warmup_seconds,
            window: self.seconds,
            progress: true,
        }
    }
}

/// In which form the viewers of `fanout` ask for positions.
#[derive(Debug, Args)]
struct FormArgs {
    /// What compresses the frames: none, zlib, gzip, deflate, brotli or zstd
    #[arg(long, value_name = "ALGORITHM", default_value = "none", value_parser = parse_compressor)]
    compression: Compressor,
    /// How hard, from 1 to 9
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=9))]
    compression_level: u8,
    /// Each tick comes with its number
    #[arg(long)]
    tick_info: bool,
    /// A message may hold several frames
    #[arg(long)]
    frame_concat: bool,
    /// One viewer of N inflates every batch itself; the others inflate only bytes that are new
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    verify_every: u32,
}

impl FormArgs {
    fn terms(&self) -> Terms {
        Terms {
            compression: self.compression.0.map(|algorithm| Compression {
                algorithm,
                level: self.compression_level,
            }),
            has_tick_info: self.tick_info,
            is_concatenated: self.frame_concat,
        }
    }
}

/// Options of `compression`.
#[derive(Debug, Args)]
pub(crate) struct CompressionArgs {
    /// The server program
    #[arg(long)]
    pub(crate) spawn: PathBuf,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) spawn_arg: Vec<String>,
    /// Numbers of viewers, comma-separated; the first is what the others are compared with
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) viewers: Vec<u32>,
    /// Agents that move
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) agents: u32,
    /// Ticks a second to begin with; lowered until every viewer gets every frame
    #[arg(long, default_value_t = 60.0, value_parser = parse_ticks_per_second)]
    pub(crate) hz: f64,
    /// The measured window of each run
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    pub(crate) seconds: Duration,
    /// Publishing before it
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    pub(crate) warmup_seconds: Duration,
    /// How often each number of viewers runs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// What compresses
    #[arg(long, value_enum, default_value_t = Algorithm::Zlib)]
    pub(crate) algorithm: Algorithm,
    /// How hard, from 1 to 9
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) level: u8,
    /// Judge batches and delivery alone, for machines whose times say nothing
    #[arg(long)]
    pub(crate) counts_only: bool,
    /// Where to write all runs and the verdict as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Ticks on their way at `--hz max`: few large ones or more small ones.
pub(crate) fn default_window_ticks(swarm: Swarm) -> u32 {
    if swarm.tick_bytes() >= 16 << 10 {
        16
    } else {
        64
    }
}

/// A stream name that no other run uses, so that it starts empty.
pub(crate) fn own_stream() -> String {
    format!("load-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Where a server of this program listens.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// End when standard input ends, as it does when the parent process dies
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// Options of `baseline`.
#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    /// Which one
    #[arg(long, value_enum)]
    pub(crate) kind: BaselineKind,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// The baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BaselineKind {
    /// axum and a broadcast channel, a send for each message
    Axum,
    /// The same with one flush for all that waits and a small read buffer
    AxumTuned,
    /// hyper, fastwebsockets and a broadcast channel, a write for each message
    Fastws,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The server program
    #[arg(long)]
    pub(crate) spawn: Option<PathBuf>,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) spawn_arg: Vec<String>,
    /// Another build of the server, compared as `other`
    #[arg(long)]
    pub(crate) other: Option<PathBuf>,
    /// Cases, comma-separated (default: all)
    #[arg(long, value_delimiter = ',')]
    pub(crate) cases: Vec<String>,
    /// Servers, comma-separated: agnt, agnt-guarded, other, floor, floor-control, fastws, axum, axum-tuned
    #[arg(long, value_delimiter = ',')]
    pub(crate) servers: Vec<String>,
    /// The server that the others are compared with
    #[arg(long, default_value = "floor", value_name = "SERVER")]
    pub(crate) reference: String,
    /// How often each server runs each case
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The measured window of each run
    #[arg(long, default_value = "5", value_parser = parse_seconds)]
    pub(crate) seconds: Duration,
    /// Publishing before it
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    pub(crate) warmup_seconds: Duration,
    /// Where to write all runs and ratios as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `idle`.
#[derive(Debug, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Viewers to connect
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) viewers: u32,
    /// At most so long is waited for each viewer's heartbeat (0: not at all)
    #[arg(long, default_value = "40", value_parser = parse_seconds)]
    pub(crate) heartbeat_wait_seconds: Duration,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Options of `hold`.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Sessions to hold; a server started here gets it as `--max-connections`
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sessions: u32,
    /// Pings that each session must have answered
    #[arg(long, default_value_t = 5)]
    pub(crate) heartbeats: u32,
    /// The server's heartbeat; a server started here gets it as `--heartbeat-ms`
    #[arg(long, default_value_t = 5000)]
    pub(crate) heartbeat_ms: u32,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// An algorithm, or none.
#[derive(Debug, Clone, Copy)]
struct Compressor(Option<Algorithm>);

fn parse_compressor(text: &str) -> std::result::Result<Compressor, String> {
    if text == "none" {
        return Ok(Compressor(None));
    }
    let known = Algorithm::from_str(text, false).map(|algorithm| Compressor(Some(algorithm)));
    known.map_err(|_| "expected none, zlib, gzip, deflate, brotli or zstd".to_owned())
}

#[derive(Debug, Clone, Copy)]
enum Hz {
    Fixed(f64),
    Max,
}

fn parse_hz(text: &str) -> std::result::Result<Hz, String> {
    match parse_ticks_per_second(text) {
        _ if text == "max" => Ok(Hz::Max),
        Ok(hz) => Ok(Hz::Fixed(hz)),
        Err(expected) => Err(format!("expected `max`, or {expected}")),
    }
}

fn parse_ticks_per_second(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hz) if (0.001..=1e6).contains(&hz) => Ok(hz),
        _ => Err("ticks a second from 0.001 to 1000000".to_owned()),
    }
}

pub(crate) fn parse_seconds(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0 to 1000000".to_owned()),
    }
}
