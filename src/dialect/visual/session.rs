//! One session of the visualisation protocol: what its peer may say, and what follows from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::{
    Emit, ErrorFrame, Flags, Frame, Frames, Heartbeat, HeartbeatFrame, HeartbeatStamps, Payload,
};
use bytes::Bytes;

use super::replies::{self, Grant};
use super::wire::{Handshake, Introduction, Message, Protocols, Role, shown};
use crate::dialect::{Session, SessionRole, Turn, Wish};
use crate::domain::{DisconnectReason, ErrorCode, time};
use crate::engine::limits::LOOP_LAG_BYTES_MAX;
use crate::engine::{Call, PublishError, Publisher, Stream, ViewerKind};

/// What every session of this dialect shares.
#[derive(Clone, Debug)]
pub struct VisualSettings {
    /// Announced as `heartbeatInterval`, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a client may take for its handshake.
    pub handshake_within: Duration,
    /// Announced as `limits.messageBytes`.
    pub message_bytes_max: usize,
}

/// After so many malformed messages in a row the connection is closed.
const MALFORMED_MAX: u32 = 10;

/// The longest text of an error.
const ERROR_TEXT_BYTES_MAX: usize = 512;

/// The session; see the module.
#[derive(Debug)]
pub struct VisualSession {
    settings: Arc<VisualSettings>,
    stream: Arc<Stream>,
    introduction: Introduction,
    session_id: uuid::Uuid,
    due: Option<Instant>,
    has_shaken_hands: bool,
    protocols: Protocols,
    role: Option<Role>,
    publisher: Option<Box<Publisher>>,
    malformed: u32,
    is_closing: bool,
}

impl VisualSession {
    /// A session whose connection has just been upgraded.
    pub fn new(
        settings: Arc<VisualSettings>,
        stream: Arc<Stream>,
        introduction: Introduction,
        now: Instant,
    ) -> Self {
        Self {
            due: now.checked_add(settings.handshake_within),
            role: introduction.role,
            settings,
            stream,
            introduction,
            session_id: uuid::Uuid::now_v7(),
            has_shaken_hands: false,
            protocols: Protocols::JSON,
            publisher: None,
            malformed: 0,
            is_closing: false,
        }
    }

    fn is_open(&self) -> bool {
        self.due.is_none()
    }

    /// Grants what was asked for and shows the stream to whoever receives.
    fn open(&mut self, handshake: Option<&Handshake>, turn: &mut Turn<'_>) {
        self.due = None;
        turn.tally.handshakes_accepted += 1;
        let id = self.session_id.to_string();
        let grant = Grant {
            session_id: &id,
            protocols: self.protocols,
            role: self.role,
            stream: self.stream.name().as_str(),
            handshake,
        };
        // Who came by `protocols=binary` alone asked for nothing but frames.
        if handshake.is_some() || self.protocols.json {
            turn.wishes
                .push(Wish::Text(replies::handshake_ack(&grant, &self.settings)));
        }
        let client = handshake
            .and_then(|shake| shake.client_id.as_deref())
            .unwrap_or("-");
        tracing::debug!(session = %id, client, stream = %self.stream.name(), "session open");
        if self.role == Some(Role::Publisher) {
            turn.wishes.push(Wish::Unwatch);
            return;
        }
        let kind = match handshake {
            _ if !self.protocols.binary => ViewerKind::Json,
            Some(handshake) if handshake.state_metadata => ViewerKind::BinaryWithMetadata,
            _ => ViewerKind::Binary,
        };
        turn.wishes.push(Wish::Watch(kind));
    }

