//! A channel that was opened, and the message that says so.

use serde_json::{Map, Value};

use super::channel_kind::ChannelKind;
use super::channel_name::ChannelName;
use super::channel_refusal::reply;
use super::channel_request::ChannelRequest;
use crate::engine::mailbox::QueueId;

/// An open channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelGrant {
    /// What was asked for, and is in force.
    pub request: ChannelRequest,
    /// Its queue in the session's mailbox.
    pub queue: QueueId,
    /// Its number in frames; none, if the stream has given all away.
    pub numeric_id: Option<u16>,
    /// The sequence of the last message that was published in it.
    pub sequence: u64,
}

impl ChannelGrant {
    /// The message for the peer, `channel.created` or `stream.opened`.
    pub fn message(&self, epoch: u32, correlation: Option<&str>) -> String {
        let request = &self.request;
        let mut members = Map::new();
        let mut set = |key: &str, value: Value| members.insert(key.to_owned(), value);
        set("type", request.kind.opened().into());
        set(request.kind.key(), request.name.as_str().into());
        set("numericId", self.numeric_id.into());
        set("priority", request.priority.name().into());
        set("dedicated", request.is_dedicated.into());
        set("bufferSize", request.messages_max.into());
        set("overflow", request.overflow.name().into());
        set("binary", request.is_binary.into());
        set("epoch", epoch.to_string().into());
        set("sequence", self.sequence.into());
        if let Some(content) = request.content {
            set("content", content.name().into());
        }
        if let Some(credit) = request.credit {
            set("credit", credit.into());
        }
        reply(members, correlation)
    }
}

/// The message that says that a channel is closed, `channel.closed` or `stream.closed`.
pub fn closed_message(kind: ChannelKind, name: &ChannelName, correlation: Option<&str>) -> String {
    let mut members = Map::new();
    members.insert("type".to_owned(), kind.closed().into());
    members.insert(kind.key().to_owned(), name.as_str().into());
    members.insert("reason".to_owned(), "closed".into());
    reply(members, correlation)
}
