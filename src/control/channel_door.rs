//! How sessions open channels, and what they send in them.

use agnt_codec::{Frame, HEADER_BYTES};
use bytes::Bytes;

use super::channel_event::{Posting, Sent};
use super::channel_grant::{ChannelGrant, closed_message};
use super::channel_kind::ChannelKind;
use super::channel_message::ChannelMessage;
use super::channel_name::ChannelName;
use super::channel_refusal::{ChannelErrorCode, ChannelRefusal};
use super::channel_request::{ChannelCommand, ChannelRequest};
use super::content::Content;
use super::envelope::{Envelope, ID_BYTES_MAX, check_text};
use super::fields::Fields;
use super::hub::Hub;
use super::members::MemberId;
use super::redelivery::{Addressee, Due};
use super::refusal::Refusal;
use super::replies;
use super::round::{Mail, Round};
use crate::domain::Priority;
use crate::engine::mailbox::{Letter, QueueId};
use crate::engine::{Call, Lane, Publisher};

/// What came of a request about channels.
#[derive(Clone, Debug)]
pub struct ChannelAnswer {
    /// What the session is answered, if anything.
    pub reply: Option<String>,
    /// The last sequences of the logs of events and of the graph then: up to them a session has what its lanes told,
    /// behind them what its mail tells, or the other way round.
    pub cut: [(Lane, u64); 3],
}

impl Hub {
    /// A message of channels and streams: `channel.create` and the like.
    pub fn channel_request(
        &self,
        member: MemberId,
        kind: &str,
        text: &str,
        call: Call,
    ) -> ChannelAnswer {
        let correlation = correlation(text);
        let correlation = correlation.as_deref();
        // Whoever publishes an event holds the same lock, so the cut is exact.
        self.round(call, |round| {
            let answer = match ChannelCommand::parse(kind, text) {
                None => Ok(None),
                Some(Ok(command)) => round.do_to_channel(member, command, correlation),
                Some(Err(refusal)) => Err(refusal),
            };
            let last = |lane| (lane, round.stream.last_sequence(lane));
            ChannelAnswer {
                reply: answer.unwrap_or_else(|refusal| Some(refusal.message(correlation))),
                cut: [Lane::EventsJson, Lane::CriticalJson, Lane::GraphJson].map(last),
            }
        })
    }

    /// A text message that a session sends in one of its channels. What carries the stream's content
    /// is taken as if it had come bare; the rest goes to the others in the channel. Returns what the
    /// sender is answered, be it an error.
    pub fn channel_message(
        &self,
        member: MemberId,
        text: &str,
        publisher: &Publisher,
        call: Call,
    ) -> Result<Vec<String>, String> {
        let message = ChannelMessage::parse(text).map_err(|refusal| refusal.message(None))?;
        let inner = message.message.get();
        let wrong = |text| refused(&message, text).message(None);
        check_text(inner, self.settings().json_bytes_max).map_err(wrong)?;
        let fields = Fields::of_text("message", inner).map_err(wrong)?;
        // An application's own message needs no type; without one it is no envelope.
        let envelope = match fields.raw("type") {
            Some(_) => Some(Envelope::parse(inner, usize::MAX).map_err(wrong)?),
            None => None,
        };
        let passed = self.round(call, |round| {
            round.pass_on(member, &message, envelope.as_ref())
        });
        match (passed, &envelope) {
            (Ok(Some(answers)), _) => Ok(answers),
            (Ok(None), None) => Err(wrong("message.type: missing; a type is needed".to_owned())),
            (Ok(None), Some(envelope)) => self
                .receive(member, envelope, publisher, call)
                .map_err(|refusal| replies::error(&refusal, "control", envelope.request())),
            (Err(refusal), envelope) => {
                let correlation = envelope.as_ref().and_then(|it| it.correlation());
                Err(refusal.message(correlation))
            }
        }
    }

    /// A frame with `HAS_CHANNEL` that a session sends. Returns whether it went to the others in the
    /// channel; otherwise the channel carries the stream's content, and the frame is to be taken as
    /// if it had come without.
    pub fn channel_frame(
        &self,
        member: MemberId,
        frame: &Frame<'_>,
        call: Call,
    ) -> Result<bool, Refusal> {
        let Some([low, high]) = frame.bytes().get(HEADER_BYTES..HEADER_BYTES + 2) else {
            let text = "channel: missing; with HAS_CHANNEL a payload begins with its numeric id";
            return Err(Refusal::invalid(text));
        };
        let numeric_id = u16::from_le_bytes([*low, *high]);
        let posting = Posting {
            body: Bytes::copy_from_slice(frame.bytes()),
            priority: Priority::Normal,
            expires_at: None,
        };
        let sent = self.round(call, |round| {
            let channels = &mut round.state.channels;
            channels.send_frame(member, numeric_id, posting)
        });
        match sent {
            Ok(sent) => Ok(matches!(sent, Sent::ToMembers { .. })),
            Err(refusal) => Err(Refusal::invalid(refusal.text)),
        }
    }

    /// Whether a session gets events by mail and reads no lane of them.
    pub fn has_content_channel(&self, member: MemberId) -> bool {
        self.lock().mailed.contains(&member)
    }

