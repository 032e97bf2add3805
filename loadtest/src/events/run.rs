//! One run: everybody connects, all is published in time, everybody hears it, the book is closed.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::course::{Course, Findings, Schedule};
use super::origin::Origin;
use super::subscriber::Means;
use crate::cli::own_stream;
use crate::failure::{Context, Failure, Result};
use crate::latency::Percentiles;
use crate::process_usage::ProcessUsage;
use crate::target::Target;

/// How long the last publications may take.
const DRAIN: Duration = Duration::from_secs(30);
const TURN: Duration = Duration::from_millis(100);
/// A load generator that is later than this in one of a hundred cases measures itself.
const LATE_P99_US_MAX: u64 = 1000;

/// A run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Publications a second.
    pub(crate) rate_hz: f64,
    /// The measured window.
    pub(crate) window: Duration,
    /// Publishing before it.
    pub(crate) warmup: Duration,
    /// Subscribers.
    pub(crate) subscribers: usize,
    /// How they hear of events.
    pub(crate) means: Means,
    /// Connections that publish.
    pub(crate) connections: usize,
    /// Bytes of text in each publication.
    pub(crate) payload_bytes: usize,
}

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    means: Means,
    rate_hz: f64,
    subscribers: usize,
    published: usize,
    pub(crate) expected: usize,
    pub(crate) delivered: usize,
    pub(crate) faults: u64,
    first_fault: Option<String>,
    pub(crate) heard_us: Percentiles,
    pub(crate) answered_us: Percentiles,
    late_us: Percentiles,
    without_connection: u64,
    pub(crate) server_cpu_us_per_event: Option<f64>,
}

/// Runs it against `target`.
pub(crate) fn run(target: &Target, plan: &Plan) -> Result<Outcome> {
    let origin = Origin::new(target.endpoint("").address, target.credential());
    let count = |time: Duration| (time.as_secs_f64() * plan.rate_hz).round() as usize;
    let schedule = Schedule {
        topic: format!("load.{}", own_stream()),
        rate_hz: plan.rate_hz,
        publications: count(plan.warmup + plan.window).max(1),
        warmup_publications: count(plan.warmup),
        payload_bytes: plan.payload_bytes,
    };
    let listeners = (plan.subscribers, plan.means);
    let head = head(&origin)?;
    let mut course = Course::open(&origin, schedule, listeners, plan.connections, head)?;
    let mut usage = target.pid().map(ProcessUsage::new);
    let mut cpu_before = None;
    course.start();
    while !course.is_sent() {
        course.turn(TURN)?;
        if course.is_warm() && cpu_before.is_none() {
            cpu_before = usage.as_mut().map(ProcessUsage::cpu_time).transpose()?;
        }
    }
    let deadline = Instant::now() + DRAIN;
    while !course.is_complete() && Instant::now() < deadline {
        course.turn(TURN)?;
    }
    let cpu_after = usage.as_mut().map(ProcessUsage::cpu_time).transpose()?;
    let measured = count(plan.window).max(1) as f64;
    let spent = cpu_before.zip(cpu_after);
    let cpu_us = spent.map(|(from, to)| to.since(from).on_cpu_ns as f64 / 1000.0 / measured);
    Ok(Outcome::of(plan, &course.close(), cpu_us))
}

/// The newest event that the server has.
fn head(origin: &Origin) -> Result<u64> {
    let mut client = super::client::Client::open(origin)?;
    let (status, body) = client.exchange("GET", "/api/v1/events?limit=1", None)?;
    let value: Value = serde_json::from_slice(body).context("/api/v1/events")?;
    match (status, value["head"].as_u64()) {
        (200, Some(head)) => Ok(head),
        _ => Err(Failure::new(format!(
            "/api/v1/events answered {status}: {value}"
        ))),
    }
}

impl Outcome {
    fn of(plan: &Plan, findings: &Findings, server_cpu_us_per_event: Option<f64>) -> Self {
        Self {
            means: plan.means,
            rate_hz: plan.rate_hz,
            subscribers: plan.subscribers,
            published: findings.published,
            expected: findings.published * plan.subscribers,
            delivered: findings.delivered,
            faults: findings.faults.count,
            first_fault: findings.faults.first.clone(),
            heard_us: findings.heard_us.percentiles(),
            answered_us: findings.answered_us.percentiles(),
            late_us: findings.late_us.percentiles(),
            without_connection: findings.without_connection,
            server_cpu_us_per_event,
        }
    }

    /// Why the run doesn't hold; empty if it does.
    pub(crate) fn complaint(&self) -> Option<String> {
        let missing = self.expected - self.delivered;
        match &self.first_fault {
            Some(first) => Some(format!("{} faults, first: {first}", self.faults)),
            None if missing > 0 => Some(format!("{missing} deliveries are missing")),
            None => None,
        }
    }

    /// What should be known about the figures.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.late_us.p99 > LATE_P99_US_MAX {
            warnings.push(format!(
                "the load generator itself sent late: p99 {} us; latencies count that",
                self.late_us.p99
            ));
        }
        if self.without_connection > 0 {
            warnings.push(format!(
                "{} times every connection waited for an answer: raise --connections",
                self.without_connection
            ));
        }
        warnings
    }

    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let latency = |it: Percentiles| {
            format!(
                "{} / {} / {} / {} / {} us",
                it.p50, it.p90, it.p99, it.p999, it.max
            )
        };
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            row(
                "delivered of expected",
                format!("{} of {}", self.delivered, self.expected),
            ),
            row("wrong", self.faults.to_string()),
            row(
                "due to socket p50 / p90 / p99 / p99.9 / max",
                latency(self.heard_us),
            ),
            row("due to answer", latency(self.answered_us)),
            row("due to sent", latency(self.late_us)),
        ];
        if let Some(us) = self.server_cpu_us_per_event {
            rows.push(row("server CPU per publication", format!("{us:.1} us")));
        }
        rows
    }
}
