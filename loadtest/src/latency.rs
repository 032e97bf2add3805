//! How long ticks took, for all viewers and for each of them.
//!
//! The histogram over all has three digits; each viewer's own has one, so that a thousand of them
//! stay in the cache.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::failure::{Context, Result};

const LATENCY_US_MAX: u64 = 120_000_000;

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// The latencies of one run.
#[derive(Debug)]
pub(crate) struct Latency {
    all_us: Histogram<u64>,
    viewers_us: Vec<Histogram<u32>>,
}

impl Latency {
    /// Nothing measured yet.
    pub(crate) fn new(viewers: usize) -> Result<Self> {
        let own = Histogram::new_with_bounds(1, LATENCY_US_MAX, 1).context("histogram")?;
        Ok(Self {
            all_us: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).context("histogram")?,
            viewers_us: vec![own; viewers],
        })
    }

    /// Notes that a tick took `took` to reach `viewer`.
    pub(crate) fn record(&mut self, viewer: usize, took: Duration) {
        let us = (took.as_micros() as u64).max(1);
        self.all_us.saturating_record(us);
        self.viewers_us[viewer].saturating_record(us);
    }

    /// How many latencies were noted.
    pub(crate) fn count(&self) -> u64 {
        self.all_us.len()
    }

    /// Percentiles over all viewers.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.all_us.value_at_quantile(quantile);
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.all_us.max(),
        }
    }

    /// The 99th percentile of the viewer that fared best and of the one that fared worst.
    pub(crate) fn p99_us_of_best_and_worst(&self) -> (u64, u64) {
        let of_each = || {
            self.viewers_us
                .iter()
                .map(|viewer| viewer.value_at_quantile(0.99))
        };
        (of_each().min().unwrap_or(0), of_each().max().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_numbers_put_in() {
        let mut latency = Latency::new(2).unwrap();
        for us in 1..=1000 {
            latency.record(usize::from(us > 500), Duration::from_micros(us));
        }
        let percentiles = latency.percentiles();
        assert_eq!(
            (percentiles.p50, percentiles.p90, percentiles.p99),
            (500, 900, 990)
        );
        assert_eq!((percentiles.p999, percentiles.max), (999, 1000));
        let (best, worst) = latency.p99_us_of_best_and_worst();
        assert!((450..=550).contains(&best) && (900..=1100).contains(&worst));
    }
}
