//! One agent read: the server beside a bare hyper server that answers the same bytes.
//!
//! Every round runs each server once, in an order that turns; the bare server runs twice, and how far
//! its ratio to itself is from 1 is the noise. The rate limit counts every request and is set so high
//! that it refuses none.

use std::env;
use std::fs;

use indicatif::ProgressBar;
use serde::Serialize;
use tempfile::TempDir;

use super::compare::{interval, number};
use super::mix::{Kind, Mix};
use super::options::CompareArgs;
use super::outcome::Outcome;
use super::requests::{Dialect, Requests};
use super::schedule::Rate;
use super::trial::Trial;
use crate::credential::make_key;
use crate::failure::{Context, Result};
use crate::ratio::{Ratio, median};
use crate::report::{complain, print, table};
use crate::target::Target;

/// What one agent read may cost, beside the bare server.
const CPU_TO_BARE_MAX: f64 = 1.15;

/// Who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Access {
    /// Everybody: there are no keys.
    Open,
    /// Who has an API key.
    Key,
}

impl Access {
    const ALL: [Self; 2] = [Self::Open, Self::Key];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Key => "key",
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Server {
    /// The reference.
    Bare,
    /// The program under test.
    Agnt,
    /// The reference once more.
    BareControl,
}

impl Server {
    const ALL: [Self; 3] = [Self::Bare, Self::Agnt, Self::BareControl];

    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare hyper",
            Self::Agnt => "agnt",
            Self::BareControl => "bare, control",
        }
    }
}

/// What is the same in all runs of one access: a store with the agent in it, and its answer in a file.
#[derive(Debug)]
struct Scene {
    access: Access,
    folder: TempDir,
    requests: Requests,
}

/// One run of one server.
#[derive(Debug, Serialize)]
struct Run {
    rate: String,
    access: Access,
    server: Server,
    round: u32,
    outcome: Option<Outcome>,
    failure: Option<String>,
}

/// What the runs of one server come to.
#[derive(Debug, Serialize)]
struct Line {
    rate: String,
    access: Access,
    server: Server,
    valid_runs: usize,
    runs: usize,
    answers_per_s: Option<f64>,
    p99_us: Option<f64>,
    cpu_us_per_request: Option<f64>,
    requests_per_core_s: Option<f64>,
    cpu_to_bare: Option<Ratio>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Reads {
    lines: Vec<Line>,
    runs: Vec<Run>,
    /// The fewest requests a second that a core would answer.
    requests_per_core_s: Option<f64>,
    /// Whether every run counts.
    pub(crate) is_whole: bool,
}

impl Reads {
    /// Runs every round.
    pub(crate) fn run(arguments: &CompareArgs) -> Result<Self> {
        let scenes = Access::ALL
            .into_iter()
            .map(|access| Scene::make(arguments, access))
            .collect::<Result<Vec<_>>>()?;
        let cases = cases(arguments, &scenes);
        let bar =
            ProgressBar::new((arguments.rounds as usize * cases.len() * Server::ALL.len()) as u64);
        let mut runs = Vec::new();
        for round in 0..arguments.rounds {
            for &(rate, scene) in &cases {
                for turn in 0..Server::ALL.len() {
                    let server = Server::ALL[(turn + round as usize) % Server::ALL.len()];
                    runs.push(scene.run(arguments, rate, server, round));
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        let of_case = |&(rate, scene): &(Rate, &Scene)| {
            Server::ALL.map(|server| line(&rate.to_string(), scene.access, server, &runs))
        };
        let lines: Vec<Line> = cases.iter().flat_map(of_case).collect();
        let agnt = lines.iter().filter(|line| line.server == Server::Agnt);
        let per_core = agnt.filter_map(|line| line.requests_per_core_s);
        Ok(Self {
            requests_per_core_s: per_core.min_by(f64::total_cmp),
            is_whole: runs.iter().all(|run| valid(run).is_some()),
            lines,
            runs,
        })
    }

    /// Shows it.
    pub(crate) fn show(&self) {
        let row = |line: &Line| {
            vec![
                line.rate.clone(),
                line.access.name().to_owned(),
                line.server.name().to_owned(),
                format!("{}/{}", line.valid_runs, line.runs),
                number(line.answers_per_s, 0),
                number(line.p99_us, 0),
                number(line.cpu_us_per_request, 2),
                number(line.requests_per_core_s, 0),
                interval(line.cpu_to_bare),
            ]
        };
        let head = [
            "read one agent, a second",
            "access",
            "server",
            "valid",
            "answers/s",
            "p99 us",
            "CPU us each",
            "on a core/s",
            "CPU to bare",
        ];
        print(table(
            &head,
            &self.lines.iter().map(row).collect::<Vec<_>>(),
        ));
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
            let (access, server, round) = (run.access.name(), run.server.name(), run.round);
            let rate = &run.rate;
            complain(format!(
                "does not count: {rate} {access} {server} round {round}: {why}"
            ));
        }
        print(format!("CPU to bare: the aim is at most {CPU_TO_BARE_MAX}"));
    }
}

/// Every rate with every access.
fn cases<'a>(arguments: &CompareArgs, scenes: &'a [Scene]) -> Vec<(Rate, &'a Scene)> {
    let rates = arguments.read_rates.iter();
    rates
        .flat_map(|&rate| scenes.iter().map(move |scene| (rate, scene)))
        .collect()
}

impl Scene {
    /// Makes the store: a key if one is needed, the agent, and how its reading is answered.
    fn make(arguments: &CompareArgs, access: Access) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the server's data")?;
        let key = match access {
            Access::Open => None,
            Access::Key => Some(make_key(&arguments.spawn, folder.path(), "agents,read")?),
        };
        let nowhere = ([127, 0, 0, 1], 0).into();
        let scene = Self {
            access,
            requests: Requests::new(nowhere, Dialect::A, key.as_ref(), 1),
            folder,
        };
        let trial = scene.start(arguments, Server::Agnt)?;
        trial.register()?;
        fs::write(scene.answer_path(), trial.answer()?).context("the answer's file")?;
        Ok(scene)
    }

