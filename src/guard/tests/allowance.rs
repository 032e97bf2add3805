//! What comes within the rate is taken, a second's worth at once too, and no more.

use std::time::{Duration, Instant};

use super::*;

fn allowance(bytes_per_s: u64, texts_per_s: u64, now: Instant) -> Arc<Allowance> {
    let rates = InboundRates {
        bytes_per_s: Some(bytes_per_s),
        texts_per_s: Some(texts_per_s),
    };
    Allowance::new(rates, now).expect("bounds")
}

fn key(id: &str) -> Client {
    Client::Key(id.into())
}

#[test]
fn a_steady_sender_within_the_rate_is_never_refused() {
    let now = Instant::now();
    let allowance = allowance(1000, 100, now);
    for step in 0..1000 {
        let at = now + Duration::from_millis(10) * step;
        assert_eq!(allowance.book_text(at), Ok(()), "{step}");
        assert_eq!(allowance.book_bytes(10, at), Ok(()), "{step}");
    }
}

#[test]
fn over_any_span_no_more_is_taken_than_its_worth_and_a_seconds() {
    let now = Instant::now();
    let allowance = allowance(1000, 100, now);
    let mut taken_at_ms = Vec::new();
    for step in 0..4000_u64 {
        if allowance
            .book_text(now + Duration::from_millis(step))
            .is_ok()
        {
            taken_at_ms.push(step);
        }
    }
    for (first, from) in taken_at_ms.iter().enumerate() {
        for (last, until) in taken_at_ms.iter().enumerate().skip(first) {
            let span_ms = until - from + 1;
            let most = 100 + span_ms / 10 + 1;
            assert!((last - first + 1) as u64 <= most, "{from} to {until} ms");
        }
    }
    // And it is not less than the rate either.
    assert!(taken_at_ms.len() >= 400, "{}", taken_at_ms.len());
}

#[test]
fn one_message_larger_than_a_second_allows_is_refused_and_the_rest_recovers() {
    let now = Instant::now();
    let allowance = allowance(1000, 100, now);
    assert_eq!(allowance.book_bytes(5000, now), Err(Excess::Bytes(1000)));
    let later = now + Duration::from_secs(1);
    assert_eq!(allowance.book_bytes(1000, later), Ok(()));
    assert_eq!(
        allowance.book_bytes(usize::MAX, later),
        Err(Excess::Bytes(1000))
    );
    assert_eq!(
        allowance.book_bytes(1000, later + Duration::from_secs(1)),
        Ok(())
    );
}

#[test]
fn what_is_refused_is_told_once_a_second_and_ends_in_a_close() {
    let now = Instant::now();
    let at = |ms: u64| now + Duration::from_millis(ms);
    let mut patience = Patience::default();
    assert_eq!(patience.note(at(0)), Consequence::Tell);
    assert_eq!(patience.note(at(500)), Consequence::Nothing);
    assert_eq!(patience.note(at(1000)), Consequence::Tell);
    // A second without a refusal, and the count begins anew.
    for ms in (3000..8000).step_by(250) {
        assert_ne!(patience.note(at(ms)), Consequence::Close, "{ms}");
    }
    assert_eq!(patience.note(at(8000)), Consequence::Close);
}

#[test]
fn sessions_of_one_credential_share_and_others_do_not() {
    let now = Instant::now();
    let allowances = Allowances::default();
    let rates = InboundRates {
        texts_per_s: Some(1),
        bytes_per_s: None,
    };
    let of = |client: &Client| allowances.of(client, rates, now).expect("bounds");
    let (one, same, other) = (of(&key("a")), of(&key("a")), of(&key("b")));
    assert_eq!(one.book_text(now), Ok(()));
    assert_eq!(same.book_text(now), Err(Excess::Texts(1)));
    assert_eq!(other.book_text(now), Ok(()));
    let address = Client::at("192.0.2.1".parse().expect("an address"));
    let (first, second) = (of(&address), of(&address));
    assert_eq!(
        (first.book_text(now), second.book_text(now)),
        (Ok(()), Ok(()))
    );
    drop((one, same, other));
    of(&key("c"));
    assert_eq!(allowances.shared.lock().expect("a lock").len(), 1);
    assert!(
        allowances
            .of(&key("d"), InboundRates::default(), now)
            .is_none()
    );
}

#[test]
fn threads_that_share_an_allowance_get_no_more_together() {
    let now = Instant::now();
    let allowance = allowance(1_000_000, 1000, now);
    let taken = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    if allowance.book_text(now).is_ok() {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(taken.into_inner(), 1000);
}
