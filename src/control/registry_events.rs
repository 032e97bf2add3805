//! What is told of registered agents: in frames, many at once; in JSON, each event by itself.

use std::sync::Arc;
use std::time::Duration;

use agnt_codec::{AgentMetrics, Frame, MetricsBatch, StateCode};
use serde_json::json;

use super::agent_state::state_word;
use super::capabilities::{Action, CapabilityUpdate};
use super::event::Event;
use super::registry::{News, Registered, label_of, metadata_of};
use super::round::{Publication, Round, frame_of};
use crate::engine::{Resident, Settled};

/// How long the registry has to say what a session told.
const TOLD_FOR: Duration = Duration::from_secs(5);

/// An agent of which something is different.
struct Difference<'a> {
    news: &'a News,
    /// As it was told before.
    old: Option<Arc<dyn Registered>>,
    /// As it is.
    new: Arc<dyn Registered>,
}

impl Difference<'_> {
    fn is_turned(&self) -> bool {
        let old = self.old.as_ref();
        old.is_none_or(|old| old.state() != self.new.state())
    }

    fn is_renamed(&self) -> bool {
        let old = self.old.as_ref();
        old.is_none_or(|old| old.name() != self.new.name() || old.kind() != self.new.kind())
    }

    fn has_other_capabilities(&self) -> bool {
        let old = self.old.as_ref();
        old.is_none_or(|old| old.capabilities() != self.new.capabilities())
    }

    fn is_any(&self) -> bool {
        self.is_turned()
            || self.is_renamed()
            || self.has_other_capabilities()
            || !self.news.turns.is_empty()
    }

    fn resident(&self) -> Resident {
        let new = self.new.as_ref();
        Resident {
            id: new.numeric_id(),
            // What the agent itself says of its state stands until the registry says otherwise.
            state: self.is_turned().then(|| new.state()),
            label: label_of(new),
            metadata: metadata_of(new),
        }
    }
}

