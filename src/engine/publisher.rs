//! One publisher of a stream: its number, its hints, and the tick that it has not finished.

use std::sync::atomic::{AtomicU32, Ordering};

use super::mandate::KnownMandate;

/// The number of what the server itself publishes.
pub(super) const SERVER: u32 = 0;

/// What the engine keeps for one publishing session; owned by the session.
#[derive(Debug)]
pub struct Publisher {
    number: u32,
    /// Slots of the last tick's records, in order.
    pub(super) hints: Vec<u32>,
    /// Whole frames of a tick whose last frame has not come, back to back.
    pub(super) tick: Vec<u8>,
    pub(super) tick_frames: u32,
    /// Whether a tick was refused whose last frame has not come.
    pub(super) is_skipping: bool,
    /// For which registered agents it may speak.
    pub(super) mandate: KnownMandate,
    /// Whether the session is a viewer too and must not get its own frames back.
    also_views: bool,
}

impl Publisher {
    /// A publisher with a number of its own.
    pub fn new(also_views: bool) -> Self {
        Self::numbered(Self::next_number(), also_views)
    }

    /// Bytes of a tick that has not ended.
    pub fn held_bytes(&self) -> usize {
        self.tick.capacity()
    }

    /// A number that no other publisher has, for a session that may become one.
    pub fn next_number() -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// The publisher of that number.
    pub fn numbered(number: u32, also_views: bool) -> Self {
        Self {
            number,
            hints: Vec::new(),
            tick: Vec::new(),
            tick_frames: 0,
            is_skipping: false,
            mandate: KnownMandate::default(),
            also_views,
        }
    }

    /// The number that marks its frames.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whom its frames must not be sent back to: itself, if it is a viewer too.
    pub(super) fn echo_to(&self) -> Option<u32> {
        self.also_views.then_some(self.number)
    }

    /// Forgets the frames of a tick that has not ended.
    pub(super) fn drop_tick(&mut self) {
        self.tick = Vec::new();
        self.tick_frames = 0;
    }

    /// Whether frames of a tick wait for the one that ends it.
    pub fn has_open_tick(&self) -> bool {
        self.tick_frames > 0
    }
}
