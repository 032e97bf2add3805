//! What is addressed to one agent: commands with their answers, and signalling between agents.

use std::sync::Arc;

use bytes::Bytes;

use super::agent_id::agent_id;
use super::commands::{CommandResult, Execute, OpenCommand};
use super::envelope::{Envelope, ID_BYTES_MAX};
use super::event::Event;
use super::fields::{Fields, quoted};
use super::receiving::Sender;
use super::redelivery::Addressee;
use super::refusal::Refusal;
use super::replies::{self, Request};
use super::round::{Mail, Round};
use crate::domain::Priority;
use crate::engine::mailbox::Posted;

/// The longest message of an agent's error that its requester is told, in bytes.
const REPORT_BYTES_MAX: usize = 65_536;

impl Round<'_> {
    /// `control.execute`.
    pub(super) fn on_execute(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        let command = Execute::read(&payload)?;
        command.refuse_callback()?;
        let target = self.session_of(&command.target)?;
        let event = Event::of(envelope, self.now);
        let id: Arc<str> = Arc::from(event.id.as_ref());
        let deadline = self.now.instant + command.timeout;
        self.state.commands.open(OpenCommand {
            id: Arc::clone(&id),
            target: Arc::from(command.target.as_ref()),
            requester: sender.member,
            correlation_id: envelope.correlation_id.as_deref().map(Arc::from),
            timeout: command.timeout,
            deadline,
        })?;
        let payload = payload.with(&[("commandId", &quoted(&id))]);
        let event = event.saying(payload).correlated(envelope, &id);
        // A command is not delivered once its requester was told that its time is over.
        let expires_at = sender.expires_at.map_or(deadline, |at| at.min(deadline));
        let wants_ack = envelope.wants_ack;
        let handed = self.hand_over(target, &command.target, &event, Some(expires_at), wants_ack);
        if handed.is_err() {
            self.state.commands.close(&command.target, &id);
        }
        handed
    }

    /// `control.result`: an agent answers.
    pub(super) fn on_result(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        let result = CommandResult::read(&payload, envelope.correlation_id.as_ref())?;
        let by = sender.client.as_deref();
        let command = self
            .state
            .commands
            .answered(by, &result.command_id)?
            .clone();
        self.note_answer(&command, result.is_final);
        let event = Event::of(envelope, self.now).correlated(envelope, &command.id);
        let mail = Mail {
            kind: &event.kind,
            text: Bytes::from(event.to_text()),
            priority: event.priority,
            expires_at: sender.expires_at,
        };
        self.send(command.requester, &mail);
        Ok(())
    }

    /// `error`: an agent can't carry a command out. Other errors are for the log.
    pub(super) fn on_error(&mut self, sender: &Sender<'_>, envelope: &Envelope<'_>) {
        let payload = envelope.payload.map(|raw| Fields::read("payload", raw));
        let payload = payload.and_then(Result::ok);
        let details = payload.as_ref().and_then(|it| it.object("details").ok()?);
        let request_id = details
            .as_ref()
            .and_then(|it| it.text("requestId", ID_BYTES_MAX).ok()?);
        let command_id = request_id.or_else(|| envelope.correlation_id.clone());
        let said = payload
            .as_ref()
            .and_then(|it| it.text("message", REPORT_BYTES_MAX).ok()?);
        let by = sender.client.as_deref();
        let commands = &self.state.commands;
        let command = command_id.and_then(|id| commands.answered(by, &id).ok().cloned());
        let Some(command) = command else {
            let said = super::fields::shown(said.as_deref().unwrap_or_default());
            tracing::debug!(client = by, text = %said, "peer reports an error");
            return;
        };
        self.note_answer(&command, true);
        let text = replies::reported(&command.target, said.as_deref());
        self.refuse(&command, &Refusal::failed(text).because("agent"));
    }

    /// An answer is proof that the command arrived, and its last one ends it.
    fn note_answer(&mut self, command: &OpenCommand, is_final: bool) {
        let target = Addressee::Client(Arc::clone(&command.target));
        self.state.redelivery.acknowledge(target, &command.id);
        if is_final {
            self.state.commands.close(&command.target, &command.id);
        }
    }

    /// A command whose time is over.
    pub(super) fn tell_overdue(&mut self, command: &OpenCommand) {
        let target = Addressee::Client(Arc::clone(&command.target));
        self.state.redelivery.acknowledge(target, &command.id);
        let ms = command.timeout.as_millis();
        let text = format!(
            "agent '{}': the command timed out after {ms} ms",
            command.target
        );
        self.refuse(command, &Refusal::failed(text).because("timeout"));
    }

    /// Tells a requester that its command failed.
    fn refuse(&mut self, command: &OpenCommand, refusal: &Refusal) {
        let correlation = command.correlation_id.as_ref().unwrap_or(&command.id);
        let request = Request {
            id: Some(&command.id),
            correlation: Some(correlation),
        };
        let mail = Mail {
            kind: "error",
            text: Bytes::from(replies::error(refusal, "control", request)),
            priority: Priority::Normal,
            expires_at: None,
        };
        self.send(command.requester, &mail);
    }

    /// `rtc.offer`, `rtc.answer` and `rtc.ice`.
    pub(super) fn on_rtc(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let payload = envelope.payload()?;
        let target = agent_id(&payload, "targetAgent")?;
        let Some(client) = &sender.client else {
            let text = "from: the session acts for no agent; a handshake with clientId is needed";
            return Err(Refusal::failed(text));
        };
        let to = self.session_of(&target)?;
        let payload = payload.with(&[("from", &quoted(client))]);
        let event = Event::of(envelope, self.now).saying(payload);
        self.hand_over(to, &target, &event, sender.expires_at, envelope.wants_ack)
    }

    /// A requester left: nobody waits for its commands.
    pub(super) fn drop_commands_of(&mut self, sender: super::members::MemberId) {
        for command in self.state.commands.leave(sender) {
            let target = Addressee::Client(Arc::clone(&command.target));
            self.state.redelivery.acknowledge(target, &command.id);
        }
    }

    /// What waits for a client that has a session again.
    pub(super) fn deliver_waiting(&mut self, client: &str, to: super::members::MemberId) {
        for due in self.state.redelivery.of_client(client, self.now.instant) {
            let mail = Mail {
                kind: &due.kind,
                text: due.letter.text,
                priority: due.letter.priority,
                expires_at: due.letter.expires_at,
            };
            if self.send(to, &mail) == Posted::Queued {
                self.state.tally.redelivered += 1;
            }
        }
    }
}
