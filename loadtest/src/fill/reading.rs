//! One list of one server, read a page at a time: how long each took, and that each is whole.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::Value;

use super::list::{List, SOME_WORKFLOW};
use super::population::ask;
use crate::events::client::Client;
use crate::failure::{Context, Failure, Result};

/// Entries of a page.
const LIMIT: u64 = 20;
const US_MAX: u64 = 60_000_000;

/// Which pages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Which {
    /// The first.
    First,
    /// Any.
    Random,
}

impl Which {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::First, Self::Random];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Random => "random",
        }
    }
}

/// A list of a server.
#[derive(Debug)]
pub(crate) struct Reading {
    list: List,
    filter: String,
    extent: Extent,
}

/// How far a list goes.
#[derive(Debug, Clone, Copy)]
enum Extent {
    /// So many entries in pages.
    Pages { total: u64 },
    /// The events behind `after` up to the head.
    Events { after: u64, head: u64 },
}

/// What pages took, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Took {
    /// The median.
    pub(crate) p50: u64,
    /// The 99th percentile.
    pub(crate) p99: u64,
}

impl Reading {
    /// Asks how far the list goes.
    pub(crate) fn of(list: List, client: &mut Client) -> Result<Self> {
        let mut filter = list.filter.to_owned();
        if filter == SOME_WORKFLOW {
            let page = ask(client, "GET", "/api/v1/workflows?limit=1", None)?;
            let id = page["workflows"][0]["id"].as_str();
            filter += id.ok_or_else(|| Failure::new("the server has no workflow"))?;
        }
        let name = list.name;
        let target = format!("/api/v1/{name}?{filter}&limit=1&after=0");
        let page = ask(client, "GET", &target, None)?;
        let extent = match (page["head"].as_u64(), page["pagination"]["total"].as_u64()) {
            (Some(head), _) => {
                let after = page["gap"]["to"].as_u64().unwrap_or(0);
                Extent::Events { after, head }
            }
            (None, Some(total)) => Extent::Pages { total },
            (None, None) => return Err(Failure::new(format!("{target}: no list"))),
        };
        if page[name].as_array().is_none_or(Vec::is_empty) {
            return Err(Failure::new(format!("{target}: nothing to read")));
        }
        Ok(Self {
            list,
            filter,
            extent,
        })
    }

    /// How many entries the list has; for events, how many are kept, of all topics.
    pub(crate) fn total(&self) -> u64 {
        match self.extent {
            Extent::Pages { total } => total,
            Extent::Events { after, head } => head - after,
        }
    }

    /// Reads one page; how long it took.
    pub(crate) fn read(&self, which: Which, client: &mut Client) -> Result<Duration> {
        let (name, filter) = (self.list.name, &self.filter);
        let place = self.place(which);
        let key = match self.extent {
            Extent::Pages { .. } => "page",
            Extent::Events { .. } => "after",
        };
        let target = format!("/api/v1/{name}?{filter}&limit={LIMIT}&{key}={place}");
        let asked = Instant::now();
        let (status, body) = client.exchange("GET", &target, None)?;
        let took = asked.elapsed();
        let page: Value = serde_json::from_slice(body).context(&target)?;
        let entries = page[name].as_array().map_or(0, Vec::len) as u64;
        let is_whole = match self.extent {
            Extent::Pages { total } => entries == LIMIT.min(total - (place - 1) * LIMIT),
            // Behind any place there may be few of a topic, or none.
            Extent::Events { head, .. } if filter.is_empty() => entries == LIMIT.min(head - place),
            Extent::Events { .. } => entries <= LIMIT && page["gap"].is_null(),
        };
        if status != 200 || !is_whole {
            return Err(Failure::new(format!(
                "{target} was answered {status} with {entries} entries"
            )));
        }
        Ok(took)
    }

    /// A page's number, or the event that it comes behind.
    fn place(&self, which: Which) -> u64 {
        match (which, self.extent) {
            (Which::First, Extent::Pages { .. }) => 1,
            (Which::Random, Extent::Pages { total }) => fastrand::u64(1..=total.div_ceil(LIMIT)),
            (Which::First, Extent::Events { after, .. }) => after,
            (Which::Random, Extent::Events { after, head }) => fastrand::u64(after..head),
        }
    }
}

/// The histogram that pages are noted in.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, US_MAX, 3).context("histogram")
}

/// Notes that a page took `took`.
pub(crate) fn note(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record((took.as_micros() as u64).max(1));
}

/// What they came to.
pub(crate) fn took(histogram: &Histogram<u64>) -> Took {
    Took {
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
    }
}