impl Round<'_> {
    /// Tells what is different of these agents, which the registry has as `rows` now.
    pub(super) fn follow(
        &mut self,
        news: &[News],
        rows: &[Option<Arc<dyn Registered>>],
        is_read: bool,
    ) {
        let mut gone = Vec::new();
        let mut different = Vec::new();
        for (news, row) in news.iter().zip(rows) {
            let here = self.stream.name().as_str();
            let new = row.as_ref().filter(|row| row.stream() == here);
            let registered = &mut self.state.registered;
            let old = match new {
                Some(new) => registered.insert(news.agent.as_str().into(), Arc::clone(new)),
                None => registered.remove(news.agent.as_str()),
            };
            // One that went and came again has another number.
            let number = new.map(|new| new.numeric_id());
            let (old, left) = match old {
                Some(old) if number != Some(old.numeric_id()) => (None, Some(old)),
                old => (old, None),
            };
            gone.extend(left.map(|left| left.numeric_id()));
            if let Some(new) = new.cloned() {
                let difference = Difference { news, old, new };
                different.extend(difference.is_any().then_some(difference));
            }
        }
        if !gone.is_empty() {
            self.stream.dismiss(&gone, self.call);
            self.tell_removed();
        }
        if !different.is_empty() {
            self.tell_different(&different, is_read);
        }
    }

    fn tell_different(&mut self, different: &[Difference<'_>], is_read: bool) {
        let residents: Vec<_> = different.iter().map(Difference::resident).collect();
        let settled = self.stream.settle(&residents, self.call);
        for (one, settled) in different.iter().zip(&settled) {
            if !settled.is_taken {
                // The stream is full of agents; who goes makes room for the next news.
                self.state.registered.remove(one.new.id());
            }
        }
        let taken = different.iter().zip(settled).filter(|(_, it)| it.is_taken);
        let taken: Vec<_> = taken.collect();
        let indexed = taken
            .iter()
            .filter(|(one, _)| one.is_renamed() || one.has_other_capabilities());
        let indexed: Vec<_> = indexed.map(|(one, _)| one.new.as_ref()).collect();
        self.tell_index_of_registered(&indexed);
        for (one, settled) in taken {
            self.note_turn(one, settled);
            if is_read {
                self.tell_turns(one, settled);
                self.tell_capabilities_of(one);
            }
        }
    }

    /// What else remembers states is kept in step.
    fn note_turn(&mut self, one: &Difference<'_>, settled: Settled) {
        let state = one.new.state();
        if settled.before == Some(state) {
            return;
        }
        let id = one.new.id();
        self.state.silence.note_state(id);
        if self.state.directory.knows(id) {
            self.state.directory.hear_of(id).state = Some(state);
        }
    }

    /// Each turn, and the state in the end if no turn told it. What viewers know already is not
    /// told again.
    fn tell_turns(&mut self, one: &Difference<'_>, settled: Settled) {
        let is_known = one.old.is_some();
        let end = one.new.state();
        let mut told = settled.before;
        if !is_known && one.news.is_new {
            let first = one.news.turns.first().map_or(end, |turn| turn.before);
            self.tell_turn(one, None, first, "registered");
            told = Some(first);
        }
        for turn in &one.news.turns {
            let is_told = self.was_told(&told_state(one.new.id(), turn.state));
            if told != Some(turn.state) && !is_told {
                self.tell_turn(one, Some(turn.before), turn.state, &turn.reason);
            }
            told = Some(turn.state);
        }
        // What the agent itself says of its state stands until the registry says otherwise.
        if is_known && one.is_turned() && told != Some(end) {
            let reason = match (told, end) {
                (_, StateCode::PAUSED) => "paused",
                (Some(StateCode::PAUSED), _) => "resumed",
                _ => "changed",
            };
            self.tell_turn(one, told, end, reason);
        }
    }

    fn tell_turn(
        &mut self,
        one: &Difference<'_>,
        before: Option<StateCode>,
        state: StateCode,
        reason: &str,
    ) {
        let id = one.new.id();
        let mut payload = json!({
            "agentId": id,
            "newState": state_word(state),
            "numericId": one.new.numeric_id(),
            "reason": reason,
        });
        if let Some(before) = before {
            payload["previousState"] = state_word(before).into();
        }
        let event = Event::own("agent.state.changed", payload.to_string(), self.now);
        self.publish(Publication::of(&event, &[id], None));
    }

    /// Which capabilities came and went, but for those that a session told of itself.
    fn tell_capabilities_of(&mut self, one: &Difference<'_>) {
        let (old, new) = (one.old.as_ref(), one.new.capabilities());
        if old.is_none() && !one.news.is_new {
            return;
        }
        let old = old.map_or(&[] as &[String], |old| old.capabilities());
        let missing = |these: &[String], others: &[String]| -> Vec<String> {
            let is_missing = |name: &&String| !others.contains(name);
            these.iter().filter(is_missing).cloned().collect()
        };
        let id = one.new.id();
        let changes = [("add", missing(new, old)), ("remove", missing(old, new))];
        for (action, names) in changes {
            for name in names {
                if self.was_told(&told_capability(id, action == "add", &name)) {
                    continue;
                }
                let payload = json!({
                    "agentId": id,
                    "action": action,
                    "capability": { "name": name },
                });
                let event = Event::own("agent.capability.update", payload.to_string(), self.now);
                self.publish(Publication::of(&event, &[id], None));
            }
        }
    }

    /// A session tells of a capability, perhaps of a registered agent: if the registry says the same
    /// by and by, that is no news.
    pub(super) fn note_told_capability(&mut self, update: &CapabilityUpdate<'_>) {
        if let Some(agent) = self.registered(&update.agent) {
            let is_added = update.action == Action::Set;
            let told = told_capability(agent.id(), is_added, &update.capability.name);
            self.note_told(&told);
        }
    }

    /// The same for a state, if the registry has another one.
    pub(super) fn note_told_state(&mut self, agent: &str, state: StateCode) {
        let agent = self.registered(agent);
        if let Some(agent) = agent.filter(|agent| agent.state() != state) {
            self.note_told(&told_state(agent.id(), state));
        }
    }

    fn registered(&self, agent: &str) -> Option<Arc<dyn Registered>> {
        let id = self.stream.numeric_id_of(agent)?;
        let agent = self.stream.agent_name(id)?;
        self.state.registered.get(agent.as_str()).cloned()
    }

    fn note_told(&mut self, told: &str) {
        let now = self.now.instant;
        *self.state.told.touch(told, || now).0 = now;
    }

    /// Whether a session told it just now; what the registry says of it later is news again.
    fn was_told(&mut self, told: &str) -> bool {
        let at = self.state.told.remove(told);
        at.is_some_and(|at| self.now.instant.saturating_duration_since(at) < TOLD_FOR)
    }

    /// How registered agents say that they fare.
    pub(super) fn tell_vitals(&mut self, records: &[AgentMetrics], is_read: bool) {
        if records.is_empty() {
            return;
        }
        let frame = frame_of(&MetricsBatch { records }).unwrap_or_default();
        let Ok(frame) = Frame::exactly(&frame) else {
            return;
        };
        let server = &self.state.server;
        let number = server.number();
        let published = self
            .stream
            .publish_metrics(server, &frame, records, self.call);
        // A stream that is full of agents shows no figures of further ones.
        if published.is_ok() && is_read {
            self.hear_metrics(records, number);
        }
    }
}

fn told_capability(agent: &str, is_added: bool, capability: &str) -> String {
    format!("{agent}\n{is_added}\n{capability}")
}

fn told_state(agent: &str, state: StateCode) -> String {
    format!("{agent}\n{}", state.0)
}
