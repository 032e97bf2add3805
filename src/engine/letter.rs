//! A letter: a finished message for one session, and how the queues are kept that it waits in.

use std::time::Instant;

use bytes::Bytes;

use crate::domain::Priority;

/// What a letter weighs beside its bytes, so that many small ones are bounded too.
pub const LETTER_OVERHEAD_BYTES: usize = 96;

/// A finished message for one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// JSON text or an AGNT frame; shared, if it goes to many.
    pub text: Bytes,
    /// Whether it is a frame.
    pub is_binary: bool,
    /// How urgent it is.
    pub priority: Priority,
    /// It is not delivered from then on.
    pub expires_at: Option<Instant>,
    /// Its number in its channel, or that of the event that it tells.
    pub sequence: Option<u64>,
}

/// The number of a queue in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u32);

impl QueueId {
    /// The session's own queue, which is always there.
    pub const OWN: Self = Self(0);
}

/// What happens to a letter that finds its queue full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Everything that waits goes, and the new one alone waits.
    Latest,
    /// The oldest goes.
    #[default]
    DropOldest,
    /// The new one goes.
    DropNewest,
    /// The session is to be closed.
    Disconnect,
}

impl Overflow {
    /// Every policy.
    pub const ALL: [Self; 4] = [
        Self::Latest,
        Self::DropOldest,
        Self::DropNewest,
        Self::Disconnect,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::DropOldest => "drop-oldest",
            Self::DropNewest => "drop-newest",
            Self::Disconnect => "disconnect",
        }
    }
}

/// How a queue is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The priority of all its letters but critical ones.
    pub priority: Priority,
    /// Whether it is a line of its own among those of its priority.
    pub is_dedicated: bool,
    /// Most letters that wait.
    pub messages_max: usize,
    /// What happens to more.
    pub overflow: Overflow,
    /// How many letters may be taken; `None` is any number.
    pub credit: Option<u32>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It waits; others may have gone for it.
    Queued,
    /// It was dropped for want of room, and counted; the mailbox may have overflowed by it.
    Dropped,
    /// There is no such queue, or the mailbox had overflowed.
    Closed,
}

/// What waits, and what will never be delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailUsage {
    /// Letters that wait.
    pub messages: usize,
    /// Their bytes, without the overhead that counts for the bound.
    pub bytes: usize,
    /// Letters dropped for want of room.
    pub dropped: u64,
    /// Letters that expired while they waited.
    pub expired: u64,
}

impl MailUsage {
    /// What counts for the bound.
    pub(super) fn weight_bytes(&self) -> usize {
        self.bytes + self.messages * LETTER_OVERHEAD_BYTES
    }
}
