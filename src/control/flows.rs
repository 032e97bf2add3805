//! Flows: who tells whom how much, how fast, and how well (`message.flow.stats`).
//!
//! A flow is one direction between two agents. A failed response counts against the flow that it
//! answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::json;

use super::moment::{Moment, iso_8601};
use super::recent::Recent;

/// The most flows of a stream that are remembered; the one that was quiet for longest is
/// forgotten first.
const FLOWS_MAX: usize = 10_000;

/// A flow is told of at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// The most flows that are told of at once, so that many receivers delay nobody.
const TOLD_AT_ONCE_MAX: usize = 500;

/// The bandwidth is that of so many seconds.
const WINDOW_SECONDS: u64 = 10;

const BYTES_PER_MEGABYTE: f64 = 1_048_576.0;

/// A latency beyond this says that the clocks differ, not that the message was slow.
const LATENCY_MS_MAX: i64 = 60_000;

/// A message of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// The sender.
    pub from: &'a str,
    /// One of the receivers.
    pub to: &'a str,
    /// How large it was.
    pub bytes: usize,
    /// When it was sent, by its sender's clock.
    pub stamped_unix_ms: Option<i64>,
    /// Whether it says that what the receiver had asked for failed.
    pub is_failure: bool,
}

/// How long a message was on its way, where the clocks allow to say so.
pub fn latency_ms(stamped_unix_ms: Option<i64>, now: Moment) -> Option<f64> {
    let latency = now.unix_ms.checked_sub(stamped_unix_ms?)?;
    (0..=LATENCY_MS_MAX)
        .contains(&latency)
        .then_some(latency as f64)
}

#[derive(Debug)]
struct Flow {
    from: Box<str>,
    to: Box<str>,
    messages: u64,
    failures: u64,
    timed: u64,
    latency_sum_ms: f64,
    latency_max_ms: f64,
    latency_min_ms: f64,
    /// Bytes by second, counted from the first; at most a window's worth.
    bytes: VecDeque<(u64, u64)>,
    last_unix_ms: i64,
    began: Instant,
    told_at: Option<Instant>,
    has_news: bool,
}

impl Flow {
    fn new(from: &str, to: &str, now: Moment) -> Self {
        Self {
            from: Box::from(from),
            to: Box::from(to),
            messages: 0,
            failures: 0,
            timed: 0,
            latency_sum_ms: 0.0,
            latency_max_ms: 0.0,
            latency_min_ms: f64::INFINITY,
            bytes: VecDeque::new(),
            last_unix_ms: now.unix_ms,
            began: now.instant,
            told_at: None,
            has_news: false,
        }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    fn pass(&mut self, passage: Passage<'_>, now: Moment) {
        self.messages += 1;
        self.last_unix_ms = now.unix_ms;
        if let Some(ms) = latency_ms(passage.stamped_unix_ms, now) {
            self.timed += 1;
            self.latency_sum_ms += ms;
            self.latency_max_ms = self.latency_max_ms.max(ms);
            self.latency_min_ms = self.latency_min_ms.min(ms);
        }
        let second = self.second(now.instant);
        self.forget_old_bytes(second);
        match self.bytes.back_mut() {
            Some((last, bytes)) if *last == second => *bytes += passage.bytes as u64,
            _ => self.bytes.push_back((second, passage.bytes as u64)),
        }
    }

    fn forget_old_bytes(&mut self, second: u64) {
        while let Some((oldest, _)) = self.bytes.front() {
            if oldest + WINDOW_SECONDS > second {
                break;
            }
            self.bytes.pop_front();
        }
    }

    fn report_json(&mut self, now: Instant) -> String {
        self.forget_old_bytes(self.second(now));
        let bytes: u64 = self.bytes.iter().map(|(_, bytes)| bytes).sum();
        let bandwidth = bytes as f64 / WINDOW_SECONDS as f64 / BYTES_PER_MEGABYTE;
        let timed = self.timed as f64;
        let (average, least) = match self.timed {
            0 => (0.0, 0.0),
            _ => (self.latency_sum_ms / timed, self.latency_min_ms),
        };
        let succeeded = self.messages.saturating_sub(self.failures) as f64;
        json!({
            "flowId": format!("{}-{}", self.from, self.to),
            "statistics": {
                "messageCount": self.messages,
                "averageLatency": average,
                "maxLatency": self.latency_max_ms,
                "minLatency": least,
                "successRate": succeeded / (self.messages.max(1)) as f64,
                "bandwidth": bandwidth,
                "lastActivity": iso_8601(self.last_unix_ms),
            },
        })
        .to_string()
    }
}

/// What is told of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowReport {
    /// The sender.
    pub from: Box<str>,
    /// The receiver.
    pub to: Box<str>,
    /// The payload of `message.flow.stats`.
    pub payload: String,
}

