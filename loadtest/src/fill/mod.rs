//! `fill` and `pages`: a server filled with agents, tasks, workflows and events, and what its lists
//! cost then.

mod census;
mod growth;
mod list;
mod options;
mod pages;
mod population;
mod program;
mod reading;
mod restart;
mod workforce;

pub(crate) use options::{FillArgs, PagesArgs};

use options::PagesAction;

use crate::events::origin::Origin;
use crate::failure::Result;
use crate::report::{complain, print, table, write_json};

/// What a server of this program's own is started with: no limit on requests, and agents that are
/// never heard of again stay as they are.
const SERVER_ARGUMENTS: [&str; 4] = ["--rate-limit", "0", "--agent-silence-ms", "86400000"];

/// Fills a server; true when everything is there afterwards.
pub(crate) fn fill(arguments: &FillArgs) -> Result<bool> {
    let target = arguments
        .target
        .target(&SERVER_ARGUMENTS.map(str::to_owned))?;
    let origin = Origin::new(target.endpoint("").address, target.credential());
    let filled = workforce::fill(&origin, &arguments.population.population())?;
    if let Some(path) = &arguments.json {
        write_json(path, &filled)?;
    }
    print(table(&workforce::HEAD, &filled.rows()));
    let missing = filled.missing();
    for text in &missing {
        complain(format!("failed: {text}"));
    }
    Ok(missing.is_empty())
}

/// Reads pages of a server, or of two; true when all are whole and cost what they may.
pub(crate) fn pages(arguments: &PagesArgs) -> Result<bool> {
    match &arguments.action {
        Some(PagesAction::Compare(compare)) => growth::run(compare),
        None => pages::run(arguments),
    }
}