    /// The name of the channel whose letters wait in a queue of a session; no queue's number is given
    /// twice.
    pub fn channel_name(&self, member: MemberId, queue: QueueId) -> Option<ChannelName> {
        let state = self.lock();
        let grant = state.grants.get(&(member, queue))?;
        Some(grant.request.name.clone())
    }

    /// The numeric id under which a session gets positions in frames, if it has a channel for them.
    pub fn positions_channel(&self, member: MemberId) -> Option<u16> {
        let state = self.lock();
        let mut own = state.grants_of(member);
        let is_positions = |grant: &&ChannelGrant| {
            grant.request.content == Some(Content::Positions) && grant.request.is_binary
        };
        own.find(is_positions)?.numeric_id
    }
}

/// What an answer to a message without a checked envelope names.
fn correlation(text: &str) -> Option<String> {
    let fields = Fields::of_text("", text).ok()?;
    let metadata = fields.object("metadata").ok().flatten();
    let own = metadata.and_then(|it| it.text("correlationId", ID_BYTES_MAX).ok()?);
    let id = || fields.text("id", ID_BYTES_MAX).ok()?;
    own.or_else(id).map(Into::into)
}

fn refused(message: &ChannelMessage<'_>, text: String) -> ChannelRefusal {
    ChannelRefusal {
        kind: ChannelKind::Channel,
        name: Some(message.name.to_string()),
        code: ChannelErrorCode::InvalidMessage,
        text,
    }
}

impl Round<'_> {
    fn do_to_channel(
        &mut self,
        member: MemberId,
        command: ChannelCommand,
        correlation: Option<&str>,
    ) -> Result<Option<String>, ChannelRefusal> {
        let answer = match command {
            ChannelCommand::Open(request) => {
                let grant = self.open_channel(member, request)?;
                Some(grant.message(self.stream.epoch(), correlation))
            }
            ChannelCommand::Close(kind, name) => {
                self.state.channels.close(member, kind, &name)?;
                self.state
                    .grants
                    .retain(|(owner, _), grant| *owner != member || grant.request.name != name);
                Some(closed_message(kind, &name, correlation))
            }
            ChannelCommand::Credit(name, messages) => {
                self.state.channels.add_credit(member, &name, messages)?;
                None
            }
        };
        self.state.note_channels(member);
        Ok(answer)
    }

    fn open_channel(
        &mut self,
        member: MemberId,
        request: ChannelRequest,
    ) -> Result<ChannelGrant, ChannelRefusal> {
        let Some(known) = self.state.members.find(member) else {
            return Err(ChannelRefusal::not_found(
                request.kind,
                request.name.as_str(),
            ));
        };
        let mailbox = known.mailbox.clone();
        let mut grant = self.state.channels.open(member, &mailbox, request)?;
        self.state.note_channels(member);
        if grant.request.content == Some(Content::Positions) {
            grant.sequence = self.stream.last_sequence(Lane::Positions);
        }
        self.state
            .grants
            .insert((member, grant.queue), grant.clone());
        if grant.request.content == Some(Content::Graph) && grant.request.has_json_content() {
            self.send_graph(member);
        }
        Ok(grant)
    }

    /// Deltas mean something only to who has what they change.
    fn send_graph(&mut self, to: MemberId) {
        let sequence = self.stream.last_sequence(Lane::GraphJson);
        let snapshot = self.state.graph.snapshot();
        let mut text = Vec::new();
        snapshot.write_text(sequence, &mut text);
        let mail = Mail {
            kind: snapshot.kind(),
            text: Bytes::from(text),
            priority: Priority::Normal,
            expires_at: None,
        };
        self.send(to, &mail);
    }

    /// Passes a message on in an application's channel. Returns the answers for the sender; nothing,
    /// if the channel carries the stream's content.
    fn pass_on(
        &mut self,
        from: MemberId,
        message: &ChannelMessage<'_>,
        envelope: Option<&Envelope<'_>>,
    ) -> Result<Option<Vec<String>>, ChannelRefusal> {
        let now = self.now.instant;
        let posting = Posting {
            body: Bytes::copy_from_slice(message.message.get().as_bytes()),
            priority: envelope.and_then(|it| it.priority).unwrap_or_default(),
            expires_at: envelope.and_then(|it| it.expires_at(now)),
        };
        let sent = self.state.channels.send(from, message, posting.clone())?;
        let Sent::ToMembers {
            sequence,
            receivers,
        } = sent
        else {
            return Ok(None);
        };
        self.state.monitor.note_messages(1);
        let asks = envelope.filter(|it| it.wants_ack);
        let Some((envelope, id)) = asks.and_then(|it| Some((it, it.id.as_deref()?))) else {
            return Ok(Some(Vec::new()));
        };
        for (to, queue) in receivers {
            let due = Due {
                addressee: Addressee::Member(to),
                queue,
                kind: Box::from(envelope.kind.as_ref()),
                letter: Letter {
                    // A copy of its own, which shows whether it waits in this one's mailbox.
                    text: Bytes::copy_from_slice(&posting.body),
                    is_binary: false,
                    priority: posting.priority,
                    expires_at: posting.expires_at,
                    sequence: Some(sequence),
                },
            };
            // Beyond the bound a message was sent once all the same.
            let _ = self.state.redelivery.keep(due, id, now);
        }
        Ok(Some(vec![replies::ack(envelope.request(), false)]))
    }
}
