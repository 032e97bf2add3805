//! The agents that may have fallen silent, each looked at only when it could have.
//!
//! What was heard of agents is not in their rows, and an agent is heard of all the time. So each
//! is looked at when its silence would be over the limit if nothing was heard since the last look.

use std::collections::{BTreeSet, HashMap};

use crate::Timestamp;
use crate::agent::{Agent, AgentStatus};

/// The agents that are looked at.
#[derive(Debug, Default)]
pub(crate) struct Patrol {
    watches: HashMap<u32, Watch>,
    looks: BTreeSet<(Timestamp, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    /// Nobody is silent for longer than this.
    since: Timestamp,
    look_at: Timestamp,
}

impl Patrol {
    /// An agent changed: all but those that are offline are looked at.
    pub(super) fn replace(&mut self, old: Option<&Agent>, new: Option<&Agent>) {
        let watched = |agent: &&Agent| agent.status != AgentStatus::Offline;
        match (old.filter(watched), new.filter(watched)) {
            (None, Some(new)) => self.watch(new.ordinal, new.updated_at, new.updated_at),
            (Some(old), None) => {
                if let Some(watch) = self.watches.remove(&old.ordinal) {
                    self.looks.remove(&(watch.look_at, old.ordinal));
                }
            }
            _ => {}
        }
    }

    /// An agent that is to be looked at now, as its ordinal, and since when it is watched. Whoever
    /// asks looks, and says when to look again.
    pub(crate) fn first(&self, now: Timestamp) -> Option<(u32, Timestamp)> {
        let &(look_at, ordinal) = self.looks.first()?;
        let watch = self.watches.get(&ordinal)?;
        (look_at <= now).then_some((ordinal, watch.since))
    }

    /// An agent is not silent for too long before this moment.
    pub(crate) fn look_again(&mut self, ordinal: u32, look_at: Timestamp) {
        if let Some(since) = self.watches.get(&ordinal).map(|watch| watch.since) {
            self.watch(ordinal, since, look_at);
        }
    }

    /// An agent is not silent before this moment.
    pub(crate) fn heard(&mut self, ordinal: u32, now: Timestamp) {
        if let Some(watch) = self.watches.get_mut(&ordinal) {
            watch.since = watch.since.max(now);
        }
    }

    /// Nobody is silent for longer than since now.
    pub(crate) fn begin_anew(&mut self, now: Timestamp) {
        let ordinals: Vec<u32> = self.watches.keys().copied().collect();
        for ordinal in ordinals {
            self.watch(ordinal, now, now);
        }
    }

    /// The ordinals of those that are looked at.
    #[cfg(test)]
    pub(super) fn watched(&self) -> BTreeSet<u32> {
        self.watches.keys().copied().collect()
    }

    fn watch(&mut self, ordinal: u32, since: Timestamp, look_at: Timestamp) {
        if let Some(old) = self.watches.insert(ordinal, Watch { since, look_at }) {
            self.looks.remove(&(old.look_at, ordinal));
        }
        self.looks.insert((look_at, ordinal));
    }
}
