//! `agnt-load`: publishers and verifying viewers in one process, the physical floor and the usual
//! baselines to compare a server with.
//!
//! It does not link the server: it knows the wire from its documents alone, so that a mistake
//! can't hide on both sides.

mod baseline;
mod batches;
mod cli;
mod compare;
mod compression;
mod connect;
mod contender;
mod credential;
mod crowd;
mod encoder_totals;
mod events;
mod failure;
mod fanout;
mod fill;
mod floor;
mod hold;
mod idle;
mod inbox;
mod inflate;
mod latency;
mod outcome;
mod pace;
mod process_usage;
mod published;
mod publisher;
mod ratio;
mod report;
mod rest;
mod serving;
mod slow;
mod stream;
mod swarm;
mod target;
mod terms;
mod tick_numbers;
mod timer;
mod traffic;
mod unpack;
mod verify;
mod viewer;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, FanoutArgs};
use failure::Result;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        report::complain(format!(
            "warning: the limit of open files stays as it is: {error}"
        ));
    }
    let held = match &cli.command {
        Command::Fanout(arguments) => fanout(arguments),
        Command::Floor(arguments) => floor::run(arguments).map(|()| true),
        Command::Baseline(arguments) => baseline::run(arguments).map(|()| true),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Compression(arguments) => compression::run(arguments),
        Command::Idle(arguments) => idle::run(arguments),
        Command::Hold(arguments) => hold::run(arguments),
        Command::Events(arguments) => events::run(arguments),
        Command::Fill(arguments) => fill::fill(arguments),
        Command::Pages(arguments) => fill::pages(arguments),
        Command::Rest(arguments) => rest::run(arguments),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            report::complain(format!("failed: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn fanout(arguments: &FanoutArgs) -> Result<bool> {
    let target = arguments.target.target(&[])?;
    let outcome = fanout::run(&target, &arguments.plan())?;
    if let Some(path) = &arguments.json {
        report::write_json(path, &outcome)?;
    }
    Ok(report::show(&outcome))
}
