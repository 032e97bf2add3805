//! Tasks made: every one on disk before it is answered, beside relaxed syncs and beside a lone writer.
//!
//! A lone connection waits for a sync with each task, so its rate is that of one sync per write; many
//! connections share syncs. The aim is the lesser of twenty times the lone writer's rate and 80 % of
//! that of the same server with relaxed syncs.

use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use super::compare::{interval, number};
use super::load::Plan;
use super::mix::{Kind, Mix};
use super::options::CompareArgs;
use super::outcome::Outcome;
use super::requests::{Dialect, Requests};
use super::schedule::Rate;
use super::sync_floor::syncs_per_s;
use super::trial::Trial;
use crate::failure::Result;
use crate::ratio::{Ratio, median};
use crate::report::{complain, print, table};

/// How often the lone writer's rate the aim is, at most.
const LONE_FACTOR: f64 = 20.0;

/// Which part of the rate with relaxed syncs the aim is, at most.
const RELAXED_FACTOR: f64 = 0.8;

/// What a task takes in the store, about: its row and its event.
const TASK_BYTES: usize = 1024;

const RAW_RUN: Duration = Duration::from_secs(1);

/// How the server syncs, and who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// On disk before the answer, all connections.
    Disk,
    /// On disk a moment later, all connections.
    Relaxed,
    /// On disk before the answer, one connection.
    Lone,
}

impl Way {
    const ALL: [Self; 3] = [Self::Disk, Self::Relaxed, Self::Lone];

    fn name(self) -> &'static str {
        match self {
            Self::Disk => "synced",
            Self::Relaxed => "relaxed",
            Self::Lone => "synced, one connection",
        }
    }

    fn sync(self) -> &'static str {
        match self {
            Self::Disk | Self::Lone => "disk",
            Self::Relaxed => "relaxed",
        }
    }
}

/// One run.
#[derive(Debug, Serialize)]
struct Run {
    way: Way,
    round: u32,
    outcome: Option<Outcome>,
    failure: Option<String>,
    /// Syncs of the store for each task that was acknowledged.
    syncs_per_task: Option<f64>,
    /// How long a commit took, its sync included.
    commit_us: Option<f64>,
}

