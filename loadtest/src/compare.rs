//! `compare`: the server, the floor and the baselines in turn, over the same traffic.
//!
//! Rounds are interleaved and the order is turned from round to round, so that whatever else the
//! machine does hits all alike. A ratio pairs a server with the floor of the same round. A run
//! counts only when everything expected was delivered and nothing was conflated.

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{CompareArgs, default_window_ticks, own_stream};
use crate::contender::Contender;
use crate::failure::{Failure, Result};
use crate::fanout::{self, Plan};
use crate::outcome::Outcome;
use crate::pace::Rate;
use crate::ratio::{Ratio, median};
use crate::report::{complain, print, table, write_json};
use crate::swarm::Swarm;
use crate::terms::Terms;

/// Beyond it, the floor is busy with itself and no floor.
const FLOOR_USER_SHARE_MAX: f64 = 0.06;

/// One kind of traffic.
#[derive(Debug)]
struct Case {
    name: &'static str,
    agents: usize,
    viewers: usize,
    /// Ticks a second; `None` for a closed loop.
    hz: Option<f64>,
    /// What the floor may send at most for each message; only a saturated floor has such a bound.
    floor_sends_max: Option<f64>,
}

const CASES: [Case; 5] = [
    Case {
        name: "28k-100",
        agents: 1000,
        viewers: 100,
        hz: None,
        floor_sends_max: Some(0.25),
    },
    Case {
        name: "292-100",
        agents: 10,
        viewers: 100,
        hz: None,
        floor_sends_max: Some(0.06),
    },
    Case {
        name: "292-1000",
        agents: 10,
        viewers: 1000,
        hz: None,
        floor_sends_max: Some(0.06),
    },
    Case {
        name: "60hz-1000x200",
        agents: 1000,
        viewers: 200,
        hz: Some(60.0),
        floor_sends_max: None,
    },
    Case {
        name: "60hz-100x1000",
        agents: 100,
        viewers: 1000,
        hz: Some(60.0),
        floor_sends_max: None,
    },
];

/// One run of one server.
#[derive(Debug, Serialize)]
struct Run {
    case: &'static str,
    server: Contender,
    round: u32,
    outcome: Option<Outcome>,
    failure: Option<String>,
    floor: Option<Value>,
}

/// What the runs of one server in one case come to.
#[derive(Debug, Serialize)]
struct Line {
    case: &'static str,
    server: Contender,
    valid_runs: usize,
    runs: usize,
    cpu_us_per_delivered: Option<f64>,
    cpu_s_per_gb: Option<f64>,
    p99_us: Option<f64>,
    delivered_per_s: Option<f64>,
    cpu_to_reference: Option<Ratio>,
    p99_to_reference: Option<Ratio>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    lines: Vec<Line>,
    runs: Vec<Run>,
}

