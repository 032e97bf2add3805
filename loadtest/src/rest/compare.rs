//! `rest compare`: what reading and writing cost, as ratios to references of the same run.

use serde::Serialize;

use super::options::{CompareArgs, Part};
use super::reads::Reads;
use super::writes::Writes;
use crate::failure::Result;
use crate::ratio::Ratio;
use crate::report::{print, write_json};

#[derive(Debug, Serialize)]
struct Comparison {
    reads: Option<Reads>,
    writes: Option<Writes>,
}

/// Runs the parts that were asked for; true when every run counts.
pub(crate) fn run(arguments: &CompareArgs) -> Result<bool> {
    let has = |part| arguments.parts.contains(&part);
    let mut comparison = Comparison {
        reads: None,
        writes: None,
    };
    let mut is_whole = true;
    if has(Part::Reads) {
        let reads = Reads::run(arguments)?;
        reads.show();
        is_whole &= reads.is_whole;
        comparison.reads = Some(reads);
    }
    if has(Part::Writes) {
        let writes = Writes::run(arguments)?;
        print("");
        writes.show();
        is_whole &= writes.is_whole;
        comparison.writes = Some(writes);
    }
    if let Some(path) = &arguments.json {
        write_json(path, &comparison)?;
    }
    Ok(is_whole)
}

/// A figure in a table.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

/// A ratio in a table, with its interval.
pub(super) fn interval(ratio: Option<Ratio>) -> String {
    let text = |ratio: Ratio| {
        let (median, low, high) = (ratio.median, ratio.low, ratio.high);
        format!("{median:.2} [{low:.2}, {high:.2}]")
    };
    ratio.map_or("-".to_owned(), text)
}
