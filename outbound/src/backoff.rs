//! How long to wait before the next attempt.

use std::time::Duration;

use crate::limits::Limits;

/// The longest wait before a retry, the first being number 1: doubling, up to a limit.
pub(crate) fn longest_ms(retry: u32, limits: &Limits) -> u64 {
    let doublings = retry.saturating_sub(1).min(63);
    limits
        .backoff_ms
        .saturating_mul(1 << doublings)
        .min(limits.backoff_ms_max)
}

/// A wait before a retry: anything from nothing to the longest, so that those who failed together
/// don't come back together.
pub(crate) fn wait(retry: u32, limits: &Limits) -> Duration {
    Duration::from_millis(fastrand::u64(0..=longest_ms(retry, limits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_up_to_its_limit() {
        let limits = Limits::default();
        let longest: Vec<u64> = (1..=7).map(|retry| longest_ms(retry, &limits)).collect();
        assert_eq!(longest, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(longest_ms(u32::MAX, &limits), 10_000);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let limits = Limits::default();
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let wait_ms = wait(1, &limits).as_millis() as usize;
            assert!(wait_ms <= 500);
            tenths[(wait_ms / 50).min(9)] += 1;
        }
        assert!(
            tenths.iter().all(|count| (800..1_200).contains(count)),
            "{tenths:?}"
        );
    }
}
