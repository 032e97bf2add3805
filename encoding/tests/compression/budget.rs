//! The budget of inflated bytes, against time that the test passes in.

use std::time::{Duration, Instant};

use agnt_codec::CompressedBatch;
use agnt_encoding::compression::{BudgetSpent, InflateBudget};
use fastrand::Rng;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_full_bucket_holds_a_second_and_no_more() {
    let start = Instant::now();
    let mut budget = InflateBudget::new(1000, start);
    let now = start + 60 * SECOND;
    budget.take(400, now).unwrap();
    budget.take(600, now).unwrap();
    let spent = BudgetSpent {
        wanted_bytes: 1,
        left_bytes: 0,
        bytes_per_second: 1000,
        wait: Some(SECOND / 1000),
    };
    assert_eq!(budget.take(1, now), Err(spent));
    // Nothing was taken by asking.
    assert_eq!(budget.take(1, now), Err(spent));
    budget.take(0, now).unwrap();
}

#[test]
fn the_wait_that_is_told_is_the_one_that_it_takes() {
    let start = Instant::now();
    let mut budget = InflateBudget::new(3_000_000, start);
    budget.take(2_500_000, start).unwrap();
    let spent = budget.take(1_000_001, start).unwrap_err();
    // Times are rounded to the nanosecond, against the session.
    assert_eq!(spent.left_bytes, 499_999);
    let wait = spent.wait.unwrap();
    assert_eq!(wait, Duration::from_nanos(166_667_001));
    assert!(
        budget
            .take(
                1_000_001,
                start + wait.checked_sub(Duration::from_nanos(1)).unwrap()
            )
            .is_err()
    );
    budget.take(1_000_001, start + wait).unwrap();
}

#[test]
fn more_than_a_second_s_worth_is_never_had() {
    let start = Instant::now();
    let mut budget = InflateBudget::new(1000, start);
    for wanted_bytes in [1001, 1 << 20, usize::MAX] {
        let spent = budget.take(wanted_bytes, start).unwrap_err();
        assert_eq!((spent.wait, spent.left_bytes), (None, 1000));
    }
    budget.take(1000, start).unwrap();
}

#[test]
fn no_budget_is_no_limit() {
    let start = Instant::now();
    let mut budget = InflateBudget::new(0, start);
    for _ in 0..10 {
        budget.take(usize::MAX, start).unwrap();
    }
}

#[test]
fn a_batch_costs_what_it_announces_or_what_it_has() {
    let start = Instant::now();
    let batch = |original_bytes, data| CompressedBatch {
        original_bytes,
        data,
    };
    for (batch, cost_bytes) in [
        (batch(900, &b"x"[..]), 900),
        (batch(0, &[0; 900]), 900),
        (batch(900, &[0; 900]), 900),
        (batch(0, b""), 0),
    ] {
        let mut budget = InflateBudget::new(1000, start);
        budget.take_batch(&batch, start).unwrap();
        let spent = budget.take(1001, start).unwrap_err();
        assert_eq!(spent.left_bytes, 1000 - cost_bytes);
    }
    let mut budget = InflateBudget::new(1000, start);
    let spent = budget.take_batch(&batch(u32::MAX, b""), start).unwrap_err();
    assert_eq!(spent.wanted_bytes, u32::MAX as usize);
}

#[test]
fn the_sentence_names_what_was_asked_and_what_is_allowed() {
    let start = Instant::now();
    let mut budget = InflateBudget::new(1000, start);
    let sentence = budget.take(2000, start).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "batch: 2000 bytes to inflate; 1000 are left of 1000 a second"
    );
}

#[test]
fn a_greedy_session_gets_its_rate_to_the_byte() {
    let mut random = Rng::with_seed(1);
    for bytes_per_second in [1, 997, 65_536, 64 << 20, 5_000_000_011] {
        let start = Instant::now();
        let mut budget = InflateBudget::new(bytes_per_second, start);
        let (mut now, mut taken) = (start, 0);
        for _ in 0..20_000 {
            now += Duration::from_micros(random.u64(..2000));
            let wanted = random.u64(1..=bytes_per_second.div_ceil(50)) as usize;
            if budget.take(wanted, now).is_ok() {
                taken += wanted as u64;
            }
            let brought = u128::from(bytes_per_second) * (now - start).as_nanos();
            let allowed = bytes_per_second + (brought / SECOND.as_nanos()) as u64;
            assert!(taken <= allowed, "{taken} of {allowed}");
        }
        let brought = (now - start).as_secs_f64() * bytes_per_second as f64;
        assert!(taken as f64 >= 0.95 * brought - 1.0, "{taken} of {brought}");
    }
}
