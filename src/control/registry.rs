//! The registry of agents, as hubs know it: who is registered on a stream, and what became of them.
//!
//! What a hub tells of a registered agent is how the registry has it at that moment, looked up under
//! the hub's lock. So whatever order news come in, the last word is the newest.

use std::fmt::Debug;
use std::sync::Arc;

use agnt_codec::{AgentMetrics, StateCode};
use serde_json::{Map, Value};

use crate::domain::StreamName;
use crate::engine::label::Label;

/// A registered agent.
pub trait Registered: Debug + Send + Sync {
    /// Its id.
    fn id(&self) -> &str;
    /// Its number in frames.
    fn numeric_id(&self) -> u32;
    /// The stream that it belongs to.
    fn stream(&self) -> &str;
    /// What people call it.
    fn name(&self) -> Option<&str>;
    /// What kind it is.
    fn kind(&self) -> Option<&str>;
    /// What it is doing.
    fn state(&self) -> StateCode;
    /// What it can do.
    fn capabilities(&self) -> &[String];
}

/// Where registered agents are looked up. Hubs ask under their lock, so nothing here waits for a hub.
pub trait Registry: Debug + Send + Sync {
    /// Those of a stream.
    fn of_stream(&self, stream: &StreamName) -> Vec<Arc<dyn Registered>>;
    /// Those with these ids, in this order; nothing for one that is not registered.
    fn find(&self, agents: &[&str]) -> Vec<Option<Arc<dyn Registered>>>;
    /// How they fare, where they said so.
    fn metrics(&self, agents: &[&dyn Registered]) -> Vec<AgentMetrics>;
    /// The hub of their stream is to be told of these soon, as if there were news of them.
    fn remind(&self, agents: &[Arc<dyn Registered>]);
}

/// An agent turned to another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it was doing.
    pub before: StateCode,
    /// What it did from then on.
    pub state: StateCode,
    /// Why.
    pub reason: String,
}

/// That there is news of an agent; what it is, the registry knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Whose.
    pub agent: String,
    /// Whether it registered just now.
    pub is_new: bool,
    /// Its turns, the oldest first.
    pub turns: Vec<Turn>,
    /// Whether it said how it fares.
    pub has_metrics: bool,
}

/// What a registered agent is called.
pub fn label_of(agent: &dyn Registered) -> Label {
    let id = agent.id();
    Label {
        agent_id: agent.name().filter(|name| *name != id).map(|_| id.into()),
        name: agent.name().unwrap_or(id).into(),
        kind: agent.kind().map(Into::into),
    }
}

/// The same, as metadata of a state record.
pub fn metadata_of(agent: &dyn Registered) -> String {
    let mut metadata = Map::new();
    let name = agent.name().unwrap_or(agent.id());
    for (key, text) in [("agentId", agent.id()), ("name", name)] {
        metadata.insert(key.to_owned(), text.into());
    }
    if let Some(kind) = agent.kind() {
        metadata.insert("type".to_owned(), kind.into());
    }
    Value::Object(metadata).to_string()
}
