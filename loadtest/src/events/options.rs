//! The command line of `events`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::run::Plan;
use super::subscriber::Means;
use crate::cli::{ServeArgs, TargetArgs, parse_seconds};

/// Options of `events`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct EventsArgs {
    /// What else to do than one run.
    #[command(subcommand)]
    pub(crate) action: Option<EventsAction>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) load: EventLoadArgs,
    /// How subscribers hear of events
    #[arg(long, value_enum, default_value_t = Means::Ws)]
    pub(crate) by: Means,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What `events` does beside one run.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsAction {
    /// The server beside the least that could do the same, in turn, as ratios
    Compare(EventsCompareArgs),
    /// That least: hyper, one thread that writes and syncs, a WebSocket for each subscriber
    Echo(ServeArgs),
}

/// How much is published to how many.
#[derive(Debug, Clone, Args)]
pub(crate) struct EventLoadArgs {
    /// Publications a second
    #[arg(long, default_value = "1000", value_parser = parse_rate)]
    rate: f64,
    /// The measured window
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    /// Publishing before it
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    warmup_seconds: Duration,
    /// Subscribers to everything
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    subscribers: u32,
    /// Connections that publish, one request at a time each
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Bytes of text in each publication
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=500_000))]
    payload_bytes: u32,
}

impl EventLoadArgs {
    /// The run that the options describe.
    pub(crate) fn plan(&self, means: Means) -> Plan {
        Plan {
            rate_hz: self.rate,
            window: self.seconds,
            warmup: self.warmup_seconds,
            subscribers: self.subscribers as usize,
            means,
            connections: self.connections as usize,
            payload_bytes: self.payload_bytes as usize,
        }
    }
}

/// Options of `events compare`.
#[derive(Debug, Args)]
pub(crate) struct EventsCompareArgs {
    /// The server program
    #[arg(long)]
    pub(crate) spawn: PathBuf,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) spawn_arg: Vec<String>,
    #[command(flatten)]
    pub(crate) load: EventLoadArgs,
    /// How often each server runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The median ratio of the 99th percentiles that is allowed
    #[arg(long, default_value_t = 1.5)]
    pub(crate) ratio_max: f64,
    /// Judge delivery alone, for machines whose times say nothing
    #[arg(long)]
    pub(crate) counts_only: bool,
    /// Where to write all runs and the ratios as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hz) if (0.1..=1e6).contains(&hz) => Ok(hz),
        _ => Err("expected publications a second from 0.1 to 1000000".to_owned()),
    }
}