/// The flows of a stream; see the module.
#[derive(Debug)]
pub struct Flows {
    flows: Recent<Flow>,
    /// Flows with news, in the order in which they may be told of.
    waiting: VecDeque<Box<str>>,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            flows: Recent::new(FLOWS_MAX),
            waiting: VecDeque::new(),
        }
    }
}

impl Flows {
    /// A message passed.
    pub fn note(&mut self, passage: Passage<'_>, now: Moment) {
        let key = key(passage.from, passage.to);
        let make = || Flow::new(passage.from, passage.to, now);
        let (flow, _) = self.flows.touch(&key, make);
        flow.pass(passage, now);
        self.has_news(&key);
        if !passage.is_failure {
            return;
        }
        let answered = self::key(passage.to, passage.from);
        if let Some(flow) = self.flows.peek_mut(&answered) {
            flow.failures = flow.messages.min(flow.failures + 1);
            self.has_news(&answered);
        }
    }

    fn has_news(&mut self, key: &str) {
        if let Some(flow) = self.flows.peek_mut(key)
            && !std::mem::replace(&mut flow.has_news, true)
        {
            self.waiting.push_back(Box::from(key));
        }
    }

    /// What is to be told by now.
    pub fn due(&mut self, now: Instant) -> Vec<FlowReport> {
        let mut due = Vec::new();
        for _ in 0..self.waiting.len() {
            let Some(key) = self.waiting.pop_front() else {
                break;
            };
            let Some(flow) = self.flows.peek_mut(&key).filter(|flow| flow.has_news) else {
                continue;
            };
            let told_lately = flow
                .told_at
                .is_some_and(|at| now.saturating_duration_since(at) < TOLD_EVERY);
            if told_lately || due.len() >= TOLD_AT_ONCE_MAX {
                self.waiting.push_back(key);
                continue;
            }
            flow.told_at = Some(now);
            flow.has_news = false;
            due.push(FlowReport {
                payload: flow.report_json(now),
                from: flow.from.clone(),
                to: flow.to.clone(),
            });
        }
        due
    }
}