    fn on_handshake(&mut self, text: &str, message: &Message<'_>, turn: &mut Turn<'_>) {
        if self.has_shaken_hands {
            let text = "handshake: the session has had its handshake";
            return self.refuse(ErrorCode::InvalidMessage, text, message.id.as_deref(), turn);
        }
        match Handshake::parse(text) {
            Err(error) => {
                turn.tally.handshakes_refused += 1;
                self.malformed(&error, message.id.as_deref(), turn);
            }
            Ok(handshake) => {
                self.malformed = 0;
                self.has_shaken_hands = true;
                let asked = Protocols {
                    binary: true,
                    json: true,
                };
                let otherwise = self.introduction.protocols.or(self.introduction.preferred);
                self.protocols = match handshake.binary {
                    true => asked,
                    false => otherwise.unwrap_or(Protocols::JSON),
                };
                self.role = handshake.role.or(self.role);
                self.open(Some(&handshake), turn);
            }
        }
    }

    /// Takes in one frame of a message.
    fn on_frame(&mut self, frame: &Frame<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        turn.tally.frames_in += 1;
        let call = Call {
            loop_id: Some(turn.loop_id),
            now: turn.now,
        };
        match frame.payload() {
            Payload::Positions(_) => {
                let (stream, publisher) = self.publishing()?;
                stream
                    .publish_positions(publisher, frame, call)
                    .map_err(Refusal::bound)?;
            }
            Payload::States(states) => {
                let (stream, publisher) = self.publishing()?;
                stream
                    .publish_states(publisher, frame, &states, call)
                    .map_err(Refusal::bound)?;
            }
            Payload::Metrics(metrics) => {
                let (stream, publisher) = self.publishing()?;
                stream
                    .publish_metrics(publisher, frame, metrics, call)
                    .map_err(Refusal::bound)?;
            }
            Payload::Coordination(_) => {
                let (stream, publisher) = self.publishing()?;
                stream.publish_event(publisher, frame, call);
            }
            Payload::Heartbeat(heartbeat) => Self::on_heartbeat(heartbeat, turn),
            Payload::Error(error) => {
                tracing::debug!(code = error.code, text = %shown(error.text), "peer reports an error");
            }
            Payload::Compressed(_) => {
                let text = "type 5 (COMPRESSED_BATCH): no compression was negotiated";
                return Err(Refusal::malformed(text));
            }
            Payload::Encoded(_) => {
                let flags = frame.flags().0;
                let text = format!("flags: {flags:#04x} asks for what was not negotiated");
                return Err(Refusal::malformed(&text));
            }
            _ => turn.tally.frames_unknown += 1,
        }
        Ok(())
    }

    /// Makes the session a publisher if it may be one.
    fn publishing(&mut self) -> Result<(&Stream, &mut Publisher), Refusal> {
        if self.role == Some(Role::Viewer) {
            let text = "role: a viewer may not send data frames; role publisher or none may";
            return Err(Refusal {
                code: ErrorCode::AuthFailed,
                text: text.to_owned(),
                is_malformed: false,
            });
        }
        let also_views = self.role.is_none();
        let publisher = self
            .publisher
            .get_or_insert_with(|| Box::new(Publisher::new(also_views)));
        Ok((&self.stream, publisher))
    }

    fn on_heartbeat(heartbeat: Heartbeat<'_>, turn: &mut Turn<'_>) {
        let answer = match heartbeat {
            Heartbeat::Empty => HeartbeatFrame::Empty,
            Heartbeat::Stamped(stamps) => HeartbeatFrame::Stamped(HeartbeatStamps {
                server_receive_us: time::unix_us().into(),
                server_send_us: time::unix_us().into(),
                ..*stamps
            }),
        };
        let mut frame = vec![0; answer.encoded_bytes()];
        if answer.emit(Flags::NONE, &mut frame).is_ok() {
            turn.wishes.push(Wish::Binary(Bytes::from(frame)));
        }
    }

    /// Answers with an error that keeps the connection, in the form that the client speaks.
    fn refuse(&self, code: ErrorCode, text: &str, request_id: Option<&str>, turn: &mut Turn<'_>) {
        // A text that quotes the peer is kept short: it must fit a frame and help a person.
        let text = &text[..text.floor_char_boundary(ERROR_TEXT_BYTES_MAX)];
        if self.protocols.json {
            turn.wishes
                .push(Wish::Text(replies::error(code, text, request_id)));
            return;
        }
        let error = ErrorFrame {
            code: code.number(),
            recoverable: code.recoverable(),
            reference: 0,
            text,
        };
        let mut frame = vec![0; error.encoded_bytes()];
        if error.emit(Flags::NONE, &mut frame).is_ok() {
            turn.wishes.push(Wish::Binary(Bytes::from(frame)));
        }
    }

