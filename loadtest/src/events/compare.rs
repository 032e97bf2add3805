//! `events compare`: the server beside the least that keeps the same promise, under one schedule.
//!
//! The least runs twice in each round: how far its ratio to itself is from 1 is the noise. A run
//! counts only when everybody heard everything.

use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;

use super::options::EventsCompareArgs;
use super::run::{self, Outcome};
use super::subscriber::Means;
use crate::cli::serve_arguments;
use crate::failure::{Context, Result};
use crate::ratio::{Ratio, median};
use crate::report::{complain, print, table, write_json};
use crate::target::Target;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Rival {
    Echo,
    EchoControl,
    Agnt,
}

const RIVALS: [Rival; 3] = [Rival::Echo, Rival::EchoControl, Rival::Agnt];

impl Rival {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::EchoControl => "echo-control",
            Self::Agnt => "agnt",
        }
    }

    fn start(self, arguments: &EventsCompareArgs) -> Result<Target> {
        if self == Self::Agnt {
            let unlimited = ["--rate-limit".to_owned(), "0".to_owned()];
            let given = serve_arguments(&arguments.spawn_arg, &unlimited);
            return Target::spawn(&arguments.spawn, &given);
        }
        let program = std::env::current_exe().context("this program")?;
        let own = [
            "events",
            "echo",
            "--listen",
            "127.0.0.1:0",
            "--until-stdin-closes",
        ];
        Target::spawn(Path::new(&program), &own.map(str::to_owned))
    }
}

/// One run of one of them.
#[derive(Debug, Serialize)]
struct Run {
    server: Rival,
    round: u32,
    outcome: Option<Outcome>,
    complaint: Option<String>,
}

/// What the runs of one of them come to.
#[derive(Debug, Serialize)]
struct Line {
    server: Rival,
    valid_runs: usize,
    runs: usize,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    answered_p99_us: Option<f64>,
    cpu_us_per_event: Option<f64>,
    p50_to_echo: Option<Ratio>,
    p99_to_echo: Option<Ratio>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    lines: Vec<Line>,
    runs: Vec<Run>,
}

/// Runs all; true when all runs count and the ratio is within its bound.
pub(crate) fn run(arguments: &EventsCompareArgs) -> Result<bool> {
    let plan = arguments.load.plan(Means::Ws);
    let bar = ProgressBar::new(u64::from(arguments.rounds) * RIVALS.len() as u64);
    let mut runs = Vec::new();
    for round in 0..arguments.rounds {
        for turn in 0..RIVALS.len() {
            let server = RIVALS[(turn + round as usize) % RIVALS.len()];
            bar.set_message(server.name());
            let target = server.start(arguments)?;
            let ran = run::run(&target, &plan);
            let complaint = match &ran {
                Ok(outcome) => outcome.complaint(),
                Err(failure) => Some(failure.to_string()),
            };
            runs.push(Run {
                server,
                round,
                outcome: ran.ok(),
                complaint,
            });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let lines: Vec<Line> = RIVALS.iter().map(|&server| line(server, &runs)).collect();
    show(&lines);
    let held = judge(arguments, &lines, &runs);
    if let Some(path) = &arguments.json {
        write_json(path, &Comparison { lines, runs })?;
    }
    Ok(held)
}

/// The outcome, if the run counts.
fn valid(run: &Run) -> Option<&Outcome> {
    run.outcome.as_ref().filter(|_| run.complaint.is_none())
}

fn line(server: Rival, runs: &[Run]) -> Line {
    let of = |server: Rival| runs.iter().filter(move |run| run.server == server);
    let outcomes: Vec<&Outcome> = of(server).filter_map(valid).collect();
    let middle = |figure: &dyn Fn(&Outcome) -> Option<f64>| {
        let figures = outcomes.iter().filter_map(|outcome| figure(outcome));
        median(&figures.collect::<Vec<f64>>())
    };
    let ratio = |figure: &dyn Fn(&Outcome) -> f64| {
        let pair = |run: &Run| {
            let reference = of(Rival::Echo).find(|echo| echo.round == run.round)?;
            Some((figure(valid(run)?), figure(valid(reference)?)))
        };
        Ratio::of(&of(server).filter_map(pair).collect::<Vec<(f64, f64)>>())
    };
    let p50_us = |outcome: &Outcome| outcome.heard_us.p50 as f64;
    let p99_us = |outcome: &Outcome| outcome.heard_us.p99 as f64;
    Line {
        server,
        valid_runs: outcomes.len(),
        runs: of(server).count(),
        p50_us: middle(&|outcome| Some(p50_us(outcome))),
        p99_us: middle(&|outcome| Some(p99_us(outcome))),
        answered_p99_us: middle(&|outcome| Some(outcome.answered_us.p99 as f64)),
        cpu_us_per_event: middle(&|outcome| outcome.server_cpu_us_per_event),
        p50_to_echo: ratio(&p50_us),
        p99_to_echo: ratio(&p99_us),
    }
}

fn show(lines: &[Line]) {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    let ratio = |ratio: Option<Ratio>| {
        let text = |it: Ratio| format!("{:.2} [{:.2}, {:.2}]", it.median, it.low, it.high);
        ratio.map_or("-".to_owned(), text)
    };
    let row = |line: &Line| {
        vec![
            line.server.name().to_owned(),
            format!("{}/{}", line.valid_runs, line.runs),
            number(line.p50_us),
            ratio(line.p50_to_echo),
            number(line.p99_us),
            ratio(line.p99_to_echo),
            number(line.answered_p99_us),
            number(line.cpu_us_per_event),
        ]
    };
    let head = [
        "server",
        "valid",
        "p50 us",
        "p50 to echo",
        "p99 us",
        "p99 to echo",
        "answered p99 us",
        "CPU us each",
    ];
    print(table(&head, &lines.iter().map(row).collect::<Vec<_>>()));
}

/// Says what doesn't hold.
fn judge(arguments: &EventsCompareArgs, lines: &[Line], runs: &[Run]) -> bool {
    let mut held = true;
    for run in runs {
        let name = format!("{} round {}", run.server.name(), run.round);
        if let Some(complaint) = &run.complaint {
            complain(format!("does not count: {name}: {complaint}"));
            held = false;
        }
        for warning in run.outcome.iter().flat_map(Outcome::warnings) {
            complain(format!("warning: {name}: {warning}"));
        }
    }
    let own = lines.iter().find(|line| line.server == Rival::Agnt);
    let ratio = own.and_then(|line| line.p99_to_echo);
    let ratio_max = arguments.ratio_max;
    match ratio {
        Some(ratio) if !arguments.counts_only && ratio.median > ratio_max => {
            let median = ratio.median;
            complain(format!(
                "failed: p99 is {median:.2} x echo's, allowed {ratio_max}"
            ));
            false
        }
        _ => held,
    }
}
