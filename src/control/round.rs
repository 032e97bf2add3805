//! One call of a hub under its lock: what it works with, and how messages get out.
//!
//! An event is written to its lane once, for all that read the lane. Members with a channel that
//! carries events don't read lanes; they get each event by mail, the same bytes.

use std::time::Instant;

use agnt_codec::Emit;
use bytes::Bytes;

use super::agent_id::is_agent_id;
use super::channel_event::ContentEvent;
use super::event::{Event, LogPlace};
use super::hub_state::HubState;
use super::members::{Member, MemberId, SessionPath};
use super::moment::Moment;
use super::redelivery::{Addressee, Due};
use super::refusal::Refusal;
use super::settings::AlertSettings;
use crate::domain::{Current, Priority};
use crate::engine::mailbox::{Letter, Posted, QueueId};
use crate::engine::{Call, Lane, Stream};

/// The call; see the module.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) stream: &'a Stream,
    pub(super) alerts: &'a Current<AlertSettings>,
    pub(super) state: &'a mut HubState,
    pub(super) call: Call,
    pub(super) now: Moment,
}

/// An event on its way to many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publication<'a> {
    pub(super) event: &'a Event<'a>,
    /// The agents that it is about.
    pub(super) agents: &'a [&'a str],
    /// The publisher that does not get it back.
    pub(super) from: Option<u32>,
    /// Nobody gets it after that.
    pub(super) expires_at: Option<Instant>,
    /// Who gets it.
    pub(super) audience: Audience,
}

/// Who gets an event without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Sessions of the visualisation path.
    Viewers,
    /// These, and sessions of the graph path.
    ViewersAndGraph,
    /// Every session.
    Everybody,
}

impl<'a> Publication<'a> {
    /// To the viewers, for as long as it takes.
    pub(super) fn of(event: &'a Event<'a>, agents: &'a [&'a str], from: Option<u32>) -> Self {
        Self {
            event,
            agents,
            from,
            expires_at: None,
            audience: Audience::Viewers,
        }
    }
}

/// A finished message for one session.
#[derive(Clone, Debug)]
pub(super) struct Mail<'a> {
    pub(super) kind: &'a str,
    pub(super) text: Bytes,
    pub(super) priority: Priority,
    pub(super) expires_at: Option<Instant>,
}

