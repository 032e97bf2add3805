//! Which messages came already: ids that a sender used lately.
//!
//! An id is remembered for two minutes, and until its sender used 256 k others. All senders
//! together share one bound; beyond it the oldest ids are forgotten. What is kept is a keyed hash, so
//! that an id costs the same however long it is and nobody can choose ids that collide.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// How long an id is remembered.
const REMEMBERED_FOR: Duration = Duration::from_mins(2);

/// How many ids of one sender are remembered.
const IDS_PER_SENDER_MAX: u64 = 256 * 1024;

/// How many ids are remembered in all.
const IDS_MAX: usize = 1024 * 1024;

/// The memory of ids; see the module.
#[derive(Debug)]
pub struct Deduplication {
    hasher: RandomState,
    seen: HashMap<u64, Seen>,
    /// Hashes of id and sender, in the order in which they came.
    order: VecDeque<(u64, u64)>,
    senders: HashMap<u64, Sender>,
    ids_per_sender_max: u64,
    ids_max: usize,
}

/// When an id came, and as which of its sender's.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    number: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    sent: u64,
    remembered: usize,
}

impl Default for Deduplication {
    fn default() -> Self {
        Self::with_room(IDS_PER_SENDER_MAX, IDS_MAX)
    }
}

impl Deduplication {
    fn with_room(ids_per_sender_max: u64, ids_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            seen: HashMap::new(),
            order: VecDeque::new(),
            senders: HashMap::new(),
            ids_per_sender_max,
            ids_max,
        }
    }

    /// Whether the sender of that name used the id lately. Names are unique by their scope, such as
    /// a stream.
    pub fn knows(&self, scope: &str, sender: &str, id: &str, now: Instant) -> bool {
        let (key, sender) = self.keys(scope, sender, id);
        let Some(seen) = self.seen.get(&key) else {
            return false;
        };
        let sent = self.senders.get(&sender).map_or(0, |sender| sender.sent);
        now.saturating_duration_since(seen.at) < REMEMBERED_FOR
            && sent - seen.number <= self.ids_per_sender_max
    }

    /// Remembers an id.
    pub fn remember(&mut self, scope: &str, sender: &str, id: &str, now: Instant) {
        self.forget_old(now);
        let (key, sender) = self.keys(scope, sender, id);
        let known = self.senders.entry(sender).or_default();
        let number = known.sent;
        known.sent += 1;
        if self.seen.insert(key, Seen { at: now, number }).is_none() {
            known.remembered += 1;
            self.order.push_back((key, sender));
        }
        while self.order.len() > self.ids_max {
            self.forget_oldest();
        }
    }

    /// Forgets what is older than it need be.
    pub fn forget_old(&mut self, now: Instant) {
        while let Some((key, _)) = self.order.front() {
            let is_old = self
                .seen
                .get(key)
                .is_none_or(|seen| now.saturating_duration_since(seen.at) >= REMEMBERED_FOR);
            if !is_old {
                break;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((key, sender)) = self.order.pop_front() else {
            return;
        };
        self.seen.remove(&key);
        if let Some(known) = self.senders.get_mut(&sender) {
            known.remembered -= 1;
            if known.remembered == 0 {
                self.senders.remove(&sender);
            }
        }
    }

    fn keys(&self, scope: &str, sender: &str, id: &str) -> (u64, u64) {
        let of = |parts: &[&str]| self.hasher.hash_one(parts);
        (of(&[scope, sender, id]), of(&[scope, sender]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_two_minutes_to_its_sender_and_scope_alone() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut ids = Deduplication::default();
        assert!(!ids.knows("main", "a", "m-1", start));
        ids.remember("main", "a", "m-1", start);
        assert!(ids.knows("main", "a", "m-1", at(119)));
        assert!(!ids.knows("main", "a", "m-1", at(120)));
        for (scope, sender, id) in [
            ("main", "b", "m-1"),
            ("other", "a", "m-1"),
            ("main", "a", "m-2"),
            ("maina", "", "m-1"),
        ] {
            assert!(
                !ids.knows(scope, sender, id, start),
                "{scope} {sender} {id}"
            );
        }
        ids.forget_old(at(120));
        assert!(ids.seen.is_empty() && ids.order.is_empty() && ids.senders.is_empty());
    }

    #[test]
    fn a_sender_that_used_many_others_has_its_oldest_forgotten() {
        let now = Instant::now();
        let mut ids = Deduplication::with_room(3, 100);
        ids.remember("s", "other", "x", now);
        for id in 0..5 {
            ids.remember("s", "a", &id.to_string(), now);
        }
        let known: Vec<_> = (0..5)
            .filter(|id| ids.knows("s", "a", &id.to_string(), now))
            .collect();
        assert_eq!(known, [2, 3, 4]);
        assert!(
            ids.knows("s", "other", "x", now),
            "who sent little is not concerned"
        );
    }

    #[test]
    fn all_senders_share_a_bound() {
        let now = Instant::now();
        let mut ids = Deduplication::with_room(100, 4);
        for sender in ["a", "b", "c"] {
            for id in ["1", "2"] {
                ids.remember("s", sender, id, now);
            }
        }
        assert_eq!(
            (ids.seen.len(), ids.order.len(), ids.senders.len()),
            (4, 4, 2)
        );
        assert!(!ids.knows("s", "a", "2", now) && ids.knows("s", "b", "1", now));
    }
}
