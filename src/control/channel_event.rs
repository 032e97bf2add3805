//! What goes into channels: what the stream tells, and what members send.

use std::time::Instant;

use bytes::Bytes;

use super::members::MemberId;
use crate::domain::Priority;
use crate::engine::mailbox::QueueId;

/// Something that the stream tells.
#[derive(Clone, Copy, Debug)]
pub struct ContentEvent<'a> {
    /// The message's type.
    pub kind: &'a str,
    /// The agents that it is about.
    pub agents: &'a [&'a str],
    /// The finished message, without a wrapper.
    pub body: &'a Bytes,
    /// How urgent it is.
    pub priority: Priority,
    /// It is not delivered from then on.
    pub expires_at: Option<Instant>,
    /// The member that it came from.
    pub except: Option<MemberId>,
}

/// What a member sends in a channel.
#[derive(Clone, Debug)]
pub struct Posting {
    /// The message or the frame.
    pub body: Bytes,
    /// How urgent it is.
    pub priority: Priority,
    /// It is not delivered from then on.
    pub expires_at: Option<Instant>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It went to the other members of an application's channel.
    ToMembers {
        /// Its number in the channel.
        sequence: u64,
        /// The members that it went to, and the queue of each.
        receivers: Vec<(MemberId, QueueId)>,
    },
    /// The channel carries content: the message is to be taken as if it had come bare.
    AsBare,
}
