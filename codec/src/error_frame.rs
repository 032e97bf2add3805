//! ERROR, 0xFF: what went wrong, for the peer (document C names the type; the layout is ours).
//!
//! ```text
//! payload: code u16 | recoverable u8 | reserved u8, zero | reference u32 | length u16 | text
//! ```

use core::{mem::offset_of, str};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType,
    emit::{PLAIN_FLAGS, begin},
    order::{U16, U32},
};

/// An error that one side tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFrame<'a> {
    /// One of [`crate::error_code`], or a later number.
    pub code: u16,
    /// Whether the connection goes on and the peer may try again.
    pub recoverable: bool,
    /// What the error is about, as the code says; 0 if nothing.
    pub reference: u32,
    /// A sentence for people; at most 65,525 bytes.
    pub text: &'a str,
}

/// The fixed part of the payload on the wire.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ErrorHead {
    code: U16,
    recoverable: u8,
    reserved: u8,
    reference: U32,
    text_bytes: U16,
}

impl<'a> ErrorFrame<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let length_mismatch =
            |need| DecodeError::new(DecodeErrorKind::LengthMismatch, 0, need, payload.len());
        let Ok((head, text)) = ErrorHead::ref_from_prefix(payload) else {
            return Err(length_mismatch(size_of::<ErrorHead>()));
        };
        let text_bytes = usize::from(head.text_bytes.get());
        if text.len() != text_bytes {
            return Err(length_mismatch(size_of::<ErrorHead>() + text_bytes));
        }
        if head.recoverable > 1 {
            return Err(DecodeError::new(
                DecodeErrorKind::ValueUnknown,
                offset_of!(ErrorHead, recoverable),
                1,
                head.recoverable.into(),
            ));
        }
        if head.reserved != 0 {
            return Err(DecodeError::new(
                DecodeErrorKind::ReservedNotZero,
                offset_of!(ErrorHead, reserved),
                0,
                head.reserved.into(),
            ));
        }
        let text = str::from_utf8(text).map_err(|error| {
            DecodeError::new(
                DecodeErrorKind::TextNotUtf8,
                size_of::<ErrorHead>(),
                text_bytes,
                error.valid_up_to(),
            )
        })?;
        Ok(Self {
            code: head.code.get(),
            recoverable: head.recoverable == 1,
            reference: head.reference.get(),
            text,
        })
    }
}

impl Emit for ErrorFrame<'_> {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        (HEADER_BYTES + size_of::<ErrorHead>()).saturating_add(self.text.len())
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        let mut writer = begin(MessageType::ERROR, flags, PLAIN_FLAGS, frame_bytes, out)?;
        let head = ErrorHead {
            code: U16::new(self.code),
            recoverable: self.recoverable.into(),
            reserved: 0,
            reference: U32::new(self.reference),
            text_bytes: U16::new(self.text.len() as u16),
        };
        writer.put(head.as_bytes());
        writer.put(self.text.as_bytes());
        Ok(frame_bytes)
    }
}

const _: () = assert!(size_of::<ErrorHead>() == 10 && align_of::<ErrorHead>() == 1);
