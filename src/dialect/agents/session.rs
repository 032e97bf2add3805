//! A session of documents A or B.

use std::collections::VecDeque;
use std::sync::Arc;

use agnt_fleet::{
    Attachment, Id, IdempotencyKey, KeyUse, Mutation, Refusal, RefusalKind, Timestamp,
};
use bytes::Bytes;

use super::introduction::{AgentIntroduction, Protocols};
use super::listening::Replay;
use super::office::{Office, forbidden};
use super::replies;
use super::shape::{Said, Shape};
use crate::dialect::{About, Session, Turn, Wish};
use crate::domain::{DisconnectReason, ErrorCode, time};
use crate::engine::mailbox::{Letter, Mailbox, QueueId};
use crate::guard::{Badge, Message, Validity};
use crate::relay::{AgentLine, ListenerId, Speech};

/// After so many malformed messages in a row the session is closed (ruling 16).
const MALFORMED_MAX: u32 = 10;

/// The name of the subscription that document A's paths open by themselves.
pub(super) const IMPLIED: &str = "protocol";

/// The session; see the module.
#[derive(Debug)]
pub struct AgentSession {
    pub(super) office: Arc<Office>,
    pub(super) introduction: AgentIntroduction,
    pub(super) badge: Arc<Badge>,
    pub(super) listener: Option<ListenerId>,
    /// Its presence as an agent, as long as it acts as one.
    attachment: Option<Attachment>,
    pub(super) replays: VecDeque<Replay>,
    /// Events up to this one that wait were for subscriptions that have ended.
    pub(super) ended_until: u64,
    /// Tells it from all others, also from those before a restart.
    id: Id,
    /// What the message that is being carried out says, but when it says so.
    digest: [u8; 32],
    /// Whether a message has decided what it speaks.
    is_settled: bool,
    malformed: u32,
}

impl AgentSession {
    /// A session that has not begun.
    pub fn new(office: Arc<Office>, introduction: AgentIntroduction, badge: Arc<Badge>) -> Self {
        Self {
            office,
            introduction,
            badge,
            listener: None,
            attachment: None,
            replays: VecDeque::new(),
            ended_until: 0,
            id: Id::unique(),
            digest: [0; 32],
            is_settled: false,
            malformed: 0,
        }
    }

    pub(super) fn speech(&self) -> Speech {
        self.introduction.speech
    }

    /// Whether it may send that now.
    pub(super) fn permits(&self, message: Message) -> Result<(), Refusal> {
        let permitted = self.badge.permits(message);
        permitted.map_err(|denied| forbidden(&denied))
    }

    /// Whether it may have to do with that agent: one of a stream that its credentials are for.
    pub(super) fn reaches(&self, agent: &Id) -> Result<(), Refusal> {
        let stream = self.office.stream_of(agent);
        let reached = stream.map_or(Ok(()), |stream| self.badge.is_for_stream(&stream));
        reached.map_err(|denied| forbidden(&denied))
    }

    /// Whether it may act as this agent.
    pub(super) fn may_act_as(&self, agent: &Id) -> Result<(), Refusal> {
        // To act as an agent is to answer for it.
        self.permits(Message::Response)?;
        let spoken_for = self.badge.speaks_for(agent.as_str());
        spoken_for.map_err(|denied| forbidden(&denied))?;
        self.reaches(agent)
    }

    /// Acts as this agent from now on: it is present, and gets what is open for it.
    pub(super) fn act_as(&mut self, agent: &Id, mailbox: &Arc<Mailbox>) -> Result<(), Refusal> {
        self.may_act_as(agent)?;
        let Some(listener) = self.listener else {
            return Ok(());
        };
        match self.introduction.agent.as_ref() == Some(agent) {
            // It only speaks otherwise from now on.
            true => drop(
                self.office
                    .relay
                    .deliveries()
                    .close(agent, listener.number()),
            ),
            false => self.stop_acting(),
        }
        self.introduction.agent = Some(agent.clone());
        let line = AgentLine {
            number: listener.number(),
            since: Timestamp::from_micros(time::unix_us()),
            mailbox: Arc::clone(mailbox),
            write: self.introduction.speech.work(),
        };
        self.attachment = Some(self.office.attach(agent, &line));
        Ok(())
    }

    pub(super) fn stop_acting(&mut self) {
        self.attachment = None;
        if let (Some(agent), Some(listener)) = (&self.introduction.agent, self.listener) {
            self.office.detach(agent, listener.number());
        }
    }

