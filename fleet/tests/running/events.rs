//! Events are read by topic and from any number on, from memory or the file alike; what is no longer
//! kept is named.

use agnt_fleet::event_store::PAGE_BYTES_MAX;
use agnt_fleet::topics::{Pattern, Topic};
use agnt_fleet::{Fleet, Gap, GapReason, Mutation};
use proptest::prelude::*;

use super::rig::{Rig, do_it, pattern, publication};

const TOPICS: [&str; 6] = [
    "task.x.completed",
    "task.y.completed",
    "task.x.created",
    "mine",
    "mine.too",
    "system.alerts",
];

/// All events behind `after`, page by page.
fn all(fleet: &Fleet, pattern: Option<&Pattern>, after: u64, limit: usize) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), after);
    loop {
        let page = fleet.events(pattern, after, limit).unwrap();
        assert!(page.events.len() <= limit && page.next_after >= after.min(page.head));
        found.extend(page.events.iter().map(|event| event.sequence));
        if page.next_after >= page.head {
            return found;
        }
        assert!(page.next_after > after, "it goes on");
        after = page.next_after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_what_a_plain_list_has(
        topics in prop::collection::vec(0..TOPICS.len(), 0..120),
        ring_bytes_max in prop::sample::select(vec![0_usize, 5_000, 1 << 20]),
        topics_max in prop::sample::select(vec![0_usize, 2, 100]),
        after in 0..130_u64,
        limit in 1..40_usize,
        restarts in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        rig.settings.events_ring_bytes_max = ring_bytes_max;
        rig.settings.topics_max = topics_max;
        rig.settings.store.sync = agnt_store::Sync::Relaxed { relaxed_sync_ms: 60_000 };
        let mut fleet = rig.open();
        for (number, topic) in (0..).zip(&topics) {
            do_it(&fleet, publication(TOPICS[*topic], number));
        }
        if restarts {
            fleet.close().unwrap();
            fleet = rig.open();
        }
        for text in ["**", "task.*.completed", "task.completed", "mine", "mine.*", "system.alert"] {
            let pattern = pattern(text);
            let plain: Vec<u64> = (1..)
                .zip(&topics)
                .filter(|(sequence, topic)| {
                    let topic = Topic::parse(TOPICS[**topic]).unwrap();
                    *sequence > after && pattern.matches_either_name(&topic)
                })
                .map(|(sequence, _)| sequence)
                .collect();
            prop_assert_eq!(all(&fleet, Some(&pattern), after, limit), plain, "{}", text);
        }
        let every = (after + 1..=topics.len() as u64).collect::<Vec<u64>>();
        prop_assert_eq!(all(&fleet, None, after, limit), every);
    }
}

#[test]
fn an_event_is_the_same_from_memory_from_the_file_and_after_a_restart() {
    let mut rig = Rig::new();
    let fleet = rig.open();
    for number in 0..10 {
        do_it(&fleet, publication("mine", number));
    }
    let told = rig.heard.events.lock().unwrap().clone();
    assert_eq!(fleet.events(None, 0, 100).unwrap().events, told);
    assert_eq!(fleet.stats().ring_events, 10);
    fleet.close().unwrap();
    rig.settings.events_ring_bytes_max = 0;
    let fleet = rig.open();
    assert_eq!(fleet.stats().ring_events, 0);
    let page = fleet.events(None, 0, 100).unwrap();
    assert_eq!((page.events, page.next_after, page.head), (told, 10, 10));
    assert_eq!(do_it(&fleet, publication("mine", 10)).sequence, 11);
}

#[test]
fn who_is_ahead_is_told_so() {
    let rig = Rig::new();
    let fleet = rig.open();
    do_it(&fleet, publication("mine", 0));
    let page = fleet.events(None, 7, 10).unwrap();
    let gap = Gap {
        from: 2,
        to: 7,
        reason: GapReason::Ahead,
    };
    assert_eq!((page.gap, page.next_after, page.head), (Some(gap), 1, 1));
    let page = fleet.events(None, u64::MAX, 10).unwrap();
    assert_eq!(page.next_after, 1);
    let page = fleet.events(None, 1, 10).unwrap();
    assert_eq!((page.gap, page.events.len()), (None, 0));
}

