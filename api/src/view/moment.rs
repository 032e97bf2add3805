//! Moments and durations in views.

use agnt_fleet::Timestamp;
use serde::{Serialize, Serializer};

/// A moment, written as RFC 3339.
pub(crate) struct Moment(pub(crate) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Writes a moment as RFC 3339.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
pub(crate) fn moment<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// The same for one that may be absent.
#[allow(clippy::ref_option, reason = "serde asks for a reference")]
pub(crate) fn moment_if_any<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.as_ref().map(|at| Moment(*at)).serialize(serializer)
}

/// Writes milliseconds as seconds (decision X21), whole ones as an integer.
#[allow(clippy::ref_option, reason = "serde asks for a reference")]
pub(crate) fn seconds_if_any<S: Serializer>(
    ms: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match ms {
        Some(ms) if ms.is_multiple_of(1000) => serializer.serialize_u64(ms / 1000),
        Some(ms) => serializer.serialize_f64(*ms as f64 / 1000.0),
        None => serializer.serialize_none(),
    }
}
