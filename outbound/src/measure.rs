//! What the sender counts.

use std::sync::Arc;

/// Called with everything that is to be counted, from any thread: it must not block.
pub type Meter = Arc<dyn Fn(Measure) + Send + Sync>;

/// One thing to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A delivery was taken.
    Accepted,
    /// A delivery was not taken, because a bound was met.
    Overflowed,
    /// An attempt ended, with a reply or without.
    Attempted {
        /// How long it took, in µs.
        duration_us: u64,
    },
    /// A delivery is to be tried again.
    Retried,
    /// A delivery arrived.
    Delivered,
    /// A delivery failed for good.
    Failed {
        /// Why: [`Failure::label`](crate::Failure::label).
        reason: &'static str,
    },
    /// A host is left alone for a while.
    CircuitOpened,
    /// A health poll ended.
    Polled {
        /// `healthy`, `unhealthy`, or why it found nothing: [`Fault::label`](crate::Fault::label).
        result: &'static str,
        /// How long it took, in µs.
        duration_us: u64,
    },
}

/// How much the sender holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Deliveries that are waiting, under way or between two attempts.
    pub deliveries: usize,
    /// Their bytes.
    pub delivery_bytes: usize,
    /// Attempts that hold a connection.
    pub attempts: usize,
    /// Health polls that hold a connection.
    pub polls: usize,
    /// Hosts and ports that are remembered.
    pub hosts: usize,
}
