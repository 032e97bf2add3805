//! What a run found: the numbers of the report, and whether the run holds.

use std::time::Instant;

use serde::Serialize;

use crate::failure::Result;
use crate::fanout::Plan;
use crate::latency::Percentiles;
use crate::process_usage::{CpuTime, ProcessUsage};
use crate::swarm::{RECORD_BYTES, RECORDS_OFFSET};
use crate::traffic::Traffic;
use crate::unpack::BatchTally;
use crate::verify::Seen;

/// What is read at the two ends of the measured window, and a little in between.
#[derive(Debug)]
pub(crate) struct Window {
    opened: Instant,
    lasted_s: f64,
    own: ProcessUsage,
    own_cpu: CpuTime,
    server_cpu: Option<CpuTime>,
    delivered: Vec<u64>,
    rss_before_bytes: Option<u64>,
    rss_start_bytes: Option<u64>,
    rss_end_bytes: Option<u64>,
    rss_max_bytes: Option<u64>,
}

impl Window {
    /// Opens the window: everything is counted from here.
    pub(crate) fn open(
        traffic: &Traffic,
        server: Option<&mut ProcessUsage>,
        rss_before_bytes: Option<u64>,
    ) -> Result<Self> {
        let mut own = ProcessUsage::new(std::process::id());
        let mut window = Self {
            opened: Instant::now(),
            lasted_s: 0.0,
            own_cpu: own.cpu_time()?,
            own,
            server_cpu: None,
            delivered: delivered(traffic),
            rss_before_bytes,
            rss_start_bytes: None,
            rss_end_bytes: None,
            rss_max_bytes: None,
        };
        if let Some(server) = server {
            window.rss_start_bytes = Some(server.rss_bytes()?);
            window.rss_max_bytes = window.rss_start_bytes;
            window.server_cpu = Some(server.cpu_time()?);
        }
        Ok(window)
    }

    /// Looks at the server's memory and threads in between.
    pub(crate) fn sample(&mut self, server: Option<&mut ProcessUsage>) -> Result<()> {
        if let Some(server) = server {
            server.cpu_time()?;
            self.rss_max_bytes = self.rss_max_bytes.max(Some(server.rss_bytes()?));
        }
        Ok(())
    }

    /// Closes the window: the differences are kept.
    pub(crate) fn close(
        &mut self,
        traffic: &Traffic,
        server: Option<&mut ProcessUsage>,
    ) -> Result<()> {
        if let Some(server) = server {
            let before = self.server_cpu.unwrap_or_default();
            self.server_cpu = Some(server.cpu_time()?.since(before));
            self.rss_end_bytes = Some(server.rss_bytes()?);
            self.rss_max_bytes = self.rss_max_bytes.max(self.rss_end_bytes);
        }
        self.own_cpu = self.own.cpu_time()?.since(self.own_cpu);
        self.lasted_s = self.opened.elapsed().as_secs_f64();
        for (count, end) in self.delivered.iter_mut().zip(delivered(traffic)) {
            *count = end - *count;
        }
        Ok(())
    }
}

fn delivered(traffic: &Traffic) -> Vec<u64> {
    traffic
        .viewers()
        .iter()
        .map(|viewer| viewer.verifier().seen().delivered)
        .collect()
}

/// What a stalled viewer got once it read again.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SlowOutcome {
    /// Why its connection ended, if it did.
    pub(crate) closed: Option<String>,
    /// Bytes of older frames before the state tick; none when no state tick came.
    pub(crate) older_bytes: Option<u64>,
    /// Age of the newest record of the state tick when it had been read.
    pub(crate) state_age_us: Option<u64>,
    /// What it saw that was wrong.
    pub(crate) violations: u64,
}

