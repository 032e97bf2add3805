//! The 8-byte header of a frame (document C, "Header Fields").
//!
//! Invariant: the layout is asserted at compile time; alignment is 1, so a header may lie anywhere.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Flags, MessageType, order::U16};

/// The first four bytes of every frame, in this order on the wire.
pub const MAGIC: [u8; 4] = *b"AGNT";

/// Size of the header before a payload, in bytes.
pub const HEADER_BYTES: usize = 8;

/// The longest payload that the 16-bit length can state, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = u16::MAX as usize;

/// The longest frame with a length field, in bytes. `COMPRESSED_BATCH` has none and may be longer.
pub const FRAME_BYTES_MAX: usize = HEADER_BYTES + PAYLOAD_BYTES_MAX;

/// Magic, type, flags, length: what every frame but `COMPRESSED_BATCH` starts with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Offset 0, 4 bytes: "AGNT".
    pub magic: [u8; 4],
    /// Offset 4, 1 byte: what the payload is.
    pub kind: MessageType,
    /// Offset 5, 1 byte.
    pub flags: Flags,
    /// Offset 6, 2 bytes: length of the payload in bytes.
    pub length: U16,
}

impl Header {
    /// The header of a payload of `payload_bytes` bytes.
    #[inline]
    pub const fn new(kind: MessageType, flags: Flags, payload_bytes: u16) -> Self {
        Self {
            magic: MAGIC,
            kind,
            flags,
            length: U16::new(payload_bytes),
        }
    }
}

const _: () = assert!(
    size_of::<Header>() == HEADER_BYTES
        && align_of::<Header>() == 1
        && core::mem::offset_of!(Header, kind) == 4
        && core::mem::offset_of!(Header, flags) == 5
        && core::mem::offset_of!(Header, length) == 6
);
