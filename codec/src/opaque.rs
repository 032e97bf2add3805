//! A frame whose payload was made elsewhere: compressed, on a channel, or of a type that this
//! version doesn't know.

use crate::{Emit, EncodeError, EncodeErrorKind, Flags, HEADER_BYTES, MessageType, emit::begin};

/// A header and a payload that is written as it is.
///
/// The caller answers for the payload having the shape that type and flags promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpaqueFrame<'a> {
    /// Any type but `COMPRESSED_BATCH`, which has no length: see [`crate::CompressedBatch`].
    pub kind: MessageType,
    /// At most 65,535 bytes.
    pub payload: &'a [u8],
}

impl Emit for OpaqueFrame<'_> {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        HEADER_BYTES.saturating_add(self.payload.len())
    }

    /// Writes header and payload. All flags but [`Flags::EXT_LENGTH`] are carried.
    ///
    /// Errors: also [`EncodeErrorKind::TypeRefused`].
    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        if self.kind == MessageType::COMPRESSED_BATCH {
            return Err(EncodeError {
                kind: EncodeErrorKind::TypeRefused,
                need: self.kind.0.into(),
                have: 0,
            });
        }
        let frame_bytes = self.encoded_bytes();
        let allowed = Flags(!Flags::EXT_LENGTH.0);
        begin(self.kind, flags, allowed, frame_bytes, out)?.put(self.payload);
        Ok(frame_bytes)
    }
}
