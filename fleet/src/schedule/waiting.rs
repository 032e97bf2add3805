//! The tasks that only wait for an agent, by what they need.

use std::collections::{BTreeSet, HashMap};

use super::groups::Groups;
use super::need::{Need, offers};
use super::urgency::Urgency;
use crate::Id;
use crate::agent::Agent;
use crate::task::Task;

/// The tasks that wait.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Waiting {
    for_agent: Groups<Id, Urgency>,
    for_type: Groups<Id, Urgency>,
    /// By type, then by capability.
    for_both: HashMap<Id, Groups<String, Urgency>>,
}

impl Waiting {
    /// Adds a task.
    pub(super) fn insert(&mut self, task: &Task) {
        let urgency = Urgency::of(task);
        match Need::of(task) {
            Need::Agent(agent) => self.for_agent.insert(agent, urgency),
            Need::Type(task_type) => self.for_type.insert(task_type, urgency),
            Need::Both(task_type, capability) => {
                let by_capability = self.for_both.entry(task_type.clone()).or_default();
                by_capability.insert(capability, urgency);
            }
        }
    }

    /// Takes a task out, if it is there.
    pub(super) fn remove(&mut self, task: &Task) {
        let urgency = Urgency::of(task);
        match Need::of(task) {
            Need::Agent(agent) => self.for_agent.remove(agent, &urgency),
            Need::Type(task_type) => self.for_type.remove(task_type, &urgency),
            Need::Both(task_type, capability) => {
                if let Some(by_capability) = self.for_both.get_mut(task_type) {
                    by_capability.remove(capability, &urgency);
                    if by_capability.is_empty() {
                        self.for_both.remove(task_type);
                    }
                }
            }
        }
    }

    /// Whether a task waits.
    pub(super) fn contains(&self, task: &Task) -> bool {
        let queue = match Need::of(task) {
            Need::Agent(agent) => self.for_agent.find(agent),
            Need::Type(task_type) => self.for_type.find(task_type),
            Need::Both(task_type, capability) => self
                .for_both
                .get(task_type)
                .and_then(|by_capability| by_capability.find(capability)),
        };
        queue.is_some_and(|queue| queue.contains(&Urgency::of(task)))
    }

    /// The most urgent task that an agent may be given, whether it has room or not.
    pub(super) fn most_urgent_for(&self, agent: &Agent) -> Option<Urgency> {
        let own = self.for_agent.find(&agent.id).and_then(most_urgent);
        let typed = offers(agent)
            .filter_map(|offer| self.for_type.find(offer))
            .filter_map(most_urgent)
            .max();
        let both = match self.for_both.is_empty() {
            true => None,
            false => offers(agent)
                .filter_map(|offer| self.for_both.get(offer))
                .filter_map(|by_capability| most_urgent_of_both(by_capability, agent))
                .max(),
        };
        own.max(typed).max(both)
    }
}

/// Walks what is shorter: the capabilities that are needed, or those that are offered.
fn most_urgent_of_both(by_capability: &Groups<String, Urgency>, agent: &Agent) -> Option<Urgency> {
    if by_capability.len() > agent.capabilities.len() {
        return offers(agent)
            .filter_map(|offer| by_capability.find(offer))
            .filter_map(most_urgent)
            .max();
    }
    by_capability
        .iter()
        .filter(|(capability, _)| offers(agent).any(|offer| offer == capability.as_str()))
        .filter_map(|(_, queue)| most_urgent(queue))
        .max()
}

fn most_urgent(queue: &BTreeSet<Urgency>) -> Option<Urgency> {
    queue.last().copied()
}
