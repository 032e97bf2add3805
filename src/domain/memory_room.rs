//! How much room there is in memory, as whoever needs some must know at once.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Enough.
    Ample,
    /// Only for what is under way: new work is refused.
    Tight,
    /// Hardly any: whoever holds much is sent away.
    None,
}

/// The room that is left below a bound, as it was last looked at; shared by all threads.
#[derive(Debug, Default)]
pub struct MemoryRoom {
    bytes_max: u64,
    used_bytes: AtomicU64,
    level: AtomicU8,
}

/// Below the bound stays free what may come before anything has answered to it: so many bytes or, of
/// a small bound, a third of what is beyond the least that a server needs.
const HEADROOM_BYTES: u64 = 96 << 20;
const LEAST_BYTES: u64 = 64 << 20;

/// So far below a level it is left again, so that it doesn't change all the time.
const CALM_PERCENT: u64 = 2;

impl MemoryRoom {
    /// Room below this bound; 0 is no bound.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            ..Self::default()
        }
    }

    /// The bound; 0 is none.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// How much was in use when it was last looked at.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Whether more than this share of the bound is in use.
    pub fn is_beyond(&self, percent: u64) -> bool {
        self.bytes_max > 0 && self.used_bytes() > self.bytes_max / 100 * percent
    }

    /// Notes how much is in use now, and says what room that leaves.
    pub fn note(&self, used_bytes: u64) -> Room {
        self.used_bytes.store(used_bytes, Ordering::Relaxed);
        let headroom = self.headroom_bytes();
        let calm = self.bytes_max / 100 * CALM_PERCENT;
        let is_beyond = |percent: u64, free: u64, level: Room| {
            let calm = if self.now() >= level { calm } else { 0 };
            self.bytes_max > 0 && used_bytes > self.level_bytes(percent, free) - calm
        };
        let room = if is_beyond(95, headroom / 2, Room::None) {
            Room::None
        } else if is_beyond(90, headroom, Room::Tight) {
            Room::Tight
        } else {
            Room::Ample
        };
        self.level.store(room as u8, Ordering::Relaxed);
        room
    }

    /// Whether there is room for more of what is kept for good.
    pub fn has_room_to_keep(&self) -> bool {
        self.bytes_max == 0 || self.used_bytes() <= self.kept_bytes_max()
    }

    /// With more than this in use nothing is kept for good any more, so that what is only under way has
    /// room; 0 where memory has no bound.
    pub fn kept_bytes_max(&self) -> u64 {
        self.level_bytes(80, self.headroom_bytes() / 2 * 3)
    }

    fn headroom_bytes(&self) -> u64 {
        HEADROOM_BYTES.min(self.bytes_max.saturating_sub(LEAST_BYTES) / 3)
    }

    /// The level at a share of the bound, or lower, so that so much below the bound stays free.
    fn level_bytes(&self, percent: u64, free: u64) -> u64 {
        (self.bytes_max / 100 * percent).min(self.bytes_max - free)
    }

    /// The room that there is.
    pub fn now(&self) -> Room {
        match self.level.load(Ordering::Relaxed) {
            0 => Room::Ample,
            1 => Room::Tight,
            _ => Room::None,
        }
    }

    /// A bound that holds while room is ample, or the eighth of it that holds while it isn't.
    pub fn fitted(&self, bytes_max: usize) -> usize {
        match self.now() {
            Room::Ample => bytes_max,
            Room::Tight | Room::None => bytes_max / 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryRoom, Room};

    const MIB: u64 = 1 << 20;

    #[test]
    fn room_becomes_less_at_its_shares_and_more_a_little_below_them() {
        let room = MemoryRoom::new(1000 * MIB);
        for (used, expected) in [
            (899, Room::Ample),
            (901, Room::Tight),
            (890, Room::Tight),
            (951, Room::None),
            (940, Room::None),
            (929, Room::Tight),
            (881, Room::Tight),
            (879, Room::Ample),
            (2000, Room::None),
            (0, Room::Ample),
        ] {
            assert_eq!(room.note(used * MIB), expected, "{used}");
            assert_eq!((room.now(), room.used_bytes()), (expected, used * MIB));
        }
    }

    #[test]
    fn below_a_bound_stays_free_what_may_come_and_below_a_small_one_less() {
        for (bound, kept, tight, none) in [
            (100, 80, 88, 94),
            (160, 112, 128, 144),
            (480, 336, 384, 432),
        ] {
            let room = MemoryRoom::new(bound * MIB);
            let note = |mib: u64| (room.note(mib * MIB), room.has_room_to_keep());
            assert_eq!(room.kept_bytes_max(), kept * MIB);
            assert_eq!(note(kept), (Room::Ample, true), "{bound}");
            assert_eq!(note(kept + 1), (Room::Ample, false), "{bound}");
            assert_eq!(note(tight).0, Room::Ample, "{bound}");
            assert_eq!(note(tight + 1).0, Room::Tight, "{bound}");
            assert_eq!(note(none).0, Room::Tight, "{bound}");
            assert_eq!(note(none + 1).0, Room::None, "{bound}");
        }
    }

    #[test]
    fn nothing_more_is_kept_before_room_becomes_tight() {
        let room = MemoryRoom::new(1000 * MIB);
        for (used, expected) in [(800, true), (801, false), (899, false), (800, true)] {
            assert_eq!(room.note(used * MIB), Room::Ample, "{used}");
            assert_eq!(room.has_room_to_keep(), expected, "{used}");
        }
    }

    #[test]
    fn without_a_bound_there_is_always_room() {
        let room = MemoryRoom::default();
        assert!(room.has_room_to_keep() && room.kept_bytes_max() == 0);
        assert_eq!(room.note(u64::MAX), Room::Ample);
        assert_eq!(room.fitted(800), 800);
    }

    #[test]
    fn what_is_kept_is_less_while_room_is_tight() {
        let room = MemoryRoom::new(100_000);
        assert_eq!(room.fitted(800), 800);
        room.note(99_999);
        assert_eq!(room.fitted(800), 100);
    }
}
