//! Why bytes aren't a frame: data, not text, so that making one costs nothing.
//!
//! Invariant: `offset` counts from the start of the buffer that the caller gave, also when a walk
//! over several frames met the error.

use core::fmt;

/// What is wrong with the bytes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where it is, in bytes from the start of the caller's buffer.
    pub offset: usize,
    /// What should be there; the kind says what it counts.
    pub need: usize,
    /// What is there; the kind says what it counts.
    pub have: usize,
}

/// What is wrong with a frame. The comments say what `offset`, `need` and `have` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The frame at `offset` ends too early: it has `have` of at least `need` bytes. The only kind
    /// that more bytes can mend.
    Partial,
    /// The bytes at `offset` aren't "AGNT": `have` of `need` bytes agree.
    BadMagic,
    /// The magic at `offset` is there in reversed order: the sender wrote it as a little-endian
    /// number. `need` and `have` are 4.
    ReversedMagic,
    /// The flags at `offset` are `have` and ask for the extended length, which isn't supported;
    /// `need` is the flags without it.
    LengthExtended,
    /// The count at `offset` makes a payload of `need` bytes, the header says `have`.
    CountMismatch,
    /// The payload at `offset` has `have` bytes where its type has `need`, or at least `need`.
    LengthMismatch,
    /// The record at `offset` needs `need` bytes, and the payload has `have` left.
    RecordCutShort,
    /// The record flags at `offset` are `have`, which isn't defined; `need` is the part that is.
    RecordFlagsUnknown,
    /// The value at `offset` is `have` where at most `need` is defined.
    ValueUnknown,
    /// The reserved field at `offset` holds `have` instead of `need`, which is 0.
    ReservedNotZero,
    /// The JSON metadata that starts at `offset` has `need` bytes, of which `have` are UTF-8.
    MetadataNotUtf8,
    /// The text that starts at `offset` has `need` bytes, of which `have` are UTF-8.
    TextNotUtf8,
    /// From `offset` on there are `have` bytes where `need`, which is 0, belong.
    TrailingBytes,
}

impl DecodeErrorKind {
    /// Whether more bytes could complete the frame.
    #[inline]
    pub const fn is_partial(self) -> bool {
        matches!(self, Self::Partial)
    }
}

impl DecodeError {
    #[inline]
    pub(crate) const fn new(
        kind: DecodeErrorKind,
        offset: usize,
        need: usize,
        have: usize,
    ) -> Self {
        Self {
            kind,
            offset,
            need,
            have,
        }
    }

    /// The same error seen from a buffer that starts `bytes` earlier.
    #[inline]
    pub(crate) const fn shifted(mut self, bytes: usize) -> Self {
        self.offset += bytes;
        self
    }

    /// Whether more bytes could complete the frame.
    #[inline]
    pub const fn is_partial(&self) -> bool {
        self.kind.is_partial()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            offset,
            need,
            have,
        } = *self;
        match kind {
            DecodeErrorKind::Partial => {
                write!(
                    f,
                    "the frame at byte {offset} needs {need} bytes and has {have}"
                )
            }
            DecodeErrorKind::BadMagic => {
                write!(f, "the frame at byte {offset} doesn't start with \"AGNT\"")
            }
            DecodeErrorKind::ReversedMagic => write!(
                f,
                "the frame at byte {offset} starts with \"TNGA\": the magic is the four bytes \
                 41 47 4e 54 in this order, not a little-endian number"
            ),
            DecodeErrorKind::LengthExtended => write!(
                f,
                "the flags at byte {offset} are {have:#04x}: bit 7, extended length, isn't supported"
            ),
            DecodeErrorKind::CountMismatch => write!(
                f,
                "the count at byte {offset} makes a payload of {need} bytes, but its length is {have}"
            ),
            DecodeErrorKind::LengthMismatch => write!(
                f,
                "the payload at byte {offset} has {have} bytes, but its type needs {need}"
            ),
            DecodeErrorKind::RecordCutShort => write!(
                f,
                "the record at byte {offset} needs {need} bytes and the payload has {have} left"
            ),
            DecodeErrorKind::RecordFlagsUnknown => write!(
                f,
                "the record flags at byte {offset} are {have:#04x}, of which {need:#04x} is defined"
            ),
            DecodeErrorKind::ValueUnknown => {
                write!(
                    f,
                    "the value at byte {offset} is {have} and may be at most {need}"
                )
            }
            DecodeErrorKind::ReservedNotZero => {
                write!(
                    f,
                    "the reserved field at byte {offset} is {have} instead of {need}"
                )
            }
            DecodeErrorKind::MetadataNotUtf8 => write!(
                f,
                "the metadata at byte {offset} has {need} bytes, of which only {have} are UTF-8"
            ),
            DecodeErrorKind::TextNotUtf8 => write!(
                f,
                "the text at byte {offset} has {need} bytes, of which only {have} are UTF-8"
            ),
            DecodeErrorKind::TrailingBytes => {
                write!(f, "{have} bytes too many follow from byte {offset} on")
            }
        }
    }
}

impl core::error::Error for DecodeError {}
