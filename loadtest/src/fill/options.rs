//! The command line of `fill` and `pages`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::population::Population;
use crate::cli::TargetArgs;

/// Options of `fill`.
#[derive(Debug, Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) population: PopulationArgs,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// How much there is to be.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PopulationArgs {
    /// Agents
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    agents: u64,
    /// Tasks
    #[arg(long, default_value_t = 1_000_000)]
    tasks: u64,
    /// Workflows, each of one stage
    #[arg(long, default_value_t = 10_000)]
    workflows: u64,
    /// Publications, beside the events that come of the rest
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Connections, one request at a time each
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
}

impl PopulationArgs {
    /// What the options describe.
    pub(crate) fn population(self) -> Population {
        Population {
            agents: self.agents,
            tasks: self.tasks,
            workflows: self.workflows,
            events: self.events,
            connections: self.connections as usize,
        }
    }
}

/// Options of `pages`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct PagesArgs {
    /// What else to do than read one server's pages.
    #[command(subcommand)]
    pub(crate) action: Option<PagesAction>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How often each page is asked for
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What `pages` does beside reading one server's.
#[derive(Debug, Subcommand)]
pub(crate) enum PagesAction {
    /// A server filled and one of a hundredth, in turn, as ratios; then killed and started again
    Compare(PagesCompareArgs),
}

/// Options of `pages compare`.
#[derive(Debug, Args)]
pub(crate) struct PagesCompareArgs {
    /// The server program
    #[arg(long)]
    pub(crate) spawn: PathBuf,
    /// One more argument after `serve`; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) spawn_arg: Vec<String>,
    /// Where the stores lie: filled if they aren't there yet, and left (default: a folder that goes)
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) population: PopulationArgs,
    /// How often each page is asked for
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// The ratio of the medians that is allowed
    #[arg(long, default_value_t = 3.0)]
    pub(crate) ratio_max: f64,
    /// Judge pages' contents alone, for machines whose times say nothing
    #[arg(long)]
    pub(crate) counts_only: bool,
    /// Where to write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
