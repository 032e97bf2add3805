//! A viewer as its event loop sees it: positions in the lanes of a stream.

use bytes::Bytes;

use crate::engine::ViewerKind;
use crate::engine::state_tick::StateTick;

/// Where a viewer stands. Every offset is the first byte of a message.
#[derive(Debug)]
pub(super) struct View {
    /// The audience that it belongs to, and its place there.
    pub(super) audience: usize,
    pub(super) seat: usize,
    pub(super) kind: ViewerKind,
    pub(super) positions_at: u64,
    pub(super) events_at: u64,
    pub(super) catching_up: CatchingUp,
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
    /// It needs a state tick with all that changed behind this offset (`None`: everything).
    Due(Option<u64>),
    /// It is being sent a state tick and goes on behind it.
    With(Box<StateCursor>),
}

/// A state tick that is under way.
#[derive(Debug)]
pub(super) struct StateCursor {
    pub(super) tick: StateTick,
    /// Bytes of it that were sent; always at a message.
    pub(super) sent: usize,
    /// Since when the viewer lacks changes.
    pub(super) since: Option<u64>,
}

impl View {
    /// The state tick under way and how much of it was sent.
    pub(super) fn state_left(&self) -> Option<(Bytes, usize)> {
        match &self.catching_up {
            CatchingUp::With(cursor) => Some((cursor.tick.bytes.clone(), cursor.sent)),
            _ => None,
        }
    }

    /// The viewer can't go on where it stands: what it needs next is a state tick.
    pub(super) fn fall_behind(&mut self) {
        let since = match &self.catching_up {
            CatchingUp::Live => Some(self.positions_at),
            CatchingUp::Due(since) => *since,
            CatchingUp::With(cursor) => cursor.since,
        };
        self.catching_up = CatchingUp::Due(since);
    }
}
