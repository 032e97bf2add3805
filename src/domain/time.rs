//! Wall-clock time for people and peers: the only reader of that clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
pub fn unix_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds since 1970, which is what credentials count in.
pub fn unix_s() -> u64 {
    unix_us() / 1_000_000
}

/// Microseconds since 1970 at an instant.
pub fn unix_us_at(at: Instant) -> u64 {
    let ago = Instant::now().saturating_duration_since(at);
    unix_us().saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX))
}

/// The time as ISO 8601 with milliseconds, such as `2026-01-10T12:00:00.000Z`.
pub fn iso_8601() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    #[test]
    fn iso_8601_has_milliseconds_and_a_zone() {
        let text = super::iso_8601();
        assert_eq!(text.len(), "2026-01-10T12:00:00.000Z".len(), "{text}");
        assert!(text.ends_with('Z') && text.as_bytes()[10] == b'T', "{text}");
    }
}
