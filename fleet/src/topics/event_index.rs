//! Which kept events have which topic.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap};

use roaring::RoaringTreemap;

use super::pattern::Pattern;
use super::topic::Topic;

/// How far sequences are forgotten before their memory is given back: a block of a bitmap.
const TRIM_SEQUENCES: u64 = 1 << 16;

/// The sequences of kept events, by topic, as compressed bitmaps.
///
/// Measured: 1.3 to 1.6 bytes an event over 20 topics, 9 over 4,000 evenly used ones, 85 where a
/// topic has one event among 65,536 in a row; beside these some 430 bytes a topic. As many events
/// are held as were not forgotten, and those of 65,536 sequences at most that were.
///
/// `topics_max` topics are listed apart. What comes under a topic beyond these goes into one list
/// for all of them, which every search takes along: so what is found is a candidate.
#[derive(Clone, Debug)]
pub struct EventIndex {
    topics: HashMap<Topic, Listed>,
    topics_max: usize,
    beyond: RoaringTreemap,
    kept_from: u64,
    trimmed_below: u64,
}

#[derive(Clone, Debug)]
struct Listed {
    alias: Option<Topic>,
    sequences: RoaringTreemap,
}

impl EventIndex {
    /// Nothing yet, and never more topics apart than that. A search asks each of them whether it
    /// matches, so a few thousand are enough.
    pub fn new(topics_max: usize) -> Self {
        Self {
            topics: HashMap::new(),
            topics_max,
            beyond: RoaringTreemap::new(),
            kept_from: 0,
            trimmed_below: 0,
        }
    }

    /// How many topics are listed apart.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// How many events are in the list of all other topics.
    pub fn events_beyond(&self) -> u64 {
        self.beyond.len()
    }

    /// Takes in an event. A second time changes nothing, nor does one that was forgotten.
    pub fn push(&mut self, sequence: u64, topic: &Topic) {
        if sequence < self.kept_from {
            return;
        }
        if let Some(listed) = self.topics.get_mut(topic) {
            listed.sequences.insert(sequence);
        } else if self.topics.len() < self.topics_max {
            let listed = Listed {
                alias: topic.alias(),
                sequences: RoaringTreemap::from([sequence]),
            };
            self.topics.insert(topic.clone(), listed);
        } else {
            self.beyond.insert(sequence);
        }
    }

    /// Forgets all events before `sequence`, and topics without any other. Cheap to call often:
    /// what is forgotten isn't found from now on, and goes when there is much of it.
    pub fn forget_below(&mut self, sequence: u64) {
        self.kept_from = self.kept_from.max(sequence);
        if self.kept_from - self.trimmed_below < TRIM_SEQUENCES {
            return;
        }
        self.trimmed_below = self.kept_from;
        self.beyond.remove_range(..self.kept_from);
        self.topics.retain(|_, listed| {
            listed.sequences.remove_range(..self.kept_from);
            !listed.sequences.is_empty()
        });
    }