/// No id has this character, so two pairs never have one key.
fn key(from: &str, to: &str) -> String {
    format!("{from}\n{to}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn noon() -> Moment {
        Moment {
            instant: Instant::now(),
            unix_ms: 1_704_888_000_000,
        }
    }

    fn passage<'a>(from: &'a str, to: &'a str, now: Moment, late_ms: i64) -> Passage<'a> {
        Passage {
            from,
            to,
            bytes: 1_048_576,
            stamped_unix_ms: Some(now.unix_ms - late_ms),
            is_failure: false,
        }
    }

    fn told(flows: &mut Flows, now: Instant) -> Vec<Value> {
        let due = flows.due(now);
        due.iter()
            .map(|report| serde_json::from_str(&report.payload).expect("JSON"))
            .collect()
    }

    #[test]
    fn a_flow_is_counted_and_told_once_a_second() {
        let start = noon();
        let at = |ms| start.at(start.instant + Duration::from_millis(ms));
        let mut flows = Flows::default();
        for (ms, late_ms) in [(0, 12), (0, 234), (0, 90_000), (0, -5)] {
            flows.note(passage("agent-001", "agent-002", at(ms), late_ms), at(ms));
        }
        let expected = json!({
            "flowId": "agent-001-agent-002",
            "statistics": {
                "messageCount": 4,
                "averageLatency": 123.0,
                "maxLatency": 234.0,
                "minLatency": 12.0,
                "successRate": 1.0,
                "bandwidth": 0.4,
                "lastActivity": "2024-01-10T12:00:00.000Z"
            }
        });
        assert_eq!(told(&mut flows, at(0).instant), [expected]);
        flows.note(passage("agent-001", "agent-002", at(500), 0), at(500));
        assert!(told(&mut flows, at(999).instant).is_empty());
        assert_eq!(
            told(&mut flows, at(1000).instant)[0]["statistics"]["messageCount"],
            5
        );
        assert!(
            told(&mut flows, at(5000).instant).is_empty(),
            "nothing changed"
        );
        flows.note(passage("agent-001", "agent-002", at(10_400), 0), at(10_400));
        let last = &told(&mut flows, at(10_400).instant)[0]["statistics"];
        assert_eq!(
            last["bandwidth"], 0.1,
            "what is older than 10 s is not counted"
        );
    }

    #[test]
    fn without_a_clock_to_trust_there_is_no_latency() {
        let now = noon();
        let mut flows = Flows::default();
        let unstamped = Passage {
            stamped_unix_ms: None,
            ..passage("a", "b", now, 0)
        };
        flows.note(unstamped, now);
        let statistics = &told(&mut flows, now.instant)[0]["statistics"];
        for key in ["averageLatency", "maxLatency", "minLatency"] {
            assert_eq!(statistics[key], 0.0, "{key}");
        }
    }

    #[test]
    fn a_failed_response_counts_against_what_it_answers() {
        let now = noon();
        let mut flows = Flows::default();
        for _ in 0..4 {
            flows.note(passage("a", "b", now, 0), now);
        }
        flows.note(
            Passage {
                is_failure: true,
                ..passage("b", "a", now, 0)
            },
            now,
        );
        flows.note(
            Passage {
                is_failure: true,
                ..passage("x", "y", now, 0)
            },
            now,
        );
        let told = told(&mut flows, now.instant);
        let rates: Vec<_> = told
            .iter()
            .map(|flow| {
                (
                    flow["flowId"].as_str(),
                    flow["statistics"]["successRate"].as_f64(),
                )
            })
            .collect();
        assert_eq!(
            rates,
            [
                (Some("a-b"), Some(0.75)),
                (Some("b-a"), Some(1.0)),
                (Some("x-y"), Some(1.0))
            ]
        );
    }

    #[test]
    fn many_flows_are_told_in_parts_and_bounded() {
        let now = noon();
        let mut flows = Flows::default();
        for receiver in 0..=FLOWS_MAX {
            flows.note(passage("a", &receiver.to_string(), now, 0), now);
        }
        let mut told_of = Vec::new();
        for tick in 0..21 {
            let due = flows.due(now.instant + Duration::from_millis(tick * 10));
            assert!(due.len() <= TOLD_AT_ONCE_MAX);
            told_of.extend(due.into_iter().map(|report| report.to));
        }
        assert_eq!(told_of.len(), FLOWS_MAX, "the oldest was forgotten");
        assert_eq!(told_of.first().map(AsRef::as_ref), Some("1"));
    }

    #[test]
    fn pairs_whose_names_run_together_are_two_flows() {
        let now = noon();
        let mut flows = Flows::default();
        flows.note(passage("a-b", "c", now, 0), now);
        flows.note(passage("a", "b-c", now, 0), now);
        assert_eq!(flows.due(now.instant).len(), 2);
    }
}
