//! The window against a plain list of the moments at which something was granted.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// How late a grant may come back at most, beyond the minute.
const ROUNDING_US: u64 = WINDOW_US / 120;

/// The sub-windows of a minute, and the one that is ending.
const MARKS_MAX: usize = 121;

/// Far enough from zero that the low halves of the times wrap round within a test.
const START_US: u64 = (1 << 32) - 70_000_000;

/// Spans between requests: none, bursts, sub-windows, all around a minute, long silences.
fn gap_us() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(0_u64),
        3 => 0..5_000_u64,
        3 => 0..3_000_000_u64,
        1 => WINDOW_US - 2..WINDOW_US + 3,
        1 => WINDOW_US..2 * WINDOW_US,
        1 => 0..(1_u64 << 33),
    ]
}

fn granted(standing: Standing) -> bool {
    standing.refused_for_us.is_none()
}

/// That no half-open span of a minute has more than `limit` of the ordered times in it.
fn assert_never_more(times_us: &[u64], limit: u32) {
    for pair in times_us.windows(limit as usize + 1) {
        let span_us = pair[pair.len() - 1] - pair[0];
        assert!(span_us >= WINDOW_US, "{pair:?} are too many");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn never_more_than_the_limit_in_any_minute_and_hardly_less(
        gaps_us in vec(gap_us(), 1..400),
        limit in 1..30_u32,
    ) {
        let mut window = Window::default();
        let mut now_us = START_US;
        let mut times_us: Vec<u64> = Vec::new();
        for gap_us in gaps_us {
            now_us += gap_us;
            let standing = window.ask(now_us, limit);
            if granted(standing) {
                times_us.push(now_us);
            } else {
                // A plain limiter of a minute and the rounding would refuse it as well.
                let since_us = now_us - WINDOW_US - ROUNDING_US;
                let of_late = times_us.iter().filter(|at_us| **at_us > since_us).count();
                prop_assert!(of_late >= limit as usize, "{of_late} of {limit} at {now_us}");
            }
            prop_assert!(window.marks.len() <= MARKS_MAX);
        }
        assert_never_more(&times_us, limit);
    }

    #[test]
    fn what_it_tells_is_true(
        gaps_us in vec(gap_us(), 1..100),
        limit in 1..30_u32,
    ) {
        let mut window = Window::default();
        let mut now_us = START_US;
        for gap_us in gaps_us {
            now_us += gap_us;
            let standing = window.ask(now_us, limit);
            let after = |wait_us: u64| {
                let mut window = window.clone();
                move || window.ask(now_us + wait_us, limit)
            };
            let mut at_once = after(0);
            let more = (0..=limit).take_while(|_| granted(at_once())).count();
            prop_assert_eq!(standing.remaining as usize, more);

            prop_assert_eq!(after(standing.full_in_us)().remaining, limit - 1);
            prop_assert!(standing.full_in_us <= WINDOW_US);
            let almost = after(standing.full_in_us - 1)();
            prop_assert!(almost.remaining < limit - 1 || !granted(almost));

            if let Some(wait_us) = standing.refused_for_us {
                prop_assert!(granted(after(wait_us)()));
                prop_assert!(!granted(after(wait_us - 1)()));
            }
            prop_assert!(window.is_empty(now_us + standing.full_in_us));
            prop_assert!(!window.is_empty(now_us + standing.full_in_us - 1));
        }
    }
}

/// When who asks evenly asks in so many minutes, at a percentage of the limit.
fn evenly(limit: u32, percent: u64, minutes: u64) -> impl Iterator<Item = u64> {
    let per_minute = u128::from(limit) * u128::from(percent);
    let requests = (0..).map(move |n| (u128::from(WINDOW_US) * 100 * n / per_minute) as u64);
    requests.take_while(move |at_us| *at_us < minutes * WINDOW_US)
}

fn granted_of(times_us: impl Iterator<Item = u64>, limit: u32) -> Vec<u64> {
    let mut window = Window::default();
    times_us
        .filter(|at_us| granted(window.ask(START_US + at_us, limit)))
        .collect()
}

/// How many of them a limiter grants that remembers each moment, and so rounds nothing.
fn granted_unrounded(times_us: impl Iterator<Item = u64>, limit: u32) -> usize {
    let mut granted_at_us: Vec<u64> = Vec::new();
    for at_us in times_us {
        let nth_last = granted_at_us.len().checked_sub(limit as usize);
        if nth_last.is_none_or(|nth| granted_at_us[nth] + WINDOW_US <= at_us) {
            granted_at_us.push(at_us);
        }
    }
    granted_at_us.len()
}

#[test]
fn who_asks_evenly_is_granted_almost_all_of_it() {
    const MINUTES: u64 = 20;
    for limit in [
        1, 2, 7, 10, 59, 60, 61, 100, 120, 121, 240, 500, 999, 1000, 7321,
    ] {
        for percent in [100, 101, 105, 150, 200, 1000] {
            let times_us = granted_of(evenly(limit, percent, MINUTES), limit);
            assert_never_more(&times_us, limit);
            let unrounded = granted_unrounded(evenly(limit, percent, MINUTES), limit);
            let share = times_us.len() as f64 / unrounded as f64;
            let what = format!("{share} of {unrounded}, {limit} a minute, at {percent} %");
            assert!((0.98..=1.0).contains(&share), "{what}");
            // Few and odd moments can miss the end of a minute by much, whoever counts.
            let promised = f64::from(limit) * MINUTES as f64 * 0.98;
            assert!(limit < 100 || times_us.len() as f64 >= promised, "{what}");
        }
    }
}

#[test]
fn who_asks_at_the_very_limit_is_granted_almost_all_of_it_in_every_minute() {
    for limit in [60, 100, 121, 240, 1000] {
        let times_us = granted_of(evenly(limit, 100, 20), limit);
        for begun_us in (0..19 * WINDOW_US).step_by(100_000) {
            let from = times_us.partition_point(|at_us| *at_us < begun_us);
            let until = times_us.partition_point(|at_us| *at_us < begun_us + WINDOW_US);
            let share = (until - from) as f64 / f64::from(limit);
            assert!(share >= 0.98, "{share} of {limit} from {begun_us}");
        }
    }
}

#[test]
fn where_requests_are_rare_nothing_is_rounded() {
    // 120 a minute and less: at most one falls into a sub-window.
    for limit in [1, 3, 60, 119, 120] {
        let granted = granted_of(evenly(limit, 100, 5), limit);
        assert_eq!(granted.len(), 5 * limit as usize);
    }
}

#[test]
fn a_time_that_goes_back_counts_as_the_newest() {
    let mut window = Window::default();
    assert!(granted(window.ask(90_000_000, 2)));
    assert!(granted(window.ask(80_000_000, 2)));
    assert!(
        !granted(window.ask(149_999_999, 2)),
        "both count from 90 s on"
    );
    assert!(granted(window.ask(150_000_000, 2)));
}

#[test]
fn its_memory_is_what_the_module_says() {
    assert_eq!(size_of::<Mark>(), 8);
    let (mut window, mut marks) = (Window::default(), 0);
    for at_us in (0..10 * WINDOW_US).step_by(1000) {
        window.ask(at_us, u32::MAX);
        marks = marks.max(window.marks.len());
    }
    assert_eq!(marks, MARKS_MAX);
    assert!(window.marks.capacity() * size_of::<Mark>() <= 1024);
    let mut window = Window::default();
    window.ask(0, 1000);
    assert!(size_of::<Window>() + window.marks.capacity() * size_of::<Mark>() <= 100);
}
