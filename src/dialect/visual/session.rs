//! One session of the visualisation protocol: what its peer may say, and what follows from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::{Emit, ErrorFrame, Flags, Frames};
use agnt_encoding::compression::InflateBudget;
use agnt_fleet::Id;
use bytes::Bytes;

use super::capabilities::Capabilities;
use super::desk::Desk;
use super::early::{Early, EarlyTexts};
use super::handshake::Handshake;
use super::opening::call;
use super::replies;
use super::terms::{Terms, Wishes};
use super::version::Version;
use super::wire::{Asked, Introduction, Message, Protocols, Role, shown};
use crate::control::envelope::Envelope;
use crate::control::fields::Fields;
use crate::control::last_heard::LastHeard;
use crate::control::{Hub, MemberId, Refusal, SessionPath};
use crate::dialect::agents::Office;
use crate::dialect::{About, Session, SessionRole, Turn, Wish};
use crate::domain::{DisconnectReason, ErrorCode, time};
use crate::engine::encoding::Lease;
use crate::engine::limits::LOOP_LAG_BYTES_MAX;
use crate::engine::{Publisher, Stream};
use crate::guard::{Badge, Validity};

/// What every session of this dialect shares.
#[derive(Clone, Debug)]
pub struct VisualSettings {
    /// Announced as `heartbeatInterval`, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a client may take for its handshake.
    pub handshake_within: Duration,
    /// Announced as `limits.messageBytes`.
    pub message_bytes_max: usize,
    /// Announced as `limits.inflateBytes`: what one compressed message may inflate to.
    pub inflate_bytes_max: usize,
    /// What a session's compressed messages may inflate to in a second.
    pub inflate_bytes_per_s: u64,
    /// The longest JSON message.
    pub json_bytes_max: usize,
}

/// After so many malformed messages in a row the connection is closed.
const MALFORMED_MAX: u32 = 10;

/// The longest text of an error.
const ERROR_TEXT_BYTES_MAX: usize = 512;

/// The session; see the module.
#[derive(Debug)]
pub struct VisualSession {
    pub(super) settings: Arc<VisualSettings>,
    pub(super) hub: Arc<Hub>,
    pub(super) stream: Arc<Stream>,
    pub(super) path: SessionPath,
    pub(super) introduction: Introduction,
    pub(super) session_id: uuid::Uuid,
    due: Option<Instant>,
    has_shaken_hands: bool,
    pub(super) protocols: Protocols,
    pub(super) capabilities: Capabilities,
    pub(super) version: Option<Version>,
    pub(super) terms: Terms,
    pub(super) json_hz: Option<u8>,
    /// The encoding that is made for it, if it isn't plain frames.
    pub(super) lease: Option<Lease>,
    pub(super) role: Option<Role>,
    /// Its place in the stream's hub, once it is open.
    pub(super) member: Option<MemberId>,
    /// Its tie to the agent API.
    pub(super) desk: Option<Box<Desk>>,
    pub(super) publisher_number: u32,
    /// Whether it has sent positions.
    pub(super) sends_positions: bool,
    pub(super) publisher: Option<Box<Publisher>>,
    /// When it was last heard of, for those who wait for its word.
    pub(super) heard: Arc<LastHeard>,
    pub(super) inflate_budget: InflateBudget,
    /// Whether it reads the log of events rather than getting them by mail.
    pub(super) heard_events: bool,
    malformed: u32,
    early: EarlyTexts,
    pub(super) is_closing: bool,
    /// Whether its credentials let it be told what happens.
    pub(super) is_shown: bool,
}

impl VisualSession {
    /// A session whose connection has just been upgraded.
    pub fn new(
        settings: Arc<VisualSettings>,
        hub: Arc<Hub>,
        path: SessionPath,
        introduction: Introduction,
        now: Instant,
    ) -> Self {
        Self {
            due: now.checked_add(settings.handshake_within),
            role: introduction.role,
            json_hz: introduction.json_hz,
            inflate_budget: InflateBudget::new(settings.inflate_bytes_per_s, now),
            settings,
            stream: Arc::clone(hub.stream()),
            hub,
            path,
            introduction,
            session_id: uuid::Uuid::now_v7(),
            has_shaken_hands: false,
            protocols: Protocols::JSON,
            capabilities: Capabilities::default(),
            version: None,
            terms: Terms::PLAIN,
            lease: None,
            member: None,
            desk: None,
            publisher_number: Publisher::next_number(),
            sends_positions: false,
            publisher: None,
            heard: Arc::new(LastHeard::new(now)),
            heard_events: true,
            malformed: 0,
            early: EarlyTexts::default(),
            is_closing: false,
            is_shown: true,
        }
    }

