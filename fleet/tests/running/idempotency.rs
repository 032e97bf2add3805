//! The same key does a thing once (ruling 45): at once, later, across a restart, until it expires.

use agnt_fleet::{Fleet, IdempotencyKey, KeyUse, Mutation, Outcome, RefusalKind};
use std::sync::mpsc::sync_channel;

use super::rig::{Rig, do_it, id, publication, template};

fn key(principal: &str, key: &str, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey {
        given_with: KeyUse::Request,
        principal: principal.to_owned(),
        key: key.to_owned(),
        fingerprint: [fingerprint; 32],
    }
}

fn message(key: &str, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey {
        given_with: KeyUse::Message,
        ..self::key("p", key, fingerprint)
    }
}

/// Publishes once more, if the key allows it; the event's number, and whether it is a replay.
fn publish(fleet: &Fleet, key: IdempotencyKey) -> (u64, bool) {
    let done = fleet.execute_blocking(publication("x", 0), Some(key));
    let done = done.unwrap();
    let Outcome::Event { sequence } = done.outcome else {
        panic!("{:?}", done.outcome);
    };
    assert_eq!(done.sequence, sequence);
    (sequence, done.is_replay)
}

#[test]
fn a_key_is_one_principals_and_one_requests() {
    let rig = Rig::new();
    let fleet = rig.open();
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, false));
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, true));
    assert_eq!(publish(&fleet, key("q", "k", 2)), (2, false));
    // Principal and key of these two are the same bytes in a row.
    assert_eq!(publish(&fleet, key("pk", "k", 3)), (3, false));
    assert_eq!(publish(&fleet, key("p", "kk", 4)), (4, false));
    let other = fleet.execute_blocking(template("t", 1), Some(key("p", "k", 9)));
    let refusal = other.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["idempotency_key"], "k");
    assert!(fleet.read().templates.is_empty());
    let stats = fleet.stats();
    assert_eq!(
        (fleet.head(), stats.replayed, stats.idempotency_keys),
        (4, 1, 4)
    );
}

#[test]
fn repeats_in_one_batch_are_done_once() {
    let rig = Rig::new();
    let fleet = rig.open();
    let answers: Vec<_> = (0..200)
        .map(|_| {
            let (answer, answered) = sync_channel(1);
            let mutation = publication("x", 0);
            fleet
                .submit(mutation, Some(key("p", "k", 1)), move |result| {
                    answer.send(result).unwrap();
                })
                .unwrap();
            answered
        })
        .collect();
    let done: Vec<_> = answers
        .iter()
        .map(|answer| answer.recv().unwrap().unwrap())
        .collect();
    assert_eq!(done.iter().filter(|done| !done.is_replay).count(), 1);
    assert!(done.iter().all(|done| done.sequence == 1));
    assert_eq!(fleet.head(), 1);
}

#[test]
fn a_restart_forgets_no_key_and_no_outcome() {
    let rig = Rig::new();
    let fleet = rig.open();
    let made = fleet.execute_blocking(template("t", 5), Some(key("p", "row", 1)));
    let made = made.unwrap();
    assert_eq!(publish(&fleet, key("p", "event", 2)), (1, false));
    // The row is another one since, its outcome is still what it was.
    do_it(&fleet, template("t", 6));
    fleet.close().unwrap();
    let fleet = rig.open();
    assert_eq!(fleet.stats().idempotency_keys, 2);
    let again = fleet.execute_blocking(template("t", 5), Some(key("p", "row", 1)));
    let again = again.unwrap();
    assert!(again.is_replay && !made.is_replay);
    assert_eq!(again.outcome, made.outcome);
    assert_eq!(publish(&fleet, key("p", "event", 2)), (1, true));
    let other = fleet.execute_blocking(template("t", 5), Some(key("p", "row", 7)));
    assert_eq!(other.unwrap_err().kind, RefusalKind::Conflict);
    assert_eq!(super::rig::number_of(&fleet, "t"), Some(6));
}

