//! Many connections that fill a server together, as fast as it lets them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use indicatif::ProgressBar;
use serde::Serialize;

use super::census::Census;
use super::population::{Kind, Population};
use crate::events::client::Client;
use crate::events::origin::Origin;
use crate::failure::{Failure, Result};

/// The head of the table.
pub(crate) const HEAD: [&str; 5] = ["what", "made", "requests", "seconds", "requests/s"];

/// What filling came to.
#[derive(Debug, Serialize)]
pub(crate) struct Filled {
    steps: Vec<Step>,
    before: Census,
    /// What is there afterwards.
    pub(crate) after: Census,
}

/// One kind.
#[derive(Debug, Serialize)]
struct Step {
    what: &'static str,
    made: u64,
    requests: u64,
    seconds: f64,
}

/// Fills the server.
pub(crate) fn fill(origin: &Origin, population: &Population) -> Result<Filled> {
    let before = Census::take(origin)?;
    let mut steps = Vec::new();
    for kind in Kind::ALL {
        let made = kind.count(population);
        let began = Instant::now();
        let requests = make_all(origin, population, kind)?;
        let seconds = began.elapsed().as_secs_f64();
        steps.push(Step {
            what: kind.name(),
            made,
            requests,
            seconds,
        });
    }
    let after = Census::take(origin)?;
    Ok(Filled {
        steps,
        before,
        after,
    })
}

/// Makes all of one kind; how many requests it took.
fn make_all(origin: &Origin, population: &Population, kind: Kind) -> Result<u64> {
    let count = kind.count(population);
    let bar = ProgressBar::new(count).with_message(kind.name());
    let (next, requests) = (AtomicU64::new(0), AtomicU64::new(0));
    let has_failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        let mut client = Client::open(origin)?;
        while !has_failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let made = kind.make(number, population, &mut client);
            requests.fetch_add(made?, Ordering::Relaxed);
            bar.inc(1);
        }
        Ok(())
    };
    let workers = population.connections.min(count as usize);
    let done = thread::scope(|scope| {
        let run = || {
            let done = work();
            has_failed.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(run)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Result<()>>| {
            let panicked = |_| Err(Failure::new("a thread of the load generator panicked"));
            worker.join().unwrap_or_else(panicked)
        };
        workers.into_iter().map(join).collect::<Vec<Result<()>>>()
    });
    bar.finish_and_clear();
    done.into_iter().collect::<Result<()>>()?;
    Ok(requests.into_inner())
}

impl Filled {
    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let row = |step: &Step| {
            let rate = step.requests as f64 / step.seconds.max(1e-9);
            vec![
                step.what.to_owned(),
                step.made.to_string(),
                step.requests.to_string(),
                format!("{:.1}", step.seconds),
                format!("{rate:.0}"),
            ]
        };
        self.steps.iter().map(row).collect()
    }

    /// What was acknowledged and isn't there.
    pub(crate) fn missing(&self) -> Vec<String> {
        let made = |what: &str| {
            let of = |step: &&Step| step.what == what;
            self.steps.iter().find(of).map_or(0, |step| step.made)
        };
        let (before, after) = (&self.before, &self.after);
        // Each workflow has a task, and each of all these at least one event.
        let tasks = made("tasks") + made("workflows");
        let events = tasks + made("agents") + made("workflows") + made("events");
        let counts = [
            ("agents", made("agents"), before.agents, after.agents),
            ("tasks", tasks, before.tasks, after.tasks),
            (
                "workflows",
                made("workflows"),
                before.workflows,
                after.workflows,
            ),
            ("events", events, before.head, after.head),
        ];
        let text = |(what, made, before, after): (&str, u64, u64, u64)| {
            let is_missing = after < before + made;
            is_missing.then(|| format!("{what}: {before}, then {made} were made, now {after}"))
        };
        counts.into_iter().filter_map(text).collect()
    }
}
