//! The door through which news of registered agents come to a hub, in bites that hold nobody up.

use std::sync::Arc;

use super::exchange::Exchange;
use super::hub::Hub;
use super::registry::{News, Registered, Registry};
use crate::engine::Call;

/// The most agents that are told of under one lock.
pub const NEWS_AT_ONCE_MAX: usize = 256;

/// The most agents that a hub knows before the first session joins; further ones come while it is
/// there already.
const ENROLLED_AT_ONCE_MAX: usize = 100_000;

impl Hub {
    /// Gets to know all registered agents of its stream.
    pub(super) fn enroll(&self, registry: &dyn Registry, call: Call) {
        let all = registry.of_stream(self.stream().name());
        let (now, later) = all.split_at(all.len().min(ENROLLED_AT_ONCE_MAX));
        for agents in now.chunks(NEWS_AT_ONCE_MAX) {
            let news = |agent: &Arc<dyn Registered>| News {
                agent: agent.id().to_owned(),
                has_metrics: true,
                ..News::default()
            };
            let news: Vec<_> = agents.iter().map(news).collect();
            self.follow(registry, &news, call);
        }
        registry.remind(later);
    }

    /// There is news of these agents, at most [`NEWS_AT_ONCE_MAX`]: tells what is different from
    /// what was told before.
    pub fn follow(&self, registry: &dyn Registry, news: &[News], call: Call) {
        let is_read = self.is_read(call.now);
        self.round(call, |round| {
            let ids: Vec<_> = news.iter().map(|one| one.agent.as_str()).collect();
            let rows = registry.find(&ids);
            round.follow(news, &rows, is_read);
            let metered = news.iter().zip(&rows).filter(|(one, _)| one.has_metrics);
            let metered = metered.filter_map(|(one, row)| {
                let is_here = round.state.registered.contains_key(one.agent.as_str());
                row.as_deref().filter(|_| is_here)
            });
            let metered: Vec<_> = metered.collect();
            if !metered.is_empty() {
                round.tell_vitals(&registry.metrics(&metered), is_read);
            }
        });
    }

    /// Some of these agents may have left its stream for another.
    pub fn release(&self, registry: &dyn Registry, agents: &[&str], call: Call) {
        self.round(call, |round| {
            let held = &round.state.registered;
            let held: Vec<&str> = agents
                .iter()
                .copied()
                .filter(|agent| held.contains_key(*agent))
                .collect();
            let here = round.stream.name().as_str();
            let rows = registry.find(&held);
            // Of those that are still here, there is news in its own time.
            let left = held.iter().zip(&rows).filter(|(_, row)| {
                let row = row.as_ref();
                row.is_none_or(|row| row.stream() != here)
            });
            let left = left.map(|(agent, _)| News {
                agent: (*agent).to_owned(),
                ..News::default()
            });
            let left: Vec<_> = left.collect();
            round.follow(&left, &vec![None; left.len()], false);
        });
    }

    /// Agents were told something by the server's other doors.
    pub fn note_exchanges(&self, exchanges: &[Exchange], call: Call) {
        self.round(call, |round| {
            for exchange in exchanges {
                round.tell_exchange(exchange);
            }
        });
    }
}

#[cfg(test)]
#[path = "tests/registry.rs"]
mod tests;
