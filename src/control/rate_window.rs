//! How many things a second happened of late: counts of the last ten seconds.

/// The length of the window in seconds.
pub const WINDOW_S: u64 = 10;

/// The window; the second that has begun counts as one of the ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateWindow {
    counts: [u32; WINDOW_S as usize],
    /// The newest second.
    second: u64,
}

impl RateWindow {
    /// Moves the window to a second; earlier ones than its own are its own.
    pub fn advance(&mut self, second: u64) {
        let from = second.saturating_sub(WINDOW_S - 1).max(self.second + 1);
        for passed in from..=second {
            self.counts[(passed % WINDOW_S) as usize] = 0;
        }
        self.second = self.second.max(second);
    }

    /// Counts one in the newest second.
    pub fn count(&mut self) {
        let count = &mut self.counts[(self.second % WINDOW_S) as usize];
        *count = count.saturating_add(1);
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// How many a second.
    pub fn rate(&self) -> f64 {
        let total: u64 = self.counts.iter().copied().map(u64::from).sum();
        total as f64 / WINDOW_S as f64
    }
}

#[cfg(test)]
mod tests {
    use super::RateWindow;

    #[test]
    fn it_is_the_count_of_the_last_ten_seconds() {
        // Seconds at which something happens, found again by a plain search.
        let happened: Vec<u64> = (0..400_u64).map(|n| n * n / 37).collect();
        let mut window = RateWindow::default();
        let mut next = happened.iter().peekable();
        for second in 0..5_000 {
            window.advance(second);
            while next.next_if(|at| **at == second).is_some() {
                window.count();
            }
            let of_late = happened
                .iter()
                .filter(|at| **at <= second && **at + 10 > second);
            let expected = of_late.count() as f64 / 10.0;
            assert!((window.rate() - expected).abs() < 1e-12, "second {second}");
            assert_eq!(window.is_empty(), expected == 0.0, "second {second}");
        }
    }

    #[test]
    fn a_long_silence_empties_it() {
        let mut window = RateWindow::default();
        for second in [3, 4, 12] {
            window.advance(second);
            window.count();
        }
        assert!(
            (window.rate() - 0.3).abs() < 1e-12,
            "3 is within the last ten of 12"
        );
        window.advance(13);
        assert!((window.rate() - 0.2).abs() < 1e-12);
        window.advance(u64::MAX);
        assert!(window.is_empty());
    }
}