    /// The first message decides what is spoken; document A's implied subscription ends with it.
    fn settle(&mut self, said: &Said, turn: &Turn<'_>) {
        if self.is_settled {
            return;
        }
        let Some(speech) = said.speech else {
            return;
        };
        self.is_settled = true;
        if speech == self.introduction.speech {
            return;
        }
        self.introduction.speech = speech;
        let Some(listener) = self.listener else {
            return;
        };
        let agent = self.introduction.agent.clone();
        let switchboard = self.office.relay.switchboard();
        switchboard.speak(listener, speech);
        if let Some(standing) = switchboard.unsubscribe(listener, IMPLIED) {
            self.forget_ended(standing);
        }
        if let Some(agent) = agent {
            // The line speaks otherwise now; what is open is told once more, in the right words.
            let _ = self.act_as(&agent, turn.mailbox);
        }
    }

    /// Asks the fleet for something. `then` makes the answer, which comes by mail once it is on disk.
    pub(super) fn submit(
        &self,
        mutation: Mutation,
        to: Option<String>,
        mailbox: &Arc<Mailbox>,
        then: impl FnOnce(agnt_fleet::Done) -> Option<String> + Send + 'static,
    ) -> Result<(), Refusal> {
        self.office.needs_room()?;
        let speech = self.speech();
        let mailbox = Arc::clone(mailbox);
        let key = self.idempotency(to.as_deref());
        self.office.fleet.submit(mutation, key, move |result| {
            let text = match result {
                Ok(done) => then(done),
                Err(refusal) => Some(replies::error(speech, to.as_deref(), &refusal)),
            };
            if let Some(text) = text {
                mailbox.post(QueueId::OWN, letter(text.into()));
            }
        })
    }

    /// A message of one sender and one id is carried out once (ruling 45).
    fn idempotency(&self, id: Option<&str>) -> Option<IdempotencyKey> {
        let id = id?;
        let sender = match (&self.introduction.agent, self.badge.identity().owner()) {
            (Some(agent), _) => format!("agent {agent}"),
            (None, Some(owner)) => format!("key {owner}"),
            (None, None) => format!("session {}", self.id),
        };
        let key = IdempotencyKey {
            given_with: KeyUse::Message,
            principal: sender,
            key: id.to_owned(),
            fingerprint: self.digest,
        };
        let is_plain = id.len() <= 255 && id.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        is_plain.then_some(key)
    }

    pub(super) fn refuse(&self, refusal: &Refusal, to: Option<&str>, turn: &mut Turn<'_>) {
        let text = replies::error(self.speech(), to, refusal);
        turn.wishes.push(Wish::Text(text));
    }

    fn refuse_malformed(&mut self, issue: String, turn: &mut Turn<'_>) {
        turn.tally.decode_errors += 1;
        self.malformed += 1;
        self.refuse(&Refusal::new(RefusalKind::Invalid, issue), None, turn);
        if self.malformed >= MALFORMED_MAX {
            let text = format!("{MALFORMED_MAX} malformed messages in a row");
            turn.wishes
                .push(Wish::Close(DisconnectReason::PolicyViolation, text));
        }
    }

    /// Ends the session if what it came in by is good no more.
    fn is_dismissed(&self, turn: &mut Turn<'_>) -> bool {
        if self.badge.validity(time::unix_s()) == Validity::Good {
            return false;
        }
        let text = "the credentials of this session are good no more";
        let reason = DisconnectReason::CredentialsEnded;
        turn.wishes.push(Wish::Close(reason, text.to_owned()));
        true
    }

    fn carry_out(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        self.permits(said.message())?;
        match said.shape {
            Shape::Heartbeat => {
                let text = replies::heartbeat(self.speech(), said.id.as_deref());
                turn.wishes.push(Wish::Text(text));
                Ok(())
            }
            Shape::Renew => self.renew(&said, turn),
            Shape::Error | Shape::Ack => Ok(()),
            Shape::Subscribe => self.subscribe(&said, turn),
            Shape::Unsubscribe => self.unsubscribe(&said, turn),
            Shape::Publish => self.publish(said, turn),
            Shape::Event => self.hear_event(said, turn),
            Shape::Command => self.command(said, turn),
            Shape::Request => self.request(said, turn),
            Shape::Response => self.answer(said, turn),
            Shape::Visual => {
                let message = "type: the visualisation protocol is spoken from the first message on, or not at all";
                Err(Refusal::new(RefusalKind::Conflict, message))
            }
        }
    }
}