    /// The same session, which may act as an agent, and command agents, as far as its credentials
    /// let it.
    #[must_use]
    pub fn with_office(self, office: Arc<Office>, badge: Arc<Badge>) -> Self {
        Self {
            desk: Some(Box::new(Desk::new(office, badge))),
            ..self
        }
    }

    /// The agent that it acts as, registered or not, once it is open.
    pub fn agent(&self) -> Option<&Id> {
        self.desk.as_ref()?.agent()
    }

    /// Notes that something came.
    fn note_heard(&mut self, now: Instant) {
        self.heard.note(now);
        if let Some(desk) = &mut self.desk {
            desk.note_heard(now);
        }
    }

    /// Whether it has been introduced.
    pub fn is_open(&self) -> bool {
        self.due.is_none()
    }

    fn on_handshake(&mut self, text: &str, asked: Asked<'_>, turn: &mut Turn<'_>) {
        if self.has_shaken_hands {
            let text = "handshake: the session has had its handshake";
            return self.refuse(&Refusal::invalid(text), asked, turn);
        }
        match Handshake::parse(text) {
            Err(error) => {
                turn.tally.handshakes_refused += 1;
                self.malformed(&error, asked, turn);
            }
            Ok(handshake) => {
                self.malformed = 0;
                if !self.is_let_in(Some(&handshake), asked, turn) {
                    return;
                }
                self.has_shaken_hands = true;
                self.due = None;
                self.open_with(&handshake, turn);
            }
        }
    }

    fn on_version(&mut self, text: &str, message: &Message<'_>, turn: &mut Turn<'_>) {
        let fields = Fields::of_text("message", text).map(Fields::at_the_root);
        match fields.and_then(|fields| Version::negotiate(&fields)) {
            Err(error) => self.malformed(&error, message.asked(), turn),
            Ok(version) => {
                self.malformed = 0;
                self.version = Some(version);
                let selected = version.selected(message.asked().correlation);
                turn.wishes.push(Wish::Text(selected));
            }
        }
    }

    fn on_compression(&mut self, text: &str, message: &Message<'_>, turn: &mut Turn<'_>) {
        let fields = Fields::of_text("message", text).map(Fields::at_the_root);
        match fields.and_then(|fields| Wishes::read(&fields)) {
            Err(error) => self.malformed(&error, message.asked(), turn),
            Ok(wishes) => {
                self.malformed = 0;
                self.agree(wishes, message.asked().correlation, turn);
            }
        }
    }

    /// An event or a request of document C.
    fn on_envelope(&mut self, text: &str, asked: Asked<'_>, turn: &mut Turn<'_>) {
        let envelope = match Envelope::parse(text, self.settings.json_bytes_max) {
            Ok(envelope) => envelope,
            Err(error) => return self.malformed(&error, asked, turn),
        };
        if envelope.kind != "ack"
            && let Err(refusal) = self.may_publish()
        {
            turn.tally.frames_not_allowed += 1;
            return self.refuse(&refusal, asked, turn);
        }
        if let Err(refusal) = self.speaks_for_sender(&envelope) {
            turn.tally.frames_not_allowed += 1;
            return self.refuse(&refusal, asked, turn);
        }
        let Some(member) = self.member else {
            return;
        };
        self.publisher();
        let Some(publisher) = &self.publisher else {
            return;
        };
        let outcome = if let Some(ordered) = self.order(&envelope, turn) {
            ordered.map(|()| Vec::new())
        } else {
            let received = self.hub.receive(member, &envelope, publisher, call(turn));
            received.inspect(|_| self.note_own_news(&envelope, turn))
        };
        match outcome {
            Ok(replies) => {
                self.malformed = 0;
                turn.wishes.extend(replies.into_iter().map(Wish::Text));
            }
            Err(refusal) if refusal.code == ErrorCode::InvalidMessage => {
                self.malformed_as(&refusal, asked, turn);
            }
            Err(refusal) => {
                self.malformed = 0;
                self.refuse(&refusal, asked, turn);
            }
        }
    }

