//! The channels of all sessions of one stream: who has which, and what goes into them.
//!
//! A channel with content carries what the stream tells; one without is an application's own, and
//! what a member sends in it goes to the others that made a channel of that name. A member's
//! mailbox has a queue for each of its channels; what is posted there is the bare message with its
//! sequence, and whoever takes it writes the wrapper.
//!
//! Sequences are the stream's, one for each content and for each application's channel: they count
//! what was published, so a jump shows what was dropped or filtered.
//!
//! It has no lock and no clock. Posting takes the mailbox's lock and may notify its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::channel_event::{ContentEvent, Posting, Sent};
use super::channel_grant::ChannelGrant;
use super::channel_kind::ChannelKind;
use super::channel_message::ChannelMessage;
use super::channel_name::ChannelName;
use super::channel_refusal::{ChannelErrorCode, ChannelRefusal};
use super::channel_request::ChannelRequest;
use super::content::Content;
use super::member_channels::MemberChannels;
use super::members::MemberId;
use super::named_channels::{NAMES_MAX, NamedChannels, Seat};
use crate::engine::mailbox::{Letter, Mailbox};

/// The channels of a stream; see the module.
#[derive(Debug, Default)]
pub struct Channels {
    members: BTreeMap<MemberId, MemberChannels>,
    /// Members that get the stream's JSON events by mail.
    with_json_content: BTreeSet<MemberId>,
    /// Of each content.
    sequences: [u64; Content::ALL.len()],
    named: NamedChannels,
}

impl Channels {
    /// Opens a channel or a stream for a member, and its queue in the member's mailbox.
    pub fn open(
        &mut self,
        member: MemberId,
        mailbox: &Arc<Mailbox>,
        request: ChannelRequest,
    ) -> Result<ChannelGrant, ChannelRefusal> {
        let own = self.members.entry(member);
        let own = own.or_insert_with(|| MemberChannels::new(mailbox));
        let queue = own.next_queue(&request)?;
        let seat = Seat {
            queue,
            is_binary: request.is_binary,
            mailbox: Arc::clone(mailbox),
        };
        let (numeric_id, sequence) = match request.content {
            Some(content) => (Some(content.numeric_id()), self.sequences[content.index()]),
            None => enter(&mut self.named, member, seat, &request)?,
        };
        own.open(&request, queue);
        if request.has_json_content() {
            self.with_json_content.insert(member);
        }
        Ok(ChannelGrant {
            request,
            queue,
            numeric_id,
            sequence,
        })
    }

    /// Closes a channel or a stream of a member, and its queue; what waits in it goes.
    pub fn close(
        &mut self,
        member: MemberId,
        kind: ChannelKind,
        name: &ChannelName,
    ) -> Result<(), ChannelRefusal> {
        let not_found = || ChannelRefusal::not_found(kind, name.as_str());
        let own = self.members.get_mut(&member).ok_or_else(not_found)?;
        let closed = own.close(kind, name).ok_or_else(not_found)?;
        if !own.has_json_content() {
            self.with_json_content.remove(&member);
        }
        if closed.content.is_none() {
            self.named.leave(name, member);
        }
        Ok(())
    }

    /// A session leaves, and with it its channels.
    pub fn leave(&mut self, member: MemberId) {
        self.with_json_content.remove(&member);
        let left = self.members.remove(&member);
        let open = left.iter().flat_map(MemberChannels::iter);
        for channel in open.filter(|channel| channel.content.is_none()) {
            self.named.leave(&channel.name, member);
        }
    }

    /// Lets so many more messages of a stream be sent. Returns its credit then.
    pub fn add_credit(
        &mut self,
        member: MemberId,
        name: &ChannelName,
        messages: u32,
    ) -> Result<u32, ChannelRefusal> {
        let own = self.members.get(&member);
        let credit = own.and_then(|own| own.add_credit(name, messages));
        credit.ok_or_else(|| ChannelRefusal::not_found(ChannelKind::Stream, name.as_str()))
    }

    /// Whether a member gets the stream's JSON events by mail: it has a channel with content other
    /// than positions that carries JSON.
    pub fn has_json_content_channel(&self, member: MemberId) -> bool {
        self.with_json_content.contains(&member)
    }

    /// Tells all members: posts the event into each of their channels that it belongs to. Returns
    /// the members that have one.
    pub fn publish(&mut self, event: &ContentEvent<'_>) -> Vec<MemberId> {
        self.count(event.kind);
        let others = self.with_json_content.iter().copied();
        let others = others.filter(|member| Some(*member) != event.except);
        others.filter(|member| self.post(*member, event)).collect()
    }

