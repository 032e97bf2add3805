//! Who hears what happened, after it is on disk.

use std::sync::Arc;

use crate::tables::RowChange;
use crate::{Event, Timestamp};

/// Hears of every commit, in order, from the writer's thread: after [`Fleet::read`](crate::Fleet::read)
/// and the log of events show it, before its askers are answered.
///
/// It must be quick and must not panic: the next commit waits for it. It must not hold a
/// [`Fleet`](crate::Fleet), which would keep the thread alive that holds it; [`Rows`](crate::Rows)
/// it may.
pub trait Outlet: Send + Sync {
    /// `events` go on where those of the last call ended; `changes` has each row that changed once,
    /// as it is now.
    fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]);

    /// A commit is on disk.
    fn timed(&self, _commit: &TimedCommit<'_>) {}
}

/// A commit, as far as its time goes.
#[derive(Clone, Copy, Debug)]
pub struct TimedCommit<'a> {
    /// When it began.
    pub began: Timestamp,
    /// How many microseconds it took.
    pub taken_us: u64,
    /// How many requests it carried.
    pub requests: usize,
    /// What they are parts of, as far as that is recorded; the first ones, if there are very many.
    pub traces: &'a [TraceSpan],
}

/// A span of a trace, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSpan {
    /// The trace.
    pub trace: u128,
    /// The span.
    pub span: u64,
}

/// Nobody listens.
impl Outlet for () {
    fn committed(&self, _events: &[Arc<Event>], _changes: &[RowChange]) {}
}
