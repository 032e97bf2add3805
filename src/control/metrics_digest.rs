//! The newest binary metrics of each agent, until they are told in JSON.
//!
//! Publishers may send metrics with every tick; a reader of JSON gets an agent's newest once a
//! second. Who waits for longest is told first.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use agnt_codec::AgentMetrics;

/// An agent is told of at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// The most agents that are told of at once, so that a large batch delays nobody.
const TOLD_AT_ONCE_MAX: usize = 500;

/// The most agents that are remembered; metrics of others wait for nothing and are not told.
const AGENTS_MAX: usize = 100_000;

/// The digest; see the module.
#[derive(Debug, Default)]
pub struct MetricsDigest {
    agents: HashMap<u32, Waiting>,
    /// Each agent once, in the order in which it may be told of.
    order: VecDeque<u32>,
}

#[derive(Debug)]
struct Waiting {
    newest: Option<Metered>,
    told_at: Option<Instant>,
}

/// A record, and by whom it was published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metered {
    /// The record.
    pub record: AgentMetrics,
    /// The publisher's number.
    pub publisher: u32,
}

impl MetricsDigest {
    /// Takes records in.
    pub fn hear(&mut self, records: &[AgentMetrics], publisher: u32) {
        for record in records {
            let id = record.id.get();
            let newest = Some(Metered {
                record: *record,
                publisher,
            });
            if let Some(waiting) = self.agents.get_mut(&id) {
                waiting.newest = newest;
            } else if self.agents.len() < AGENTS_MAX {
                let waiting = Waiting {
                    newest,
                    told_at: None,
                };
                self.agents.insert(id, waiting);
                self.order.push_back(id);
            }
        }
    }

    /// The records that are to be told of now.
    pub fn due(&mut self, now: Instant) -> Vec<Metered> {
        let mut due = Vec::new();
        while due.len() < TOLD_AT_ONCE_MAX {
            let Some(&id) = self.order.front() else {
                break;
            };
            let Some(waiting) = self.agents.get_mut(&id) else {
                self.order.pop_front();
                continue;
            };
            let told_lately = waiting
                .told_at
                .is_some_and(|at| now.saturating_duration_since(at) < TOLD_EVERY);
            if told_lately {
                // Those behind it were told of later still.
                break;
            }
            self.order.pop_front();
            match waiting.newest.take() {
                Some(newest) => {
                    waiting.told_at = Some(now);
                    self.order.push_back(id);
                    due.push(newest);
                }
                None => {
                    self.agents.remove(&id);
                }
            }
        }
        due
    }

    /// Forgets all: nobody reads.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u32, tasks: u32) -> AgentMetrics {
        AgentMetrics {
            id: id.into(),
            tasks: tasks.into(),
            success: 0.0.into(),
            average_ms: 0.0.into(),
            cpu_percent: 0.0.into(),
            memory_bytes: 0.into(),
        }
    }

    fn told(digest: &mut MetricsDigest, now: Instant) -> Vec<(u32, u32)> {
        let due = digest.due(now);
        assert!(due.iter().all(|one| one.publisher == 5));
        due.iter()
            .map(|one| (one.record.id.get(), one.record.tasks.get()))
            .collect()
    }

    #[test]
    fn the_newest_is_told_once_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut digest = MetricsDigest::default();
        digest.hear(&[record(7, 1), record(8, 1), record(7, 2)], 5);
        assert_eq!(told(&mut digest, at(0)), [(7, 2), (8, 1)]);
        digest.hear(&[record(7, 3), record(7, 4), record(9, 1)], 5);
        assert_eq!(
            told(&mut digest, at(999)),
            [],
            "9 waits behind 7 and 8 for a moment"
        );
        assert_eq!(told(&mut digest, at(1000)), [(7, 4), (9, 1)]);
        assert_eq!(told(&mut digest, at(2000)), []);
        assert!(digest.agents.is_empty(), "who is silent is forgotten");
    }

    #[test]
    fn a_large_batch_is_told_in_parts_and_everybody_has_a_turn() {
        let start = Instant::now();
        let mut digest = MetricsDigest::default();
        let records: Vec<_> = (0..1200).map(|id| record(id, 1)).collect();
        digest.hear(&records, 5);
        let mut seen = Vec::new();
        for tick in 0..3 {
            let now = start + Duration::from_millis(tick * 100);
            let part = told(&mut digest, now);
            assert!(part.len() <= TOLD_AT_ONCE_MAX);
            seen.extend(part.iter().map(|(id, _)| *id));
        }
        assert_eq!(seen, (0..1200).collect::<Vec<_>>());
    }
}