    /// What makes it a publisher.
    pub(super) fn publisher(&mut self) -> &mut Publisher {
        let also_views = self.role.is_none();
        let number = self.publisher_number;
        self.publisher
            .get_or_insert_with(|| Box::new(Publisher::numbered(number, also_views)))
    }

    /// Answers with an error that keeps the connection.
    pub(super) fn refuse(&self, refusal: &Refusal, asked: Asked<'_>, turn: &mut Turn<'_>) {
        turn.wishes.push(self.error(refusal, asked));
    }

    /// An error in the form that the client speaks.
    fn error(&self, refusal: &Refusal, asked: Asked<'_>) -> Wish {
        // A text that quotes the peer is kept short: it must fit a frame and help a person.
        let text = &refusal.text[..refusal.text.floor_char_boundary(ERROR_TEXT_BYTES_MAX)];
        if self.protocols.json {
            return Wish::Text(replies::error(refusal, text, asked));
        }
        let error = ErrorFrame {
            code: refusal.code.number(),
            recoverable: refusal.code.recoverable(),
            reference: 0,
            text,
        };
        let mut frame = vec![0; error.encoded_bytes()];
        let bytes = error.emit(Flags::NONE, &mut frame).unwrap_or(0);
        frame.truncate(bytes);
        Wish::Binary(Bytes::from(frame))
    }

    fn malformed(&mut self, text: &str, asked: Asked<'_>, turn: &mut Turn<'_>) {
        self.malformed_as(&Refusal::invalid(text), asked, turn);
    }

    fn malformed_as(&mut self, refusal: &Refusal, asked: Asked<'_>, turn: &mut Turn<'_>) {
        turn.tally.decode_errors += 1;
        self.malformed += 1;
        self.refuse(refusal, asked, turn);
        if self.malformed >= MALFORMED_MAX {
            self.violated(format!("{MALFORMED_MAX} malformed messages in a row"), turn);
        }
    }

    fn violated(&mut self, text: String, turn: &mut Turn<'_>) {
        self.is_closing = true;
        turn.wishes
            .push(Wish::Close(DisconnectReason::PolicyViolation, text));
    }
}

