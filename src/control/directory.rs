//! The agents that were heard of on a stream, by the id that messages give them.

use std::sync::Arc;

use agnt_codec::StateCode;
use serde_json::Value;

use super::capabilities::{Capabilities, CapabilityUpdate};
use super::performance::Performance;
use super::recent::Recent;
use super::refusal::Refusal;

/// The most agents that are remembered; whoever was silent for longest is forgotten first.
pub const AGENTS_MAX: usize = 100_000;

/// The most capabilities of all agents of a stream together; beyond, updates are refused.
pub const CAPABILITIES_MAX: usize = 20_000;

/// What is remembered of an agent.
#[derive(Debug, Default)]
pub struct Agent {
    /// What it was doing last.
    pub state: Option<StateCode>,
    /// How it fares.
    pub performance: Performance,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// The directory; see the module.
#[derive(Debug)]
pub struct Directory {
    agents: Recent<Agent>,
    capabilities: usize,
}

impl Default for Directory {
    fn default() -> Self {
        Self::with_room(AGENTS_MAX)
    }
}

impl Directory {
    fn with_room(agents_max: usize) -> Self {
        Self {
            agents: Recent::new(agents_max),
            capabilities: 0,
        }
    }

    /// An agent that was heard of just now.
    pub fn hear_of(&mut self, agent: &str) -> &mut Agent {
        let (found, forgotten) = self.agents.touch(agent, Agent::default);
        if let Some(forgotten) = forgotten {
            self.capabilities -= forgotten.capabilities.count();
        }
        found
    }

    /// Whether an agent was heard of.
    pub fn knows(&self, agent: &str) -> bool {
        self.agents.peek(agent).is_some()
    }

    /// What is known of an agent.
    pub fn agent(&self, agent: &str) -> Option<&Agent> {
        self.agents.peek(agent)
    }

    /// Applies a capability update; returns the agent's capabilities since then.
    pub fn update(&mut self, update: CapabilityUpdate<'_>) -> Result<Value, Refusal> {
        self.hear_of(&update.agent);
        let total = self.capabilities;
        let Some(agent) = self.agents.peek_mut(&update.agent) else {
            return Ok(Value::Null);
        };
        let before = agent.capabilities.clone();
        let outcome = agent.capabilities.apply(update.action, update.capability);
        let others = total - before.count();
        let after = others + agent.capabilities.count();
        if outcome.is_err() || after > CAPABILITIES_MAX.max(total) {
            agent.capabilities = before;
            let all = format!(
                "payload.capability: the stream's agents have {total} capabilities; allowed are \
                 {CAPABILITIES_MAX}"
            );
            return Err(Refusal::bound(outcome.err().unwrap_or(all)));
        }
        self.capabilities = after;
        Ok(agent.capabilities.to_json())
    }

    /// The agents that have capabilities, with these.
    pub fn capable(&self) -> impl Iterator<Item = (&Arc<str>, &Capabilities)> {
        let held = self.agents.iter();
        held.map(|(id, agent)| (id, &agent.capabilities))
            .filter(|(_, capabilities)| capabilities.count() > 0)
    }

    /// The mean of the success rates that agents stated last; none if nobody did.
    pub fn mean_success_rate(&self) -> Option<f64> {
        let rates = self.agents.iter();
        let rates = rates.filter_map(|(_, agent)| agent.performance.latest().success_rate);
        let (count, sum) = rates.fold((0_usize, 0.0), |(count, sum), rate| (count + 1, sum + rate));
        (count > 0).then(|| sum / count as f64)
    }

    /// How many agents are remembered.
    pub fn count(&self) -> usize {
        self.agents.count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Fields;
    use super::super::performance::Figures;
    use super::*;

    fn add(directory: &mut Directory, agent: &str, name: usize) -> Result<Value, Refusal> {
        let text =
            format!(r#"{{"agentId":"{agent}","action":"add","capability":{{"name":"c{name}"}}}}"#);
        let payload = Fields::of_text("payload", &text).expect("an object");
        directory.update(CapabilityUpdate::read(&payload).expect("good"))
    }

    #[test]
    fn who_was_silent_for_longest_is_forgotten_with_its_capabilities() {
        let mut directory = Directory::with_room(2);
        add(&mut directory, "a", 1).expect("room");
        directory.hear_of("b").state = Some(StateCode::IDLE);
        assert_eq!(directory.capabilities, 1);
        directory.hear_of("c");
        assert!(!directory.knows("a") && directory.knows("b") && directory.knows("c"));
        assert_eq!((directory.capabilities, directory.count()), (0, 2));
        assert_eq!(directory.capable().count(), 0);
    }

    #[test]
    fn capabilities_are_listed_and_bounded() {
        let mut directory = Directory::default();
        add(&mut directory, "a", 1).expect("room");
        let list = add(&mut directory, "a", 2).expect("room");
        assert_eq!(list, serde_json::json!([{"name":"c1"},{"name":"c2"}]));
        directory.capabilities = CAPABILITIES_MAX;
        let refusal = add(&mut directory, "a", 3).unwrap_err();
        assert!(
            refusal
                .to_string()
                .starts_with("RATE_LIMIT_EXCEEDED: payload.capability"),
            "{refusal}"
        );
        assert!(
            add(&mut directory, "a", 2).is_ok(),
            "this one is there already"
        );
        assert_eq!(
            directory.agent("a").map(|agent| agent.capabilities.count()),
            Some(2)
        );
    }

    #[test]
    fn the_mean_counts_those_that_said_something() {
        let mut directory = Directory::default();
        assert_eq!(directory.mean_success_rate(), None);
        directory.hear_of("silent");
        for (agent, rate) in [("a", 0.5), ("b", 1.0)] {
            let figures = Figures {
                success_rate: Some(rate),
                ..Figures::default()
            };
            directory.hear_of(agent).performance.note(figures);
        }
        assert_eq!(directory.mean_success_rate(), Some(0.75));
    }
}
