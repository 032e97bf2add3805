//! A viewer as its event loop sees it: positions in the lanes of a stream.

use arrayvec::ArrayVec;
use bytes::Bytes;

use crate::engine::state_tick::StateTick;
use crate::engine::{Feed, Lane};

/// Where a viewer stands. Every offset is the first byte of a message.
#[derive(Debug)]
pub(super) struct View {
    /// The audience that it belongs to, and its place there.
    pub(super) audience: usize,
    pub(super) seat: usize,
    pub(super) feed: Feed,
    pub(super) positions_at: u64,
    pub(super) events_at: u64,
    /// Where it stands in each retained lane that it reads, the most urgent first.
    pub(super) retained: ArrayVec<(Lane, u64), { Lane::RETAINED.len() }>,
    pub(super) catching_up: CatchingUp,
    /// Whether the connection is in the loop's list of viewers that wait for the encoder.
    pub(super) is_waiting: bool,
    /// Whether the stalled viewer holds nothing shared any more.
    pub(super) has_let_go: bool,
    /// The viewer's own publisher, whose frames it does not get back.
    pub(super) own_number: Option<u32>,
}

/// How a viewer comes to the present.
#[derive(Debug)]
pub(super) enum CatchingUp {
    /// It reads the positions lane.
    Live,
    /// It needs a state tick, or the next part of one.
    Due(Pass),
    /// It is being sent a state tick or a part of one.
    With(Box<StateCursor>),
}

/// One way through all agents of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// Since which offset of the positions lane the viewer lacks changes; `None`: it has nothing.
    pub(super) since: Option<u64>,
    /// The slot that comes next; 0 begins the way.
    pub(super) next_slot: usize,
}

/// A state tick that is under way.
#[derive(Debug)]
pub(super) struct StateCursor {
    pub(super) tick: StateTick,
    /// Bytes of it that were sent; always at a message.
    pub(super) sent: usize,
    /// The way that it belongs to, as it was when the tick was made.
    pub(super) pass: Pass,
}

/// A state tick's messages and how much of them was sent.
#[derive(Debug)]
pub(super) struct StateLeft {
    pub(super) bytes: Bytes,
    pub(super) sent: usize,
    /// Whether the viewer is live behind it.
    pub(super) is_last: bool,
}

impl StateCursor {
    /// The way from where the tick has been sent to.
    fn rest(&self) -> Pass {
        let stop = self
            .tick
            .stops
            .iter()
            .rev()
            .find(|stop| stop.bytes <= self.sent);
        let next_slot = stop.map_or(self.pass.next_slot, |stop| stop.next_slot);
        Pass {
            since: self.pass.since,
            next_slot,
        }
    }
}

impl View {
    /// What is left of the state tick under way.
    pub(super) fn state_left(&self) -> Option<StateLeft> {
        match &self.catching_up {
            CatchingUp::With(cursor) => Some(StateLeft {
                bytes: cursor.tick.bytes.clone(),
                sent: cursor.sent,
                is_last: cursor.tick.next_slot.is_none(),
            }),
            _ => None,
        }
    }

    /// Where it stands in a retained lane, if it reads it.
    pub(super) fn place_in(&self, lane: Lane) -> Option<u64> {
        let held = self.retained.iter().find(|(held, _)| *held == lane);
        held.map(|(_, at)| *at)
    }

    /// Whether it needs a state tick that the encoder has not made yet.
    pub(super) fn waits_for_encoder(&self) -> bool {
        self.feed.slot().is_some() && matches!(self.catching_up, CatchingUp::Due(_))
    }

    /// The viewer stands at an offset of a lane.
    pub(super) fn stand_at(&mut self, lane: Lane, offset: u64) {
        if self.feed.positions == Some(lane) {
            self.positions_at = offset;
        } else if lane.is_retained() {
            let held = self.retained.iter_mut().find(|(held, _)| *held == lane);
            if let Some((_, at)) = held {
                *at = offset;
            }
        } else {
            self.events_at = offset;
        }
    }

    /// Whether the viewer has not got the whole state yet: no event may come before it.
    pub(super) fn is_joining(&self) -> bool {
        match &self.catching_up {
            CatchingUp::Live => false,
            CatchingUp::Due(pass) => pass.since.is_none(),
            CatchingUp::With(cursor) => cursor.pass.since.is_none(),
        }
    }

    /// The viewer can't go on where it stands: what it needs next is a state tick, or the rest of
    /// the one that it was being sent, made anew.
    pub(super) fn fall_behind(&mut self) {
        let pass = match &self.catching_up {
            CatchingUp::Live => Pass {
                since: Some(self.positions_at),
                next_slot: 0,
            },
            CatchingUp::Due(pass) => *pass,
            CatchingUp::With(cursor) => cursor.rest(),
        };
        self.catching_up = CatchingUp::Due(pass);
    }

    /// The state tick under way has been sent as far as `sent`.
    pub(super) fn note_state_sent(&mut self, sent: usize) {
        let CatchingUp::With(cursor) = &mut self.catching_up else {
            return;
        };
        cursor.sent = sent;
        if sent == cursor.tick.bytes.len() {
            let since = cursor.pass.since;
            self.catching_up = match cursor.tick.next_slot {
                Some(next_slot) => CatchingUp::Due(Pass { since, next_slot }),
                None => CatchingUp::Live,
            };
        }
    }
}
