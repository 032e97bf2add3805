//! `HEARTBEAT`, 0x06: a sign of life (document C names the type; the payload is ours).
//!
//! ```text
//! payload: empty, or
//!          client send u64 | server receive u64 | server send u64 | displayed tick u32 | flags u32
//! ```
//!
//! The three times are microseconds of their own side's clock since a moment of its choice; zero
//! means not set. With the moment of arrival they make the four stamps that give delay and offset.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType,
    emit::{PLAIN_FLAGS, begin},
    order::{U32, U64},
};

/// The time stamps of an extended heartbeat: 32 bytes.
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
pub struct HeartbeatStamps {
    /// Offset 0: when the client sent it, in microseconds of the client's clock.
    pub client_send_us: U64,
    /// Offset 8: when the server got it, in microseconds of the server's clock; 0 from the client.
    pub server_receive_us: U64,
    /// Offset 16: when the server answered, in microseconds of the server's clock; 0 from the client.
    pub server_send_us: U64,
    /// Offset 24: the last tick that the client has shown.
    pub displayed_tick: U32,
    /// Offset 28: bits 0-15 are the frames per second that the client shows, 0 if unknown; bits
    /// 16-31 are reserved and sent as zero.
    pub client_flags: U32,
}

/// A heartbeat that came in, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat<'a> {
    /// Without a payload: 8 bytes in all.
    Empty,
    /// With time stamps: 40 bytes in all.
    Stamped(&'a HeartbeatStamps),
}

impl<'a> Heartbeat<'a> {
    #[inline]
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        if payload.is_empty() {
            return Ok(Self::Empty);
        }
        HeartbeatStamps::ref_from_bytes(payload)
            .map(Self::Stamped)
            .map_err(|_| {
                DecodeError::new(
                    DecodeErrorKind::LengthMismatch,
                    0,
                    size_of::<HeartbeatStamps>(),
                    payload.len(),
                )
            })
    }
}

/// A heartbeat to be written. It owns its stamps, because an answer changes some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatFrame {
    /// Without a payload: 8 bytes in all.
    Empty,
    /// With time stamps: 40 bytes in all.
    Stamped(HeartbeatStamps),
}

impl From<Heartbeat<'_>> for HeartbeatFrame {
    #[inline]
    fn from(heartbeat: Heartbeat<'_>) -> Self {
        match heartbeat {
            Heartbeat::Empty => Self::Empty,
            Heartbeat::Stamped(stamps) => Self::Stamped(*stamps),
        }
    }
}

impl Emit for HeartbeatFrame {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        match self {
            Self::Empty => HEADER_BYTES,
            Self::Stamped(stamps) => HEADER_BYTES + size_of_val(stamps),
        }
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        let mut writer = begin(MessageType::HEARTBEAT, flags, PLAIN_FLAGS, frame_bytes, out)?;
        if let Self::Stamped(stamps) = self {
            writer.put(stamps.as_bytes());
        }
        Ok(frame_bytes)
    }
}

const _: () = assert!(size_of::<HeartbeatStamps>() == 32 && align_of::<HeartbeatStamps>() == 1);
