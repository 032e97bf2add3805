//! `compression`: what compressing costs the server, for one viewer and for many.
//!
//! A batch is made once for all viewers of it. So the batches of a published tick must be the
//! same in number, and the encoder's own time on the processor about the same, for however many
//! viewers. That says something only where every viewer got every frame: the rate is lowered
//! until all runs do. Rounds are interleaved and their order is turned, the largest number first,
//! and each run is paired with the one of the first number in the same round. Each has a server
//! of its own; counting begins when all viewers have joined and ends when all is drained.

use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::{CompressionArgs, own_stream, serve_arguments};
use crate::encoder_totals::EncoderTotals;
use crate::failure::{Failure, Result};
use crate::fanout::{Fanout, Plan};
use crate::outcome::Outcome;
use crate::pace::Rate;
use crate::ratio::{Ratio, median};
use crate::report::{complain, print, table, write_json};
use crate::swarm::Swarm;
use crate::target::Target;
use crate::terms::{Algorithm, Compression, Terms};

/// Ticks a second that are tried below the one that was asked for.
const LOWER_RATES_HZ: [f64; 5] = [60.0, 40.0, 30.0, 20.0, 10.0];
/// How far the time of a tick may be from that with the first number of viewers, as a share.
const CPU_OFF_MAX: f64 = 0.10;
/// Batches a tick are counts divided by counts: what differs by less is equal.
const BATCHES_OFF_MAX: f64 = 1e-9;

/// One run.
#[derive(Debug, Serialize)]
struct Run {
    hz: f64,
    round: u32,
    viewers: u32,
    encoder: EncoderTotals,
    outcome: Outcome,
}

/// A figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

/// What the runs with one number of viewers come to.
#[derive(Debug, Serialize)]
struct Line {
    viewers: u32,
    delivered: u64,
    expected: u64,
    batches_per_tick: Option<Spread>,
    /// By the kernel's account of the encoder's thread.
    cpu_us_per_tick: Option<Spread>,
    /// By the server's own account.
    told_cpu_us_per_tick: Option<Spread>,
    /// Pairs with the first number of viewers.
    cpu_to_first: Option<Ratio>,
    /// Bytes of messages by bytes of frames.
    size: Option<Spread>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    algorithm: Algorithm,
    level: u8,
    agents: u32,
    /// The rate at which every viewer got every frame, if there was one.
    hz: Option<f64>,
    lines: Vec<Line>,
    faults: Vec<String>,
    /// All of them, those at rates that were too high included.
    runs: Vec<Run>,
}

/// Runs it; true when the numbers of viewers make no difference.
pub(crate) fn run(arguments: &CompressionArgs) -> Result<bool> {
    let mut runs = Vec::new();
    let mut found_hz = None;
    for hz in rates(arguments.hz) {
        let at_rate = rounds(arguments, hz)?;
        let shortfall = at_rate.iter().find_map(Run::shortfall);
        runs.extend(at_rate);
        match shortfall {
            None => {
                found_hz = Some(hz);
                break;
            }
            Some(shortfall) => complain(format!("too fast: {shortfall}")),
        }
    }
    let counted: Vec<&Run> = runs.iter().filter(|run| Some(run.hz) == found_hz).collect();
    let lines: Vec<Line> = arguments
        .viewers
        .iter()
        .map(|&viewers| line(viewers, arguments.viewers[0], &counted))
        .collect();
    let faults = match found_hz {
        None => vec!["at no rate did every viewer get every frame".to_owned()],
        Some(_) => faults(&lines, arguments.counts_only),
    };
    if let Some(hz) = found_hz {
        let name = arguments.algorithm.name();
        let (agents, level) = (arguments.agents, arguments.level);
        print(format!("{agents} agents at {hz} Hz, {name} level {level}"));
        show(&lines);
    }
    for fault in &faults {
        complain(format!("failed: {fault}"));
    }
    let held = faults.is_empty();
    if let Some(path) = &arguments.json {
        let comparison = Comparison {
            algorithm: arguments.algorithm,
            level: arguments.level,
            agents: arguments.agents,
            hz: found_hz,
            lines,
            faults,
            runs,
        };
        write_json(path, &comparison)?;
    }
    Ok(held)
}

/// The rate that was asked for, then the lower ones.
fn rates(first_hz: f64) -> Vec<f64> {
    let lower = LOWER_RATES_HZ.into_iter().filter(|&hz| hz < first_hz);
    std::iter::once(first_hz).chain(lower).collect()
}

