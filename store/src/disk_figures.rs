//! What a store asks of its disk, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures of a store's files. Those without another word count from when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFigures {
    /// What the journal takes on its disk now, in bytes; 0 if there is none.
    pub journal_bytes: u64,
    /// Commits that the journal took.
    pub recorded: u64,
    /// What was written for them, in bytes of changes.
    pub recorded_bytes: u64,
    /// Syncs of the journal for them.
    pub journal_syncs: u64,
    /// Times that commits were settled in the database.
    pub settled: u64,
    /// Syncs of the database.
    pub database_syncs: u64,
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(crate) struct DiskCounters {
    pub(crate) recorded: DiskCounter,
    pub(crate) recorded_bytes: DiskCounter,
    pub(crate) journal_syncs: DiskCounter,
    pub(crate) settled: DiskCounter,
}

/// A number that one thread raises and others read.
#[derive(Debug, Default)]
pub(crate) struct DiskCounter(AtomicU64);

impl DiskCounter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
