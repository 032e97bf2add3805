//! Compression of whole AGNT frames into `COMPRESSED_BATCH`, and its bounded reverse.
//!
//! ```text
//!   frames of a tick ---- Compressor ----> "AGNT" 0x05 original u32 | data
//!   frames of a tick <---- Inflator ------ the same, if it is what it says
//! ```
//!
//! Source: document C, "Compression"; algorithms, levels and bounds are settled in
//! `docs/protocol.md`.
//!
//! Invariants:
//! - a batch is made only if it is smaller than the frames in it, its head included;
//! - a batch is inflated to exactly the length that it states, or not at all: what would come
//!   beyond it is never made, and what is announced beyond the bound isn't even begun;
//! - memory is what the caller's buffer holds, at most twice that for brotli's ring, and the state
//!   of the algorithm, whatever the data says of windows and lengths;
//! - states are kept from batch to batch; compression allocates nothing once they have grown.

mod algorithm;
mod brotli;
mod brotli_memory;
mod budget;
mod compressor;
mod deflate;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod inflate_error;
mod inflator;
mod level;
mod zstd;

pub use algorithm::Algorithm;
pub use budget::{BudgetSpent, InflateBudget};
pub use compressor::Compressor;
pub use inflate_error::InflateError;
pub use inflator::Inflator;
pub use level::LevelClass;

/// Fewer bytes of frames than this are not worth a batch: a stream's own head, tables and checksum
/// take most of what it could save.
pub const COMPRESS_BYTES_MIN: usize = 256;

/// The most that one batch holds, in bytes of frames. What is made here keeps to it, and it is the
/// default bound of what is inflated.
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// Where an algorithm's decoder came to.
struct Ended {
    /// Bytes that it wrote.
    inflated: usize,
    /// Bytes of data up to the end of the stream.
    consumed: usize,
}

/// Why an algorithm's decoder didn't come to the end of the stream.
enum Stopped {
    /// The place is full, or the stream says that it will be.
    Full,
    /// The data ends before the stream does.
    Cut,
    /// The data breaks the algorithm's format, in the decoder's words.
    Corrupt(String),
}
