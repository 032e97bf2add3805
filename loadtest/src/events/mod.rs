//! `events`: from POST to the subscribers' sockets, in an open loop, nothing lost, nothing twice.

pub(crate) mod client;
mod compare;
mod course;
mod echo;
mod event_stream;
mod heard;
mod ledger;
mod options;
pub(crate) mod origin;
mod poster;
mod run;
mod subscriber;

pub(crate) use options::EventsArgs;

use options::EventsAction;

use crate::failure::Result;
use crate::report::{complain, print, table, write_json};

/// Runs what was asked for; true when it holds.
pub(crate) fn run(arguments: &EventsArgs) -> Result<bool> {
    match &arguments.action {
        Some(EventsAction::Compare(compare)) => return compare::run(compare),
        Some(EventsAction::Echo(serve)) => return echo::run(serve).map(|()| true),
        None => {}
    }
    let unlimited = ["--rate-limit".to_owned(), "0".to_owned()];
    let target = arguments.target.target(&unlimited)?;
    let plan = arguments.load.plan(arguments.by);
    let outcome = run::run(&target, &plan)?;
    if let Some(path) = &arguments.json {
        write_json(path, &outcome)?;
    }
    print(table(&["what", "value"], &outcome.rows()));
    for warning in outcome.warnings() {
        complain(format!("warning: {warning}"));
    }
    let complaint = outcome.complaint();
    if let Some(complaint) = &complaint {
        complain(format!("failed: {complaint}"));
    }
    Ok(complaint.is_none())
}
