//! What a run came to.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::connection::Asked;
use super::mix::Kind;
use super::requests::{Checked, Expected};
use crate::failure::Result;
use crate::latency::{Latency, Percentiles};
use crate::process_usage::CpuTime;
use crate::report::{complain, print, table};

/// So many different complaints are kept.
const COMPLAINTS_MAX: usize = 5;

/// So many acknowledged tasks are kept, to be read once more.
const TASKS_KEPT: usize = 200;

/// Beyond so many cores the generator may have been what was slow.
const CLIENT_CORES_MAX: f64 = 0.9;

/// What is counted while a run goes on.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Answers so far, right or wrong.
    pub(crate) answers: u64,
    /// Requests that were due and for which no connection became free.
    pub(crate) unsent: u64,
    /// Connections that were opened anew.
    pub(crate) reopened: u64,
    window: (Instant, Instant),
    kinds: Vec<KindTally>,
    all: Latency,
    complaints: Vec<String>,
    /// A fair choice of the tasks that were acknowledged.
    tasks: Vec<u64>,
    tasks_acknowledged: u64,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct KindTally {
    sent: u64,
    right: u64,
    wrong: u64,
    lost: u64,
    latency: Latency,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let now = Instant::now();
        let kind = |_| {
            Ok(KindTally {
                sent: 0,
                right: 0,
                wrong: 0,
                lost: 0,
                latency: Latency::new(1)?,
            })
        };
        Ok(Self {
            answers: 0,
            unsent: 0,
            reopened: 0,
            window: (now, now),
            kinds: Kind::ALL.into_iter().map(kind).collect::<Result<_>>()?,
            all: Latency::new(1)?,
            complaints: Vec::new(),
            tasks: Vec::new(),
            tasks_acknowledged: 0,
            random: fastrand::Rng::with_seed(2),
        })
    }

    /// From when to when requests are due whose latency counts.
    pub(crate) fn measure(&mut self, window: (Instant, Instant)) {
        self.window = window;
    }

    /// A request was sent.
    pub(crate) fn sent(&mut self, kind: Kind) {
        self.kinds[kind.place()].sent += 1;
    }

    /// An answer came; `checked` says whether it is right.
    pub(crate) fn answered(&mut self, asked: Asked, now: Instant, checked: Checked) {
        self.answers += 1;
        let kind = &mut self.kinds[asked.kind.place()];
        if asked.due >= self.window.0 && asked.due < self.window.1 {
            let took = now.saturating_duration_since(asked.due);
            kind.latency.record(0, took);
            self.all.record(0, took);
        }
        match checked {
            Ok(()) => kind.right += 1,
            Err(why) => {
                kind.wrong += 1;
                self.complain(format!("{}: {why}", asked.kind.name()));
                return;
            }
        }
        if let Expected::Task(number) = asked.expected {
            self.keep_task(number);
        }
    }

    /// A request was not answered.
    pub(crate) fn lost(&mut self, kind: Kind, why: &str) {
        self.kinds[kind.place()].lost += 1;
        self.complain(format!("{}: {why}", kind.name()));
    }

    fn complain(&mut self, complaint: String) {
        if self.complaints.len() < COMPLAINTS_MAX && !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    fn keep_task(&mut self, number: u64) {
        self.tasks_acknowledged += 1;
        if self.tasks.len() < TASKS_KEPT {
            self.tasks.push(number);
            return;
        }
        let place = self.random.u64(..self.tasks_acknowledged);
        if let Some(kept) = self.tasks.get_mut(place as usize) {
            *kept = number;
        }
    }
}

/// The requests of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct KindOutcome {
    /// Which kind.
    pub(crate) kind: Kind,
    /// Requests sent.
    pub(crate) sent: u64,
    /// Answers that were what they must be.
    pub(crate) right: u64,
    /// Answers that were not.
    pub(crate) wrong: u64,
    /// Requests without an answer.
    pub(crate) lost: u64,
    /// From when they were due.
    pub(crate) latency_us: Percentiles,
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Each kind that was asked.
    pub(crate) kinds: Vec<KindOutcome>,
    /// The measured window.
    pub(crate) window_s: f64,
    /// Answers in it.
    pub(crate) window_answers: u64,
    /// Answers a second.
    pub(crate) answers_per_s: f64,
    /// Of all kinds, from when requests were due.
    pub(crate) latency_us: Percentiles,
    /// The server's time on a core for each answer.
    pub(crate) server_cpu_us_per_request: Option<f64>,
    /// Answers a second on one core that does nothing else.
    pub(crate) requests_per_core_s: Option<f64>,
    /// How many cores the server used.
    pub(crate) server_cores: Option<f64>,
    /// The share of its own code in that, 0 to 1.
    pub(crate) server_user_share: Option<f64>,
    /// How many cores this generator used.
    pub(crate) client_cores: f64,
    /// Requests that were due and never sent, because every connection waited for an answer.
    pub(crate) unsent: u64,
    /// Connections that were opened anew.
    pub(crate) reopened: u64,
    /// Acknowledged tasks that were read once more.
    pub(crate) tasks_read: usize,
    /// Why answers were wrong or lost, the first few.
    pub(crate) complaints: Vec<String>,
    /// Tasks to be read once more.
    #[serde(skip)]
    pub(crate) tasks: Vec<u64>,
    /// All tasks that were acknowledged.
    pub(crate) tasks_acknowledged: u64,
}

