//! The index of events finds all events that match, in order and page by page: shown against a
//! plain list, with topics beyond its bound and events forgotten on the way.

use agnt_fleet::topics::{EventIndex, Pattern, Topic};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const TOPICS: [&str; 8] = [
    "task.x.completed",
    "task.y.completed",
    "task.x.created",
    "agent.registered",
    "agent.status_changed",
    "system.alerts",
    "a",
    "a.b",
];

const PATTERNS: [&str; 9] = [
    "**",
    "*",
    "task.completed",
    "task.x.*",
    "task.*.completed",
    "system.alert",
    "agent.>",
    "a",
    "none.at.all",
];

#[derive(Clone, Debug)]
enum Act {
    /// An event so many sequences behind the last one.
    Push(&'static str, u64),
    /// Forgets so much of the way to the last one, in percent.
    Forget(u64),
    Search(&'static str, u64, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let gap = prop_oneof![20 => 1..3_u64, 1 => 1..200_000_u64];
    prop_oneof![
        20 => (select(TOPICS.to_vec()), gap).prop_map(|(topic, gap)| Act::Push(topic, gap)),
        1 => (0..=100_u64).prop_map(Act::Forget),
        6 => (select(PATTERNS.to_vec()), 0..=100_u64, 1..9_usize)
            .prop_map(|(pattern, after, limit)| Act::Search(pattern, after, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_reader_finds_what_a_plain_list_has(topics_max in 0..9_usize, acts in vec(act(), 1..200)) {
        let mut index = EventIndex::new(topics_max);
        let mut plain: Vec<(u64, Topic)> = Vec::new();
        let mut last = 0;
        for act in acts {
            match act {
                Act::Push(topic, gap) => {
                    last += gap;
                    let topic = Topic::parse(topic).unwrap();
                    index.push(last, &topic);
                    plain.push((last, topic));
                }
                Act::Forget(percent) => {
                    let below = last * percent / 100;
                    index.forget_below(below);
                    plain.retain(|(sequence, _)| *sequence >= below);
                }
                Act::Search(pattern, percent, limit) => {
                    let after = last * percent / 100;
                    let pattern = Pattern::parse(pattern).unwrap();
                    let expected = plain
                        .iter()
                        .filter(|(at, topic)| *at > after && pattern.matches_either_name(topic))
                        .map(|(at, _)| *at)
                        .take(limit)
                        .collect::<Vec<_>>();
                    prop_assert_eq!(read_page(&index, &plain, &pattern, after, limit), expected);
                }
            }
            prop_assert!(index.topics() <= topics_max);
        }
    }
}

/// A page as a reader makes it, who has the events and drops what doesn't match.
fn read_page(
    index: &EventIndex,
    events: &[(u64, Topic)],
    pattern: &Pattern,
    mut after: u64,
    limit: usize,
) -> Vec<u64> {
    let mut page = Vec::new();
    loop {
        let candidates = index.candidates_after(pattern, after, limit);
        assert!(candidates.is_sorted() && candidates.iter().all(|sequence| *sequence > after));
        let is_end = candidates.len() < limit;
        for sequence in candidates {
            after = sequence;
            let event = events.iter().find(|(at, _)| *at == sequence);
            let (_, topic) = event.expect("only kept events are candidates");
            if pattern.matches_either_name(topic) && page.len() < limit {
                page.push(sequence);
            }
        }
        if is_end || page.len() == limit {
            return page;
        }
    }
}

#[test]
fn while_topics_have_room_candidates_are_exact() {
    let mut index = EventIndex::new(TOPICS.len());
    let topics = TOPICS.map(|text| Topic::parse(text).unwrap());
    for sequence in 1..=10_000_u64 {
        index.push(sequence, &topics[sequence as usize % topics.len()]);
    }
    assert_eq!(index.events_beyond(), 0);
    for text in PATTERNS {
        let pattern = Pattern::parse(text).unwrap();
        let expected = (101..=10_000_u64)
            .filter(|at| pattern.matches_either_name(&topics[*at as usize % topics.len()]))
            .take(100);
        let found = index.candidates_after(&pattern, 100, 100);
        assert!(found.into_iter().eq(expected), "{text}");
    }
}
