//! What the writer counts, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use agnt_store::DiskFigures;

/// Counters and gauges of a fleet, at one moment. Those without another word count from the start
/// of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetStats {
    /// Mutations that were carried out or refused by the rules.
    pub mutations: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// Those that were answered from an earlier request of the same idempotency key.
    pub replayed: u64,
    /// Mutations that were turned away because too many waited.
    pub turned_away: u64,
    /// Commits, each one sync if syncs aren't relaxed.
    pub commits: u64,
    /// Mutations that these commits carried.
    pub committed: u64,
    /// The most that one of them carried.
    pub batch_len_max: u64,
    /// The time that commits took together, in us.
    pub commit_us_sum: u64,
    /// Commits that failed.
    pub commit_failures: u64,
    /// Those of them for which the disk had no room.
    pub commits_without_space: u64,
    /// Mutations that wait now.
    pub queue_len: u64,
    /// How many may wait.
    pub queue_len_max: u64,
    /// What they take now, in bytes.
    pub queue_bytes: u64,
    /// What they may take.
    pub queue_bytes_max: u64,
    /// Events in the log now.
    pub events: u64,
    /// How many are kept.
    pub events_max: u64,
    /// What they take, in bytes as stored.
    pub events_bytes: u64,
    /// What is kept of them.
    pub events_bytes_max: u64,
    /// Events in memory now.
    pub ring_events: u64,
    /// What they take in memory, in bytes.
    pub ring_bytes: u64,
    /// Topics of events that are listed apart now.
    pub topics: u64,
    /// The newest event.
    pub head: u64,
    /// Idempotency keys that are kept now.
    pub idempotency_keys: u64,
    /// How many are kept.
    pub idempotency_keys_max: u64,
    /// Open sessions of agents.
    pub sessions: u64,
    /// What the file takes on its disk, in bytes; 0 if that isn't known.
    pub disk_bytes: u64,
    /// What the store asked of its disk.
    pub disk: DiskFigures,
}

/// What the writer's thread counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) mutations: Counter,
    pub(crate) refused: Counter,
    pub(crate) replayed: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) commits: Counter,
    pub(crate) committed: Counter,
    pub(crate) batch_len_max: Counter,
    pub(crate) commit_us_sum: Counter,
    pub(crate) commit_failures: Counter,
    pub(crate) commits_without_space: Counter,
    pub(crate) idempotency_keys: Counter,
}

/// A number that one thread changes and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
