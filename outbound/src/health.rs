//! What a health poll finds.

use crate::fault::Fault;

/// What a health poll found: somebody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The status of the answer.
    pub status: u16,
    /// From the name's lookup to the answer's head, in ms.
    pub latency_ms: u64,
}

impl Health {
    /// Whether the answer was 200 to 299.
    pub fn is_healthy(self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why a health poll found nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollFailure {
    /// Nobody answered.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Too many polls were under way, so that this says nothing about who was to be polled.
    #[error("too many health polls are under way")]
    Busy,
    /// The sender stops.
    #[error("the server stops")]
    Stopped,
}
