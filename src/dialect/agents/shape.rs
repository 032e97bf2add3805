//! Which envelope a message has, by its keys (decision X11).

use std::borrow::Cow;

use agnt_fleet::{Fields, weight};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::introduction::text_of;
use crate::guard::Message;
use crate::relay::Speech;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Something happened.
    Event,
    /// An agent is to be told something (document A).
    Command,
    /// An agent is asked something (document B).
    Request,
    /// An agent answers.
    Response,
    /// A sign of life.
    Heartbeat,
    /// The peer reports a mistake of ours.
    Error,
    /// Events are wanted.
    Subscribe,
    /// They no longer are.
    Unsubscribe,
    /// Something is published.
    Publish,
    /// A message was received.
    Ack,
    /// A new token in the place of the one that the session came in by.
    Renew,
    /// The visualisation protocol (document C).
    Visual,
}

/// A message, taken apart.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) shape: Shape,
    /// Whose envelope it has, where only one document has it.
    pub(super) speech: Option<Speech>,
    /// The message's id, if it gives one.
    pub(super) id: Option<String>,
    /// What it belongs to.
    pub(super) correlation_id: Option<String>,
    /// Its content: the envelope's own fields, or those inside of it.
    pub(super) fields: Fields,
    /// What kind of event it is, or what document A's first format calls the action.
    pub(super) event_type: Option<String>,
    /// Tells what it says from what others say, whenever it is said.
    pub(super) digest: [u8; 32],
}

/// What the values of one message may take beside its text, in bytes. Less than of a request: meanwhile
/// all other sessions of the loop wait.
const VALUES_BYTES_MAX: usize = 4 << 20;

/// What is allowed, for who sent something else.
const ALLOWED: &str = "type: event, command, response, request, heartbeat, error, subscribe, unsubscribe or publish \
                       is needed (document A), or event_type, request, response, subscription or publication (document B)";

/// Document B's envelopes that hold one object under their name.
const WRAPPERS: [(&str, Shape); 5] = [
    ("subscription", Shape::Subscribe),
    ("unsubscription", Shape::Unsubscribe),
    ("publication", Shape::Publish),
    ("request", Shape::Request),
    ("response", Shape::Response),
];

impl Said {
    /// Takes a message apart; what it is not is said in the error.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let weight = weight::of_json(text.as_bytes());
        if weight > VALUES_BYTES_MAX + text.len() {
            return Err(format!(
                "the message has so many values that they would take {weight} bytes; {VALUES_BYTES_MAX} are allowed"
            ));
        }
        let message = serde_json::from_str(text)
            .map_err(|error| format!("the message is no JSON: {error}"))?;
        let Value::Object(message) = message else {
            return Err(format!("the message is no object; {ALLOWED}"));
        };
        let digest = digest_of(&message);
        let said = Self::of(message).ok_or_else(|| ALLOWED.to_owned())?;
        Ok(Self { digest, ..said })
    }

    /// What it is in the table of messages.
    pub(super) fn message(&self) -> Message {
        match self.shape {
            Shape::Event => self.event(),
            Shape::Command => Message::Command,
            Shape::Request => Message::Request,
            Shape::Response => Message::Response,
            Shape::Heartbeat => Message::Heartbeat,
            Shape::Error => Message::PeerError,
            Shape::Subscribe => Message::Subscribe,
            Shape::Unsubscribe => Message::Unsubscribe,
            Shape::Publish => Message::PublishEvent,
            Shape::Renew => Message::Renewal,
            // A visual one is refused, whoever sends it.
            Shape::Ack | Shape::Visual => Message::Acknowledgement,
        }
    }

    /// The name of an event. Document A joins the words of its names with underscores alone.
    pub(super) fn event_name(&self) -> Cow<'_, str> {
        let kind = self.event_type.as_deref().unwrap_or("");
        match kind.contains('.') {
            true => Cow::Borrowed(kind),
            false => Cow::Owned(kind.replacen('_', ".", 1)),
        }
    }

    /// An event: what an agent tells of itself and its tasks is more than something published.
    fn event(&self) -> Message {
        match &*self.event_name() {
            "message.sent" | "message" if self.fields.contains_key("target_agent") => {
                Message::EventOfMessage
            }
            "agent.status_changed" | "agent.status" => Message::EventOfStatus,
            "task.started" | "task.progress" | "task.completed" | "task.failed" => {
                Message::EventOfTask
            }
            _ => Message::Event,
        }
    }

    fn of(mut message: Fields) -> Option<Self> {
        for (name, shape) in WRAPPERS {
            if message.get(name).is_some_and(Value::is_object)
                && let Some(Value::Object(inner)) = message.remove(name)
            {
                return Some(Self::new(shape, Some(Speech::B), inner));
            }
        }
        let kind = ["type", "message_type"]
            .iter()
            .find_map(|key| text_of(&message, key));
        let kind = kind.map(str::to_ascii_lowercase);
        if message.contains_key("channel") && message.contains_key("message") {
            return Some(Self::new(Shape::Visual, None, message));
        }
        let shape = match kind.as_deref() {
            _ if message.contains_key("target") && message.contains_key("data") => {
                return Some(Self::new(Shape::Request, Some(Speech::B), message));
            }
            Some("event") => Shape::Event,
            Some("command") => Shape::Command,
            Some("response") => Shape::Response,
            Some("error") => Shape::Error,
            Some("heartbeat") => return Some(Self::new(Shape::Heartbeat, None, message)),
            Some("subscribe") => return Some(Self::new(Shape::Subscribe, None, message)),
            Some("unsubscribe") => return Some(Self::new(Shape::Unsubscribe, None, message)),
            Some("publish") => return Some(Self::new(Shape::Publish, None, message)),
            Some("ack") => return Some(Self::new(Shape::Ack, None, message)),
            Some("auth.renew") => return Some(Self::new(Shape::Renew, None, message)),
            Some("request") => return Self::of_action(message),
            Some(kind) if kind == "handshake" || kind.contains('.') => {
                return Some(Self::new(Shape::Visual, None, message));
            }
            _ => return Self::bare(message),
        };
        Some(Self::enveloped(shape, message))
    }

    /// Document B's messages without a wrapper.
    fn bare(message: Fields) -> Option<Self> {
        let has = |key: &str| message.contains_key(key);
        let shape = match () {
            () if has("request_id") => Shape::Response,
            () if has("topics") => Shape::Subscribe,
            () if has("topic") && has("data") => Shape::Publish,
            () if has("event_type") => {
                let mut said = Self::enveloped(Shape::Event, message);
                said.speech = Some(Speech::B);
                return Some(said);
            }
            () => return None,
        };
        Some(Self::new(shape, Some(Speech::B), message))
    }

    /// Document A's first format: `{"type":"request","action":...,"payload"|"data":{...}}`.
    fn of_action(message: Fields) -> Option<Self> {
        let action = text_of(&message, "action").map(str::to_owned)?;
        let shape = match action.as_str() {
            "subscribe" => Shape::Subscribe,
            "unsubscribe" => Shape::Unsubscribe,
            "publish" => Shape::Publish,
            "command" | "send_command" | "execute" => Shape::Command,
            "heartbeat" | "ping" => Shape::Heartbeat,
            _ => return None,
        };
        let mut said = Self::enveloped(shape, message);
        said.event_type = Some(action);
        Some(said)
    }

    /// A message whose content lies in `payload`.
    fn enveloped(shape: Shape, mut message: Fields) -> Self {
        let inner = ["payload", "data"]
            .iter()
            .find_map(|key| match message.remove(*key) {
                Some(Value::Object(inner)) => Some(inner),
                _ => None,
            });
        let inner = inner.unwrap_or_default();
        let named = ["event_type", "action"]
            .iter()
            .find_map(|key| text_of(&message, key));
        let event_type = named
            .or_else(|| text_of(&inner, "event_type"))
            .map(str::to_owned);
        let mut said = Self::new(shape, Some(Speech::A), message);
        said.event_type = event_type;
        said.fields = inner;
        said
    }

    fn new(shape: Shape, speech: Option<Speech>, fields: Fields) -> Self {
        Self {
            shape,
            speech,
            id: text_of(&fields, "id").map(str::to_owned),
            correlation_id: text_of(&fields, "correlation_id").map(str::to_owned),
            event_type: None,
            fields,
            digest: [0; 32],
        }
    }
}