    /// The first `limit` events behind `after` whose topic or its [alias](Topic::alias) may match:
    /// ascending, each once, none that matches left out. Fewer than `limit` are all there are.
    ///
    /// Those of topics that are not listed apart are among them whatever their topic is. So the
    /// reader, who has the events, drops what [`Pattern::matches_either_name`] refuses, and asks
    /// again behind the last one if that left its page short.
    ///
    /// Costs a look at each listed topic, a search in each that matches, and the logarithm of
    /// their number for each event that is found; how many events there are hardly matters.
    pub fn candidates_after(&self, pattern: &Pattern, after: u64, limit: usize) -> Vec<u64> {
        let Some(first) = after.checked_add(1) else {
            return Vec::new();
        };
        let first = first.max(self.kept_from);
        let matching = self.topics.iter().filter(|(topic, listed)| {
            let alias = listed.alias.as_ref();
            pattern.matches(topic) || alias.is_some_and(|alias| pattern.matches(alias))
        });
        let lists = matching.map(|(_, listed)| &listed.sequences);
        let mut sources: Vec<_> = lists
            .chain([&self.beyond])
            .map(|sequences| {
                let mut source = sequences.iter();
                source.advance_to(first);
                source
            })
            .collect();
        let heads = sources.iter_mut().enumerate();
        let mut heap: BinaryHeap<_> = heads
            .filter_map(|(at, source)| Some(Reverse((source.next()?, at))))
            .collect();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(mut head) = heap.peek_mut()
        {
            let Reverse((sequence, at)) = *head;
            match sources[at].next() {
                Some(next) => *head = Reverse((next, at)),
                None => drop(PeekMut::pop(head)),
            }
            if found.last() != Some(&sequence) {
                found.push(sequence);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{EventIndex, Pattern, TRIM_SEQUENCES, Topic};

    fn topic(text: &str) -> Topic {
        Topic::parse(text).unwrap()
    }

    fn found(index: &EventIndex, pattern: &str, after: u64, limit: usize) -> Vec<u64> {
        index.candidates_after(&Pattern::parse(pattern).unwrap(), after, limit)
    }

    fn index(topics_max: usize, topics: &[&str]) -> EventIndex {
        let mut index = EventIndex::new(topics_max);
        for (sequence, text) in (1..).zip(topics) {
            index.push(sequence, &topic(text));
        }
        index
    }

    #[test]
    fn pages_merge_the_topics_that_match() {
        let index = index(
            10,
            &[
                "task.x.completed",
                "agent.registered",
                "task.y.completed",
                "task.x.created",
                "system.alerts",
                "task.x.completed",
            ],
        );
        assert_eq!(found(&index, "task.*.completed", 0, 100), [1, 3, 6]);
        assert_eq!(found(&index, "task.completed", 0, 2), [1, 3]);
        assert_eq!(found(&index, "task.completed", 3, 2), [6]);
        assert_eq!(found(&index, "system.alert", 0, 9), [5]);
        assert_eq!(found(&index, "**", 1, 3), [2, 3, 4]);
        for (pattern, after, limit) in
            [("**", 6, 9), ("**", u64::MAX, 9), ("**", 0, 0), ("x", 0, 9)]
        {
            let none = found(&index, pattern, after, limit);
            assert!(none.is_empty(), "{pattern} {after}");
        }
    }

    #[test]
    fn topics_beyond_the_bound_are_candidates_of_every_search() {
        let index = index(2, &["a", "b", "c", "d", "a", "c"]);
        assert_eq!((index.topics(), index.events_beyond()), (2, 3));
        assert_eq!(found(&index, "c", 0, 9), [3, 4, 6]);
        assert_eq!(found(&index, "a", 0, 9), [1, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_forgotten_is_not_found_and_makes_room() {
        let mut index = index(1, &["a", "b", "a"]);
        index.forget_below(2);
        index.push(1, &topic("a"));
        assert_eq!(found(&index, "a", 0, 9), [2, 3]);
        index.forget_below(1);
        assert_eq!(found(&index, "a", 0, 9), [2, 3]);
        index.forget_below(TRIM_SEQUENCES);
        assert_eq!((index.topics(), index.events_beyond()), (0, 0));
        index.push(TRIM_SEQUENCES, &topic("b"));
        assert_eq!((index.topics(), index.events_beyond()), (1, 0));
        assert_eq!(found(&index, "b", 0, 9), [TRIM_SEQUENCES]);
    }

    #[test]
    fn sequences_of_any_size_and_distance_are_held() {
        let mut index = EventIndex::new(4);
        let far = [1, 65_536, 1 << 32, (1 << 32) + 1, u64::MAX];
        for (at, sequence) in far.into_iter().enumerate() {
            index.push(sequence, &topic(["a", "b"][at % 2]));
        }
        assert_eq!(found(&index, "**", 0, 9), far);
        assert_eq!(found(&index, "a", 1, 9), [1 << 32, u64::MAX]);
        index.forget_below(u64::MAX);
        assert_eq!(found(&index, "**", 0, 9), [u64::MAX]);
    }
}
