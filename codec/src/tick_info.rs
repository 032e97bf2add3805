//! `TICK_INFO`, 0x10: which tick follows, and when it was published (ours; capability `tick-info`).
//!
//! ```text
//! payload: tick u32 | epoch u32 | server time u64: 16 bytes
//! ```
//!
//! It stands directly before the frames of its tick.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType,
    emit::{PLAIN_FLAGS, begin},
    order::{U32, U64},
};

/// The number and the time of a tick: 16 bytes.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(C)]
pub struct TickInfo {
    /// Offset 0: ticks of the stream since it began, modulo 2^32. A jump is what was left out.
    pub tick: U32,
    /// Offset 4: another number once the stream has begun anew.
    pub epoch: U32,
    /// Offset 8: when the tick was published, in microseconds since 1970 of the server's clock.
    pub server_us: U64,
}

impl TickInfo {
    /// From native numbers.
    #[inline]
    pub fn new(tick: u32, epoch: u32, server_us: u64) -> Self {
        Self {
            tick: U32::new(tick),
            epoch: U32::new(epoch),
            server_us: U64::new(server_us),
        }
    }

    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Result<&Self, DecodeError> {
        Self::ref_from_bytes(payload).map_err(|_| {
            DecodeError::new(
                DecodeErrorKind::LengthMismatch,
                0,
                size_of::<Self>(),
                payload.len(),
            )
        })
    }
}

impl Emit for TickInfo {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + size_of::<Self>()
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        begin(MessageType::TICK_INFO, flags, PLAIN_FLAGS, frame_bytes, out)?.put(self.as_bytes());
        Ok(frame_bytes)
    }
}

const _: () = assert!(size_of::<TickInfo>() == 16 && align_of::<TickInfo>() == 1);
