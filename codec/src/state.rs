//! One agent's state within a `STATE_BATCH` (document C, "State Batch Format").
//!
//! ```text
//! record: id u32 | state u8 | flags u8 | with flag bit 0: length u16, metadata
//! ```
//!
//! Without flag bit 0 a record is exactly 6 bytes. Bit 1 says that the metadata is CBOR and not
//! JSON. Bits 2-7, and bit 1 without bit 0, are refused: a reader that doesn't know them couldn't
//! tell where the record ends.

use core::str;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind,
    codes::codes,
    emit::Writer,
    order::{U16, U32},
};

codes! {
    /// What an agent is doing. From 0x80 on the codes are the application's own.
    StateCode else "custom" {
        /// Not connected.
        OFFLINE = 0, "offline";
        /// On its way up.
        STARTING = 1, "starting";
        /// Ready, nothing to do.
        IDLE = 2, "idle";
        /// At work.
        BUSY = 3, "busy";
        /// In trouble.
        ERROR = 4, "error";
        /// On its way down.
        STOPPING = 5, "stopping";
        /// Held.
        PAUSED = 6, "paused";
    }
}

/// What an agent says of itself beside its state, at most 65,535 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata<'a> {
    /// UTF-8 text that is meant to be JSON; the codec checks the UTF-8 and not the JSON.
    Json(&'a str),
    /// Bytes that are meant to be CBOR; the codec doesn't look into them.
    Cbor(&'a [u8]),
}

impl<'a> Metadata<'a> {
    /// The bytes as they are on the wire.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Self::Json(text) => text.as_bytes(),
            Self::Cbor(bytes) => bytes,
        }
    }
}

/// One agent's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRecord<'a> {
    /// The publisher's id of the agent.
    pub id: u32,
    /// What it is doing.
    pub state: StateCode,
    /// What it says of itself, if anything.
    pub metadata: Option<Metadata<'a>>,
}

/// The fixed part of a record on the wire.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHead {
    id: U32,
    state: StateCode,
    flags: u8,
}

/// The shortest record, in bytes.
pub(crate) const RECORD_BYTES_MIN: usize = size_of::<RecordHead>();

const LENGTH_BYTES: usize = size_of::<U16>();
const HAS_METADATA: u8 = 1;
const METADATA_IS_CBOR: u8 = 2;

impl<'a> StateRecord<'a> {
    /// The record at the start of `bytes` and what follows it. Offsets of errors count from the
    /// start of `bytes`.
    pub(crate) fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let cut_short =
            |need| DecodeError::new(DecodeErrorKind::RecordCutShort, 0, need, bytes.len());
        let Ok((head, rest)) = RecordHead::ref_from_prefix(bytes) else {
            return Err(cut_short(RECORD_BYTES_MIN));
        };
        let record = Self {
            id: head.id.get(),
            state: head.state,
            metadata: None,
        };
        if head.flags == 0 {
            return Ok((record, rest));
        }
        let known = match head.flags & (HAS_METADATA | METADATA_IS_CBOR) {
            METADATA_IS_CBOR => 0,
            known => known,
        };
        if known != head.flags {
            return Err(DecodeError::new(
                DecodeErrorKind::RecordFlagsUnknown,
                core::mem::offset_of!(RecordHead, flags),
                known.into(),
                head.flags.into(),
            ));
        }
        let Ok((length, rest)) = U16::ref_from_prefix(rest) else {
            return Err(cut_short(RECORD_BYTES_MIN + LENGTH_BYTES));
        };
        let length = usize::from(length.get());
        let Some((metadata, rest)) = rest.split_at_checked(length) else {
            return Err(cut_short(RECORD_BYTES_MIN + LENGTH_BYTES + length));
        };
        let metadata = if known & METADATA_IS_CBOR != 0 {
            Metadata::Cbor(metadata)
        } else {
            Metadata::Json(str::from_utf8(metadata).map_err(|error| {
                DecodeError::new(
                    DecodeErrorKind::MetadataNotUtf8,
                    RECORD_BYTES_MIN + LENGTH_BYTES,
                    length,
                    error.valid_up_to(),
                )
            })?)
        };
        Ok((
            Self {
                metadata: Some(metadata),
                ..record
            },
            rest,
        ))
    }

    /// The size of the record on the wire, in bytes.
    #[inline]
    pub fn encoded_bytes(&self) -> usize {
        let metadata_bytes = self.metadata.map_or(0, |metadata| {
            LENGTH_BYTES.saturating_add(metadata.as_bytes().len())
        });
        RECORD_BYTES_MIN.saturating_add(metadata_bytes)
    }

    /// Writes the record. The batch has checked that the frame holds it, so its metadata's length
    /// fits into 16 bits.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let flags = match self.metadata {
            None => 0,
            Some(Metadata::Json(_)) => HAS_METADATA,
            Some(Metadata::Cbor(_)) => HAS_METADATA | METADATA_IS_CBOR,
        };
        writer.put(
            RecordHead {
                id: U32::new(self.id),
                state: self.state,
                flags,
            }
            .as_bytes(),
        );
        if let Some(metadata) = &self.metadata {
            let bytes = metadata.as_bytes();
            writer.put(U16::new(bytes.len() as u16).as_bytes());
            writer.put(bytes);
        }
    }
}

const _: () = assert!(RECORD_BYTES_MIN == 6 && align_of::<RecordHead>() == 1);
