//! The flags byte of a frame (document C says "Compression, priority, etc."; the bits are ours).
//!
//! | bit | flag | meaning |
//! |---|---|---|
//! | 0 | COMPRESSED | payload is a u32 original length and compressed data |
//! | 1-2 | priority | 0 normal, 1 low, 2 high, 3 critical |
//! | 3 | MORE | more frames of the same tick follow |
//! | 4 | KEYFRAME | the frame belongs to a state tick |
//! | 5 | `HAS_CHANNEL` | the payload starts with a u16 channel id |
//! | 6 | CODEC | the payload starts with a u8 codec id |
//! | 7 | `EXT_LENGTH` | reserved; refused |

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Byte 5 of every frame but `COMPRESSED_BATCH`, which has none.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(transparent)]
pub struct Flags(pub u8);

impl Flags {
    /// No bit set: normal priority, the last frame of its tick.
    pub const NONE: Self = Self(0);
    /// The payload is a u32 original length and compressed data.
    pub const COMPRESSED: Self = Self(1);
    /// More frames of the same tick follow.
    pub const MORE: Self = Self(8);
    /// The frame belongs to a state tick: the newest record of each agent.
    pub const KEYFRAME: Self = Self(16);
    /// The payload starts with a u16 channel id.
    pub const HAS_CHANNEL: Self = Self(32);
    /// The payload starts with a u8 codec id.
    pub const CODEC: Self = Self(64);
    /// Reserved for lengths beyond 16 bits; refused by this version.
    pub const EXT_LENGTH: Self = Self(128);

    /// The flags that change the shape of a payload, so that its type's layout doesn't apply.
    pub(crate) const ENCODED: Self = Self(Self::COMPRESSED.0 | Self::HAS_CHANNEL.0 | Self::CODEC.0);

    const PRIORITY_SHIFT: u32 = 1;
    const PRIORITY_MASK: u8 = 0b110;

    /// Whether every bit of `other` is set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These flags and those of `other`.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These flags except those of `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The priority in bits 1-2.
    #[inline]
    pub const fn priority(self) -> Priority {
        match (self.0 & Self::PRIORITY_MASK) >> Self::PRIORITY_SHIFT {
            0 => Priority::Normal,
            1 => Priority::Low,
            2 => Priority::High,
            _ => Priority::Critical,
        }
    }

    /// These flags with another priority.
    #[inline]
    #[must_use]
    pub const fn with_priority(self, priority: Priority) -> Self {
        Self(self.0 & !Self::PRIORITY_MASK | (priority as u8) << Self::PRIORITY_SHIFT)
    }
}

/// How urgent a frame is. The numbers are the wire's, so normal is zero; they aren't a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Priority {
    /// The usual one.
    #[default]
    Normal = 0,
    /// May wait behind all others.
    Low = 1,
    /// Before the usual ones.
    High = 2,
    /// Before all others.
    Critical = 3,
}