/// A message that is sent again may have been given a new timestamp.
fn digest_of(message: &Fields) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (key, value) in message.iter().filter(|(key, _)| *key != "timestamp") {
        digest.update(format!("{key:?}:{value},"));
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each form that the documents show, what it is, and whose alone it is.
    const ENVELOPES: &[(&str, Shape, Option<Speech>)] = &[
        (
            r#"{"type":"event","action":"x","payload":{}}"#,
            Shape::Event,
            Some(Speech::A),
        ),
        (
            r#"{"type":"request","action":"subscribe","payload":{"topics":["a"]}}"#,
            Shape::Subscribe,
            Some(Speech::A),
        ),
        (
            r#"{"type":"command","id":"i","timestamp":"t","payload":{}}"#,
            Shape::Command,
            Some(Speech::A),
        ),
        (
            r#"{"message_type":"Heartbeat","id":"i","timestamp":"t","payload":{}}"#,
            Shape::Heartbeat,
            None,
        ),
        (
            r#"{"id":"msg-001","event_type":"task.progress","payload":{}}"#,
            Shape::Event,
            Some(Speech::B),
        ),
        (
            r#"{"request":{"id":"req-001","type":"generate_code","target":"x","data":{}}}"#,
            Shape::Request,
            Some(Speech::B),
        ),
        (
            r#"{"id":"req-001","type":"generate_code","target":"x","data":{}}"#,
            Shape::Request,
            Some(Speech::B),
        ),
        (
            r#"{"response":{"id":"resp-001","request_id":"req-001","status":"success"}}"#,
            Shape::Response,
            Some(Speech::B),
        ),
        (
            r#"{"request_id":"req-001","status":"success"}"#,
            Shape::Response,
            Some(Speech::B),
        ),
        (
            r#"{"subscription":{"topics":["task.*.completed"]}}"#,
            Shape::Subscribe,
            Some(Speech::B),
        ),
        (
            r#"{"type":"subscribe","topics":["a"]}"#,
            Shape::Subscribe,
            None,
        ),
        (
            r#"{"publication":{"topic":"a","data":{}}}"#,
            Shape::Publish,
            Some(Speech::B),
        ),
        (
            r#"{"type":"handshake","version":"1.0.0"}"#,
            Shape::Visual,
            None,
        ),
        (
            r#"{"type":"agent.state.changed","payload":{}}"#,
            Shape::Visual,
            None,
        ),
        (
            r#"{"channel":"c","sequence":1,"message":{}}"#,
            Shape::Visual,
            None,
        ),
    ];

    #[test]
    fn every_envelope_of_the_documents_is_known() {
        for &(text, shape, speech) in ENVELOPES {
            let said = Said::read(text).unwrap();
            assert_eq!((said.shape, said.speech), (shape, speech), "{text}");
        }
        for text in [
            "",
            "[]",
            "{}",
            "7",
            r#"{"type":"x"}"#,
            r#"{"type":"request","action":"dance"}"#,
        ] {
            assert!(Said::read(text).is_err(), "{text}");
        }
    }
}
