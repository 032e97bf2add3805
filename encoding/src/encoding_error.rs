//! Why a payload with the flag CODEC can't be decoded.

use thiserror::Error;

/// What is wrong with a payload: the field, its value, and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// The number of the codec is missing.
    #[error("codec: the payload is empty")]
    NoCodec,
    /// The number of the codec isn't known.
    #[error("codec: {0} is not one of 1, 2, 3 and 4")]
    CodecUnknown(u8),
    /// The payload is longer or shorter than its fields make it.
    #[error("length: the payload has {have} bytes where {need} are needed")]
    Length {
        /// Bytes that the fields make, or that a head needs at least.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A byte or bit that must be zero isn't.
    #[error("byte {offset}: {value:#04x} where only zeros are allowed")]
    NotZero {
        /// Where it is, from the start of the payload.
        offset: usize,
        /// The byte.
        value: u8,
    },
    /// The bits of a residual frame say what isn't defined.
    #[error("bits: {0:#04x} is not one of 0x00, 0x01 and 0x03")]
    BitsUnknown(u8),
    /// A float that must be finite isn't, or has a sign that it must not have.
    #[error("{field}: the bits {bits:#010x} are not allowed, only {allowed}")]
    Float {
        /// Which float.
        field: &'static str,
        /// Its bits.
        bits: u32,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Frames refer to a reference that the decoder hasn't got: no key came since the beginning
    /// or since a frame that was refused.
    #[error("sequence: {0} has no key before it")]
    NoKey(u32),
    /// A frame is missing, comes twice, or belongs to another key.
    #[error("sequence: {have} where {need} is due")]
    OutOfSequence {
        /// The sequence that is due.
        need: u32,
        /// The frame's.
        have: u32,
    },
    /// The codec or a step isn't that of the key.
    #[error("codec and steps: not those of the key")]
    AnotherForm,
    /// A slot beyond what is allowed.
    #[error("slot: {0} is not below 16777216")]
    SlotTooGreat(u64),
    /// A slot is named that has no agent.
    #[error("slot: {0} is not assigned")]
    SlotUnassigned(u32),
    /// Slots are named out of order.
    #[error("slot: {have} does not lie beyond {last}")]
    SlotNotRising {
        /// The slot named last.
        last: u32,
        /// The slot named then.
        have: u32,
    },
    /// An entry of the runs names no slot of its own.
    #[error("run: {0:#010x} is neither a length from 1 nor a mask with bit 0")]
    Run(u32),
    /// The runs don't make the count.
    #[error("count: {count} records where the runs name {named}")]
    Count {
        /// The frame's count.
        count: u32,
        /// Slots that the runs name.
        named: u64,
    },
    /// A block's width is beyond that of its residuals.
    #[error("width: {0} is beyond 32")]
    Width(u8),
}