/// Runs all; true when the servers under test and the floor held.
pub(crate) fn run(arguments: &CompareArgs) -> Result<bool> {
    let contenders = Contender::chosen(arguments)?;
    let reference = Contender::named(&arguments.reference)?;
    let cases = cases(&arguments.cases)?;
    let count = arguments.rounds as usize * cases.len() * contenders.len();
    let bar = ProgressBar::new(count as u64);
    let mut runs = Vec::with_capacity(count);
    for round in 0..arguments.rounds {
        for case in &cases {
            for turn in 0..contenders.len() {
                let server = contenders[(turn + round as usize) % contenders.len()];
                bar.set_message(format!("{} {}", case.name, server.name()));
                runs.push(run_one(arguments, case, server, round));
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let lines: Vec<Line> = cases
        .iter()
        .flat_map(|case| {
            contenders
                .iter()
                .map(|&server| line(case.name, server, reference, &runs))
        })
        .collect();
    show(&lines, reference);
    let held = complaints(&cases, &runs);
    if let Some(path) = &arguments.json {
        write_json(path, &Comparison { lines, runs })?;
    }
    Ok(held)
}

fn cases(names: &[String]) -> Result<Vec<&'static Case>> {
    if names.is_empty() {
        return Ok(CASES.iter().collect());
    }
    let find = |name: &String| {
        CASES.iter().find(|case| case.name == name).ok_or_else(|| {
            let all: Vec<&str> = CASES.iter().map(|case| case.name).collect();
            Failure::new(format!(
                "--cases {name}: expected some of {}",
                all.join(", ")
            ))
        })
    };
    names.iter().map(find).collect()
}

fn run_one(arguments: &CompareArgs, case: &Case, server: Contender, round: u32) -> Run {
    let swarm = Swarm {
        publishers: 1,
        agents: case.agents,
    };
    let window_ticks = default_window_ticks(swarm);
    let plan = Plan {
        stream: own_stream(),
        swarm,
        rate: case.hz.map_or(Rate::Max { window_ticks }, Rate::Hz),
        viewers: case.viewers,
        slow_viewers: 0,
        slow_rcvbuf_bytes: None,
        slow_resume_after: None,
        terms: Terms::PLAIN,
        verify_every: 1,
        warmup: arguments.warmup_seconds,
        window: arguments.seconds,
        progress: false,
    };
    let mut run = Run {
        case: case.name,
        server,
        round,
        outcome: None,
        failure: None,
        floor: None,
    };
    let target = match server.start(arguments) {
        Ok(target) => target,
        Err(failure) => {
            run.failure = Some(failure.to_string());
            return run;
        }
    };
    match fanout::run(&target, &plan) {
        Ok(outcome) => run.outcome = Some(outcome),
        Err(failure) => run.failure = Some(failure.to_string()),
    }
    if matches!(server, Contender::Floor | Contender::FloorControl)
        && let Ok((200, body)) = target.get("/floor-stats")
    {
        run.floor = serde_json::from_str(&body).ok();
    }
    run
}

/// The outcome, if the run counts.
fn valid(run: &Run) -> Option<&Outcome> {
    let outcome = run.outcome.as_ref()?;
    let whole = outcome.delivered == outcome.expected && outcome.conflated == 0;
    (whole && outcome.delivered > 0 && outcome.faults().is_empty()).then_some(outcome)
}

fn line(case: &'static str, server: Contender, reference: Contender, runs: &[Run]) -> Line {
    let of = |server: Contender| -> Vec<&Run> {
        runs.iter()
            .filter(|run| run.case == case && run.server == server)
            .collect()
    };
    let own = of(server);
    let outcomes: Vec<&Outcome> = own.iter().filter_map(|run| valid(run)).collect();
    let middle = |figure: &dyn Fn(&Outcome) -> Option<f64>| {
        median(
            &outcomes
                .iter()
                .filter_map(|outcome| figure(outcome))
                .collect::<Vec<f64>>(),
        )
    };
    let references = of(reference);
    let ratio = |figure: &dyn Fn(&Outcome) -> Option<f64>| {
        let pair = |run: &&Run| {
            let reference = references.iter().find(|other| other.round == run.round)?;
            Some((figure(valid(run)?)?, figure(valid(reference)?)?))
        };
        Ratio::of(&own.iter().filter_map(pair).collect::<Vec<(f64, f64)>>())
    };
    let p99_us = |outcome: &Outcome| Some(outcome.latency_us.p99 as f64);
    Line {
        case,
        server,
        valid_runs: outcomes.len(),
        runs: own.len(),
        cpu_us_per_delivered: middle(&|outcome| outcome.server_cpu_us_per_delivered),
        cpu_s_per_gb: middle(&|outcome| outcome.server_cpu_s_per_gb),
        p99_us: middle(&p99_us),
        delivered_per_s: middle(&|outcome| {
            Some(outcome.window_delivered as f64 / outcome.window_s)
        }),
        cpu_to_reference: ratio(&|outcome| outcome.server_cpu_us_per_delivered),
        p99_to_reference: ratio(&p99_us),
    }
}

fn show(lines: &[Line], reference: Contender) {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let ratio = |ratio: Option<Ratio>| {
        ratio.map_or(
            "-".to_owned(),
            |Ratio {
                 median, low, high, ..
             }| { format!("{median:.2} [{low:.2}, {high:.2}]") },
        )
    };
    let row = |line: &Line| {
        vec![
            line.case.to_owned(),
            line.server.name().to_owned(),
            format!("{}/{}", line.valid_runs, line.runs),
            number(line.delivered_per_s, 0),
            number(line.cpu_us_per_delivered, 3),
            number(line.cpu_s_per_gb, 3),
            ratio(line.cpu_to_reference),
            number(line.p99_us, 0),
            ratio(line.p99_to_reference),
        ]
    };
    let [cpu, p99] = ["CPU", "p99"].map(|figure| format!("{figure} to {}", reference.name()));
    let head = [
        "case",
        "server",
        "valid",
        "delivered/s",
        "CPU us each",
        "CPU s/GB",
        &cpu,
        "p99 us",
        &p99,
    ];
    print(table(&head, &lines.iter().map(row).collect::<Vec<_>>()));
}

/// Says which runs don't count and whether the floor was one; false when that matters.
fn complaints(cases: &[&Case], runs: &[Run]) -> bool {
    let mut held = true;
    for run in runs {
        let name = format!("{} {} round {}", run.case, run.server.name(), run.round);
        if valid(run).is_none() {
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
                .map_or("conflated", String::as_str);
            complain(format!("does not count: {name}: {why}"));
            held &= !run.server.must_hold();
        }
    }
    for case in cases {
        held &= floor_is_one(case, runs);
    }
    held
}

/// Whether the floor spent its time in the kernel and few sends, in the middle of its runs: a run
/// of seconds has too few ticks of user time to be judged alone.
fn floor_is_one(case: &Case, runs: &[Run]) -> bool {
    let floors = || {
        runs.iter()
            .filter(|run| run.case == case.name && run.floor.is_some())
    };
    let shares: Vec<f64> = floors()
        .filter_map(|run| run.outcome.as_ref()?.server_user_share)
        .collect();
    let sends: Vec<f64> = floors()
        .filter_map(|run| run.floor.as_ref()?["sends_per_message"].as_f64())
        .collect();
    let (Some(share), Some(sends)) = (median(&shares), median(&sends)) else {
        return true;
    };
    let percent = 100.0 * share;
    print(format!(
        "{}: floor: user {percent:.1} %, {sends:.3} sends a message",
        case.name
    ));
    let Some(sends_max) = case.floor_sends_max else {
        return true;
    };
    let held = share <= FLOOR_USER_SHARE_MAX && sends <= sends_max;
    if !held {
        let percent_max = 100.0 * FLOOR_USER_SHARE_MAX;
        let name = case.name;
        complain(format!(
            "no floor: {name}: at most {percent_max} % user and {sends_max} sends a message"
        ));
    }
    held
}
