//! `COMPRESSED_BATCH`, 0x05: whole frames, compressed together (document C, "Compressed Message
//! Format").
//!
//! ```text
//! magic "AGNT" | 0x05 | original u32 | data to the end of the message
//! ```
//!
//! This type alone has no flags and no length. The codec neither compresses nor inflates: it states
//! what the head says. The bound on `original_bytes` belongs to whoever inflates.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    Emit, EncodeError, EncodeErrorKind, Flags, MAGIC, MessageType,
    emit::{Writer, check_flags},
    order::U32,
};

/// Size of the head before the compressed data, in bytes.
pub const COMPRESSED_HEAD_BYTES: usize = 9;

/// Magic, type, original length: what a `COMPRESSED_BATCH` starts with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct CompressedHead {
    /// Offset 0, 4 bytes: "AGNT".
    pub magic: [u8; 4],
    /// Offset 4, 1 byte: 0x05.
    pub kind: MessageType,
    /// Offset 5, 4 bytes: size of the frames before compression, in bytes.
    pub original_bytes: U32,
}

/// Compressed frames, as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedBatch<'a> {
    /// Size of the frames before compression, in bytes, as the sender says.
    pub original_bytes: u32,
    /// The compressed data, to the end of the message.
    pub data: &'a [u8],
}

impl Emit for CompressedBatch<'_> {
    /// The size of the head and the data; there is no upper bound but the message's.
    #[inline]
    fn encoded_bytes(&self) -> usize {
        COMPRESSED_HEAD_BYTES.saturating_add(self.data.len())
    }

    /// Writes head and data. The layout has no flags: any but [`Flags::NONE`] is refused.
    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        check_flags(flags, Flags::NONE)?;
        let (need, have) = (self.encoded_bytes(), out.len());
        let Some(place) = out.get_mut(..need) else {
            return Err(EncodeError {
                kind: EncodeErrorKind::BufferTooSmall,
                need,
                have,
            });
        };
        let head = CompressedHead {
            magic: MAGIC,
            kind: MessageType::COMPRESSED_BATCH,
            original_bytes: U32::new(self.original_bytes),
        };
        let mut writer = Writer::over(place);
        writer.put(head.as_bytes());
        writer.put(self.data);
        Ok(need)
    }
}

const _: () = assert!(
    size_of::<CompressedHead>() == COMPRESSED_HEAD_BYTES && align_of::<CompressedHead>() == 1
);
