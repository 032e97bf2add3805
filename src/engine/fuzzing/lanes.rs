//! What a lane should hold: every message that was appended while somebody read it, and how far
//! each event loop is.

use std::time::Instant;

use super::script::LOOPS;
use super::wire::SEAL_BYTES;

/// A message of a lane.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) start: u64,
    pub(super) body: Vec<u8>,
    /// Whether the records of the body may stand in any order.
    pub(super) any_order: bool,
    /// Whether it begins a tick, so that a lane may begin here.
    pub(super) begins_tick: bool,
    /// The publisher, if it views too.
    pub(super) own: Option<u32>,
    pub(super) at: Instant,
}

impl Message {
    pub(super) fn end(&self) -> u64 {
        self.start + (SEAL_BYTES + self.body.len()) as u64
    }
}

/// How far an event loop is in a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) viewers: usize,
    pub(super) pulled: u64,
    /// Whether the bound was passed while the loop did not pull.
    pub(super) may_lack: bool,
}

/// One lane: what was appended while somebody read it.
#[derive(Debug, Default)]
pub(super) struct LaneModel {
    pub(super) end: u64,
    pub(super) messages: Vec<Message>,
    pub(super) watches: [Watch; LOOPS],
    /// At most so many bytes may be held.
    pub(super) held_bytes_max: u64,
    unsealed_bytes: u64,
    /// What was appended between the last two pulls that found something: it stays, whatever the
    /// bound.
    newest_bytes: u64,
}

impl LaneModel {
    pub(super) fn is_read(&self) -> bool {
        self.watches.iter().any(|watch| watch.viewers > 0)
    }

    /// The messages from `offset` on, at which one begins.
    pub(super) fn since(&self, offset: u64) -> &[Message] {
        &self.messages[self
            .messages
            .partition_point(|message| message.start < offset)..]
    }

    pub(super) fn append(
        &mut self,
        tick: Vec<Vec<u8>>,
        any_order: bool,
        own: Option<u32>,
        at: Instant,
    ) {
        let is_read = self.is_read();
        for (nth, body) in tick.into_iter().enumerate() {
            let begins_tick = nth == 0;
            let start = self.end;
            let message = Message {
                start,
                body,
                any_order,
                begins_tick,
                own,
                at,
            };
            if is_read {
                self.end = message.end();
                self.held_bytes_max += message.end() - message.start;
                self.unsealed_bytes += message.end() - message.start;
                self.messages.push(message);
            } else {
                self.end += message.body.len() as u64;
                self.hold_nothing();
            }
        }
    }

    fn hold_nothing(&mut self) {
        (self.held_bytes_max, self.unsealed_bytes, self.newest_bytes) = (0, 0, 0);
    }

    /// A viewer of a loop begins to read.
    pub(super) fn watch(&mut self, at: usize) {
        let (end, watch) = (self.end, &mut self.watches[at]);
        if watch.viewers == 0 {
            *watch = Watch {
                viewers: 0,
                pulled: end,
                may_lack: false,
            };
        }
        watch.viewers += 1;
    }

    /// A viewer of a loop reads no longer.
    pub(super) fn unwatch(&mut self, at: usize) {
        self.watches[at].viewers -= 1;
        if !self.is_read() {
            self.hold_nothing();
        }
    }

    /// A loop pulls: from where it continues.
    pub(super) fn pull(&mut self, at: usize, bytes_max: u64) -> Option<u64> {
        let Watch {
            viewers: 1..,
            pulled,
            ..
        } = self.watches[at]
        else {
            return None;
        };
        self.watches[at].pulled = self.end;
        self.watches[at].may_lack = false;
        let mut slowest = self.end;
        for watch in self.watches.iter_mut().filter(|watch| watch.viewers > 0) {
            slowest = slowest.min(watch.pulled);
            // What lies before a loop's place in the same chunk counts for the bound too.
            watch.may_lack |= watch.pulled < self.end && self.held_bytes_max > bytes_max;
        }
        if self.unsealed_bytes > 0 {
            self.newest_bytes = std::mem::take(&mut self.unsealed_bytes);
        }
        self.held_bytes_max = match slowest == self.end {
            true => 0,
            false => self.held_bytes_max.min(self.newest_bytes.max(bytes_max)),
        };
        Some(pulled)
    }
}