impl Session for VisualSession {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        if self.validity(time::unix_s()) == Validity::Missing {
            return;
        }
        if let Some(protocols) = self.introduction.protocols
            && self.is_let_in(None, Asked::default(), turn)
        {
            self.due = None;
            self.open_without(protocols, turn);
        }
    }

    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        if self.is_closing {
            return;
        }
        self.note_heard(turn.now);
        let (bytes, bytes_max) = (text.len(), self.settings.json_bytes_max);
        if bytes > bytes_max {
            let text = format!("message: {bytes} bytes; json_bytes_max allows {bytes_max}");
            return self.malformed(&text, Asked::default(), turn);
        }
        if !self.is_open() {
            match self.early.hear(bytes) {
                Early::Heard => {}
                Early::TooLong(text) => return self.malformed(&text, Asked::default(), turn),
                Early::TooMany(text) => return self.violated(text, turn),
            }
        }
        if !text.trim_start().starts_with('{') {
            return self.malformed("message: not a JSON object", Asked::default(), turn);
        }
        let read = serde_json::from_str(text).map_err(|error| format!("message: {error}"));
        let message: Message<'_> = match read {
            Ok(message) => message,
            Err(text) => return self.malformed(&text, Asked::default(), turn),
        };
        let asked = message.asked();
        let kind = message.kind.as_deref();
        if self.is_open() && self.is_denied(&message, turn) {
            return;
        }
        match kind {
            Some("handshake") => self.on_handshake(text, asked, turn),
            Some("version.negotiate") => self.on_version(text, &message, turn),
            Some("auth.renew") => self.on_renewal(text, asked, turn),
            Some("heartbeat") => {
                self.malformed = 0;
                turn.wishes
                    .push(Wish::Text(replies::heartbeat_ack(&message)));
            }
            Some(kind) if !self.is_open() => {
                let text = format!("type: '{}' before the handshake", shown(kind));
                self.malformed(&text, asked, turn);
            }
            None if !self.is_open() => self.malformed("type: missing", asked, turn),
            Some("compression.negotiate") => self.on_compression(text, &message, turn),
            Some("connection.metrics") => {
                self.malformed = 0;
                let metrics =
                    replies::connection_metrics(self.session_id, turn, message.asked().correlation);
                turn.wishes.push(Wish::Text(metrics));
            }
            Some(
                kind @ ("channel.create" | "channel.close" | "stream.open" | "stream.credit"
                | "stream.close"),
            ) => self.on_channel(kind, text, asked, turn),
            None if message.channel.is_some() => self.on_channel_message(text, asked, turn),
            None => self.malformed("type: missing", asked, turn),
            Some(_) => self.on_envelope(text, asked, turn),
        }
    }

    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>) {
        if self.is_closing {
            return;
        }
        self.note_heard(turn.now);
        if !self.is_open() {
            return self.malformed(
                "binary message before the handshake",
                Asked::default(),
                turn,
            );
        }
        if message.is_empty() {
            let text = "binary message: 0 bytes; an AGNT frame has at least 8";
            return self.malformed(text, Asked::default(), turn);
        }
        match self.on_frames(Frames::new(message), turn) {
            Ok(()) => self.malformed = 0,
            Err(refusal) if refusal.code == ErrorCode::InvalidMessage => {
                self.malformed_as(&refusal, Asked::default(), turn);
            }
            Err(refusal) => {
                match refusal.code {
                    ErrorCode::AuthFailed => turn.tally.frames_not_allowed += 1,
                    _ => turn.tally.frames_over_bound += 1,
                }
                self.refuse(&refusal, Asked::default(), turn);
            }
        }
    }

    fn on_mail(&mut self, room_bytes: usize, turn: &mut Turn<'_>) -> bool {
        self.take_mail(room_bytes, turn)
    }

    fn on_excess(&mut self, text: &str, turn: &mut Turn<'_>) {
        let refusal = Refusal {
            code: ErrorCode::RateLimitExceeded,
            text: text.to_owned(),
            reason: None,
        };
        self.refuse(&refusal, Asked::default(), turn);
    }

    fn apology(&self) -> Option<Wish> {
        let refusal = Refusal {
            code: ErrorCode::InternalError,
            text: "the server failed to serve this message".to_owned(),
            reason: None,
        };
        Some(self.error(&refusal, Asked::default()))
    }

    fn held_bytes(&self) -> usize {
        let publisher = self.publisher.as_ref();
        publisher.map_or(0, |publisher| publisher.held_bytes())
    }

    fn stream(&self) -> Option<&Arc<Stream>> {
        Some(&self.stream)
    }

    fn handshake_due(&self) -> Option<Instant> {
        self.due
    }

    fn lateness(&self) -> DisconnectReason {
        match self.validity(time::unix_s()) {
            Validity::Missing => DisconnectReason::CredentialsEnded,
            _ => DisconnectReason::HandshakeTimeout,
        }
    }

    fn may_stay(&self, unix_s: u64) -> bool {
        self.validity(unix_s) != Validity::Ended
    }

    fn must_wait(&self, loop_id: usize) -> bool {
        self.publisher.is_some() && self.stream.loop_lag_bytes(loop_id) > LOOP_LAG_BYTES_MAX
    }

    fn role(&self) -> SessionRole {
        match (self.is_open(), self.role, &self.publisher) {
            (false, ..) => SessionRole::Unknown,
            (_, Some(Role::Publisher), _) => SessionRole::Publisher,
            (_, None, Some(_)) => SessionRole::Both,
            _ => SessionRole::Viewer,
        }
    }

    fn about(&self) -> About {
        let spoken = [
            (self.protocols.binary, "binary"),
            (self.protocols.json, "json"),
        ];
        let spoken = spoken.into_iter().filter(|(is_spoken, _)| *is_spoken);
        About {
            session_id: Some(self.session_id.to_string()),
            agent_id: self.agent().map(|agent| agent.as_str().to_owned()),
            protocols: spoken.map(|(_, name)| name).collect(),
        }
    }

    fn own_number(&self) -> Option<u32> {
        let of_both = self.publisher.as_ref().filter(|_| self.role.is_none());
        of_both.map(|it| it.number())
    }

    fn end(&mut self, turn: &mut Turn<'_>) {
        if let Some(desk) = &mut self.desk {
            desk.leave();
        }
        if let Some(member) = self.member.take() {
            self.hub.leave(member, call(turn));
        }
        if let Some(publisher) = &self.publisher {
            if publisher.has_open_tick() {
                turn.tally.ticks_incomplete += 1;
            }
            self.stream.depart(publisher, turn.now);
        }
    }
}
