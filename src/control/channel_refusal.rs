//! Why a channel was not opened, closed or written to, and the message that says so.

use serde_json::{Map, Value};

use super::channel_kind::ChannelKind;
use crate::domain::ErrorCode;

/// The kinds of refusals, as a program tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelErrorCode {
    /// A field is wrong.
    InvalidMessage,
    /// The session has no version or capability with channels.
    NotNegotiated,
    /// The session has a channel of this name.
    Exists,
    /// The session has none.
    NotFound,
    /// The sender's sequence is not its last plus one.
    Sequence,
    /// A bound is reached.
    Bound,
}

impl ChannelErrorCode {
    /// The name on the wire: the catalogue's where it has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidMessage => ErrorCode::InvalidMessage.name(),
            Self::NotNegotiated => "NOT_NEGOTIATED",
            Self::Exists => "EXISTS",
            Self::NotFound => "NOT_FOUND",
            Self::Sequence => "SEQUENCE",
            Self::Bound => ErrorCode::RateLimitExceeded.name(),
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", code.name())]
pub struct ChannelRefusal {
    /// How the channel was spoken of.
    pub kind: ChannelKind,
    /// Its name, if the message had one.
    pub name: Option<String>,
    /// Why, for programs.
    pub code: ChannelErrorCode,
    /// Why, for people: the field, its value and what is allowed.
    pub text: String,
}

impl ChannelRefusal {
    pub(super) fn new(
        kind: ChannelKind,
        name: &str,
        code: ChannelErrorCode,
        text: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name: Some(name.to_owned()),
            code,
            text: text.into(),
        }
    }

    /// The session may have no channels.
    pub fn not_negotiated(kind: ChannelKind, name: Option<&str>) -> Self {
        Self {
            kind,
            name: name.map(str::to_owned),
            code: ChannelErrorCode::NotNegotiated,
            text: "multiplexing: was not granted; list the capability multiplexing in the \
                   handshake, or select version 2.0"
                .to_owned(),
        }
    }

    pub(super) fn not_found(kind: ChannelKind, name: &str) -> Self {
        let key = kind.key();
        let text = format!("{key}: this session has no '{name}'");
        Self::new(kind, name, ChannelErrorCode::NotFound, text)
    }

    /// The message for the peer, `channel.error` or `stream.error`.
    pub fn message(&self, correlation: Option<&str>) -> String {
        let mut members = Map::new();
        members.insert("type".to_owned(), self.kind.error().into());
        members.insert(self.kind.key().to_owned(), self.name.clone().into());
        members.insert("code".to_owned(), self.code.name().into());
        members.insert("message".to_owned(), self.text.clone().into());
        reply(members, correlation)
    }
}

/// A reply as text, with what it answers if the request said.
pub(super) fn reply(mut members: Map<String, Value>, correlation: Option<&str>) -> String {
    if let Some(correlation) = correlation {
        let metadata = serde_json::json!({ "correlationId": correlation });
        members.insert("metadata".to_owned(), metadata);
    }
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_channel_and_why() {
        let refusal = ChannelRefusal::not_found(ChannelKind::Channel, "a");
        let message: Value = serde_json::from_str(&refusal.message(Some("m-1"))).expect("JSON");
        assert_eq!(
            message,
            serde_json::json!({
                "type": "channel.error", "channelId": "a", "code": "NOT_FOUND",
                "message": "channelId: this session has no 'a'",
                "metadata": { "correlationId": "m-1" },
            })
        );
        let refusal = ChannelRefusal::not_negotiated(ChannelKind::Stream, None);
        let message: Value = serde_json::from_str(&refusal.message(None)).expect("JSON");
        assert_eq!(message["type"], "stream.error");
        assert!(message["streamId"].is_null() && message.get("metadata").is_none());
    }
}
