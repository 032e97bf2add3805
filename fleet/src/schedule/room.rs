//! The agents that have room, by what they offer, the least loaded first.

use std::sync::Arc;

use super::groups::Groups;
use super::need::{Need, offers};
use crate::Timestamp;
use crate::agent::Agent;
use crate::row::Facet;
use crate::tables::Tables;

/// How many agents that offer one thing are asked in turn whether they offer another too, before
/// all that offer both are looked up.
const WALK_MAX: usize = 64;

/// The agents that have room.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Room {
    by_offer: Groups<String, Seat>,
}

/// An agent's place among those that have room: by load, then by how long it waited for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    load: u64,
    last_assigned_at: Option<Timestamp>,
    ordinal: u32,
}

impl Seat {
    fn of(agent: &Agent) -> Self {
        // The shares of up to 100,000 tasks are at least 1e-10 from each other: 40 bits of
        // fraction keep them apart.
        let load = (u64::from(agent.current_tasks) << 40) / u64::from(agent.max_tasks.max(1));
        Self {
            load,
            last_assigned_at: agent.last_assigned_at,
            ordinal: agent.ordinal,
        }
    }
}

impl Room {
    /// Adds an agent.
    pub(super) fn insert(&mut self, agent: &Agent) {
        let seat = Seat::of(agent);
        for offer in offers(agent) {
            self.by_offer.insert(offer, seat);
        }
    }

    /// Takes an agent out.
    pub(super) fn remove(&mut self, agent: &Agent) {
        let seat = Seat::of(agent);
        for offer in offers(agent) {
            self.by_offer.remove(offer, &seat);
        }
    }

    /// The least loaded agent that meets a need.
    pub(super) fn best_for(&self, need: &Need<'_>, tables: &Tables) -> Option<Arc<Agent>> {
        match need {
            Need::Agent(agent) => {
                let agent = tables.agents.find(agent.as_str())?;
                agent.has_room().then(|| Arc::clone(agent))
            }
            Need::Type(task_type) => {
                let seat = self.by_offer.find(task_type.as_str())?.first()?;
                tables.agents.at(seat.ordinal).cloned()
            }
            Need::Both(task_type, capability) => {
                self.best_for_both(task_type.as_str(), capability, tables)
            }
        }
    }

    fn best_for_both(&self, first: &str, second: &str, tables: &Tables) -> Option<Arc<Agent>> {
        let (of_first, of_second) = (self.by_offer.find(first)?, self.by_offer.find(second)?);
        let (seats, other) = match of_first.len() <= of_second.len() {
            true => (of_first, second),
            false => (of_second, first),
        };
        let walked = seats
            .iter()
            .take(WALK_MAX)
            .filter_map(|seat| tables.agents.at(seat.ordinal))
            .find(|agent| offers(agent).any(|offer| offer == other));
        if walked.is_some() || seats.len() <= WALK_MAX {
            return walked.cloned();
        }
        let offering = |offer: &str| {
            let offer: Arc<str> = offer.into();
            vec![Facet::Capability(Arc::clone(&offer)), Facet::Type(offer)]
        };
        let both = tables.agents.select(&[offering(first), offering(second)]);
        both.into_iter()
            .filter(|agent| agent.has_room())
            .min_by_key(|agent| Seat::of(agent))
    }
}
