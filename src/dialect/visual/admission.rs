//! Whether a session is let in, may say what it says, and stays: what its badge decides, in the words
//! of document C.

use std::borrow::Cow;

use agnt_codec::Payload;
use agnt_fleet::Timestamp;
use serde_json::json;

use super::handshake::Handshake;
use super::session::VisualSession;
use super::wire::{Asked, Message as Received, Role};
use crate::control::Refusal;
use crate::control::envelope::Envelope;
use crate::control::fields::{Fields, text_of};
use crate::dialect::{Turn, Wish};
use crate::domain::{DisconnectReason, ErrorCode, HiddenText, time};
use crate::guard::{Denied, Family, Message, NotRenewed, NotShown, Reach, Scope, Validity};

/// What a session needs of a credential; one of them is enough, and what is said over it is judged
/// each time.
const ANY_USE: &[Scope] = &[
    Scope::Read,
    Scope::Publish,
    Scope::Control,
    Scope::Agents,
    Scope::Tasks,
];

/// The longest token that is looked at; the verifier has the same bound.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The token that a message brings, if it brings one. What is wrong with it is said without it.
pub(super) fn read_token(fields: &Fields<'_>) -> Result<Option<HiddenText>, String> {
    let Some(raw) = fields.raw("token") else {
        return Ok(None);
    };
    let text = text_of(raw).filter(|text| (1..=TOKEN_BYTES_MAX).contains(&text.len()));
    let text = text.ok_or_else(|| {
        let path = fields.path_of("token");
        format!("{path}: a text of 1 to {TOKEN_BYTES_MAX} bytes is allowed")
    })?;
    Ok(Some(text.into_owned().into()))
}

/// What a denial is to the peer (ruling 67).
pub(super) fn denied(denied: &Denied) -> Refusal {
    Refusal {
        code: ErrorCode::AuthFailed,
        text: denied.to_string(),
        reason: Some("scope"),
    }
}

fn unauthenticated(text: &str) -> Refusal {
    Refusal {
        code: ErrorCode::AuthFailed,
        text: text.to_owned(),
        reason: Some("credentials"),
    }
}

impl VisualSession {
    /// How its credentials stand; a session without an office has none to lose.
    pub(super) fn validity(&self, unix_s: u64) -> Validity {
        let badge = self.desk.as_ref().map(|desk| &desk.badge);
        badge.map_or(Validity::Good, |badge| badge.validity(unix_s))
    }

    /// Whether it may send that now.
    pub(super) fn permits(&self, message: Message) -> Result<(), Refusal> {
        match &self.desk {
            Some(desk) => desk.badge.permits(message).map_err(|it| denied(&it)),
            None => Ok(()),
        }
    }

    /// Refuses a message that the session's credentials don't allow. What has no place in the table is
    /// known to nobody, and is refused for that later.
    pub(super) fn is_denied(&mut self, message: &Received<'_>, turn: &mut Turn<'_>) -> bool {
        let kind = message.kind.as_deref();
        let word = match message.channel {
            Some(_) => kind.or(Some("channel")),
            None => kind,
        };
        let said = word.and_then(|word| Message::find(Family::Visual, word));
        match said.map_or(Ok(()), |said| self.permits(said)) {
            Ok(()) => false,
            Err(refusal) => {
                turn.tally.frames_not_allowed += 1;
                self.refuse(&refusal, message.asked(), turn);
                true
            }
        }
    }

    /// Whether it may be told what happens.
    fn may_watch(&self) -> bool {
        let badge = self.desk.as_ref().map(|desk| &desk.badge);
        badge.is_none_or(|badge| badge.permits_one_of(&[Scope::Read]).is_ok())
    }

    /// Lets the session in with what its request has shown, or its handshake brings. If not, it is
    /// told why, and closed where nothing it could still show would change that.
    pub(super) fn is_let_in(
        &mut self,
        handshake: Option<&Handshake>,
        asked: Asked<'_>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let outcome = self.judge(handshake, turn);
        self.is_shown = self.may_watch();
        let Err((refusal, reason)) = outcome else {
            return true;
        };
        turn.tally.handshakes_refused += 1;
        self.refuse(&refusal, asked, turn);
        if let Some(reason) = reason {
            self.is_closing = true;
            turn.wishes.push(Wish::Close(reason, refusal.text));
        }
        false
    }