    fn answer_path(&self) -> std::path::PathBuf {
        self.folder.path().join("answer.http")
    }

    fn start(&self, arguments: &CompareArgs, server: Server) -> Result<Trial> {
        if server == Server::Agnt {
            let folder = self.folder.path().display().to_string();
            let own = ["--rate-limit", "1000000000", "--data-dir", &folder].map(str::to_owned);
            return Trial::start(&arguments.spawn, &arguments.spawn_arg, &own, &self.requests);
        }
        let answer = self.answer_path().display().to_string();
        let bare = [
            "rest",
            "bare",
            "--answer",
            &answer,
            "--listen",
            "127.0.0.1:0",
        ];
        let mut bare = bare.map(str::to_owned).to_vec();
        bare.push("--until-stdin-closes".to_owned());
        let program = env::current_exe().context("this program")?;
        Ok(Trial::of(Target::spawn(&program, &bare)?, &self.requests))
    }

    fn run(&self, arguments: &CompareArgs, rate: Rate, server: Server, round: u32) -> Run {
        let plan = arguments.pace.plan(Mix::only(Kind::Get), rate);
        let outcome = self
            .start(arguments, server)
            .and_then(|trial| trial.run(&plan));
        let (outcome, failure) = match outcome {
            Ok(outcome) => (Some(outcome), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        Run {
            rate: rate.to_string(),
            access: self.access,
            server,
            round,
            outcome,
            failure,
        }
    }
}

/// The outcome, if the run counts.
fn valid(run: &Run) -> Option<&Outcome> {
    let outcome = run.outcome.as_ref()?;
    outcome.faults().is_empty().then_some(outcome)
}

fn line(rate: &str, access: Access, server: Server, runs: &[Run]) -> Line {
    let of = |server: Server| {
        runs.iter()
            .filter(move |run| run.rate == rate && run.access == access && run.server == server)
    };
    let middle = |figure: &dyn Fn(&Outcome) -> Option<f64>| {
        let figures = of(server).filter_map(|run| figure(valid(run)?));
        median(&figures.collect::<Vec<f64>>())
    };
    let cpu_us = |outcome: &Outcome| outcome.server_cpu_us_per_request;
    let pairs = of(server).filter_map(|run| {
        let reference = of(Server::Bare).find(|bare| bare.round == run.round)?;
        Some((cpu_us(valid(run)?)?, cpu_us(valid(reference)?)?))
    });
    Line {
        rate: rate.to_owned(),
        access,
        server,
        valid_runs: of(server).filter(|run| valid(run).is_some()).count(),
        runs: of(server).count(),
        answers_per_s: middle(&|outcome| Some(outcome.answers_per_s)),
        p99_us: middle(&|outcome| Some(outcome.latency_us.p99 as f64)),
        cpu_us_per_request: middle(&cpu_us),
        requests_per_core_s: middle(&|outcome| outcome.requests_per_core_s),
        cpu_to_bare: Ratio::of(&pairs.collect::<Vec<(f64, f64)>>()),
    }
}