#[test]
fn only_so_many_events_are_kept_and_the_gap_is_named() {
    let mut rig = Rig::new();
    rig.settings.events_kept.count_max = 128;
    rig.settings.events_ring_bytes_max = 20_000;
    let fleet = rig.open();
    for number in 0..1000 {
        do_it(&fleet, publication(TOPICS[number as usize % 6], number));
        // Two go at a time, with the commit after the one that makes them too many.
        assert!(fleet.stats().events <= 128 + 2);
    }
    let check = |fleet: &Fleet| {
        let page = fleet.events(None, 100, 1000).unwrap();
        let kept = fleet.stats().events;
        assert_eq!(page.events.len() as u64, kept);
        let gap = Gap {
            from: 101,
            to: 1000 - kept,
            reason: GapReason::Retention,
        };
        assert_eq!((page.gap, page.head), (Some(gap), 1000));
        let page = fleet.events(Some(&pattern("mine")), 0, 1000).unwrap();
        assert_eq!(page.gap.map(|gap| gap.to), Some(1000 - kept));
        assert!(page.events.iter().all(|event| event.sequence % 6 == 4));
        assert!(fleet.events(None, 1000 - kept, 5).unwrap().gap.is_none());
        kept
    };
    let kept = check(&fleet);
    assert!(kept >= 120, "{kept}");
    fleet.close().unwrap();
    check(&rig.open());
}

#[test]
fn bytes_and_age_bound_the_log_too() {
    let mut rig = Rig::new();
    rig.settings.events_kept.count_max = 640;
    rig.settings.events_kept.bytes_max = 60_000;
    rig.settings.events_kept.age_ms_max = Some(60_000);
    let fleet = rig.open();
    for number in 0..1000 {
        do_it(&fleet, publication("mine", number));
    }
    let stats = fleet.stats();
    assert!(stats.events_bytes <= 64_000, "{stats:?}");
    assert!(stats.events > 100, "{stats:?}");
    rig.clock.advance_ms(61_000);
    do_it(&fleet, publication("mine", 0));
    assert!(fleet.stats().events <= 11, "{:?}", fleet.stats());
    let page = fleet.events(None, 0, 1000).unwrap();
    assert_eq!(page.events.last().unwrap().sequence, 1001);
}

#[test]
fn a_page_is_bounded_in_bytes() {
    let rig = Rig::new();
    let fleet = rig.open();
    for number in 0..12 {
        do_it(
            &fleet,
            Mutation::Publish {
                topic: "large".to_owned(),
                data: number.to_string().repeat(1_000_000).into(),
                source: None,
            },
        );
    }
    let page = fleet.events(None, 0, 1000).unwrap();
    assert!(page.events.len() < PAGE_BYTES_MAX / 1_000_000 + 1);
    assert!(page.events.len() >= 4 && page.next_after == page.events.len() as u64);
    assert_eq!(all(&fleet, None, 0, 1000), (1..=12).collect::<Vec<u64>>());
}

#[test]
fn a_page_is_bounded_in_what_its_values_take_too() {
    let mut rig = Rig::new();
    rig.settings.events_ring_bytes_max = 0;
    let fleet = rig.open();
    // 80 kB of text each, and some 7 MB once that is read.
    let objects = serde_json::json!(vec![serde_json::json!({"a": 0}); 10_000]);
    for _ in 0..20 {
        do_it(
            &fleet,
            Mutation::Publish {
                topic: "heavy".to_owned(),
                data: objects.clone(),
                source: None,
            },
        );
    }
    let page = fleet.events(None, 0, 1000).unwrap();
    assert!((2..8).contains(&page.events.len()), "{}", page.events.len());
    assert_eq!(page.next_after, page.events.len() as u64);
    assert_eq!(all(&fleet, None, 0, 1000), (1..=20).collect::<Vec<u64>>());
}

/// A million with `--release`, some thousands without.
#[test]
fn many_events_go_through_memory_and_file() {
    let count: u64 = if cfg!(debug_assertions) {
        20_000
    } else {
        1_000_000
    };
    let mut rig = Rig::new();
    rig.settings.events_ring_bytes_max = 4 << 20;
    rig.settings.events_kept.count_max = 2_000_000;
    let fleet = rig.open();
    let mut sent = 0;
    while sent < count {
        let topic = TOPICS[sent as usize % 6];
        let is_sent = fleet.submit(publication(topic, sent), None, |result| {
            result.unwrap();
        });
        match is_sent {
            Ok(()) => sent += 1,
            Err(_) => std::thread::yield_now(),
        }
    }
    while fleet.head() < count {
        std::thread::yield_now();
    }
    let stats = fleet.stats();
    assert!(
        stats.ring_bytes <= 4 << 20 && stats.events == count,
        "{stats:?}"
    );
    let mut after = 0;
    while after < count {
        let page = fleet.events(None, after, 1000).unwrap();
        let sequences: Vec<u64> = page.events.iter().map(|event| event.sequence).collect();
        assert_eq!(
            sequences,
            (after + 1..=(after + 1000).min(count)).collect::<Vec<u64>>()
        );
        after = page.next_after;
    }
    let mine = all(&fleet, Some(&pattern("mine")), 0, 1000);
    assert_eq!(mine.len() as u64, (count + 2) / 6);
    fleet.close().unwrap();
    let fleet = rig.open();
    assert_eq!(all(&fleet, Some(&pattern("mine")), 0, 1000), mine);
}
