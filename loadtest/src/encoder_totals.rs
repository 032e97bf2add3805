//! What a server has encoded since it started: what it says itself, and what its encoder thread
//! has had of the processor as the kernel counts it.

use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::process_usage::thread_cpu_ns;
use crate::target::Target;

/// The name of the thread that encodes.
const THREAD: &str = "agnt-encoder";
const SETTLE_EVERY: Duration = Duration::from_millis(100);
const SETTLE_LOOKS_MAX: u32 = 50;

/// The totals; see the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct EncoderTotals {
    /// Ticks that were encoded.
    pub(crate) ticks: u64,
    /// Compressed batches that were made.
    pub(crate) batches: u64,
    /// Bytes of frames that went in.
    pub(crate) in_bytes: u64,
    /// Bytes of messages that came out.
    pub(crate) out_bytes: u64,
    /// Nanoseconds of the processor, by the server's own account.
    pub(crate) told_cpu_ns: u64,
    /// Nanoseconds of the processor, by the kernel's account of the thread.
    pub(crate) thread_cpu_ns: u64,
}

impl EncoderTotals {
    /// Reads them once the encoder has come to rest: two looks that agree on what was made.
    pub(crate) fn settled(target: &Target) -> Result<Self> {
        let mut before = Self::read(target)?;
        for _ in 0..SETTLE_LOOKS_MAX {
            thread::sleep(SETTLE_EVERY);
            let now = Self::read(target)?;
            if (now.ticks, now.batches) == (before.ticks, before.batches) {
                return Ok(now);
            }
            before = now;
        }
        Err(Failure::new(
            "the encoder does not come to rest although nothing is published",
        ))
    }

    /// What was added since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ticks: self.ticks - earlier.ticks,
            batches: self.batches - earlier.batches,
            in_bytes: self.in_bytes - earlier.in_bytes,
            out_bytes: self.out_bytes - earlier.out_bytes,
            told_cpu_ns: self.told_cpu_ns - earlier.told_cpu_ns,
            thread_cpu_ns: self.thread_cpu_ns - earlier.thread_cpu_ns,
        }
    }

    fn read(target: &Target) -> Result<Self> {
        let (status, metrics) = target.get("/metrics")?;
        if status != 200 {
            return Err(Failure::new(format!("/metrics answered {status}")));
        }
        let pid = target.pid().ok_or_else(|| Failure::new("no process"))?;
        let mut totals = Self::parse(&metrics)?;
        totals.thread_cpu_ns = thread_cpu_ns(pid, THREAD)?;
        Ok(totals)
    }

    fn parse(metrics: &str) -> Result<Self> {
        Ok(Self {
            ticks: counter(metrics, "agnt_encoder_ticks_total")?,
            batches: counter(metrics, "agnt_encoder_batches_total")?,
            in_bytes: counter(metrics, "agnt_encoder_bytes_in_total")?,
            out_bytes: counter(metrics, "agnt_encoder_bytes_out_total")?,
            told_cpu_ns: seconds(metrics, "agnt_encoder_cpu_seconds_total")?,
            thread_cpu_ns: 0,
        })
    }
}

/// The value of a counter without labels in Prometheus' text.
fn counter(metrics: &str, name: &str) -> Result<u64> {
    let count = value(metrics, name).and_then(|value| value.parse().ok());
    count.ok_or_else(|| Failure::new(format!("/metrics has no count {name}")))
}

/// The same of seconds, in nanoseconds.
fn seconds(metrics: &str, name: &str) -> Result<u64> {
    let seconds: Option<f64> = value(metrics, name).and_then(|value| value.parse().ok());
    let seconds = seconds.ok_or_else(|| Failure::new(format!("/metrics has no time {name}")))?;
    Ok((seconds * 1e9).round() as u64)
}

fn value<'a>(metrics: &'a str, name: &str) -> Option<&'a str> {
    metrics.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "# HELP agnt_encoder_ticks_total Ticks.\n\
        # TYPE agnt_encoder_ticks_total counter\n\
        agnt_encoder_ticks_total 7\n\
        agnt_encoder_batches_total 6\n\
        agnt_encoder_bytes_in_total 196084\n\
        agnt_encoder_bytes_out_total 100000\n\
        agnt_encoder_cpu_seconds_total 12.345678901\n";

    #[test]
    fn counters_are_read_from_the_text() {
        let totals = EncoderTotals::parse(METRICS).unwrap();
        assert_eq!((totals.ticks, totals.batches), (7, 6));
        assert_eq!((totals.in_bytes, totals.out_bytes), (196_084, 100_000));
        assert_eq!(totals.told_cpu_ns, 12_345_678_901);
        let twice = METRICS.replace("total 7", "total 17");
        let later = EncoderTotals::parse(&twice).unwrap();
        assert_eq!(later.since(totals).ticks, 10);
    }

    #[test]
    fn a_counter_that_is_missing_is_named() {
        let less = METRICS.replace("agnt_encoder_batches_total 6", "");
        let said = EncoderTotals::parse(&less).unwrap_err().to_string();
        assert!(said.contains("agnt_encoder_batches_total"), "{said}");
    }
}
