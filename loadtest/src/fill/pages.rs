//! `pages`: what first and random pages of a server's lists take.

use serde::Serialize;

use super::SERVER_ARGUMENTS;
use super::list::LISTS;
use super::options::PagesArgs;
use super::reading::{Reading, Took, Which, histogram, note, took};
use crate::events::client::Client;
use crate::events::origin::Origin;
use crate::failure::Result;
use crate::report::{complain, print, table, write_json};

#[derive(Debug, Serialize)]
struct Line {
    list: String,
    total: u64,
    which: Which,
    took_us: Took,
}

/// Reads all lists; true when each page was whole.
pub(crate) fn run(arguments: &PagesArgs) -> Result<bool> {
    let target = arguments
        .target
        .target(&SERVER_ARGUMENTS.map(str::to_owned))?;
    let origin = Origin::new(target.endpoint("").address, target.credential());
    let mut client = Client::open(&origin)?;
    let mut lines = Vec::new();
    let mut held = true;
    for list in LISTS {
        let reading = match Reading::of(list, &mut client) {
            Ok(reading) => reading,
            Err(failure) => {
                complain(format!("failed: {failure}"));
                held = false;
                continue;
            }
        };
        for which in Which::ALL {
            let mut all = histogram()?;
            for _ in 0..arguments.samples {
                note(&mut all, reading.read(which, &mut client)?);
            }
            lines.push(Line {
                list: list.title(),
                total: reading.total(),
                which,
                took_us: took(&all),
            });
        }
    }
    let row = |line: &Line| {
        vec![
            line.list.clone(),
            line.total.to_string(),
            line.which.name().to_owned(),
            line.took_us.p50.to_string(),
            line.took_us.p99.to_string(),
        ]
    };
    let head = ["list", "rows", "page", "p50 us", "p99 us"];
    print(table(&head, &lines.iter().map(row).collect::<Vec<_>>()));
    if let Some(path) = &arguments.json {
        write_json(path, &lines)?;
    }
    Ok(held)
}