/// The result of one run. Frames are published frames; merged ones count each.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// Published frames times viewers.
    pub(crate) expected: u64,
    /// Frames that arrived whole and right.
    pub(crate) delivered: u64,
    /// Frames that a state tick stood in for.
    pub(crate) conflated: u64,
    /// Frames that never came.
    pub(crate) lost: u64,
    /// Frames in which something was wrong.
    pub(crate) violations: u64,
    /// The first of them.
    pub(crate) first_violation: Option<String>,
    /// Viewers and publishers whose connection ended, and the first reason.
    pub(crate) closed: u64,
    /// The first reason.
    pub(crate) first_closed: Option<String>,
    /// Position frames that came, merged ones counted once.
    pub(crate) messages: u64,
    /// Bytes of binary messages that came.
    pub(crate) received_bytes: u64,
    /// Ticks that were published, of all publishers together.
    pub(crate) published_ticks: u64,
    /// Compressed batches that came, at all viewers together.
    pub(crate) batches: u64,
    /// Their bytes.
    pub(crate) batch_bytes: u64,
    /// Bytes of the frames in them.
    pub(crate) batch_original_bytes: u64,
    /// How many of them were inflated; the others were equal to one that was.
    pub(crate) inflations: u64,
    /// `TICK_INFO` frames that came.
    pub(crate) tick_infos: u64,
    /// Ticks that were left out by the numbers in them.
    pub(crate) ticks_skipped: u64,
    /// From due to read, in the window.
    pub(crate) latency_us: Percentiles,
    /// How many latencies there are.
    pub(crate) latency_count: u64,
    /// Seconds of the window.
    pub(crate) window_s: f64,
    /// Frames delivered in it.
    pub(crate) window_delivered: u64,
    /// Frames delivered in it to the viewer that got least.
    pub(crate) viewer_delivered_min: u64,
    /// Frames delivered in it to the viewer that got most.
    pub(crate) viewer_delivered_max: u64,
    /// The best viewer's 99th percentile.
    pub(crate) viewer_p99_us_min: u64,
    /// The worst viewer's 99th percentile.
    pub(crate) viewer_p99_us_max: u64,
    /// Microseconds of the server's CPU for each delivered frame.
    pub(crate) server_cpu_us_per_delivered: Option<f64>,
    /// Seconds of the server's CPU for each 10^9 bytes delivered.
    pub(crate) server_cpu_s_per_gb: Option<f64>,
    /// Cores that the server used.
    pub(crate) server_cores: Option<f64>,
    /// The share of the server's own code in its CPU, 0 to 1.
    pub(crate) server_user_share: Option<f64>,
    /// Resident before anyone connected.
    pub(crate) server_rss_before_bytes: Option<u64>,
    /// Resident as the window opened.
    pub(crate) server_rss_start_bytes: Option<u64>,
    /// Resident as the window closed.
    pub(crate) server_rss_bytes: Option<u64>,
    /// The most that was seen in the window.
    pub(crate) server_rss_max_bytes: Option<u64>,
    /// What a connection added, from before anyone connected to the window's end.
    pub(crate) rss_per_connection_bytes: Option<u64>,
    /// Cores that the load generator used.
    pub(crate) client_cores: f64,
    /// The stalled viewers.
    pub(crate) slow: Vec<SlowOutcome>,
}

