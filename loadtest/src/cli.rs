//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::{Failure, Result};
use crate::fanout::Plan;
use crate::pace::Rate;
use crate::swarm::Swarm;
use crate::target::Target;

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
    /// Memory of viewers of an empty stream
    Idle(IdleArgs),
    /// Sessions held over heartbeats, one more refused
    Hold(HoldArgs),
}

/// Which server.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetArgs {
    /// A server that runs: ws://HOST:PORT[/PATH]
    #[arg(long, required_unless_present = "spawn", conflicts_with = "spawn")]
    url: Option<String>,
    /// A program to start as `PROGRAM serve --listen 127.0.0.1:0`
    #[arg(long)]
    spawn: Option<PathBuf>,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    spawn_arg: Vec<String>,
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
        match (&self.spawn, &self.url) {
            (Some(program), _) => Target::spawn(program, &serve_arguments(&self.spawn_arg, extra)),
            (None, Some(url)) => Target::at(url, self.pid, self.allow_remote),
            (None, None) => Err(Failure::new("--url or --spawn")),
        }
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
            warmup: self.warmup_seconds,
            window: self.seconds,
            progress: true,
        }
    }
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
    /// Servers, comma-separated: agnt, other, floor, floor-control, fastws, axum, axum-tuned
    #[arg(long, value_delimiter = ',')]
    pub(crate) servers: Vec<String>,
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

#[derive(Debug, Clone, Copy)]
enum Hz {
    Fixed(f64),
    Max,
}

fn parse_hz(text: &str) -> std::result::Result<Hz, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(Hz::Max),
        Ok(hz) if (0.001..=1e6).contains(&hz) => Ok(Hz::Fixed(hz)),
        _ => Err("expected `max` or ticks a second from 0.001 to 1000000".to_owned()),
    }
}

fn parse_seconds(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds from 0 to 1000000".to_owned()),
    }
}
