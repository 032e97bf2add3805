//! When each request is due.
//!
//! At a rate the loop is open: when a request is due follows from the start alone, a late one is sent
//! late and counts from when it was due, so that a server that holds its clients up pays for it. At
//! `max` the loop is closed: a request is due as soon as a connection is free.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How often requests are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// So many a second, evenly.
    PerSecond(f64),
    /// One for each connection that is free.
    Max,
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(out, "{rate}"),
            Self::Max => out.write_str("max"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(rate) if (0.001..=1e7).contains(&rate) => Ok(Self::PerSecond(rate)),
            _ => Err("expected `max`, or requests a second from 0.001 to 10000000".to_owned()),
        }
    }
}

/// The schedule of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    rate: Rate,
    start: Instant,
}

impl Schedule {
    /// A schedule that begins at `start`.
    pub(crate) fn new(rate: Rate, start: Instant) -> Self {
        Self { rate, start }
    }

    /// When request `number`, counted from 0, is due; at `max` that is now.
    pub(crate) fn due(&self, number: u64, now: Instant) -> Instant {
        match self.rate {
            Rate::PerSecond(rate) => self.start + Duration::from_secs_f64(number as f64 / rate),
            Rate::Max => now,
        }
    }

    /// How many requests are due before `moment`; at `max` nobody knows.
    pub(crate) fn due_before(&self, moment: Instant) -> Option<u64> {
        let run = moment.saturating_duration_since(self.start);
        match self.rate {
            Rate::PerSecond(rate) => Some((run.as_secs_f64() * rate).ceil() as u64),
            Rate::Max => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_rate_are_due_evenly() {
        let start = Instant::now();
        let schedule = Schedule::new(Rate::PerSecond(4.0), start);
        let late = start + Duration::from_secs(9);
        assert_eq!(schedule.due(0, late), start);
        assert_eq!(schedule.due(3, late), start + Duration::from_millis(750));
        assert_eq!(schedule.due_before(start), Some(0));
        let moment = start + Duration::from_millis(750);
        assert_eq!(schedule.due_before(moment), Some(3));
        let closed = Schedule::new(Rate::Max, start);
        assert_eq!((closed.due(3, late), closed.due_before(late)), (late, None));
    }

    #[test]
    fn a_rate_is_a_number_or_max() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("12.5".parse(), Ok(Rate::PerSecond(12.5)));
        assert_eq!(Rate::PerSecond(1e4).to_string(), "10000");
        for wrong in ["often", "0", "-1", "inf", "NaN"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