impl Outcome {
    /// Adds up what the connections saw.
    pub(crate) fn new(plan: &Plan, traffic: &Traffic, window: &Window, ticks: u64) -> Self {
        let frames_per_tick = plan.swarm.frames_per_tick() as u64;
        let expected = ticks * frames_per_tick * plan.viewers as u64;
        let mut seen = Seen::default();
        let mut first_violation = None;
        let mut received_bytes = 0;
        let mut batched = BatchTally::default();
        let (mut tick_infos, mut ticks_skipped) = (0, 0);
        for viewer in traffic.viewers() {
            let one = viewer.verifier().seen();
            seen.delivered += one.delivered;
            seen.conflated += one.conflated;
            seen.messages += one.messages;
            seen.violations += one.violations;
            received_bytes += viewer.received_bytes();
            batched += viewer.batch_tally();
            tick_infos += viewer.tick_numbers().told();
            ticks_skipped += viewer.tick_numbers().skipped();
            first_violation = first_violation.or(viewer.verifier().first_violation());
        }
        let viewers_closed = traffic
            .viewers()
            .iter()
            .filter_map(|viewer| viewer.closed());
        let closed: Vec<&str> = viewers_closed
            .chain(
                traffic
                    .publishers()
                    .iter()
                    .filter_map(|publisher| publisher.closed()),
            )
            .collect();
        let window_delivered: u64 = window.delivered.iter().sum();
        let swarm = plan.swarm;
        let frame_bytes = RECORDS_OFFSET as f64
            + (swarm.agents * RECORD_BYTES) as f64 / swarm.frames_per_tick() as f64;
        let per = |divisor: f64, cpu: CpuTime| {
            (window_delivered > 0).then(|| cpu.on_cpu_ns as f64 / window_delivered as f64 / divisor)
        };
        let connections = (plan.viewers + plan.slow_viewers + swarm.publishers) as u64;
        let grown = |end: u64, before: u64| end.saturating_sub(before) / connections.max(1);
        let p99_us = traffic.latency().p99_us_of_best_and_worst();
        Self {
            expected,
            delivered: seen.delivered,
            conflated: seen.conflated,
            lost: expected.saturating_sub(seen.delivered + seen.conflated),
            violations: seen.violations,
            first_violation: first_violation.map(str::to_owned),
            closed: closed.len() as u64,
            first_closed: closed.first().map(|&reason| reason.to_owned()),
            messages: seen.messages,
            received_bytes,
            published_ticks: ticks,
            batches: batched.batches,
            batch_bytes: batched.bytes,
            batch_original_bytes: batched.original_bytes,
            inflations: traffic.inflations(),
            tick_infos,
            ticks_skipped,
            latency_us: traffic.latency().percentiles(),
            latency_count: traffic.latency().count(),
            window_s: window.lasted_s,
            window_delivered,
            viewer_delivered_min: window.delivered.iter().min().copied().unwrap_or(0),
            viewer_delivered_max: window.delivered.iter().max().copied().unwrap_or(0),
            viewer_p99_us_min: p99_us.0,
            viewer_p99_us_max: p99_us.1,
            server_cpu_us_per_delivered: window.server_cpu.and_then(|cpu| per(1e3, cpu)),
            server_cpu_s_per_gb: window.server_cpu.and_then(|cpu| per(frame_bytes, cpu)),
            server_cores: window
                .server_cpu
                .map(|cpu| cpu.on_cpu_ns as f64 / 1e9 / window.lasted_s),
            server_user_share: window.server_cpu.map(CpuTime::user_share),
            server_rss_before_bytes: window.rss_before_bytes,
            server_rss_start_bytes: window.rss_start_bytes,
            server_rss_bytes: window.rss_end_bytes,
            server_rss_max_bytes: window.rss_max_bytes,
            rss_per_connection_bytes: window
                .rss_end_bytes
                .zip(window.rss_before_bytes)
                .map(|(end, before)| grown(end, before)),
            client_cores: window.own_cpu.on_cpu_ns as f64 / 1e9 / window.lasted_s,
            slow: slow_outcomes(traffic),
        }
    }

    /// What makes the run fail, each in one line.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(violation) = &self.first_violation {
            faults.push(format!(
                "{} frames were wrong, first: {violation}",
                self.violations
            ));
        }
        if self.lost > 0 {
            faults.push(format!(
                "{} of {} frames were lost",
                self.lost, self.expected
            ));
        }
        if self.ticks_skipped > 0 && self.conflated == 0 && self.lost == 0 {
            faults.push(format!(
                "the numbers of ticks skip {} although every frame came",
                self.ticks_skipped
            ));
        }
        if let Some(reason) = &self.first_closed {
            faults.push(format!(
                "{} connections were closed, first: {reason}",
                self.closed
            ));
        }
        for slow in self.slow.iter().filter(|slow| slow.violations > 0) {
            faults.push(format!(
                "a stalled viewer saw {} wrong frames",
                slow.violations
            ));
        }
        faults
    }

    /// What makes the numbers doubtful, and what to do about it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.client_cores > 0.9 {
            warnings.push(format!(
                "the load generator used {:.0} % of a core: lower the rate or the viewers, or \
                 trust CPU per delivered frame only",
                self.client_cores * 100.0
            ));
        }
        if self.conflated > 0 {
            warnings.push("frames were conflated: not comparable with a run without".to_owned());
        }
        if self.window_s < 3.0 {
            warnings.push("the window is shorter than 3 s: raise --seconds".to_owned());
        }
        if self.latency_count < 10_000 {
            warnings.push("fewer than 10,000 latencies: p99.9 says little".to_owned());
        }
        warnings
    }
}

fn slow_outcomes(traffic: &Traffic) -> Vec<SlowOutcome> {
    let outcome = |slow: &crate::slow::Slow| SlowOutcome {
        closed: slow.viewer.closed().map(str::to_owned),
        older_bytes: slow.viewer.older_bytes(),
        state_age_us: slow.state_age_us(),
        violations: slow.viewer.verifier().seen().violations,
    };
    traffic.slow().iter().map(outcome).collect()
}
