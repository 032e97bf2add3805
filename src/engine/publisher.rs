//! One publisher of a stream: its number, its hints, and the tick that it has not finished.

use std::sync::atomic::{AtomicU32, Ordering};

/// What the engine keeps for one publishing session; owned by the session.
#[derive(Debug)]
pub struct Publisher {
    pub(super) number: u32,
    /// Slots of the last tick's records, in order.
    pub(super) hints: Vec<u32>,
    /// Whole frames of a tick whose last frame has not come, back to back.
    pub(super) tick: Vec<u8>,
    pub(super) tick_frames: u32,
    /// Whether the session is a viewer too and must not get its own frames back.
    pub(super) also_views: bool,
}

impl Publisher {
    /// A publisher with a number of its own.
    pub fn new(also_views: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            hints: Vec::new(),
            tick: Vec::new(),
            tick_frames: 0,
            also_views,
        }
    }

    /// The number that marks its frames.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether frames of a tick wait for the one that ends it.
    pub fn has_open_tick(&self) -> bool {
        self.tick_frames > 0
    }
}