/// A finished text for this session.
pub(super) fn letter(text: Bytes) -> Letter {
    Letter {
        text,
        is_binary: false,
        priority: crate::domain::Priority::Normal,
        expires_at: None,
        sequence: None,
    }
}

impl Session for AgentSession {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        let mailbox = Arc::clone(turn.mailbox);
        let speech = self.speech();
        let switchboard = self.office.relay.switchboard();
        self.listener = Some(switchboard.join(mailbox, speech));
        if let Some(agent) = self.introduction.agent.clone()
            && let Err(refusal) = self.act_as(&agent, turn.mailbox)
        {
            self.introduction.agent = None;
            self.refuse(&refusal, None, turn);
        }
        // An agent gets its commands as deliveries; who acts as none observes them (ruling 52).
        let is_agent = self.introduction.agent.is_some();
        let protocols = self.introduction.protocols.map(|chosen| Protocols {
            commands: chosen.commands && !is_agent,
            ..chosen
        });
        if let Some(protocols) = protocols.filter(|chosen| *chosen != Protocols::default())
            && let Err(refusal) = self.listen_to(protocols)
        {
            self.refuse(&refusal, None, turn);
        }
    }

    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        if self.is_dismissed(turn) {
            return;
        }
        if let Some(agent) = &self.introduction.agent {
            self.office.fleet.presence().heard(agent);
        }
        let said = match Said::read(text) {
            Ok(said) => said,
            Err(issue) => return self.refuse_malformed(issue, turn),
        };
        self.malformed = 0;
        self.digest = said.digest;
        self.settle(&said, turn);
        let to = said.id.clone();
        if let Err(refusal) = self.carry_out(said, turn) {
            self.refuse(&refusal, to.as_deref(), turn);
        }
    }

    fn on_binary(&mut self, _message: &[u8], turn: &mut Turn<'_>) {
        turn.tally.frames_not_allowed += 1;
        let issue = "binary: AGNT frames are spoken from the first message on, or not at all";
        self.refuse_malformed(issue.to_owned(), turn);
    }

    fn on_mail(&mut self, room_bytes: usize, turn: &mut Turn<'_>) -> bool {
        if turn.mailbox.has_overflowed() {
            let text =
                "more events wait than the session's queue allows; subscribe with after to go on";
            let close = Wish::Close(DisconnectReason::TooSlow, text.to_owned());
            turn.wishes.push(close);
            return false;
        }
        if self.is_dismissed(turn) {
            return false;
        }
        if self.replay(room_bytes, turn) {
            return true;
        }
        let mut letters = Vec::new();
        let has_more = turn.mailbox.take(turn.now, room_bytes, &mut letters);
        let is_ended = |letter: &Letter| letter.sequence.is_some_and(|at| at <= self.ended_until);
        for (_, letter) in letters {
            if is_ended(&letter) {
                continue;
            }
            // An empty letter only calls for what is to be replayed.
            let text = String::from_utf8(letter.text.to_vec());
            turn.wishes
                .extend(text.ok().filter(|text| !text.is_empty()).map(Wish::Text));
        }
        has_more
    }

    fn on_excess(&mut self, text: &str, turn: &mut Turn<'_>) {
        let refusal = Refusal::new(RefusalKind::TooMany, text).retry_after(1);
        self.refuse(&refusal, None, turn);
    }

    fn apology(&self) -> Option<Wish> {
        let message = format!(
            "{}: the server failed to serve this message",
            ErrorCode::InternalError.name()
        );
        let refusal = Refusal::new(RefusalKind::Internal, message);
        Some(Wish::Text(replies::error(self.speech(), None, &refusal)))
    }

    fn may_stay(&self, unix_s: u64) -> bool {
        self.badge.validity(unix_s) == Validity::Good
    }

    fn about(&self) -> About {
        let agent = self.introduction.agent.as_ref();
        About {
            session_id: None,
            agent_id: agent.map(|agent| agent.as_str().to_owned()),
            protocols: match self.speech() {
                Speech::A => vec!["v1"],
                Speech::B => vec!["api_v1"],
            },
        }
    }

    fn end(&mut self, _turn: &mut Turn<'_>) {
        self.stop_acting();
        if let Some(listener) = self.listener.take() {
            self.office.relay.switchboard().leave(listener);
            self.office.relay.awaited().leave(listener);
        }
    }
}
