//! Encodings of AGNT positions (`docs/protocol.md`, section 10): codecs for records, and the
//! compression of whole frames.
//!
//! ```text
//! records --PositionEncoder--> frames with CODEC --compression--> COMPRESSED_BATCH
//! records <--PositionDecoder-- their payloads    <--inflation----
//! ```
//!
//! Invariants:
//! - an encoder's frames, read in order by one decoder from a key on, give the records back: every
//!   bit of them, or within the stated error;
//! - the records of one agent keep their order;
//! - a decoder never panics, and its memory is bounded by what it was sent;
//! - nothing here knows a clock, a socket or a viewer.

#![forbid(unsafe_code)]

mod aside;
mod boxed;
mod codec;
pub mod compression;
mod decoder;
mod encoder;
mod encoding_error;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod payload;
mod record;
mod residual;
mod shuffle;

pub use codec::{Codec, CodecSpec, Precision, PrecisionError};
pub use decoder::PositionDecoder;
pub use encoder::PositionEncoder;
pub use encoding_error::EncodingError;