    /// Tells one member, and says whether it has a channel that the event belongs to.
    pub fn publish_to(&mut self, member: MemberId, event: &ContentEvent<'_>) -> bool {
        self.count(event.kind);
        self.post(member, event)
    }

    fn count(&mut self, kind: &str) {
        for content in Content::ALL {
            self.sequences[content.index()] += u64::from(content.holds(kind));
        }
    }

    fn post(&self, member: MemberId, event: &ContentEvent<'_>) -> bool {
        let own = self.members.get(&member);
        own.is_some_and(|own| own.post(event, &self.sequences))
    }

    /// What a member sends in one of its channels.
    pub fn send(
        &mut self,
        from: MemberId,
        message: &ChannelMessage<'_>,
        posting: Posting,
    ) -> Result<Sent, ChannelRefusal> {
        let not_found = || ChannelRefusal::not_found(ChannelKind::Channel, message.name.as_str());
        let own = self.members.get_mut(&from).ok_or_else(not_found)?;
        let channel = own.find_mut(&message.name).ok_or_else(not_found)?;
        channel.check_sequence(message.sequence)?;
        match channel.content {
            Some(_) => Ok(Sent::AsBare),
            None => self.pass_on(from, &message.name, posting, false),
        }
    }

    /// A frame with `HAS_CHANNEL` that a member sends in the channel of that number; it goes on as
    /// it came, to the members whose channel carries frames.
    pub fn send_frame(
        &mut self,
        from: MemberId,
        numeric_id: u16,
        posting: Posting,
    ) -> Result<Sent, ChannelRefusal> {
        let own = self.members.get(&from).into_iter();
        let found = own.flat_map(MemberChannels::iter).find(|channel| {
            let known = match channel.content {
                Some(content) => Some(content.numeric_id()),
                None => self.named.numeric_id_of(&channel.name),
            };
            known == Some(numeric_id)
        });
        match found.map(|channel| (channel.content, channel.name.clone())) {
            Some((Some(_), _)) => Ok(Sent::AsBare),
            Some((None, name)) => self.pass_on(from, &name, posting, true),
            None => Err(ChannelRefusal {
                kind: ChannelKind::Channel,
                name: None,
                code: ChannelErrorCode::NotFound,
                text: format!("channel: this session has none with the numeric id {numeric_id}"),
            }),
        }
    }

    /// Posts to the other members of an application's channel.
    fn pass_on(
        &mut self,
        from: MemberId,
        name: &ChannelName,
        posting: Posting,
        is_binary: bool,
    ) -> Result<Sent, ChannelRefusal> {
        let not_found = || ChannelRefusal::not_found(ChannelKind::Channel, name.as_str());
        let channel = self.named.find(name).ok_or_else(not_found)?;
        channel.sequence += 1;
        let letter = Letter {
            text: posting.body,
            is_binary,
            priority: posting.priority,
            expires_at: posting.expires_at,
            sequence: Some(channel.sequence),
        };
        let takes = |seat: &Seat| seat.is_binary || !is_binary;
        let seats = channel.seats.iter();
        let others = seats.filter(|(member, seat)| **member != from && takes(seat));
        let receivers = others.map(|(member, seat)| {
            seat.mailbox.post(seat.queue, letter.clone());
            (*member, seat.queue)
        });
        Ok(Sent::ToMembers {
            sequence: channel.sequence,
            receivers: receivers.collect(),
        })
    }
}

/// A member comes into an application's channel: the channel's number and its last sequence.
fn enter(
    named: &mut NamedChannels,
    member: MemberId,
    seat: Seat,
    request: &ChannelRequest,
) -> Result<(Option<u16>, u64), ChannelRefusal> {
    let bound = |text: String| {
        let name = request.name.as_str();
        Err(ChannelRefusal::new(
            request.kind,
            name,
            ChannelErrorCode::Bound,
            text,
        ))
    };
    let is_binary = seat.is_binary;
    let Some(channel) = named.enter(&request.name, member, seat) else {
        let key = request.kind.key();
        return bound(format!(
            "{key}: {NAMES_MAX} names are in use in this stream, which are all that it may have"
        ));
    };
    let (numeric_id, sequence) = (channel.numeric_id, channel.sequence);
    if is_binary && numeric_id.is_none() {
        named.leave(&request.name, member);
        let text = "binary: true is not allowed; the stream has given all numeric ids away";
        return bound(text.to_owned());
    }
    Ok((numeric_id, sequence))
}

#[cfg(test)]
#[path = "tests/channels.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/channels_model.rs"]
mod model;