    /// Why it isn't let in, and the reason of its end, if it can't be let in any more.
    fn judge(
        &self,
        handshake: Option<&Handshake>,
        turn: &mut Turn<'_>,
    ) -> Result<(), (Refusal, Option<DisconnectReason>)> {
        let Some(desk) = &self.desk else {
            return Ok(());
        };
        let ended = Some(DisconnectReason::CredentialsEnded);
        let not_allowed = Some(DisconnectReason::NotAllowed);
        let badge = &desk.badge;
        if let Some(token) = handshake.and_then(|handshake| handshake.token.as_ref()) {
            let shown = badge.show(token.reveal(), (turn.now, time::unix_s()));
            shown.map_err(|error| match error {
                NotShown::Refused(_) => (unauthenticated(&error.to_string()), ended),
                NotShown::Crowded(_) => {
                    let refusal = Refusal::bound(error.to_string()).because("connections");
                    (refusal, Some(DisconnectReason::RateLimit))
                }
            })?;
            turn.wishes.push(Wish::CountIn(badge.allowance()));
        }
        match badge.validity(time::unix_s()) {
            Validity::Good => {}
            Validity::Missing => {
                let text = "token: missing; the handshake needs one";
                return Err((unauthenticated(text), None));
            }
            Validity::Ended => {
                let text = "the credentials of this session are good no more";
                return Err((unauthenticated(text), ended));
            }
        }
        let needed: &[Scope] = match handshake.and_then(|it| it.role).or(self.role) {
            Some(Role::Viewer) => &[Scope::Read],
            Some(Role::Publisher) => &[Scope::Publish],
            None => ANY_USE,
        };
        let allowed = badge.permits_one_of(needed);
        allowed.map_err(|it| (denied(&it), not_allowed))?;
        let name = handshake.and_then(|it| it.client_id.as_deref());
        let named = name.or(self.introduction.agent.as_ref().map(agnt_fleet::Id::as_str));
        let spoken_for = named.map_or(Ok(()), |name| desk.may_be_called(name));
        spoken_for.map_err(|it| (denied(&it), not_allowed))
    }

    /// Whether it may speak for the agent that a message names: a registered one speaks for itself, or
    /// has others act as it. Who speaks for everyone isn't looked into.
    pub(super) fn speaks_for_sender(&self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let Some(desk) = &self.desk else {
            return Ok(());
        };
        if *desk.badge.identity().agents() == Reach::All {
            return Ok(());
        }
        let named = spoken_for(envelope);
        let allowed = named.map_or(Ok(()), |name| desk.may_be_called(&name));
        allowed.map_err(|it| denied(&it))
    }

    /// `auth.renew`: the session goes on by the token that it brings.
    pub(super) fn on_renewal(&mut self, text: &str, asked: Asked<'_>, turn: &mut Turn<'_>) {
        let token = match renewal(text) {
            Ok(token) => token,
            Err(error) => return self.refuse(&Refusal::invalid(error), asked, turn),
        };
        let takes_orders = self.may_act() && self.speaks_json();
        let Some(desk) = &mut self.desk else {
            let refusal = unauthenticated("token: this session did not come in by one");
            return self.refuse(&refusal, asked, turn);
        };
        let mailbox = takes_orders.then_some(turn.mailbox);
        if let Err(error) = desk.renew(token.reveal(), mailbox) {
            let refusal = match &error {
                NotRenewed::Denied(it) => denied(it),
                _ => unauthenticated(&error.to_string()),
            };
            return self.refuse(&refusal, asked, turn);
        }
        let ends_at = desk.badge.ends_at_s().map(|ends_at_s| {
            Timestamp::from_micros(ends_at_s.saturating_mul(1_000_000)).to_string()
        });
        let mut renewed = json!({
            "id": uuid::Uuid::now_v7().to_string(),
            "type": "auth.renewed",
            "timestamp": time::iso_8601(),
            "payload": { "expiresAt": ends_at },
        });
        if let Some(correlation) = asked.correlation {
            renewed["metadata"] = json!({ "correlationId": correlation });
        }
        turn.wishes.push(Wish::Text(renewed.to_string()));
        let is_shown = self.may_watch();
        if is_shown != self.is_shown {
            self.is_shown = is_shown;
            self.lease_encoding();
            if self.is_open() {
                self.show_again(turn);
            }
        }
    }
}

/// The agent that a message speaks for, where it names one.
fn spoken_for(envelope: &Envelope<'_>) -> Option<String> {
    let payload = envelope.payload().ok()?;
    let text = |fields: &Fields<'_>, key: &str| text_of(fields.raw(key)?).map(Cow::into_owned);
    match envelope.kind.as_ref() {
        "agent.state.changed" | "agent.performance.update" | "agent.capability.update" => {
            text(&payload, "agentId")
        }
        "message.sent" => text(&payload.object("from").ok()??, "id"),
        "coordination.initiated" => text(&payload, "initiator"),
        _ => None,
    }
}

/// The token of `auth.renew`, in the message itself or in its payload.
fn renewal(text: &str) -> Result<HiddenText, String> {
    let fields = Fields::of_text("message", text)?.at_the_root();
    let token = match read_token(&fields)? {
        Some(token) => Some(token),
        None => match fields.object("payload")? {
            Some(payload) => read_token(&payload)?,
            None => None,
        },
    };
    token.ok_or_else(|| "token: missing; a new token is needed".to_owned())
}

/// What a frame is in the table of messages; one of an unknown type is skipped, whoever sends it.
pub(super) fn frame_message(payload: &Payload<'_>) -> Option<Message> {
    match payload {
        Payload::Positions(_) => Some(Message::PositionFrame),
        Payload::States(_) => Some(Message::StateFrame),
        Payload::Metrics(_) => Some(Message::MetricsFrame),
        Payload::Coordination(_) => Some(Message::CoordinationFrame),
        Payload::Encoded(_) => Some(Message::ChannelFrame),
        Payload::Heartbeat(_) => Some(Message::HeartbeatFrame),
        Payload::Error(_) => Some(Message::ErrorFrame),
        _ => None,
    }
}
