//! What the encodings of positions save, how far off they are, and what they cost.
//!
//! ```text
//! cargo bench --bench savings -- [--short] [RECORDING]
//! ```
//!
//! Runs of all-moving swarms go through every codec, without and with each algorithm at its default
//! level, and back. A run is one state tick, at which a viewer enters, and the ticks behind it. What
//! is saved counts against the same ticks as plain binary frames; the heads of frames and the one key
//! are counted. `deflate` is `zlib`, so it has no rows of its own. Speeds are plain bytes per
//! second that one core is busy.
//!
//! The errors seen are held against the bounds, and the savings against what is promised.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod motion;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agnt::publish::flock::Flock;
use agnt::publish::recording::Recording;
use agnt::publish::schedule::{Pace, Schedule};
use agnt_encoding::compression::Algorithm;
use agnt_encoding::{CodecSpec, Precision};

use motion::{Motion, RELAXATION_S};
use run::{Outcome, Ticks, run};

const ALGORITHMS: [Option<Algorithm>; 5] = [
    None,
    Some(Algorithm::Zlib),
    Some(Algorithm::Gzip),
    Some(Algorithm::Brotli),
    Some(Algorithm::Zstd),
];

/// What is promised of all-moving swarms, in percent.
const LOSSLESS_SAVED_MIN: f64 = 40.0;
const FIXED_SAVED_MIN: f64 = 80.0;

/// A run of ticks, and how exact it must stay.
struct Scenario {
    name: String,
    ticks: Ticks,
    precision: Precision,
    is_promised: bool,
}

fn main() {
    let mut is_short = false;
    let mut recording =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/flights-sample.csv.gz");
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // `cargo bench` says --bench, and `cargo test --bench` runs each once, without it.
            "--bench" => {}
            "--short" => is_short = true,
            path => recording = PathBuf::from(path),
        }
    }
    is_short |= !std::env::args().any(|argument| argument == "--bench");
    let ticks = if is_short { 20 } else { 600 };
    let mut problems = Vec::new();
    for agents in [1_000, 2_340] {
        problems.extend(show(&motion(agents, ticks)));
    }
    problems.extend(show(&flights(&recording, ticks)));
    for agents in [1_000, 2_340] {
        problems.extend(show(&flock(agents, ticks)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn precision(position_error: f64, velocity_error: f64) -> Precision {
    Precision::new(position_error, velocity_error).unwrap()
}

fn motion(agents: usize, ticks: usize) -> Scenario {
    let mut motion = Motion::new(agents, 1);
    Scenario {
        name: format!(
            "(a) smooth random motion, {agents} agents, velocities forgotten in {RELAXATION_S} s, \
             60 Hz with a fifth of jitter, {ticks} ticks"
        ),
        ticks: (0..=ticks).map(|_| motion.tick()).collect(),
        precision: precision(1.0 / 1024.0, 1.0 / 1024.0),
        is_promised: true,
    }
}

fn flights(path: &Path, ticks: usize) -> Scenario {
    let recording = Arc::new(Recording::open(path).unwrap());
    let pace = Pace {
        speed: 1.0,
        hz: 0.0,
        repeat: false,
        align: true,
    };
    let mut schedule = Schedule::new(Arc::clone(&recording), pace);
    let next = || schedule.next_tick().map(|tick| tick.records.to_vec());
    let ticks: Ticks = std::iter::from_fn(next).take(ticks + 1).collect();
    Scenario {
        name: format!(
            "(b) {} flights at their recorded points, aligned, {} ticks",
            recording.tracks().len(),
            ticks.len() - 1
        ),
        ticks,
        precision: precision(1.0, 0.1),
        is_promised: false,
    }
}

fn flock(agents: usize, ticks: usize) -> Scenario {
    const STEP_S: f32 = 1.0 / 60.0;
    let mut flock = Flock::new(agents, 7);
    for _ in 0..120 {
        flock.step(STEP_S);
    }
    let ticks: Ticks = (0..=ticks)
        .map(|_| {
            flock.step(STEP_S);
            flock.records().to_vec()
        })
        .collect();
    Scenario {
        name: format!(
            "(c) the demo's flock at full f32, {agents} agents, 60 Hz, {} ticks",
            ticks.len() - 1
        ),
        ticks,
        precision: precision(1.0 / 1024.0, 1.0 / 1024.0),
        is_promised: true,
    }
}

/// Prints a scenario's table; returns what breaks a bound or a promise.
fn show(scenario: &Scenario) -> Vec<String> {
    println!("\n{}", scenario.name);
    println!(
        "{:8} {:9} {:>7} {:>11} {:>12} {:>12} {:>8} {:>8}",
        "codec",
        "algorithm",
        "saved %",
        "bytes/agent",
        "error seen",
        "velocity's",
        "enc MB/s",
        "dec MB/s"
    );
    let specs = [
        CodecSpec::Plain,
        CodecSpec::Shuffle,
        CodecSpec::Predict,
        CodecSpec::Box,
        CodecSpec::Fixed(scenario.precision),
    ];
    let records: usize = scenario.ticks.iter().map(Vec::len).sum();
    let mut problems = Vec::new();
    let mut best = [f64::MIN; 2];
    for spec in specs {
        for algorithm in ALGORITHMS {
            let outcome = run(&scenario.ticks, spec, algorithm);
            println!(
                "{:8} {:9} {:7.1} {:11.2} {:12.9} {:12.9} {:8.0} {:8.0}",
                spec.codec().name(),
                algorithm.map_or("-", Algorithm::name),
                outcome.saved_percent(),
                outcome.bytes as f64 / records as f64,
                outcome.errors[0],
                outcome.errors[1],
                outcome.rate(outcome.encoding),
                outcome.rate(outcome.decoding),
            );
            problems.extend(bound_broken(&scenario.name, spec, &outcome));
            let saved = outcome.saved_percent();
            match spec {
                CodecSpec::Fixed(_) => best[1] = best[1].max(saved),
                CodecSpec::Box => {}
                _ => best[0] = best[0].max(saved),
            }
        }
    }
    println!(
        "bounds of fixed: {} units, {} units per second; best without loss {:.1} %, with fixed {:.1} %",
        scenario.precision.position_error(),
        scenario.precision.velocity_error(),
        best[0],
        best[1],
    );
    if scenario.is_promised && (best[0] < LOSSLESS_SAVED_MIN || best[1] < FIXED_SAVED_MIN) {
        problems.push(format!("{}: less is saved than promised", scenario.name));
    }
    problems
}

/// Whether an error is beyond what its codec allows; what `box` allows it says itself, frame by frame.
fn bound_broken(name: &str, spec: CodecSpec, outcome: &Outcome) -> Option<String> {
    let bounds = match spec {
        CodecSpec::Plain | CodecSpec::Shuffle | CodecSpec::Predict => [0.0; 2],
        CodecSpec::Box => [f64::INFINITY; 2],
        CodecSpec::Fixed(precision) => [precision.position_error(), precision.velocity_error()],
    };
    let broken = (0..2).any(|which| outcome.errors[which] > bounds[which]);
    broken.then(|| format!("{name}: {spec:?} is off by {:?}", outcome.errors))
}