    fn malformed(&mut self, text: &str, request_id: Option<&str>, turn: &mut Turn<'_>) {
        turn.tally.decode_errors += 1;
        self.malformed += 1;
        self.refuse(ErrorCode::InvalidMessage, text, request_id, turn);
        if self.malformed >= MALFORMED_MAX {
            self.is_closing = true;
            let text = format!("{MALFORMED_MAX} malformed messages in a row");
            turn.wishes
                .push(Wish::Close(DisconnectReason::PolicyViolation, text));
        }
    }
}

/// Why a frame was not taken.
struct Refusal {
    code: ErrorCode,
    text: String,
    is_malformed: bool,
}

impl Refusal {
    fn malformed(text: &str) -> Self {
        Self {
            code: ErrorCode::InvalidMessage,
            text: text.to_owned(),
            is_malformed: true,
        }
    }

    fn bound(error: PublishError) -> Self {
        Self {
            code: ErrorCode::RateLimitExceeded,
            text: error.to_string(),
            is_malformed: false,
        }
    }
}

impl Session for VisualSession {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        if let Some(protocols) = self.introduction.protocols {
            self.protocols = protocols;
            self.open(None, turn);
        }
    }

    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        if self.is_closing {
            return;
        }
        if !text.trim_start().starts_with('{') {
            return self.malformed("message: not a JSON object", None, turn);
        }
        let message: Message<'_> = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => return self.malformed(&format!("message: {error}"), None, turn),
        };
        let id = message.id.as_deref();
        match message.kind.as_ref() {
            "handshake" => self.on_handshake(text, &message, turn),
            "heartbeat" => {
                self.malformed = 0;
                turn.wishes
                    .push(Wish::Text(replies::heartbeat_ack(&message)));
            }
            kind if self.is_open() => {
                let kind = shown(kind);
                self.malformed(&format!("type: '{kind}' is not known here"), id, turn);
            }
            kind => {
                let text = format!("type: '{}' before the handshake", shown(kind));
                self.malformed(&text, id, turn);
            }
        }
    }

    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>) {
        if self.is_closing {
            return;
        }
        if !self.is_open() {
            return self.malformed("binary message before the handshake", None, turn);
        }
        if message.is_empty() {
            return self.malformed(
                "binary message: 0 bytes; an AGNT frame has at least 8",
                None,
                turn,
            );
        }
        for frame in Frames::new(message) {
            let outcome = match frame {
                Ok(frame) => self.on_frame(&frame, turn),
                Err(error) => Err(Refusal::malformed(&error.to_string())),
            };
            match outcome {
                Ok(()) => {}
                Err(refusal) if refusal.is_malformed => {
                    return self.malformed(&refusal.text, None, turn);
                }
                Err(refusal) => {
                    match refusal.code {
                        ErrorCode::AuthFailed => turn.tally.frames_not_allowed += 1,
                        _ => turn.tally.frames_over_bound += 1,
                    }
                    return self.refuse(refusal.code, &refusal.text, None, turn);
                }
            }
        }
        self.malformed = 0;
    }

    fn stream(&self) -> Option<&Arc<Stream>> {
        Some(&self.stream)
    }

    fn handshake_due(&self) -> Option<Instant> {
        self.due
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

    fn own_number(&self) -> Option<u32> {
        let is_both = self.role.is_none();
        self.publisher
            .as_ref()
            .filter(|_| is_both)
            .map(|publisher| publisher.number())
    }

    fn end(&mut self, turn: &mut Turn<'_>) {
        if let Some(publisher) = &self.publisher {
            if publisher.has_open_tick() {
                turn.tally.ticks_incomplete += 1;
            }
            self.stream.depart(publisher, turn.now);
        }
    }
}
