//! `rest`: requests of the agent API on a schedule, and what they cost the server.
//!
//! `load` runs them, `requests` makes them and judges their answers; `compare` sets the server beside
//! a bare one and beside itself.

mod answer;
mod bare;
mod caller;
mod compare;
mod connection;
mod load;
mod mix;
mod options;
mod outcome;
mod reads;
mod requests;
mod schedule;
mod sync_floor;
mod trial;
mod writes;

pub(crate) use options::RestArgs;

use crate::failure::{Failure, Result};
use crate::report::write_json;
use crate::target::Target;
use options::{LoadArgs, RestCommand};
use requests::Requests;

/// Does what the options say; true when it holds.
pub(crate) fn run(arguments: &RestArgs) -> Result<bool> {
    match &arguments.command {
        None => load(&arguments.load),
        Some(RestCommand::Compare(arguments)) => compare::run(arguments),
        Some(RestCommand::Bare(arguments)) => bare::run(arguments).map(|()| true),
    }
}

fn load(arguments: &LoadArgs) -> Result<bool> {
    let url = arguments.target.as_deref();
    let url = url.ok_or_else(|| Failure::new("--target: expected http://HOST:PORT"))?;
    let target = Target::at(url, arguments.pid, arguments.allow_remote)?;
    let address = target.endpoint("").address;
    let credential = arguments.credential.credential();
    let agents = arguments.agents as usize;
    let requests = Requests::new(address, arguments.dialect, credential.as_ref(), agents);
    caller::register(address, &requests)?;
    let outcome = load::run(address, target.pid(), &requests, &arguments.plan());
    let outcome = outcome.and_then(|mut outcome| {
        let missing = caller::missing_tasks(address, &requests, &outcome.tasks)?;
        outcome.tasks_were_read(missing);
        Ok(outcome)
    });
    caller::deregister(address, &requests)?;
    let outcome = outcome?;
    if let Some(path) = &arguments.json {
        write_json(path, &outcome)?;
    }
    Ok(outcome.show())
}
