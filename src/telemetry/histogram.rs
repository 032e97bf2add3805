//! Histograms of durations in fixed buckets, with a form without atomics for one thread.
//!
//! Invariant: a duration is counted in exactly one bucket, the first whose bound it does not
//! exceed; the exposition sums them up. Counts and sum are read one after the other, so a scrape
//! beside a writer may be off by what was written meanwhile; the count is always that of the
//! buckets shown.

use std::sync::atomic::{AtomicU64, Ordering};

/// The buckets' upper bounds in nanoseconds, 50 us to 5 s; beyond them is one bucket more.
const BOUNDS_NS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
];

const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// Durations counted by one thread, to be added to a shared [`Histogram`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramTally {
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl HistogramTally {
    /// Counts one duration, in nanoseconds.
    pub fn record(&mut self, duration_ns: u64) {
        self.record_many(duration_ns, 1);
    }

    /// Counts the same duration, in nanoseconds, `count` times, as when one write serves many.
    pub fn record_many(&mut self, duration_ns: u64, count: u64) {
        let bucket = BOUNDS_NS.partition_point(|&bound_ns| bound_ns < duration_ns);
        self.counts[bucket] += count;
        self.sum_ns = self
            .sum_ns
            .saturating_add(duration_ns.saturating_mul(count));
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Durations counted by all threads.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Adds what one thread has counted.
    pub fn add(&self, tally: &HistogramTally) {
        for (shared, &count) in self.counts.iter().zip(&tally.counts) {
            if count > 0 {
                shared.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.sum_ns.fetch_add(tally.sum_ns, Ordering::Relaxed);
    }

    /// Counts one duration, in nanoseconds, at once; for what happens far less often than frames.
    pub fn record(&self, duration_ns: u64) {
        let bucket = BOUNDS_NS.partition_point(|&bound_ns| bound_ns < duration_ns);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(duration_ns, Ordering::Relaxed);
    }

    /// What has been counted up to now.
    pub fn snapshot(&self) -> HistogramTally {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed));
        HistogramTally {
            counts,
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

impl HistogramTally {
    /// For each bound in nanoseconds, how many durations did not exceed it.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let sums = self.counts.iter().scan(0, |sum, &count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS_NS.into_iter().zip(sums)
    }

    /// The sum of all durations in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each bound, counts by looking at every duration: the definition itself.
    fn counted_one_by_one(durations_ns: &[u64]) -> Vec<(u64, u64)> {
        let at_most = |bound_ns| durations_ns.iter().filter(|&&it| it <= bound_ns).count() as u64;
        BOUNDS_NS
            .iter()
            .map(|&bound_ns| (bound_ns, at_most(bound_ns)))
            .collect()
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let mut durations_ns = vec![0, 1, u64::from(u32::MAX), 5_000_000_001, 40_000_000_000];
        for bound_ns in BOUNDS_NS {
            durations_ns.extend([bound_ns - 1, bound_ns, bound_ns + 1]);
        }
        let mut tally = HistogramTally::default();
        for &duration_ns in &durations_ns {
            tally.record(duration_ns);
        }
        assert_eq!(
            tally.cumulative().collect::<Vec<_>>(),
            counted_one_by_one(&durations_ns)
        );
        assert_eq!(tally.count(), durations_ns.len() as u64);
        assert_eq!(tally.sum_ns(), durations_ns.iter().sum::<u64>());
    }

    #[test]
    fn many_at_once_are_as_many_one_by_one() {
        let (mut at_once, mut one_by_one) = <(HistogramTally, HistogramTally)>::default();
        at_once.record_many(70_000, 1000);
        for _ in 0..1000 {
            one_by_one.record(70_000);
        }
        assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn one_at_a_time_is_the_same_as_a_tally_of_one() {
        let (at_once, added) = <(Histogram, Histogram)>::default();
        for duration_ns in [0, 50_000, 50_001, 9_000_000_000] {
            at_once.record(duration_ns);
            let mut tally = HistogramTally::default();
            tally.record(duration_ns);
            added.add(&tally);
        }
        assert_eq!(at_once.snapshot(), added.snapshot());
    }

    #[test]
    fn threads_add_up() {
        let shared = Histogram::default();
        std::thread::scope(|scope| {
            for duration_ns in [10_000, 600_000, 6_000_000_000] {
                let shared = &shared;
                scope.spawn(move || {
                    for _ in 0..100 {
                        let mut tally = HistogramTally::default();
                        tally.record_many(duration_ns, 7);
                        shared.add(&tally);
                    }
                });
            }
        });
        let all = shared.snapshot();
        assert_eq!(all.count(), 2100);
        assert_eq!(all.sum_ns(), 700 * (10_000 + 600_000 + 6_000_000_000));
        assert_eq!(all.cumulative().last(), Some((5_000_000_000, 1400)));
    }
}