impl Outcome {
    /// What was counted, with so many answers in a window that took so long.
    pub(crate) fn new(tally: &Tally, window: Duration, window_answers: u64) -> Self {
        let window_s = window.as_secs_f64();
        let kinds = Kind::ALL.into_iter().zip(&tally.kinds);
        let asked = kinds.filter(|(_, kind)| kind.sent > 0);
        Self {
            kinds: asked
                .map(|(kind, counted)| KindOutcome {
                    kind,
                    sent: counted.sent,
                    right: counted.right,
                    wrong: counted.wrong,
                    lost: counted.lost,
                    latency_us: counted.latency.percentiles(),
                })
                .collect(),
            window_s,
            window_answers,
            answers_per_s: window_answers as f64 / window_s.max(1e-9),
            latency_us: tally.all.percentiles(),
            server_cpu_us_per_request: None,
            requests_per_core_s: None,
            server_cores: None,
            server_user_share: None,
            client_cores: 0.0,
            unsent: tally.unsent,
            reopened: tally.reopened,
            tasks_read: 0,
            complaints: tally.complaints.clone(),
            tasks: tally.tasks.clone(),
            tasks_acknowledged: tally.tasks_acknowledged,
        }
    }

    /// Adds what the window took of the server's time and of this process's own.
    pub(crate) fn used(&mut self, server: Option<CpuTime>, own: CpuTime) {
        let window_ns = (self.window_s * 1e9).max(1.0);
        self.client_cores = own.on_cpu_ns as f64 / window_ns;
        let Some(server) = server.filter(|_| self.window_answers > 0) else {
            return;
        };
        let each_us = server.on_cpu_ns as f64 / 1000.0 / self.window_answers as f64;
        self.server_cpu_us_per_request = Some(each_us);
        self.requests_per_core_s = (each_us > 0.0).then(|| 1e6 / each_us);
        self.server_cores = Some(server.on_cpu_ns as f64 / window_ns);
        self.server_user_share = Some(server.user_share());
    }

    /// Adds what came of reading some acknowledged tasks once more.
    pub(crate) fn tasks_were_read(&mut self, missing: Vec<String>) {
        self.tasks_read = self.tasks.len();
        self.complaints.extend(
            missing
                .into_iter()
                .map(|why| format!("an acknowledged task: {why}")),
        );
    }

