//! What a client asks of channels: `channel.create` and `channel.close`, `stream.open`,
//! `stream.credit` and `stream.close`.
//!
//! Their fields stand beside `type` (document C, Channel Management) or in a `payload`.

use std::borrow::Cow;

use super::channel_filter::ChannelFilter;
use super::channel_kind::ChannelKind;
use super::channel_name::ChannelName;
use super::channel_refusal::{ChannelErrorCode, ChannelRefusal};
use super::content::Content;
use super::envelope::priority;
use super::fields::{Fields, shown, text_of};
use crate::domain::Priority;
use crate::engine::mailbox::{Overflow, QueueSettings};

/// The most messages that may wait in a channel.
pub const BUFFER_SIZE_MAX: u64 = 10_000;

/// How many wait where nobody says.
pub const BUFFER_SIZE_DEFAULT: u64 = 100;

/// The most credit that one message gives.
pub const CREDIT_MAX: u64 = 1_000_000;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelCommand {
    /// `channel.create` or `stream.open`.
    Open(ChannelRequest),
    /// `channel.close` or `stream.close`.
    Close(ChannelKind, ChannelName),
    /// `stream.credit`: so many more messages of a stream.
    Credit(ChannelName, u32),
}

/// A channel as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRequest {
    /// Channel or stream.
    pub kind: ChannelKind,
    /// Its name in the session; of an application's channel, in the whole stream.
    pub name: ChannelName,
    /// How urgent its messages are.
    pub priority: Priority,
    /// Whether it has a line of its own.
    pub is_dedicated: bool,
    /// Most messages that wait: `bufferSize`.
    pub messages_max: usize,
    /// What happens to more.
    pub overflow: Overflow,
    /// What of the stream it carries; nothing: what its members send.
    pub content: Option<Content>,
    /// Which of it.
    pub filter: ChannelFilter,
    /// Whether it carries frames.
    pub is_binary: bool,
    /// How many messages may be sent at first; a channel that is no stream counts none.
    pub credit: Option<u32>,
}

impl ChannelCommand {
    /// Reads a message of that type; nothing if the type is none of channels.
    pub fn parse(message_type: &str, text: &str) -> Option<Result<Self, ChannelRefusal>> {
        let (kind, verb) = match message_type {
            "channel.create" => (ChannelKind::Channel, Verb::Open),
            "channel.close" => (ChannelKind::Channel, Verb::Close),
            "stream.open" => (ChannelKind::Stream, Verb::Open),
            "stream.close" => (ChannelKind::Stream, Verb::Close),
            "stream.credit" => (ChannelKind::Stream, Verb::Credit),
            _ => return None,
        };
        let refused = |name: Option<String>, text: String| ChannelRefusal {
            kind,
            name,
            code: ChannelErrorCode::InvalidMessage,
            text,
        };
        let asked = match Asked::read(kind, text) {
            Ok(asked) => asked,
            Err(text) => return Some(Err(refused(None, text))),
        };
        let command = match verb {
            Verb::Open => open(&asked).map(Self::Open),
            Verb::Close => asked.name().map(|name| Self::Close(kind, name)),
            Verb::Credit => credit(&asked),
        };
        Some(command.map_err(|text| refused(asked.name_as_said(), text)))
    }
}

/// What a message does to a channel.
enum Verb {
    Open,
    Close,
    Credit,
}

impl ChannelRequest {
    /// How its queue is to be kept.
    pub fn queue_settings(&self) -> QueueSettings {
        QueueSettings {
            priority: self.priority,
            is_dedicated: self.is_dedicated,
            messages_max: self.messages_max,
            overflow: self.overflow,
            credit: self.credit,
        }
    }

    /// Whether the stream's JSON events come through it, and no longer bare.
    pub fn has_json_content(&self) -> bool {
        self.content.is_some_and(|it| it != Content::Positions) && !self.is_binary
    }
}

/// A request's fields, wherever they stand.
struct Asked<'a> {
    kind: ChannelKind,
    outer: Fields<'a>,
    payload: Option<Fields<'a>>,
}

impl<'a> Asked<'a> {
    fn read(kind: ChannelKind, text: &'a str) -> Result<Self, String> {
        let outer = Fields::of_text("message", text)?.at_the_root();
        let payload = outer.object("payload")?;
        Ok(Self {
            kind,
            outer,
            payload,
        })
    }

