//! The options of `rest`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::load::Plan;
use super::mix::Mix;
use super::requests::Dialect;
use super::schedule::Rate;
use crate::cli::{ServeArgs, parse_seconds};
use crate::credential::CredentialArgs;

/// Options of `rest`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RestArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RestCommand>,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

/// What else there is.
#[derive(Debug, Subcommand)]
pub(crate) enum RestCommand {
    /// Reading beside a bare hyper server, writing beside one sync per write, as ratios
    Compare(CompareArgs),
    /// The bare hyper server: one answer to whatever is asked
    Bare(BareArgs),
}

/// Options of a run against a server that runs.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// A server that runs: `http://HOST:PORT`
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) target: Option<String>,
    /// The process to measure
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Load another machine than this one
    #[arg(long)]
    pub(crate) allow_remote: bool,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    /// Which requests, in parts: get and list read agents, post makes tasks, which stay
    #[arg(
        long,
        value_name = "KIND=PARTS,..",
        default_value = "get=70,list=10,post=10,heartbeat=10"
    )]
    mix: Mix,
    /// Which document's words: a under /v1, b under /api/v1
    #[arg(long, value_enum, default_value_t = Dialect::B)]
    pub(crate) dialect: Dialect,
    /// Agents that are registered for the run and taken back after it
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) agents: u32,
    /// Requests a second, or `max`: one for each connection, again and again
    #[arg(long, default_value = "1000")]
    rate: Rate,
    #[command(flatten)]
    pace: PaceArgs,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl LoadArgs {
    /// The run that the options describe.
    pub(crate) fn plan(&self) -> Plan {
        self.pace.plan(self.mix, self.rate)
    }
}

/// Over how many connections and how long.
#[derive(Debug, Args)]
pub(crate) struct PaceArgs {
    /// Connections; each has at most one request on its way
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    connections: u32,
    /// The measured window
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    /// Requests before it
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    warmup_seconds: Duration,
}

impl PaceArgs {
    /// A run of these requests.
    pub(crate) fn plan(&self, mix: Mix, rate: Rate) -> Plan {
        Plan {
            mix,
            rate,
            connections: self.connections as usize,
            warmup: self.warmup_seconds,
            window: self.seconds,
        }
    }
}

/// Options of `rest compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The server program
    #[arg(long)]
    pub(crate) spawn: PathBuf,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) spawn_arg: Vec<String>,
    /// What is compared, comma-separated
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "reads,writes"
    )]
    pub(crate) parts: Vec<Part>,
    /// At which rates one agent is read, comma-separated: requests a second, or `max`
    #[arg(
        long,
        value_name = "RATE,..",
        value_delimiter = ',',
        default_value = "10000,max"
    )]
    pub(crate) read_rates: Vec<Rate>,
    /// How often each server runs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Where to write all runs and ratios as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What `rest compare` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// One agent read, beside a bare hyper server with the same answer
    Reads,
    /// Tasks made, each on disk before it is answered, beside relaxed syncs and a lone writer
    Writes,
}

/// Options of `rest bare`.
#[derive(Debug, Args)]
pub(crate) struct BareArgs {
    /// The file that holds the answer, head and body, as it goes over the wire
    #[arg(long, value_name = "FILE")]
    pub(crate) answer: PathBuf,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}
