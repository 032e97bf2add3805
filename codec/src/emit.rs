//! Writing a frame into the caller's buffer.
//!
//! Invariants: the size is known exactly before anything is written; a frame is written whole or
//! not at all; nothing is written that wouldn't decode to the same content.

use core::mem;

use zerocopy::IntoBytes;

use crate::{
    EncodeError, EncodeErrorKind, FRAME_BYTES_MAX, Flags, HEADER_BYTES, Header, MessageType,
    PAYLOAD_BYTES_MAX,
};

/// Something that can be written as one frame.
pub trait Emit {
    /// The exact size of the whole frame in bytes, header included. Beyond [`FRAME_BYTES_MAX`] the
    /// content doesn't fit into one frame, and [`Emit::emit`] says so.
    fn encoded_bytes(&self) -> usize;

    /// Writes the whole frame to the start of `out` and returns how many bytes it took.
    ///
    /// Errors: [`EncodeErrorKind::BufferTooSmall`], [`EncodeErrorKind::PayloadTooLong`],
    /// [`EncodeErrorKind::FlagsRefused`] for flags that would give the payload another shape;
    /// nothing is written then.
    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError>;
}

/// The flags that go with a payload in its type's own layout.
pub(crate) const PLAIN_FLAGS: Flags = Flags(!(Flags::ENCODED.0 | Flags::EXT_LENGTH.0));

/// Checks flags and sizes, then writes the header of a frame of `frame_bytes` bytes and hands out
/// the place for exactly its payload.
#[inline]
pub(crate) fn begin(
    kind: MessageType,
    flags: Flags,
    flags_allowed: Flags,
    frame_bytes: usize,
    out: &mut [u8],
) -> Result<Writer<'_>, EncodeError> {
    check_flags(flags, flags_allowed)?;
    let payload_bytes = payload_length(frame_bytes)?;
    let have = out.len();
    let Some(frame) = out.get_mut(..frame_bytes) else {
        return Err(EncodeError {
            kind: EncodeErrorKind::BufferTooSmall,
            need: frame_bytes,
            have,
        });
    };
    let mut writer = Writer { rest: frame };
    writer.put(Header::new(kind, flags, payload_bytes).as_bytes());
    Ok(writer)
}

/// Refuses flags beyond those that a frame can carry.
#[inline]
pub(crate) const fn check_flags(flags: Flags, allowed: Flags) -> Result<(), EncodeError> {
    if allowed.contains(flags) {
        Ok(())
    } else {
        Err(EncodeError {
            kind: EncodeErrorKind::FlagsRefused,
            need: flags.0 as usize,
            have: allowed.0 as usize,
        })
    }
}

/// The length field of a frame of `frame_bytes` bytes.
#[inline]
pub(crate) const fn payload_length(frame_bytes: usize) -> Result<u16, EncodeError> {
    if frame_bytes > FRAME_BYTES_MAX {
        return Err(EncodeError {
            kind: EncodeErrorKind::PayloadTooLong,
            need: frame_bytes.saturating_sub(HEADER_BYTES),
            have: PAYLOAD_BYTES_MAX,
        });
    }
    Ok((frame_bytes - HEADER_BYTES) as u16)
}

/// A cursor over a place of exactly the size that the frame takes.
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    #[inline]
    pub(crate) fn over(place: &'a mut [u8]) -> Self {
        Self { rest: place }
    }

    /// Writes `bytes` and steps behind them. The place was sized by the same sums that decide what
    /// is written, so there is always room.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let (place, rest) = mem::take(&mut self.rest).split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        self.rest = rest;
    }
}