#[test]
fn keys_expire_and_leave_the_file() {
    let mut rig = Rig::new();
    rig.settings.idempotency_ms = 60_000;
    let fleet = rig.open();
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, false));
    rig.clock.advance_ms(59_999);
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, true));
    rig.clock.advance_ms(1);
    // Expired keys may be used for anything, and count anew.
    assert_eq!(publish(&fleet, key("p", "k", 2)), (2, false));
    rig.clock.advance_ms(30_000);
    assert_eq!(publish(&fleet, key("p", "k", 2)), (2, true));
    fleet.close().unwrap();
    let fleet = rig.open();
    assert_eq!(publish(&fleet, key("p", "k", 2)), (2, true));
    rig.clock.advance_ms(60_000);
    do_it(&fleet, publication("x", 0));
    assert_eq!(fleet.stats().idempotency_keys, 0);
    fleet.close().unwrap();
    assert_eq!(rig.open().stats().idempotency_keys, 0);
}

#[test]
fn beyond_their_number_the_oldest_go() {
    let mut rig = Rig::new();
    rig.settings.idempotency_keys_max = 10;
    let fleet = rig.open();
    for number in 0..30_u64 {
        let expected = (number + 1, false);
        assert_eq!(publish(&fleet, key("p", &number.to_string(), 1)), expected);
        assert!(fleet.stats().idempotency_keys <= 10);
        rig.clock.advance_ms(1);
    }
    assert_eq!(publish(&fleet, key("p", "29", 1)), (30, true));
    assert_eq!(publish(&fleet, key("p", "20", 1)), (21, true));
    assert_eq!(publish(&fleet, key("p", "19", 1)), (31, false));
}

#[test]
fn a_refusal_is_not_kept() {
    let rig = Rig::new();
    let fleet = rig.open();
    let remove = || Mutation::RemoveTemplate { id: id("t") };
    let first = fleet.execute_blocking(remove(), Some(key("p", "k", 1)));
    assert_eq!(first.unwrap_err().kind, RefusalKind::NotFound);
    do_it(&fleet, template("t", 1));
    let second = fleet.execute_blocking(remove(), Some(key("p", "k", 1)));
    assert!(!second.unwrap().is_replay);
    let third = fleet.execute_blocking(remove(), Some(key("p", "k", 1)));
    assert!(third.unwrap().is_replay);
}

#[test]
fn keys_have_a_length() {
    let rig = Rig::new();
    let fleet = rig.open();
    for (text, is_allowed) in [
        ("", false),
        (&"k".repeat(255), true),
        (&"k".repeat(256), false),
    ] {
        let result = fleet.execute_blocking(publication("x", 0), Some(key("p", text, 1)));
        assert_eq!(result.is_ok(), is_allowed, "{}", text.len());
    }
}

#[test]
fn a_message_is_carried_out_once_and_another_one_of_its_id_is_another_one() {
    let rig = Rig::new();
    let fleet = rig.open();
    assert_eq!(publish(&fleet, message("1", 1)), (1, false));
    assert_eq!(publish(&fleet, message("1", 1)), (1, true));
    // The client began to count anew.
    assert_eq!(publish(&fleet, message("1", 2)), (2, false));
    assert_eq!(publish(&fleet, message("1", 2)), (2, true));
    // A request's key of the same text has nothing to do with it.
    assert_eq!(publish(&fleet, key("p", "1", 1)), (3, false));
    fleet.close().unwrap();
    let fleet = rig.open();
    rig.clock.advance_ms(119_999);
    assert_eq!(publish(&fleet, message("1", 2)), (2, true));
    rig.clock.advance_ms(1);
    assert_eq!(publish(&fleet, message("1", 2)), (4, false));
    assert_eq!(publish(&fleet, key("p", "1", 1)), (3, true));
}

#[test]
fn however_many_messages_come_they_push_no_request_s_key_out() {
    let mut rig = Rig::new();
    rig.settings.idempotency_keys_max = 10;
    let fleet = rig.open();
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, false));
    for number in 0..30_u64 {
        publish(&fleet, message(&number.to_string(), 1));
        assert!(fleet.stats().idempotency_keys <= 11);
    }
    assert_eq!(publish(&fleet, key("p", "k", 1)), (1, true));
    assert_eq!(publish(&fleet, message("29", 1)), (31, true));
}
