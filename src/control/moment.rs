//! A moment on both clocks: the one that deadlines are kept by and the one that people read.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::time;

/// The longest timestamp that is read, in bytes.
const TIMESTAMP_BYTES_MAX: usize = 64;

/// A moment; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, by the clock that never jumps.
    pub instant: Instant,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
}

impl Moment {
    /// The moment that has this instant now.
    pub fn of(instant: Instant) -> Self {
        Self {
            instant,
            unix_ms: i64::try_from(time::unix_us() / 1000).unwrap_or(i64::MAX),
        }
    }

    /// As ISO 8601.
    pub fn iso_8601(self) -> String {
        iso_8601(self.unix_ms)
    }

    /// Another moment by the same clocks.
    #[must_use]
    pub fn at(self, instant: Instant) -> Self {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let later = ms(instant.saturating_duration_since(self.instant));
        let earlier = ms(self.instant.saturating_duration_since(instant));
        Self {
            instant,
            unix_ms: self.unix_ms.saturating_add(later).saturating_sub(earlier),
        }
    }
}

/// A time as ISO 8601 with milliseconds, such as `2026-01-10T12:00:00.000Z`.
pub fn iso_8601(unix_ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    format!("{timestamp:.3}")
}

/// Milliseconds since 1970 of an ISO 8601 time; one without a zone is UTC.
pub fn parse_iso_8601(text: &str) -> Option<i64> {
    if text.len() > TIMESTAMP_BYTES_MAX {
        return None;
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let local: DateTime = text.parse().ok()?;
    let zoned = local.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_is_read_in_the_forms_that_clients_write() {
        let noon = 1_704_888_000_000;
        for text in [
            "2024-01-10T12:00:00Z",
            "2024-01-10T12:00:00.000Z",
            "2024-01-10T13:00:00+01:00",
            "2024-01-10T12:00:00.000000",
        ] {
            assert_eq!(parse_iso_8601(text), Some(noon), "{text}");
        }
        for text in ["", "noon", "2024-13-10T12:00:00Z", &"2".repeat(65)] {
            assert_eq!(parse_iso_8601(text), None, "{text}");
        }
        assert_eq!(iso_8601(noon), "2024-01-10T12:00:00.000Z");
    }

    #[test]
    fn both_clocks_move_together() {
        let now = Moment::of(Instant::now());
        let later = now.at(now.instant + Duration::from_secs(3));
        assert_eq!(later.unix_ms, now.unix_ms + 3000);
        assert_eq!(later.at(now.instant), now);
    }
}
