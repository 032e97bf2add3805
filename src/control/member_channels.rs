//! The channels of one session.

use std::sync::Arc;

use super::channel_event::ContentEvent;
use super::channel_filter::ChannelFilter;
use super::channel_kind::ChannelKind;
use super::channel_name::ChannelName;
use super::channel_refusal::{ChannelErrorCode, ChannelRefusal};
use super::channel_request::ChannelRequest;
use super::content::Content;
use crate::engine::mailbox::{Letter, Mailbox, QueueId};

/// The most channels and streams of one session.
pub const CHANNELS_MAX: usize = 64;

/// An open channel of a session.
#[derive(Debug)]
pub(super) struct MemberChannel {
    pub(super) kind: ChannelKind,
    pub(super) name: ChannelName,
    pub(super) queue: QueueId,
    pub(super) content: Option<Content>,
    filter: ChannelFilter,
    has_json_content: bool,
    /// The sender's own sequence of its last message that had one.
    last_inbound: Option<u64>,
}

/// The channels; see the module.
#[derive(Debug)]
pub(super) struct MemberChannels {
    mailbox: Arc<Mailbox>,
    open: Vec<MemberChannel>,
    /// The last queue's number; none is given twice.
    last_queue: QueueId,
}

impl MemberChannels {
    pub(super) fn new(mailbox: &Arc<Mailbox>) -> Self {
        Self {
            mailbox: Arc::clone(mailbox),
            open: Vec::new(),
            last_queue: QueueId::OWN,
        }
    }

    /// The queue of a channel that may be opened.
    pub(super) fn next_queue(&self, request: &ChannelRequest) -> Result<QueueId, ChannelRefusal> {
        let (key, name) = (request.kind.key(), request.name.as_str());
        let refused = |code, text| Err(ChannelRefusal::new(request.kind, name, code, text));
        if self.find(&request.name).is_some() {
            let text = format!("{key}: '{name}' is open in this session");
            return refused(ChannelErrorCode::Exists, text);
        }
        match self.last_queue.0.checked_add(1) {
            Some(queue) if self.open.len() < CHANNELS_MAX => Ok(QueueId(queue)),
            _ => {
                let text = format!("{key}: a session may have {CHANNELS_MAX} channels");
                refused(ChannelErrorCode::Bound, text)
            }
        }
    }

    /// Opens a channel, and its queue in the mailbox.
    pub(super) fn open(&mut self, request: &ChannelRequest, queue: QueueId) {
        self.mailbox.open_queue(queue, request.queue_settings());
        self.last_queue = queue;
        self.open.push(MemberChannel {
            kind: request.kind,
            name: request.name.clone(),
            queue,
            content: request.content,
            filter: request.filter.clone(),
            has_json_content: request.has_json_content(),
            last_inbound: None,
        });
    }

    /// Closes a channel and its queue.
    pub(super) fn close(&mut self, kind: ChannelKind, name: &ChannelName) -> Option<MemberChannel> {
        let mut open = self.open.iter();
        let at = open.position(|channel| channel.kind == kind && channel.name == *name)?;
        let channel = self.open.swap_remove(at);
        self.mailbox.close_queue(channel.queue);
        Some(channel)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MemberChannel> {
        self.open.iter()
    }

    pub(super) fn find(&self, name: &ChannelName) -> Option<&MemberChannel> {
        self.open.iter().find(|channel| channel.name == *name)
    }

    pub(super) fn find_mut(&mut self, name: &ChannelName) -> Option<&mut MemberChannel> {
        self.open.iter_mut().find(|channel| channel.name == *name)
    }

    /// Whether the stream's JSON events come through one of them.
    pub(super) fn has_json_content(&self) -> bool {
        self.open.iter().any(|channel| channel.has_json_content)
    }

    /// A stream's credit after so much more.
    pub(super) fn add_credit(&self, name: &ChannelName, messages: u32) -> Option<u32> {
        let stream = self
            .find(name)
            .filter(|it| it.kind == ChannelKind::Stream)?;
        self.mailbox.add_credit(stream.queue, messages)
    }

    /// Posts an event into each channel that it belongs to, and says whether there is one.
    /// `sequences` are those of all contents.
    pub(super) fn post(
        &self,
        event: &ContentEvent<'_>,
        sequences: &[u64; Content::ALL.len()],
    ) -> bool {
        let mut is_told = false;
        for channel in &self.open {
            let Some(content) = channel.content_of(event) else {
                continue;
            };
            is_told = true;
            let letter = Letter {
                text: event.body.clone(),
                is_binary: false,
                priority: event.priority,
                expires_at: event.expires_at,
                sequence: Some(sequences[content.index()]),
            };
            self.mailbox.post(channel.queue, letter);
        }
        is_told
    }
}

impl MemberChannel {
    /// The channel's content, if the event belongs to it and passes its filter.
    fn content_of(&self, event: &ContentEvent<'_>) -> Option<Content> {
        let content = self.content.filter(|_| self.has_json_content)?;
        let is_wanted = content.holds(event.kind) && self.filter.passes(event.kind, event.agents);
        is_wanted.then_some(content)
    }

    /// Checks the sender's own count: any number first, then each its last plus one.
    pub(super) fn check_sequence(&mut self, sequence: Option<u64>) -> Result<(), ChannelRefusal> {
        let Some(said) = sequence else {
            return Ok(());
        };
        if let Some(last) = self.last_inbound
            && last.checked_add(1) != Some(said)
        {
            let text = format!("sequence: {said} is not allowed; the last was {last}");
            let (name, code) = (self.name.as_str(), ChannelErrorCode::Sequence);
            return Err(ChannelRefusal::new(self.kind, name, code, text));
        }
        self.last_inbound = Some(said);
        Ok(())
    }
}
