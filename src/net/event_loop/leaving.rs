//! The order in which the connections of a loop are closed when the server drains.
//!
//! Their ends are spread evenly over a window, so that not everybody loses sight in one moment, and
//! their returns over the window that follows, so that nobody comes back to a server that is still
//! on its way out and not all come at once. Until its turn has come, a peer is served as ever.

use std::time::{Duration, Instant};

/// Who is still to be told; see the module.
#[derive(Debug)]
pub(super) struct Leaving {
    began: Instant,
    window: Duration,
    /// Those that are left, the next one last.
    left: Vec<usize>,
    all: usize,
}

impl Leaving {
    /// These connections leave within `window` from `now` on, in an order of chance.
    pub(super) fn new(mut tokens: Vec<usize>, window: Duration, now: Instant) -> Self {
        fastrand::shuffle(&mut tokens);
        Self {
            began: now,
            window,
            all: tokens.len(),
            left: tokens,
        }
    }

    /// The next one whose time has come.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<usize> {
        let passed = now.saturating_duration_since(self.began);
        let due = match passed >= self.window {
            true => self.all,
            false => (self.all as f64 * passed.as_secs_f64() / self.window.as_secs_f64()) as usize,
        };
        let gone = self.all - self.left.len();
        if gone < due { self.left.pop() } else { None }
    }

    /// In how long one that leaves now is to come back: after the window, by a share of it that is
    /// its own, from 0 to 1.
    pub(super) fn back_in(&self, now: Instant, share: f64) -> Duration {
        let end = self.began + self.window;
        end.saturating_duration_since(now) + self.window.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(4);

    #[test]
    fn ends_are_spread_over_the_window_and_returns_over_the_next() {
        let began = Instant::now();
        let mut leaving = Leaving::new((0..1000).collect(), WINDOW, began);
        let mut gone = Vec::new();
        for tenth in 0..=40 {
            let now = began + Duration::from_millis(100 * tenth);
            while let Some(token) = leaving.next_due(now) {
                let back = now + leaving.back_in(now, fastrand::f64());
                assert!(back >= began + WINDOW && back <= began + 2 * WINDOW);
                gone.push(token);
            }
            assert_eq!(gone.len() as u64, 25 * tenth);
        }
        gone.sort_unstable();
        assert_eq!(gone, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_window_all_leave_at_once() {
        let now = Instant::now();
        let mut leaving = Leaving::new(vec![1, 2, 3], Duration::ZERO, now);
        let gone: Vec<_> = std::iter::from_fn(|| leaving.next_due(now)).collect();
        assert_eq!(gone.len(), 3);
        assert_eq!(leaving.back_in(now, 1.0), Duration::ZERO);
    }
}
