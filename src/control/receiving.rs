//! What a session sends in an envelope, and who is to act on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::envelope::Envelope;
use super::fields::shown;
use super::flows::latency_ms;
use super::members::MemberId;
use super::redelivery::Addressee;
use super::refusal::Refusal;
use super::replies::Request;
use super::round::Round;
use crate::engine::Publisher;

/// Who sent a message, and until when it is of use.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    pub(super) member: MemberId,
    /// The agent that it acts as.
    pub(super) client: Option<Arc<str>>,
    pub(super) publisher: &'a Publisher,
    /// By the message's time to live, counted from now.
    pub(super) expires_at: Option<Instant>,
}

impl Envelope<'_> {
    /// What replies to it name.
    pub fn request(&self) -> Request<'_> {
        Request {
            id: self.id.as_deref(),
            correlation: self.correlation(),
        }
    }

    pub(super) fn expires_at(&self, now: Instant) -> Option<Instant> {
        now.checked_add(Duration::from_millis(self.ttl_ms?))
    }
}

impl Round<'_> {
    /// Acts on a message. Returns what its sender is answered besides the ack.
    pub(super) fn receive(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Vec<String>, Refusal> {
        self.state.monitor.note_messages(1);
        if let Some(ms) = latency_ms(envelope.stamped_unix_ms, self.now) {
            self.state.monitor.note_latency(ms);
        }
        if envelope.wants_ack && envelope.id.is_none() {
            let text = "id: missing; a message with metadata.ack has one";
            return Err(Refusal::invalid(text));
        }
        match envelope.kind.as_ref() {
            "agent.state.changed" => self.on_state(sender, envelope)?,
            "agent.performance.update" => self.on_performance(sender, envelope)?,
            "agent.capability.update" => self.on_capability(sender, envelope)?,
            "message.sent" => self.on_message_sent(sender, envelope)?,
            "message.flow.stats" => self.on_flow_stats(sender, envelope)?,
            "graph.update" => self.on_graph_update(envelope)?,
            "coordination.initiated" => self.on_initiated(sender, envelope)?,
            "coordination.progress" => self.on_vote(sender, envelope)?,
            "system.metrics" => self.on_system_metrics(sender, envelope)?,
            "control.multi-agent.configure" => return self.on_configure(sender, envelope),
            "control.execute" => self.on_execute(sender, envelope)?,
            "control.result" => self.on_result(sender, envelope)?,
            "error" => self.on_error(sender, envelope),
            "rtc.offer" | "rtc.answer" | "rtc.ice" => self.on_rtc(sender, envelope)?,
            "ack" => self.on_ack(sender, envelope)?,
            kind => {
                let text = format!("type: '{}' is not known here", shown(kind));
                return Err(Refusal::invalid(text));
            }
        }
        Ok(Vec::new())
    }

    /// `ack`: a message needn't be sent again.
    fn on_ack(&mut self, sender: &Sender<'_>, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let Some(id) = envelope.id.as_deref() else {
            return Err(Refusal::invalid(
                "id: missing; the id of the message that came",
            ));
        };
        let letters = &mut self.state.redelivery;
        letters.acknowledge(Addressee::Member(sender.member), id);
        if let Some(client) = &sender.client {
            letters.acknowledge(Addressee::Client(Arc::clone(client)), id);
        }
        Ok(())
    }
}
