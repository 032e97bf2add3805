//! The circuit breaker of a host: after some failures in a row it is left alone for a while, then
//! one attempt finds out.

use std::time::Duration;

use tokio::time::Instant;

/// The circuit breaker of one host.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether an attempt may begin; if not, when to ask again. Whoever is let through an open
    /// breaker is the one that finds out: the others wait for as long as it may take.
    pub(crate) fn admit(&mut self, now: Instant, attempt: Duration) -> Result<(), Instant> {
        match self.open_until {
            Some(until) if now < until => Err(until),
            Some(_) => {
                self.open_until = Some(now + attempt);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The host answered.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The host failed. True if that opens the breaker.
    pub(crate) fn failed(&mut self, now: Instant, failures_max: u32, rest: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = self.failures >= failures_max;
        if opens {
            self.open_until = Some(now + rest);
        }
        opens
    }

    /// Whether there is anything to remember.
    pub(crate) fn is_clear(&self) -> bool {
        self.failures == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: Duration = Duration::from_secs(3);
    const REST: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_closes_after_one_success() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        assert!(!breaker.failed(start, 3, REST));
        assert!(!breaker.failed(start, 3, REST));
        breaker.succeeded();
        assert!(breaker.is_clear());
        assert!(!breaker.failed(start, 3, REST));
        assert!(!breaker.failed(start, 3, REST));
        assert_eq!(breaker.admit(start, ATTEMPT), Ok(()));
        assert!(breaker.failed(start, 3, REST));
        assert_eq!(breaker.admit(start, ATTEMPT), Err(start + REST));

        let later = start + REST;
        assert_eq!(breaker.admit(later, ATTEMPT), Ok(()), "one finds out");
        assert_eq!(
            breaker.admit(later, ATTEMPT),
            Err(later + ATTEMPT),
            "the others wait"
        );
        assert!(breaker.failed(later, 3, REST));
        assert_eq!(breaker.admit(later + ATTEMPT, ATTEMPT), Err(later + REST));

        let last = later + REST;
        assert_eq!(breaker.admit(last, ATTEMPT), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.admit(last, ATTEMPT), Ok(()));
        assert_eq!(breaker.admit(last, ATTEMPT), Ok(()));
    }
}