/// All rounds at one rate; they end early with the first run that falls short.
fn rounds(arguments: &CompressionArgs, hz: f64) -> Result<Vec<Run>> {
    let mut numbers = arguments.viewers.clone();
    numbers.sort_by(|one, other| other.cmp(one));
    let count = numbers.len() * arguments.rounds as usize;
    let bar = ProgressBar::new(count as u64);
    let mut runs = Vec::with_capacity(count);
    for round in 0..arguments.rounds {
        for turn in 0..numbers.len() {
            let viewers = numbers[(turn + round as usize) % numbers.len()];
            bar.set_message(format!("{viewers} viewers at {hz} Hz"));
            let run = run_one(arguments, hz, viewers, round)?;
            let falls_short = run.shortfall().is_some();
            runs.push(run);
            bar.inc(1);
            if falls_short {
                bar.finish_and_clear();
                return Ok(runs);
            }
        }
    }
    bar.finish_and_clear();
    Ok(runs)
}

fn run_one(arguments: &CompressionArgs, hz: f64, viewers: u32, round: u32) -> Result<Run> {
    let compression = Compression {
        algorithm: arguments.algorithm,
        level: arguments.level,
    };
    let plan = Plan {
        stream: own_stream(),
        swarm: Swarm {
            publishers: 1,
            agents: arguments.agents as usize,
        },
        rate: Rate::Hz(hz),
        viewers: viewers as usize,
        slow_viewers: 0,
        slow_rcvbuf_bytes: None,
        slow_resume_after: None,
        terms: Terms {
            compression: Some(compression),
            ..Terms::PLAIN
        },
        // The first viewer inflates all; the others only what has not come in the same bytes.
        verify_every: viewers as usize,
        warmup: arguments.warmup_seconds,
        window: arguments.seconds,
        progress: false,
    };
    let target = Target::spawn(
        &arguments.spawn,
        &serve_arguments(&arguments.spawn_arg, &[]),
    )?;
    let mut fanout = Fanout::join(&target, &plan)?;
    let before = EncoderTotals::settled(&target)?;
    let outcome = fanout.publish()?;
    let encoder = EncoderTotals::settled(&target)?.since(before);
    if let Some(violation) = &outcome.first_violation {
        let wrong = outcome.violations;
        return Err(Failure::new(format!(
            "{viewers} viewers at {hz} Hz: {wrong} frames were wrong, first: {violation}"
        )));
    }
    Ok(Run {
        hz,
        round,
        viewers,
        encoder,
        outcome,
    })
}

impl Run {
    /// What keeps the run from counting: a viewer that did not get every frame.
    fn shortfall(&self) -> Option<String> {
        let Outcome {
            delivered,
            expected,
            conflated,
            ..
        } = self.outcome;
        let is_whole = delivered == expected && conflated == 0;
        let fault = self.outcome.faults().into_iter().next();
        let what = fault.or_else(|| {
            let counts = format!("{delivered} of {expected} frames, {conflated} conflated");
            (!is_whole).then_some(counts)
        })?;
        let (viewers, hz) = (self.viewers, self.hz);
        Some(format!("{viewers} viewers at {hz} Hz: {what}"))
    }

    fn per_tick(&self, total: u64) -> f64 {
        total as f64 / (self.outcome.published_ticks as f64).max(1.0)
    }

    fn cpu_us_per_tick(&self) -> f64 {
        self.per_tick(self.encoder.thread_cpu_ns) / 1e3
    }
}

fn line(viewers: u32, first: u32, runs: &[&Run]) -> Line {
    let of = |viewers: u32| runs.iter().filter(move |run| run.viewers == viewers);
    let spread = |figure: &dyn Fn(&Run) -> f64| {
        Spread::of(&of(viewers).map(|run| figure(run)).collect::<Vec<f64>>())
    };
    let pair = |run: &&Run| {
        let reference = of(first).find(|reference| reference.round == run.round)?;
        Some((run.cpu_us_per_tick(), reference.cpu_us_per_tick()))
    };
    let pairs: Vec<(f64, f64)> = of(viewers).filter_map(pair).collect();
    Line {
        viewers,
        delivered: of(viewers).map(|run| run.outcome.delivered).sum(),
        expected: of(viewers).map(|run| run.outcome.expected).sum(),
        batches_per_tick: spread(&|run| run.per_tick(run.encoder.batches)),
        cpu_us_per_tick: spread(&Run::cpu_us_per_tick),
        told_cpu_us_per_tick: spread(&|run| run.per_tick(run.encoder.told_cpu_ns) / 1e3),
        cpu_to_first: Ratio::of(&pairs),
        size: spread(&|run| run.encoder.out_bytes as f64 / run.encoder.in_bytes as f64),
    }
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            median: median(values)?,
            least: values.iter().copied().reduce(f64::min)?,
            most: values.iter().copied().reduce(f64::max)?,
        })
    }
}

