//! What is told of messages between agents, and of the graph that they make.

use std::time::Duration;

use super::envelope::Envelope;
use super::event::Event;
use super::exchange::Exchange;
use super::flows::{FlowReport, Passage};
use super::receiving::Sender;
use super::refusal::Refusal;
use super::round::{Audience, Publication, Round};
use super::sent_message::SentMessage;
use crate::engine::Lane;

/// The longest `flowId`: two ids of agents and the sign between them, in bytes.
const FLOW_ID_BYTES_MAX: usize = 257;

impl Round<'_> {
    /// `message.sent`.
    pub(super) fn on_message_sent(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let message = SentMessage::read(&envelope.payload()?, self.now.unix_ms)?;
        self.state.directory.hear_of(&message.from);
        for to in &message.to {
            // Beyond the graph's bounds a message still passes.
            self.state
                .graph
                .note_message(&message.from, to, self.now.instant);
            let passage = Passage {
                from: &message.from,
                to,
                bytes: envelope.bytes,
                stamped_unix_ms: envelope.stamped_unix_ms,
                is_failure: message.is_failure,
            };
            self.state.flows.note(passage, self.now);
        }
        let mut event = Event::of(envelope, self.now);
        let priority = envelope.priority.or(message.priority);
        event.priority = priority.unwrap_or_default();
        let expiry = message.expiry_unix_ms.map(|at| at - self.now.unix_ms);
        let expiry = expiry.and_then(|ms| u64::try_from(ms).ok());
        let expiry = expiry.and_then(|ms| self.now.instant.checked_add(Duration::from_millis(ms)));
        let agents: Vec<&str> = std::iter::once(&message.from)
            .chain(&message.to)
            .map(AsRef::as_ref)
            .collect();
        self.publish(Publication {
            expires_at: [sender.expires_at, expiry].into_iter().flatten().min(),
            ..Publication::of(&event, &agents, Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// `message.sent` of the server: it saw an agent being told something. Only who has a name is
    /// seen in the graph.
    pub(super) fn tell_exchange(&mut self, exchange: &Exchange) {
        let payload = exchange.payload();
        let mut agents = vec![exchange.to.as_str()];
        if let Some(from) = &exchange.from {
            agents.push(from);
            let now = self.now;
            let graph = &mut self.state.graph;
            graph.note_message(from, &exchange.to, now.instant);
            let passage = Passage {
                from,
                to: &exchange.to,
                bytes: payload.len(),
                stamped_unix_ms: None,
                is_failure: exchange.is_failure,
            };
            self.state.flows.note(passage, now);
        }
        let mut event = Event::own("message.sent", payload, self.now);
        event.priority = exchange.priority;
        self.publish(Publication::of(&event, &agents, None));
    }

    /// `message.flow.stats` of a session that counts itself.
    pub(super) fn on_flow_stats(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        payload.required_text("flowId", FLOW_ID_BYTES_MAX)?;
        payload.required_object("statistics")?;
        let event = Event::of(envelope, self.now);
        self.publish(Publication {
            expires_at: sender.expires_at,
            audience: Audience::ViewersAndGraph,
            ..Publication::of(&event, &[], Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// Flows that are to be told of by now.
    pub(super) fn tell_flows(&mut self, due: Vec<FlowReport>) {
        for report in due {
            let event = Event::own("message.flow.stats", report.payload, self.now);
            self.publish(Publication {
                audience: Audience::ViewersAndGraph,
                ..Publication::of(&event, &[&report.from, &report.to], None)
            });
        }
    }

    /// `graph.update`.
    pub(super) fn on_graph_update(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        self.state.graph.update(&payload, self.now.instant)
    }

    /// What changed in the graph since it was last told.
    pub(super) fn tell_graph(&mut self) {
        let Some(change) = self.state.graph.tick(self.now.instant) else {
            return;
        };
        let kind = change.kind();
        self.publish_graph(kind, |sequence, out| change.write_text(sequence, out));
        for frame in change.frames(|agent| self.stream.numeric_id_of(agent)) {
            let lane = Lane::GraphBinary;
            self.stream.publish_retained_frame(lane, self.call, &frame);
        }
    }
}