    /// The object that has the member; the outer one where none has.
    fn with(&self, key: &str) -> &Fields<'a> {
        let inner = self.payload.as_ref();
        inner
            .filter(|payload| payload.raw(key).is_some())
            .unwrap_or(&self.outer)
    }

    fn raw_name(&self) -> Option<Cow<'a, str>> {
        let key = self.kind.key();
        self.with(key).raw(key).and_then(text_of)
    }

    /// The name for an answer, be it a name or not.
    fn name_as_said(&self) -> Option<String> {
        self.raw_name().map(|name| shown(&name))
    }

    fn name(&self) -> Result<ChannelName, String> {
        let key = self.kind.key();
        let name = self.raw_name().and_then(|name| ChannelName::parse(&name));
        name.ok_or_else(|| self.with(key).refused(key, ChannelName::ALLOWED))
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        Ok(self.with(key).flag(key)?.unwrap_or(false))
    }
}

fn open(asked: &Asked<'_>) -> Result<ChannelRequest, String> {
    let name = asked.name()?;
    let whole = |key: &str, range| asked.with(key).whole(key, range);
    let messages_max = whole("bufferSize", 1..=BUFFER_SIZE_MAX)?.unwrap_or(BUFFER_SIZE_DEFAULT);
    let credit = match asked.kind {
        ChannelKind::Channel => None,
        ChannelKind::Stream => Some(whole("credit", 0..=CREDIT_MAX)?.unwrap_or(0)),
    };
    let policies = Overflow::ALL.map(Overflow::name);
    let overflow = asked.with("overflow").word("overflow", &policies)?;
    let content = asked.with("content").word("content", &Content::NAMES)?;
    let filter = asked.with("filter").object("filter")?;
    let filter = filter.as_ref().map(ChannelFilter::read).transpose()?;
    let request = ChannelRequest {
        kind: asked.kind,
        name,
        priority: priority(asked.with("priority"), "priority")?.unwrap_or_default(),
        is_dedicated: asked.flag("dedicated")?,
        messages_max: usize::try_from(messages_max).unwrap_or(usize::MAX),
        overflow: overflow
            .and_then(|name| Overflow::ALL.into_iter().find(|it| it.name() == name))
            .unwrap_or_default(),
        content: content.and_then(Content::of_name),
        filter: filter.unwrap_or_default(),
        is_binary: asked.flag("binary")?,
        credit: credit.and_then(|credit| u32::try_from(credit).ok()),
    };
    check_together(&request)?;
    Ok(request)
}

/// What is allowed by itself, and not beside the rest.
fn check_together(request: &ChannelRequest) -> Result<(), String> {
    let filters = !request.filter.is_empty();
    match request.content {
        None if filters => Err("filter: is not allowed without content; a channel of an \
             application carries what its members send"
            .to_owned()),
        Some(Content::Positions) if filters => Err("filter: is not allowed with content \
             'positions'; positions are the same bytes for everybody"
            .to_owned()),
        Some(content) if request.is_binary && !content.has_frames() => Err(format!(
            "binary: true is not allowed with content '{}'; of what the stream tells, positions \
             alone go as frames in a channel",
            content.name()
        )),
        Some(Content::Positions) if !request.is_binary => Err("binary: must be true with content \
             'positions'; as JSON they come bare"
            .to_owned()),
        Some(Content::Positions) if request.kind == ChannelKind::Stream => Err("content: \
             'positions' is not allowed with credit; a slow viewer gets the newest anyway"
            .to_owned()),
        _ => Ok(()),
    }
}

fn credit(asked: &Asked<'_>) -> Result<ChannelCommand, String> {
    let name = asked.name()?;
    let fields = asked.with("credit");
    let allowed = 1..=CREDIT_MAX;
    let credit = fields.whole("credit", allowed)?;
    let credit = credit.and_then(|credit| u32::try_from(credit).ok());
    let missing = || fields.refused("credit", &format!("a whole number from 1 to {CREDIT_MAX}"));
    Ok(ChannelCommand::Credit(name, credit.ok_or_else(missing)?))
}

#[cfg(test)]
#[path = "tests/channel_request.rs"]
mod tests;