impl Round<'_> {
    /// Publishes an event to the lane of its priority, and by mail to whoever reads no lane.
    pub(super) fn publish(&mut self, publication: Publication<'_>) {
        let Publication {
            event,
            from,
            expires_at,
            audience,
            ..
        } = publication;
        let (lane, log) = match event.priority {
            Priority::Critical => (Lane::CriticalJson, Some("critical")),
            _ => (Lane::EventsJson, None),
        };
        let is_mailed = !self.state.mailed.is_empty() || audience == Audience::Everybody;
        let mut body = Bytes::new();
        self.stream
            .publish_text(lane, from, expires_at, self.call, |sequence, out| {
                let start = out.len();
                event.write(Some(LogPlace { log, sequence }), out);
                if is_mailed {
                    body = Bytes::copy_from_slice(&out[start..]);
                }
            });
        if is_mailed {
            self.mail_to_many(publication, &body);
        }
        if audience == Audience::ViewersAndGraph {
            let log = Some("graph");
            let write = |sequence, out: &mut Vec<u8>| {
                event.write(Some(LogPlace { log, sequence }), out);
            };
            let lane = Lane::GraphJson;
            self.stream
                .publish_text(lane, from, expires_at, self.call, write);
        }
    }

    fn mail_to_many(&mut self, publication: Publication<'_>, body: &Bytes) {
        let Publication {
            event,
            agents,
            from,
            expires_at,
            audience,
        } = publication;
        let content = ContentEvent {
            kind: &event.kind,
            agents,
            body,
            priority: event.priority,
            expires_at,
            except: self.mailed_publisher(from),
        };
        let told = self.state.channels.publish(&content);
        let is_bare = |member: &&Member| {
            let is_mailed = self.state.mailed.contains(&member.id);
            let hears_bare = match (audience, member.path) {
                (Audience::Everybody, SessionPath::Graph | SessionPath::Control) => true,
                (Audience::ViewersAndGraph, SessionPath::Graph)
                | (_, SessionPath::Visualisation) => is_mailed,
                _ => false,
            };
            hears_bare && member.speaks_json && Some(member.publisher_number) != from
        };
        let mail = Mail {
            kind: &event.kind,
            text: body.clone(),
            priority: event.priority,
            expires_at,
        };
        let post = |member: &Member| {
            if told.binary_search(&member.id).is_err() {
                member.mailbox.post(QueueId::OWN, mail.letter());
            }
        };
        let members = &self.state.members;
        if audience == Audience::Everybody {
            return members.iter().filter(is_bare).for_each(post);
        }
        let mailed = self.state.mailed.iter();
        let mailed = mailed.filter_map(|id| members.find(*id));
        mailed.filter(is_bare).for_each(post);
    }

    /// The member that gets events by mail and publishes under that number.
    fn mailed_publisher(&self, number: Option<u32>) -> Option<MemberId> {
        let number = number?;
        let mut mailed = self.state.mailed.iter().copied();
        mailed.find(|id| {
            let member = self.state.members.find(*id);
            member.is_some_and(|member| member.publisher_number == number)
        })
    }

    /// Sends the graph's readers a message that tells of it, `text` for a sequence of its lane.
    pub(super) fn publish_graph(&mut self, kind: &str, write: impl FnOnce(u64, &mut Vec<u8>)) {
        let is_mailed = !self.state.mailed.is_empty();
        let mut body = Bytes::new();
        let lane = Lane::GraphJson;
        self.stream
            .publish_text(lane, None, None, self.call, |sequence, out| {
                let start = out.len();
                write(sequence, out);
                if is_mailed {
                    body = Bytes::copy_from_slice(&out[start..]);
                }
            });
        if !is_mailed {
            return;
        }
        let content = ContentEvent {
            kind,
            agents: &[],
            body: &body,
            priority: Priority::Normal,
            expires_at: None,
            except: None,
        };
        let told = self.state.channels.publish(&content);
        let mail = Mail {
            kind,
            text: body.clone(),
            priority: Priority::Normal,
            expires_at: None,
        };
        let untold = self.state.mailed.iter();
        let untold = untold.filter(|id| told.binary_search(id).is_err());
        for member in untold.filter_map(|id| self.state.members.find(*id)) {
            if member.path == SessionPath::Graph {
                member.mailbox.post(QueueId::OWN, mail.letter());
            }
        }
    }

    /// Sends one session a message, in its channel for such messages if it has one.
    pub(super) fn send(&mut self, to: MemberId, mail: &Mail<'_>) -> Posted {
        if self.state.mailed.contains(&to) {
            let content = ContentEvent {
                kind: mail.kind,
                agents: &[],
                body: &mail.text,
                priority: mail.priority,
                expires_at: mail.expires_at,
                except: None,
            };
            if self.state.channels.publish_to(to, &content) {
                return Posted::Queued;
            }
        }
        match self.state.members.find(to) {
            Some(member) => member.mailbox.post(QueueId::OWN, mail.letter()),
            None => Posted::Closed,
        }
    }

    /// Hands an agent's session a message; with `wants_ack` again and again, until it says that it
    /// has it.
    pub(super) fn hand_over(
        &mut self,
        to: MemberId,
        agent: &str,
        event: &Event<'_>,
        expires_at: Option<Instant>,
        wants_ack: bool,
    ) -> Result<(), Refusal> {
        let mail = Mail {
            kind: &event.kind,
            text: Bytes::from(event.to_text()),
            priority: event.priority,
            expires_at,
        };
        if wants_ack {
            let due = Due {
                addressee: Addressee::Client(agent.into()),
                queue: QueueId::OWN,
                kind: Box::from(mail.kind),
                letter: mail.letter(),
            };
            self.state
                .redelivery
                .keep(due, &event.id, self.now.instant)?;
        }
        match self.send(to, &mail) {
            Posted::Dropped | Posted::Closed if !wants_ack => {
                let text = format!("agent '{agent}': its session can't take more mail");
                Err(Refusal::failed(text).because("mailbox full"))
            }
            _ => Ok(()),
        }
    }

    /// Sends again what is overdue.
    pub(super) fn redeliver(&mut self, due: Vec<Due>) {
        for one in due {
            let to = match &one.addressee {
                Addressee::Client(client) => self.state.members.newest_of(client),
                Addressee::Member(member) => self.state.members.find(*member),
            };
            let Some(member) = to else {
                continue;
            };
            self.state.tally.redelivered += 1;
            if let Addressee::Member(_) = one.addressee {
                member.mailbox.post(one.queue, one.letter);
                continue;
            }
            let to = member.id;
            let mail = Mail {
                kind: &one.kind,
                text: one.letter.text,
                priority: one.letter.priority,
                expires_at: one.letter.expires_at,
            };
            self.send(to, &mail);
        }
    }

    /// The session that acts as an agent.
    pub(super) fn session_of(&self, agent: &str) -> Result<MemberId, Refusal> {
        if let Some(member) = self.state.members.newest_of(agent) {
            return Ok(member.id);
        }
        if self.state.members.has_client(agent) {
            let text = format!("agent '{agent}' has no session that reads JSON");
            return Err(Refusal::failed(text).because("no session"));
        }
        let numeric_id = self.stream.numeric_id_of(agent);
        let is_known = self.state.directory.knows(agent)
            || self.state.clients.peek(agent).is_some()
            || numeric_id.is_some_and(|id| self.stream.knows_agent(id));
        match is_known {
            true => {
                let text = format!("agent '{agent}' has no session");
                Err(Refusal::failed(text).because("no session"))
            }
            false => Err(Refusal::agent_not_found(agent)),
        }
    }

    /// The id that messages give an agent that frames give a number.
    pub(super) fn agent_of(&self, id: u32) -> String {
        let name = self.stream.agent_name(id).filter(|name| is_agent_id(name));
        name.unwrap_or_else(|| id.to_string())
    }
}

impl Mail<'_> {
    pub(super) fn letter(&self) -> Letter {
        Letter {
            text: self.text.clone(),
            is_binary: false,
            priority: self.priority,
            expires_at: self.expires_at,
            sequence: None,
        }
    }
}

/// A frame as bytes; nothing if it would not fit into one.
pub(super) fn frame_of(payload: &dyn Emit) -> Option<Vec<u8>> {
    let mut frame = vec![0; payload.encoded_bytes()];
    let bytes = payload.emit(agnt_codec::Flags::NONE, &mut frame).ok()?;
    frame.truncate(bytes);
    Some(frame)
}