    /// Why the run doesn't count.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for kind in &self.kinds {
            for (count, what) in [
                (kind.wrong, "wrong answers"),
                (kind.lost, "without an answer"),
            ] {
                if count > 0 {
                    let (name, sent) = (kind.kind.name(), kind.sent);
                    faults.push(format!("{name}: {count} of {sent} {what}"));
                }
            }
        }
        if self.window_answers == 0 {
            faults.push("no answer in the window".to_owned());
        }
        faults.extend(self.complaints.iter().cloned());
        faults
    }

    /// What to know when reading the figures.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.unsent > 0 {
            let unsent = self.unsent;
            warnings.push(format!(
                "{unsent} requests were due and not sent: every connection waited for an answer; \
                 the latencies leave them out"
            ));
        }
        if self.client_cores > CLIENT_CORES_MAX {
            let cores = self.client_cores;
            warnings.push(format!(
                "the generator itself used {cores:.2} cores; it may have been what was slow"
            ));
        }
        if self.reopened > 0 {
            warnings.push(format!("{} connections were opened anew", self.reopened));
        }
        warnings
    }

    /// Shows it; true when it holds.
    pub(crate) fn show(&self) -> bool {
        let of = |latency: Percentiles| {
            [
                latency.p50,
                latency.p90,
                latency.p99,
                latency.p999,
                latency.max,
            ]
            .map(|us| us.to_string())
        };
        let mut rows = Vec::new();
        for kind in &self.kinds {
            let counts = [kind.sent, kind.right, kind.wrong + kind.lost].map(|it| it.to_string());
            let name = vec![kind.kind.name().to_owned()];
            rows.push([name, counts.to_vec(), of(kind.latency_us).to_vec()].concat());
        }
        let sum = |count: fn(&KindOutcome) -> u64| self.kinds.iter().map(count).sum::<u64>();
        let counts = [
            sum(|kind| kind.sent),
            sum(|kind| kind.right),
            sum(|kind| kind.wrong + kind.lost),
        ];
        let counts = counts.map(|it| it.to_string()).to_vec();
        rows.push([vec!["all".to_owned()], counts, of(self.latency_us).to_vec()].concat());
        let head = [
            "request", "sent", "right", "wrong", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us",
        ];
        print(table(&head, &rows));
        print("");
        print(table(&["what", "value"], &self.rows()));
        for warning in self.warnings() {
            complain(format!("warning: {warning}"));
        }
        let faults = self.faults();
        for fault in &faults {
            complain(format!("failed: {fault}"));
        }
        faults.is_empty()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![("answers a second", format!("{:.0}", self.answers_per_s))];
        let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
        let each = self.server_cpu_us_per_request;
        add(
            "server CPU per request",
            each.map(|us| format!("{us:.2} us")),
        );
        let per_core = self.requests_per_core_s;
        add(
            "requests a second on a core",
            per_core.map(|rate| format!("{rate:.0}")),
        );
        let cores = self.server_cores;
        add("server cores", cores.map(|cores| format!("{cores:.2}")));
        let user = self.server_user_share;
        add(
            "server user share of CPU",
            user.map(|user| format!("{:.1} %", 100.0 * user)),
        );
        let read = (self.tasks_read > 0).then(|| self.tasks_read.to_string());
        add("acknowledged tasks read once more", read);
        add(
            "load generator cores",
            Some(format!("{:.2}", self.client_cores)),
        );
        rows.into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: Kind, due: Instant, expected: Expected) -> Asked {
        Asked {
            kind,
            due,
            expected,
        }
    }

    #[test]
    fn latency_counts_from_the_due_moment_and_within_the_window_alone() {
        let mut tally = Tally::new().unwrap();
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        tally.measure((ms(100), ms(200)));
        for (due, came) in [(50, 99), (100, 107), (199, 499), (200, 201)] {
            tally.sent(Kind::Get);
            tally.answered(
                asked(Kind::Get, ms(due), Expected::Agent(0)),
                ms(came),
                Ok(()),
            );
        }
        let outcome = Outcome::new(&tally, Duration::from_secs(1), 4);
        let latency = outcome.latency_us;
        assert!((6_950..=7_050).contains(&latency.p50), "{latency:?}");
        assert!((299_000..=301_000).contains(&latency.max), "{latency:?}");
        assert_eq!(outcome.kinds.len(), 1);
        assert!(outcome.faults().is_empty());
    }

    #[test]
    fn wrong_and_lost_answers_are_faults_with_a_reason() {
        let mut tally = Tally::new().unwrap();
        let now = Instant::now();
        for _ in 0..2 {
            tally.sent(Kind::Post);
        }
        let task = asked(Kind::Post, now, Expected::Task(1));
        tally.answered(task, now, Err("status 500".to_owned()));
        tally.lost(Kind::Post, "closed");
        let faults = Outcome::new(&tally, Duration::from_secs(1), 1).faults();
        let expected = [
            "post: 1 of 2 wrong answers",
            "post: 1 of 2 without an answer",
            "post: status 500",
            "post: closed",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn the_tasks_kept_are_of_all_the_run() {
        let mut tally = Tally::new().unwrap();
        let now = Instant::now();
        for number in 0..100_000 {
            tally.answered(asked(Kind::Post, now, Expected::Task(number)), now, Ok(()));
        }
        assert_eq!(tally.tasks.len(), TASKS_KEPT);
        let late = tally.tasks.iter().filter(|task| **task >= 50_000).count();
        assert!(
            (TASKS_KEPT / 4..TASKS_KEPT * 3 / 4).contains(&late),
            "{late}"
        );
    }

    #[test]
    fn time_is_told_per_answer() {
        let mut outcome = Outcome::new(&Tally::new().unwrap(), Duration::from_secs(2), 1000);
        let used = |us: u64| CpuTime {
            on_cpu_ns: us * 1000,
            ..CpuTime::default()
        };
        outcome.used(Some(used(20_000)), used(1_000_000));
        assert_eq!(outcome.server_cpu_us_per_request, Some(20.0));
        assert_eq!(outcome.requests_per_core_s, Some(50_000.0));
        assert!((outcome.client_cores - 0.5).abs() < 1e-9);
        assert!((outcome.answers_per_s - 500.0).abs() < 1e-9);
    }
}
