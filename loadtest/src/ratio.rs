//! Medians, and how far to trust a median of ratios.

use serde::Serialize;

const RESAMPLES: usize = 2000;
/// The same resamples every time: a report says the same thing twice about the same numbers.
const SEED: u64 = 0x0A6E_7001;

/// The median of paired ratios with its 95 % bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// The median.
    pub(crate) median: f64,
    /// The interval's lower end.
    pub(crate) low: f64,
    /// The interval's upper end.
    pub(crate) high: f64,
    /// How many pairs.
    pub(crate) pairs: usize,
}

impl Ratio {
    /// The ratio of each pair's first to its second; `None` without a pair.
    pub(crate) fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let ratios: Vec<f64> = pairs
            .iter()
            .map(|(own, reference)| own / reference)
            .collect();
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                let drawn = (0..ratios.len()).map(|_| ratios[random.usize(..ratios.len())]);
                median(&drawn.collect::<Vec<f64>>())
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        Some(Self {
            median: median(&ratios)?,
            low: *medians.get(RESAMPLES / 40)?,
            high: *medians.get(RESAMPLES - 1 - RESAMPLES / 40)?,
            pairs: ratios.len(),
        })
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn the_interval_holds_the_median_and_widens_with_the_noise() {
        let exact = Ratio::of(&[(2.0, 1.0); 10]).unwrap();
        assert_eq!(
            (exact.median, exact.low, exact.high, exact.pairs),
            (2.0, 2.0, 2.0, 10)
        );
        let noisy: Vec<(f64, f64)> = (0..10).map(|n| (1.0 + f64::from(n) / 10.0, 1.0)).collect();
        let noisy = Ratio::of(&noisy).unwrap();
        assert!(noisy.low < noisy.median && noisy.median < noisy.high);
        assert!(noisy.low >= 1.0 && noisy.high <= 1.9);
        assert_eq!(Ratio::of(&[]), None);
    }
}
