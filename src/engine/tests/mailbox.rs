//! The mailbox's rules, each by an example.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;

use super::*;
use crate::domain::Priority;

/// A mailbox, and how often it notified.
pub(super) fn mailbox(bytes_max: usize) -> (Mailbox, Arc<AtomicUsize>) {
    let notified = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&notified);
    let notify = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    (Mailbox::new(bytes_max, Box::new(notify)), notified)
}

pub(super) fn letter(text: &str, priority: Priority) -> Letter {
    Letter {
        text: Bytes::copy_from_slice(text.as_bytes()),
        is_binary: false,
        priority,
        expires_at: None,
        sequence: None,
    }
}

pub(super) fn channel(priority: Priority, is_dedicated: bool) -> QueueSettings {
    QueueSettings {
        priority,
        is_dedicated,
        messages_max: 100,
        overflow: Overflow::DropOldest,
        credit: None,
    }
}

/// Everything that can be taken, as text.
fn taken(mailbox: &Mailbox) -> String {
    let mut letters = Vec::new();
    assert!(!mailbox.take(Instant::now(), usize::MAX, &mut letters));
    let texts = letters.iter().map(|(_, letter)| &letter.text[..]);
    String::from_utf8(texts.collect::<Vec<_>>().join(&b' ')).expect("text")
}

#[test]
fn the_more_urgent_goes_first_and_equals_go_in_order() {
    let (mailbox, _) = mailbox(10_000);
    mailbox.open_queue(QueueId(1), channel(Priority::High, false));
    for (text, priority) in [
        ("l1", Priority::Low),
        ("n1", Priority::Normal),
        ("c1", Priority::Critical),
        ("h1", Priority::High),
        ("n2", Priority::Normal),
    ] {
        mailbox.post(QueueId::OWN, letter(text, priority));
    }
    // In a channel only what is critical leaves the channel's order.
    for (text, priority) in [
        ("a", Priority::Low),
        ("b", Priority::Critical),
        ("c", Priority::High),
    ] {
        mailbox.post(QueueId(1), letter(text, priority));
    }
    assert_eq!(taken(&mailbox), "c1 b h1 a c n1 n2 l1");
}

#[test]
fn dedicated_lines_take_turns_with_the_shared_one() {
    let (mailbox, _) = mailbox(10_000);
    mailbox.open_queue(QueueId(1), channel(Priority::Normal, true));
    mailbox.open_queue(QueueId(2), channel(Priority::Normal, false));
    for at in 0..3 {
        mailbox.post(QueueId::OWN, letter(&format!("s{at}"), Priority::Normal));
        mailbox.post(QueueId(2), letter(&format!("t{at}"), Priority::Normal));
    }
    for text in ["d0", "d1"] {
        mailbox.post(QueueId(1), letter(text, Priority::Normal));
    }
    assert_eq!(taken(&mailbox), "d0 s0 d1 t0 s1 t1 s2 t2");
}

#[test]
fn a_full_queue_does_what_its_policy_says() {
    let cases = [
        (Overflow::Latest, "d", 3),
        (Overflow::DropOldest, "b c d", 1),
        (Overflow::DropNewest, "a b c", 1),
        (Overflow::Disconnect, "", 4),
    ];
    for (overflow, kept, dropped) in cases {
        let (mailbox, _) = mailbox(10_000);
        let settings = QueueSettings {
            messages_max: 3,
            overflow,
            ..channel(Priority::Normal, false)
        };
        mailbox.open_queue(QueueId(1), settings);
        for text in ["a", "b", "c", "d"] {
            mailbox.post(QueueId(1), letter(text, Priority::Normal));
        }
        assert_eq!(
            mailbox.has_overflowed(),
            overflow == Overflow::Disconnect,
            "{overflow:?}"
        );
        assert_eq!(mailbox.usage().dropped, dropped, "{overflow:?}");
        assert_eq!(taken(&mailbox), kept, "{overflow:?}");
    }
}

#[test]
fn the_own_queue_pushes_channels_aside_before_it_overflows() {
    let weight = LETTER_OVERHEAD_BYTES + 2;
    let (mailbox, notified) = mailbox(3 * weight);
    mailbox.open_queue(QueueId(1), channel(Priority::High, false));
    for text in ["x1", "x2", "x3"] {
        mailbox.post(QueueId(1), letter(text, Priority::High));
    }
    for text in ["o1", "o2", "o3"] {
        let posted = mailbox.post(QueueId::OWN, letter(text, Priority::Low));
        assert_eq!(posted, Posted::Queued, "{text}");
    }
    assert_eq!(
        (mailbox.usage().dropped, mailbox.has_overflowed()),
        (3, false)
    );
    assert_eq!(
        mailbox.post(QueueId::OWN, letter("o4", Priority::Critical)),
        Posted::Dropped
    );
    assert!(mailbox.has_overflowed());
    assert_eq!(notified.load(Ordering::Relaxed), 2);
    assert_eq!(mailbox.usage().messages, 0);
    assert_eq!(
        mailbox.post(QueueId(1), letter("x", Priority::High)),
        Posted::Closed
    );
}

#[test]
fn the_reader_is_notified_once_for_what_it_does_not_know() {
    let (mailbox, notified) = mailbox(10_000);
    let credited = QueueSettings {
        credit: Some(0),
        ..channel(Priority::Normal, false)
    };
    mailbox.open_queue(QueueId(1), credited);
    let count = || notified.load(Ordering::Relaxed);
    mailbox.post(QueueId(1), letter("later", Priority::Normal));
    assert_eq!((count(), taken(&mailbox).as_str()), (0, ""));
    for _ in 0..3 {
        mailbox.post(QueueId::OWN, letter("now", Priority::Normal));
    }
    assert_eq!((count(), taken(&mailbox).as_str()), (1, "now now now"));
    assert_eq!(mailbox.add_credit(QueueId(1), 2), Some(2));
    assert_eq!((count(), taken(&mailbox).as_str()), (2, "later"));
    assert_eq!(mailbox.add_credit(QueueId(1), u32::MAX), Some(u32::MAX));
    assert_eq!(mailbox.add_credit(QueueId(9), 1), None);
    assert_eq!((count(), taken(&mailbox).as_str()), (2, ""));
}

#[test]
fn no_letter_of_several_threads_waits_unnoticed() {
    const LETTERS_EACH: usize = 5_000;
    let (wake, woken) = std::sync::mpsc::sync_channel(1);
    let notify = Box::new(move || {
        // One wake that waits is enough: the reader takes everything.
        let _ = wake.try_send(());
    });
    let mailbox = Mailbox::new(1 << 24, notify);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..LETTERS_EACH {
                    mailbox.post(QueueId::OWN, letter("x", Priority::Normal));
                }
            });
        }
        let mut letters = Vec::new();
        while letters.len() < 4 * LETTERS_EACH {
            let is_woken = woken.recv_timeout(std::time::Duration::from_mins(1));
            assert!(is_woken.is_ok(), "{} letters came", letters.len());
            while mailbox.take(Instant::now(), 1_000, &mut letters) {}
        }
    });
    assert_eq!(mailbox.usage(), MailUsage::default());
}
