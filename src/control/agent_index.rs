//! Who is who: `agent.index` and `agent.removed`.

use serde_json::{Map, Value, json};

use super::capabilities::Capabilities;
use super::event::Event;
use super::moment::Moment;
use super::registry::{Registered, label_of};
use super::round::Round;
use crate::engine::label::Label;
use crate::engine::{Lane, StateChange};

/// The most agents in one message.
const AGENTS_PER_MESSAGE_MAX: usize = 1000;

/// Agents as `agent.index` messages; one empty one, if there are none.
fn messages(agents: &[Value], is_delta: bool, now: Moment) -> Vec<Event<'static>> {
    let message = |agents: &[Value]| {
        let mut payload = json!({ "agents": agents });
        if is_delta {
            payload["delta"] = Value::from(true);
        }
        Event::own("agent.index", payload.to_string(), now)
    };
    match agents {
        [] if is_delta => Vec::new(),
        [] => vec![message(&[])],
        _ => agents.chunks(AGENTS_PER_MESSAGE_MAX).map(message).collect(),
    }
}

/// Capabilities by their names; with all that sessions told of one, where they did.
fn in_full(names: &[String], told: Option<&Vec<Value>>) -> Value {
    let in_full = |name: &String| {
        let mut told = told.into_iter().flatten();
        let told = told.find(|one| one["name"] == *name.as_str());
        told.cloned().unwrap_or_else(|| json!({ "name": name }))
    };
    names.iter().map(in_full).collect()
}

impl Round<'_> {
    /// The index as messages, and the sequence of its lane up to which it is true.
    pub(super) fn index(&self) -> (Vec<String>, u64) {
        let (indexed, sequence) = self.stream.agent_index();
        let mut agents: Vec<Value> = indexed
            .iter()
            .map(|one| self.entry(one.label.agent(), Some(one.id), Some(&one.label)))
            .collect();
        let unnamed = self.state.directory.capable().filter(|(agent, _)| {
            let id = self.stream.numeric_id_of(agent);
            // An agent with a name is among those above.
            id.is_none_or(|id| self.stream.agent_name(id).is_none())
        });
        let unnamed = unnamed.map(|(agent, _)| {
            let id = self.stream.numeric_id_of(agent);
            self.entry(agent, id, None)
        });
        agents.extend(unnamed);
        let messages = messages(&agents, false, self.now);
        (messages.iter().map(Event::to_text).collect(), sequence)
    }

    fn entry(&self, agent: &str, id: Option<u32>, label: Option<&Label>) -> Value {
        let mut entry = Map::new();
        entry.insert("agentId".to_owned(), agent.into());
        if let Some(id) = id {
            entry.insert("numericId".to_owned(), id.into());
        }
        if let Some(label) = label {
            entry.insert("name".to_owned(), label.name.as_ref().into());
            if let Some(kind) = &label.kind {
                entry.insert("type".to_owned(), kind.as_ref().into());
            }
        }
        let known = self.state.directory.agent(agent);
        let by_number = id.and_then(|id| self.state.directory.agent(&id.to_string()));
        let capabilities = [known, by_number].into_iter().flatten();
        let mut capabilities = capabilities.map(|agent| &agent.capabilities);
        let told = capabilities.find(|held| held.count() > 0);
        let told = told.map(Capabilities::to_json);
        if let Some(registered) = self.state.registered.get(agent) {
            let told = told.as_ref().and_then(Value::as_array);
            let capabilities = in_full(registered.capabilities(), told);
            entry.insert("capabilities".to_owned(), capabilities);
        } else if let Some(told) = told {
            entry.insert("capabilities".to_owned(), told);
        }
        Value::Object(entry)
    }

    /// An agent's entry changed.
    pub(super) fn tell_index_of(&mut self, agent: &str) {
        let id = self.stream.numeric_id_of(agent);
        let label = id.and_then(|id| self.stream.agent_label(id));
        let mut entry = match &label {
            Some(label) => self.entry(label.agent(), id, Some(label)),
            None => self.entry(agent, id, None),
        };
        // An agent that lost its last capability is told to have none.
        if entry.get("capabilities").is_none() {
            entry["capabilities"] = json!([]);
        }
        self.publish_index(&[entry]);
    }

    /// Agents were given names.
    pub(super) fn tell_index_of_named(&mut self, changes: &[StateChange]) {
        let mut entries = Vec::new();
        for change in changes.iter().filter(|change| change.is_named) {
            let Some(label) = &change.label else {
                continue;
            };
            self.state.graph.note_numeric_id(label.agent());
            entries.push(self.entry(label.agent(), Some(change.id), Some(label)));
        }
        self.publish_index(&entries);
    }

    /// Entries of registered agents changed.
    pub(super) fn tell_index_of_registered(&mut self, agents: &[&dyn Registered]) {
        for agent in agents {
            self.state.graph.note_numeric_id(agent.id());
        }
        // Who was not told the index yet finds all of this in it.
        if self.state.is_index_read {
            let entry = |agent: &&dyn Registered| {
                let label = label_of(*agent);
                self.entry(agent.id(), Some(agent.numeric_id()), Some(&label))
            };
            let entries: Vec<_> = agents.iter().map(entry).collect();
            self.publish_index(&entries);
        }
    }

    fn publish_index(&mut self, entries: &[Value]) {
        for event in messages(entries, true, self.now) {
            self.publish_to_index(&event);
        }
    }

    /// Agents went.
    pub(super) fn tell_removed(&mut self) {
        if !self.state.is_index_read || self.state.members.is_empty() {
            return;
        }
        for id in self.stream.take_removed() {
            let payload = json!({ "agentId": self.agent_of(id), "numericId": id });
            let event = Event::own("agent.removed", payload.to_string(), self.now);
            self.publish_to_index(&event);
        }
    }

    fn publish_to_index(&self, event: &Event<'_>) {
        let lane = Lane::AgentIndex;
        self.stream
            .publish_text(lane, None, None, self.call, |_, out| event.write(None, out));
    }
}
