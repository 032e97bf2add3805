//! The channels of applications in one stream, by name: who is in each, its number and its
//! sequence.
//!
//! A name that nobody is in any more is remembered for a while, so that it goes on with its number
//! and its sequence when somebody comes back. Beyond that memory it gets a new number, and a
//! sequence behind all that were ever forgotten: within an epoch neither is given twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::channel_name::ChannelName;
use super::members::MemberId;
use crate::engine::mailbox::{Mailbox, QueueId};

/// The most names of a stream that somebody is in.
pub const NAMES_MAX: usize = 4096;

/// The most names that nobody is in and that are remembered.
pub const NAMES_REMEMBERED_MAX: usize = 4096;

/// The first number; those below are for content.
pub const NUMERIC_ID_FIRST: u16 = 256;

/// A member in a channel of its own making.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) queue: QueueId,
    pub(super) is_binary: bool,
    pub(super) mailbox: Arc<Mailbox>,
}

/// A channel that somebody is or was in.
#[derive(Debug)]
pub(super) struct NamedChannel {
    /// None, once the epoch has given all numbers away.
    pub(super) numeric_id: Option<u16>,
    /// The last message's.
    pub(super) sequence: u64,
    pub(super) seats: BTreeMap<MemberId, Seat>,
    /// When the last member left, counted in such departures.
    left_at: Option<u64>,
}

/// The channels; see the module.
#[derive(Debug)]
pub(super) struct NamedChannels {
    by_name: HashMap<ChannelName, NamedChannel>,
    /// Names that nobody is in, the longest-left first.
    left: BTreeMap<u64, ChannelName>,
    departures: u64,
    next_numeric_id: Option<u16>,
    /// Behind every sequence that was forgotten with its name.
    sequence_floor: u64,
}

impl Default for NamedChannels {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            left: BTreeMap::new(),
            departures: 0,
            next_numeric_id: Some(NUMERIC_ID_FIRST),
            sequence_floor: 0,
        }
    }
}

impl NamedChannels {
    /// A member comes into the channel of that name; not if as many names are in use as may be.
    pub(super) fn enter(
        &mut self,
        name: &ChannelName,
        member: MemberId,
        seat: Seat,
    ) -> Option<&NamedChannel> {
        let is_in_use = |channel: &NamedChannel| channel.left_at.is_none();
        let in_use = self.by_name.len() - self.left.len();
        if in_use >= NAMES_MAX && !self.by_name.get(name).is_some_and(is_in_use) {
            return None;
        }
        let channel = self.by_name.entry(name.clone()).or_insert_with(|| {
            let numeric_id = self.next_numeric_id;
            self.next_numeric_id = numeric_id.and_then(|numeric_id| numeric_id.checked_add(1));
            NamedChannel {
                numeric_id,
                sequence: self.sequence_floor,
                seats: BTreeMap::new(),
                left_at: None,
            }
        });
        if let Some(left_at) = channel.left_at.take() {
            self.left.remove(&left_at);
        }
        channel.seats.insert(member, seat);
        Some(channel)
    }

    /// A member leaves it.
    pub(super) fn leave(&mut self, name: &ChannelName, member: MemberId) {
        let Some(channel) = self.by_name.get_mut(name) else {
            return;
        };
        if channel.seats.remove(&member).is_none() || !channel.seats.is_empty() {
            return;
        }
        self.departures += 1;
        channel.left_at = Some(self.departures);
        self.left.insert(self.departures, name.clone());
        if self.left.len() > NAMES_REMEMBERED_MAX
            && let Some((_, name)) = self.left.pop_first()
            && let Some(forgotten) = self.by_name.remove(&name)
        {
            self.sequence_floor = self.sequence_floor.max(forgotten.sequence);
        }
    }

    /// The number of the channel of that name.
    pub(super) fn numeric_id_of(&self, name: &ChannelName) -> Option<u16> {
        self.by_name.get(name)?.numeric_id
    }

    /// The channel of that name, if anybody is or was in it.
    pub(super) fn find(&mut self, name: &ChannelName) -> Option<&mut NamedChannel> {
        self.by_name.get_mut(name)
    }
}

#[cfg(test)]
#[path = "tests/named_channels.rs"]
mod tests;
