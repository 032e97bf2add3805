//! The budget of a session: how much it may have inflated in a second.

use std::time::{Duration, Instant};

use agnt_codec::CompressedBatch;
use thiserror::Error;

/// A token bucket that holds what one second brings. It starts full.
///
/// It keeps the one instant at which it is full again: what is taken moves that instant on, and the
/// passing of time is all that fills it.
#[derive(Clone, Copy, Debug)]
pub struct InflateBudget {
    bytes_per_second: u64,
    full_at: Instant,
}

/// A session asked for more than is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "batch: {wanted_bytes} bytes to inflate; {left_bytes} are left of {bytes_per_second} a second"
)]
pub struct BudgetSpent {
    /// What was asked for.
    pub wanted_bytes: usize,
    /// What could have been had.
    pub left_bytes: u64,
    /// What a second brings, and the most that can be had at once.
    pub bytes_per_second: u64,
    /// How long until what was asked for can be had; none if a whole second's budget is too little.
    pub wait: Option<Duration>,
}

/// What a full bucket holds, as time.
const FULL: Duration = Duration::from_secs(1);

impl InflateBudget {
    /// A full bucket; 0 bytes a second stand for no limit.
    pub const fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self {
            bytes_per_second,
            full_at: now,
        }
    }

    /// Takes what inflating `batch` costs: the larger of what it announces and what it has, since
    /// data takes time even if little comes of it.
    pub fn take_batch(
        &mut self,
        batch: &CompressedBatch<'_>,
        now: Instant,
    ) -> Result<(), BudgetSpent> {
        self.take(batch.data.len().max(batch.original_bytes as usize), now)
    }

    /// Takes `bytes`, all or none.
    pub fn take(&mut self, bytes: usize, now: Instant) -> Result<(), BudgetSpent> {
        if self.bytes_per_second == 0 {
            return Ok(());
        }
        let cost = self.time_of(bytes);
        let missing = self.full_at.saturating_duration_since(now) + cost;
        if missing <= FULL {
            self.full_at = now + missing;
            return Ok(());
        }
        Err(BudgetSpent {
            wanted_bytes: bytes,
            left_bytes: self.left_bytes(now),
            bytes_per_second: self.bytes_per_second,
            wait: (cost <= FULL).then(|| missing.saturating_sub(FULL)),
        })
    }

    /// How long the budget takes to bring `bytes`, rounded up, so that nobody gets more than it.
    /// More than a second's worth never fits, however much more it is.
    fn time_of(&self, bytes: usize) -> Duration {
        let nanoseconds = (bytes as u128 * FULL.as_nanos()).div_ceil(self.bytes_per_second.into());
        let beyond = FULL.as_nanos() * 2;
        Duration::from_nanos(nanoseconds.min(beyond) as u64)
    }

    /// What can be had at `now`.
    fn left_bytes(&self, now: Instant) -> u64 {
        let left = FULL.saturating_sub(self.full_at.saturating_duration_since(now));
        let bytes = u128::from(self.bytes_per_second) * left.as_nanos() / FULL.as_nanos();
        bytes as u64
    }
}