/// What makes the numbers of viewers differ, each in one line.
fn faults(lines: &[Line], counts_only: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let batches = || lines.iter().filter_map(|line| line.batches_per_tick);
    let least = batches().map(|spread| spread.least).reduce(f64::min);
    let most = batches().map(|spread| spread.most).reduce(f64::max);
    match least.zip(most) {
        Some((_, most)) if most <= 0.0 => faults.push("nothing was compressed".to_owned()),
        Some((least, most)) if most - least > BATCHES_OFF_MAX => {
            faults.push(format!("batches a tick differ: {least:.4} to {most:.4}"));
        }
        Some(_) => {}
        None => faults.push("nothing was measured".to_owned()),
    }
    if counts_only {
        return faults;
    }
    for line in lines {
        let Some(ratio) = line.cpu_to_first else {
            continue;
        };
        if (ratio.median - 1.0).abs() > CPU_OFF_MAX {
            let (viewers, median, allowed) = (line.viewers, ratio.median, CPU_OFF_MAX);
            faults.push(format!(
                "{viewers} viewers: the encoder's CPU a tick is {median:.3} times that with the \
                 first number, allowed is 1 +- {allowed}"
            ));
        }
    }
    faults
}

fn show(lines: &[Line]) {
    let spread = |spread: Option<Spread>, digits: usize| {
        spread.map_or("-".to_owned(), |spread| {
            let Spread {
                median,
                least,
                most,
            } = spread;
            format!("{median:.digits$} [{least:.digits$}, {most:.digits$}]")
        })
    };
    let ratio = |ratio: Option<Ratio>| {
        ratio.map_or("-".to_owned(), |ratio| {
            let Ratio {
                median, low, high, ..
            } = ratio;
            format!("{median:.3} [{low:.3}, {high:.3}]")
        })
    };
    let row = |line: &Line| {
        vec![
            line.viewers.to_string(),
            format!("{} of {}", line.delivered, line.expected),
            spread(line.batches_per_tick, 3),
            spread(line.cpu_us_per_tick, 1),
            spread(line.told_cpu_us_per_tick, 1),
            ratio(line.cpu_to_first),
            line.size
                .map_or("-".to_owned(), |size| format!("{:.3}", size.median)),
        ]
    };
    let head = [
        "viewers",
        "delivered",
        "batches a tick",
        "encoder CPU us a tick",
        "as it says itself",
        "to the first",
        "size",
    ];
    print(table(&head, &lines.iter().map(row).collect::<Vec<_>>()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(viewers: u32, batches_per_tick: f64, cpu_to_first: f64) -> Line {
        let exactly = |value: f64| Spread::of(&[value]);
        Line {
            viewers,
            delivered: 1,
            expected: 1,
            batches_per_tick: exactly(batches_per_tick),
            cpu_us_per_tick: exactly(cpu_to_first),
            told_cpu_us_per_tick: exactly(cpu_to_first),
            cpu_to_first: Ratio::of(&[(cpu_to_first, 1.0); 3]),
            size: exactly(0.5),
        }
    }

    #[test]
    fn rates_go_down_from_the_one_that_was_asked_for() {
        assert_eq!(rates(60.0), [60.0, 40.0, 30.0, 20.0, 10.0]);
        assert_eq!(rates(35.0), [35.0, 30.0, 20.0, 10.0]);
        assert_eq!(rates(5.0), [5.0]);
    }

    #[test]
    fn equal_numbers_hold() {
        let lines = [made_up(1, 1.0, 1.0), made_up(1000, 1.0, 1.09)];
        assert_eq!(faults(&lines, false), Vec::<String>::new());
        let lines = [made_up(1, 1.0, 1.0), made_up(1000, 1.0, 0.91)];
        assert_eq!(faults(&lines, false), Vec::<String>::new());
    }

    #[test]
    fn batches_for_each_viewer_are_found() {
        let lines = [made_up(1, 1.0, 1.0), made_up(20, 20.0, 1.0)];
        assert_eq!(faults(&lines, true).len(), 1);
        let none = [made_up(1, 0.0, 1.0), made_up(20, 0.0, 1.0)];
        assert_eq!(faults(&none, true), ["nothing was compressed"]);
        assert_eq!(faults(&[], true), ["nothing was measured"]);
    }

    #[test]
    fn time_that_grows_or_shrinks_with_the_viewers_is_found_unless_counts_alone_matter() {
        for ratio in [0.89, 1.11, 20.0] {
            let lines = [made_up(1, 1.0, 1.0), made_up(20, 1.0, ratio)];
            assert_eq!(faults(&lines, false).len(), 1, "{ratio}");
            assert_eq!(faults(&lines, true).len(), 0, "{ratio}");
        }
    }

    #[test]
    fn a_spread_is_what_its_values_span() {
        let spread = Spread {
            median: 2.0,
            least: 1.0,
            most: 9.0,
        };
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0]), Some(spread));
        assert_eq!(Spread::of(&[]), None);
    }
}
