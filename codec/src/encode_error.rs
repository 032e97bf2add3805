//! Why a frame can't be written: data, not text.
//!
//! Invariant: nothing was written when an error is returned.

use core::fmt;

/// Why a frame wasn't written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// What is wrong.
    pub kind: EncodeErrorKind,
    /// What the frame asks for; the kind says what it counts.
    pub need: usize,
    /// What there is; the kind says what it counts.
    pub have: usize,
}

/// What stands against a frame. The comments say what `need` and `have` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The frame takes `need` bytes, the caller's buffer has `have`.
    BufferTooSmall,
    /// The payload takes `need` bytes, a frame holds at most `have`.
    PayloadTooLong,
    /// The flags are `need`, and this frame can only carry those of `have`.
    FlagsRefused,
    /// The type `need` has a layout of its own that this way of writing can't make; `have` is 0.
    TypeRefused,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, need, have } = *self;
        match kind {
            EncodeErrorKind::BufferTooSmall => {
                write!(f, "the frame takes {need} bytes and the buffer has {have}")
            }
            EncodeErrorKind::PayloadTooLong => {
                write!(
                    f,
                    "the payload takes {need} bytes and a frame holds at most {have}"
                )
            }
            EncodeErrorKind::FlagsRefused => {
                write!(
                    f,
                    "the flags are {need:#04x} and this frame carries only {have:#04x}"
                )
            }
            EncodeErrorKind::TypeRefused => {
                write!(f, "a frame of type {need:#04x} has a layout of its own")
            }
        }
    }
}

impl core::error::Error for EncodeError {}