/// What the runs of one way come to.
#[derive(Debug, Clone, Serialize)]
struct Line {
    way: Way,
    valid_runs: usize,
    runs: usize,
    tasks_per_s: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    cpu_us_per_task: Option<f64>,
    syncs_per_task: Option<f64>,
    commit_us: Option<f64>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Writes {
    lines: Vec<Line>,
    runs: Vec<Run>,
    /// Syncs a second of the disk alone.
    raw_syncs_per_s: f64,
    /// The synced rate, to the lesser aim.
    pub(crate) rate_to_aim: Option<Ratio>,
    /// The synced rate, to the lone writer's.
    rate_to_lone: Option<Ratio>,
    /// The synced rate, to that with relaxed syncs.
    rate_to_relaxed: Option<Ratio>,
    /// Whether every run counts.
    pub(crate) is_whole: bool,
}

impl Writes {
    /// Runs every round.
    pub(crate) fn run(arguments: &CompareArgs) -> Result<Self> {
        let plan = arguments.pace.plan(Mix::only(Kind::Post), Rate::Max);
        let bar = ProgressBar::new(u64::from(arguments.rounds) * Way::ALL.len() as u64);
        let (mut runs, mut raw) = (Vec::new(), Vec::new());
        for round in 0..arguments.rounds {
            raw.push(syncs_per_s(TASK_BYTES, RAW_RUN)?);
            for turn in 0..Way::ALL.len() {
                let way = Way::ALL[(turn + round as usize) % Way::ALL.len()];
                runs.push(run_one(arguments, way, round, &plan));
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let rate = |way: Way, round: u32| {
            let run = runs
                .iter()
                .find(|run: &&Run| run.way == way && run.round == round)?;
            Some(valid(run)?.answers_per_s)
        };
        let ratio_to = |factor: f64, way: Way| {
            let pair = |round| Some((rate(Way::Disk, round)?, factor * rate(way, round)?));
            Ratio::of(&(0..arguments.rounds).filter_map(pair).collect::<Vec<_>>())
        };
        // The lesser aim is the one that it comes nearer to, over all rounds: the lesser of each round
        // would be whichever the noise struck.
        let to_aims = [
            ratio_to(LONE_FACTOR, Way::Lone),
            ratio_to(RELAXED_FACTOR, Way::Relaxed),
        ];
        let nearest = to_aims
            .into_iter()
            .flatten()
            .max_by(|one, other| one.median.total_cmp(&other.median));
        Ok(Self {
            lines: Way::ALL.map(|way| line(way, &runs)).to_vec(),
            raw_syncs_per_s: median(&raw).unwrap_or(0.0),
            rate_to_aim: nearest,
            rate_to_lone: ratio_to(1.0, Way::Lone),
            rate_to_relaxed: ratio_to(1.0, Way::Relaxed),
            is_whole: runs.iter().all(|run| valid(run).is_some()),
            runs,
        })
    }

    /// Shows it.
    pub(crate) fn show(&self) {
        let row = |line: &Line| {
            vec![
                line.way.name().to_owned(),
                format!("{}/{}", line.valid_runs, line.runs),
                number(line.tasks_per_s, 0),
                number(line.p50_us, 0),
                number(line.p99_us, 0),
                number(line.cpu_us_per_task, 1),
                number(line.syncs_per_task, 3),
                number(line.commit_us, 0),
            ]
        };
        let head = [
            "make tasks",
            "valid",
            "tasks/s",
            "p50 us",
            "p99 us",
            "CPU us each",
            "syncs a task",
            "commit us",
        ];
        print(table(
            &head,
            &self.lines.iter().map(row).collect::<Vec<_>>(),
        ));
        let raw = self.raw_syncs_per_s;
        print(format!(
            "the disk alone: {raw:.0} syncs of {TASK_BYTES} bytes a second"
        ));
        let ratios = [
            ("one sync per write", self.rate_to_lone),
            ("relaxed syncs", self.rate_to_relaxed),
            ("the aim", self.rate_to_aim),
        ];
        for (name, ratio) in ratios {
            print(format!("synced to {name}: {}", interval(ratio)));
        }
        for run in self.runs.iter().filter(|run| valid(run).is_none()) {
            let faults = run
                .outcome
                .as_ref()
                .map(Outcome::faults)
                .unwrap_or_default();
            let why = run
                .failure
                .iter()
                .chain(&faults)
                .next()
                .cloned()
                .unwrap_or_default();
            let (way, round) = (run.way.name(), run.round);
            complain(format!("does not count: {way} round {round}: {why}"));
        }
    }
}

fn run_one(arguments: &CompareArgs, way: Way, round: u32, plan: &Plan) -> Run {
    let mut run = Run {
        way,
        round,
        outcome: None,
        failure: None,
        syncs_per_task: None,
        commit_us: None,
    };
    if let Err(failure) = measure(arguments, plan, &mut run) {
        run.failure = Some(failure.to_string());
    }
    run
}

fn measure(arguments: &CompareArgs, plan: &Plan, run: &mut Run) -> Result<()> {
    let nowhere = ([127, 0, 0, 1], 0).into();
    let requests = Requests::new(nowhere, Dialect::A, None, 1);
    let own = ["--rate-limit", "1000000000", "--sync", run.way.sync()].map(str::to_owned);
    let trial = Trial::start(&arguments.spawn, &arguments.spawn_arg, &own, &requests)?;
    let connections = if run.way == Way::Lone {
        1
    } else {
        plan.connections
    };
    let outcome = trial.run(&Plan {
        connections,
        ..*plan
    })?;
    let commits = trial.metric("agnt_fleet_commits_total")?;
    let commit_s = trial.metric("agnt_fleet_commit_seconds_sum")?;
    if run.way != Way::Relaxed {
        let tasks = outcome.tasks_acknowledged as f64;
        run.syncs_per_task = commits
            .filter(|_| tasks > 0.0)
            .map(|commits| commits / tasks);
    }
    run.commit_us = commits
        .zip(commit_s)
        .map(|(commits, s)| 1e6 * s / commits.max(1.0));
    run.outcome = Some(outcome);
    Ok(())
}

/// The outcome, if the run counts.
fn valid(run: &Run) -> Option<&Outcome> {
    let outcome = run.outcome.as_ref()?;
    outcome.faults().is_empty().then_some(outcome)
}

fn line(way: Way, runs: &[Run]) -> Line {
    let own = || runs.iter().filter(move |run| run.way == way);
    let middle = |figure: &dyn Fn(&Run) -> Option<f64>| {
        let valid = own().filter(|run| valid(run).is_some());
        median(&valid.filter_map(figure).collect::<Vec<f64>>())
    };
    let of_outcome =
        |figure: &dyn Fn(&Outcome) -> Option<f64>| middle(&|run| figure(run.outcome.as_ref()?));
    Line {
        way,
        valid_runs: own().filter(|run| valid(run).is_some()).count(),
        runs: own().count(),
        tasks_per_s: of_outcome(&|outcome| Some(outcome.answers_per_s)),
        p50_us: of_outcome(&|outcome| Some(outcome.latency_us.p50 as f64)),
        p99_us: of_outcome(&|outcome| Some(outcome.latency_us.p99 as f64)),
        cpu_us_per_task: of_outcome(&|outcome| outcome.server_cpu_us_per_request),
        syncs_per_task: middle(&|run| run.syncs_per_task),
        commit_us: middle(&|run| run.commit_us),
    }
}
