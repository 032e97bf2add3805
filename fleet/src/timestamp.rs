//! Moments and how they are written.

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last moment that can be written: 26 hours before the end of the year 9999, so that every
    /// offset of RFC 3339 stays within four digits of the year.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// From microseconds since the epoch; what lies beyond [`Timestamp::MAX`] is that.
    pub const fn from_micros(micros: u64) -> Self {
        match micros > Self::MAX.0 {
            true => Self::MAX,
            false => Self(micros),
        }
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// So many milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_micros(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this moment; 0 if it is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// Reads RFC 3339 with any offset, as `2025-01-15T14:30:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(moment.as_microsecond())
            .ok()
            .map(Self::from_micros)
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339, UTC, six digits of a second: `2025-01-15T14:30:00.000000Z`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Every value up to MAX is within jiff's range.
        let moment = jiff::Timestamp::from_microsecond(self.0 as i64).unwrap_or_default();
        write!(formatter, "{moment:.6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_micros_agree_with_known_dates() {
        // The epoch second of document B's X-RateLimit-Reset.
        let known = Timestamp::from_micros(1_642_579_200_000_000);
        assert_eq!(known.to_string(), "2022-01-19T08:00:00.000000Z");
        assert_eq!(Timestamp::parse("2022-01-19T09:00:00+01:00"), Some(known));
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000000Z");
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
