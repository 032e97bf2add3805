//! What is told of agents: in JSON by a session, or in frames by a publisher; each becomes the
//! other.

use agnt_codec::{
    AgentMetrics, CoordinationEvent, Frame, MetricsBatch, Payload, StateBatchOut, StateCode,
    StateRecord,
};

use super::agent_state::{StateChanged, state_word};
use super::capabilities::CapabilityUpdate;
use super::coordination::event_json;
use super::envelope::Envelope;
use super::event::Event;
use super::fields::quoted;
use super::metrics_digest::Metered;
use super::performance::{Figures, PerformanceUpdate};
use super::receiving::Sender;
use super::refusal::Refusal;
use super::round::{Publication, Round, frame_of};
use super::silence::Turned;
use crate::engine::{Publisher, StateChange};

impl Round<'_> {
    /// `agent.state.changed`.
    pub(super) fn on_state(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        let changed = StateChanged::read(&payload)?;
        self.note_told_state(&changed.agent, changed.state);
        let told = self.tell_frames_of(sender.publisher, &changed.agent, changed.state)?;
        let agent = self.state.directory.hear_of(&changed.agent);
        let before = agent.state.replace(changed.state);
        self.state.silence.note_state(&changed.agent);
        let mut event = Event::of(envelope, self.now);
        if let Some(before) = told.or(before).filter(|_| !changed.says_previous) {
            let before = quoted(&state_word(before));
            event = event.saying(payload.with(&[("previousState", &before)]));
        }
        self.publish(Publication {
            expires_at: sender.expires_at,
            ..Publication::of(&event, &[&changed.agent], Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// Tells readers of frames that an agent's state changed, if it has a number. Returns what it
    /// was doing before by what they know.
    fn tell_frames_of(
        &self,
        publisher: &Publisher,
        agent: &str,
        state: StateCode,
    ) -> Result<Option<StateCode>, Refusal> {
        let Some(id) = self.stream.numeric_id_of(agent) else {
            return Ok(None);
        };
        let records = [StateRecord {
            id,
            state,
            metadata: None,
        }];
        let frame = frame_of(&StateBatchOut { records: &records }).unwrap_or_default();
        let Ok(frame) = Frame::exactly(&frame) else {
            return Ok(None);
        };
        let Payload::States(states) = frame.payload() else {
            return Ok(None);
        };
        let changes = self
            .stream
            .publish_states(publisher, &frame, &states, self.call);
        let changes = changes.map_err(|error| Refusal::bound(error.to_string()))?;
        // Who is not among the changes was in this state already.
        Ok(changes.first().map_or(Some(state), |change| change.before))
    }

    /// An agent fell silent or is back: the server tells it.
    pub(super) fn tell_turned(&mut self, turned: &Turned) {
        let Turned {
            agent,
            state,
            reason,
        } = turned;
        // A stream that is full of agents has this one's state in JSON only.
        let told = self.tell_frames_of(&self.state.server, agent, *state);
        let known = self.state.directory.hear_of(agent).state.replace(*state);
        let before = told.unwrap_or_default().or(known);
        let mut payload = serde_json::json!({
            "agentId": agent.as_ref(),
            "newState": state_word(*state),
            "reason": reason,
        });
        if let (Some(before), Some(members)) = (before, payload.as_object_mut()) {
            let word = serde_json::json!(state_word(before));
            members.insert("previousState".to_owned(), word);
        }
        let event = Event::own("agent.state.changed", payload.to_string(), self.now);
        self.publish(Publication::of(&event, &[agent], None));
    }

    /// `agent.performance.update`.
    pub(super) fn on_performance(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        let update = PerformanceUpdate::read(&payload)?;
        let agent = self.state.directory.hear_of(&update.agent);
        let figures = agent.performance.note(update.figures);
        let trends = update.completed_trends(&agent.performance);
        if let Some(id) = self.stream.numeric_id_of(&update.agent) {
            let records = [figures.to_record(id)];
            let batch = MetricsBatch { records: &records };
            let frame = frame_of(&batch).unwrap_or_default();
            if let Ok(frame) = Frame::exactly(&frame) {
                self.stream
                    .publish_metrics(sender.publisher, &frame, &records, self.call)
                    .map_err(|error| Refusal::bound(error.to_string()))?;
            }
        }
        let mut event = Event::of(envelope, self.now);
        if let Some(trends) = trends {
            event = event.saying(payload.with(&[("trends", &trends)]));
        }
        self.publish(Publication {
            expires_at: sender.expires_at,
            ..Publication::of(&event, &[&update.agent], Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// `agent.capability.update`.
    pub(super) fn on_capability(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let update = CapabilityUpdate::read(&envelope.payload()?)?;
        let agent = update.agent.clone();
        self.note_told_capability(&update);
        self.state.directory.update(update)?;
        let event = Event::of(envelope, self.now);
        self.publish(Publication {
            expires_at: sender.expires_at,
            ..Publication::of(&event, &[&agent], Some(sender.publisher.number()))
        });
        self.tell_index_of(&agent);
        Ok(())
    }

    /// A publisher's frame changed states or names.
    pub(super) fn tell_states(&mut self, changes: &[StateChange], publisher: u32) {
        self.tell_index_of_named(changes);
        for change in changes.iter().filter(|it| it.before != Some(it.after)) {
            let agent = match &change.label {
                Some(label) => label.agent().to_string(),
                None => change.id.to_string(),
            };
            self.state.silence.note_state(&agent);
            if change.label.is_some() {
                self.state.directory.hear_of(&agent).state = Some(change.after);
            }
            let mut payload = serde_json::json!({
                "agentId": agent,
                "newState": state_word(change.after),
                "numericId": change.id,
            });
            if let Some(before) = change.before {
                payload["previousState"] = state_word(before).into();
            }
            let event = Event::own("agent.state.changed", payload.to_string(), self.now);
            self.publish(Publication::of(&event, &[&agent], Some(publisher)));
        }
    }

    /// Binary metrics that are to be told by now.
    pub(super) fn tell_metrics(&mut self, due: &[Metered]) {
        for Metered { record, publisher } in due {
            let figures = Figures::of_record(record);
            let id = record.id.get();
            let agent = self.agent_of(id);
            let known = &mut self.state.directory.hear_of(&agent).performance;
            known.note(figures);
            let payload = format!(
                r#"{{"agentId":{},"numericId":{id},"metrics":{},"trends":{}}}"#,
                quoted(&agent),
                figures.to_json(),
                known.trends_json()
            );
            let event = Event::own("agent.performance.update", payload, self.now);
            self.publish(Publication::of(&event, &[&agent], Some(*publisher)));
        }
    }

    /// A publisher's frame tells of a coordination.
    pub(super) fn tell_coordination(&mut self, event: &CoordinationEvent<'_>, publisher: u32) {
        let (kind, payload) = event_json(event, |id| self.agent_of(id));
        let initiator = self.agent_of(event.initiator);
        let event = Event::own(kind, payload, self.now);
        self.publish(Publication::of(&event, &[&initiator], Some(publisher)));
    }

    /// A publisher's frame tells how agents fare.
    pub(super) fn hear_metrics(&mut self, records: &[AgentMetrics], publisher: u32) {
        self.state.metrics.hear(records, publisher);
    }
}
