//! The compressor: frames in, one `COMPRESSED_BATCH` out.

use std::fmt;

use ::zstd::zstd_safe::CCtx;
use agnt_codec::{COMPRESSED_HEAD_BYTES, CompressedBatch, Emit, Flags};
use flate2::Compress;

use super::{
    Algorithm, BATCH_BYTES_MAX, COMPRESS_BYTES_MIN, LevelClass, brotli::BrotliEncoder, deflate,
    zstd,
};

/// Compresses batches by one algorithm at one level, with one state that is used again and again.
pub struct Compressor {
    algorithm: Algorithm,
    class: LevelClass,
    state: State,
}

enum State {
    Deflate(Compress),
    Brotli(Box<BrotliEncoder>),
    Zstd(CCtx<'static>),
}

impl Compressor {
    /// A compressor; its state takes up to a few hundred KiB.
    pub fn new(algorithm: Algorithm, class: LevelClass) -> Self {
        let level = algorithm.level(class);
        let state = match algorithm {
            Algorithm::Zlib | Algorithm::Deflate => State::Deflate(deflate::zlib_encoder(level)),
            Algorithm::Gzip => State::Deflate(deflate::gzip_encoder(level)),
            Algorithm::Brotli => State::Brotli(Box::new(BrotliEncoder::new(level))),
            Algorithm::Zstd => State::Zstd(zstd::encoder()),
        };
        Self {
            algorithm,
            class,
            state,
        }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The class of the level.
    pub const fn class(&self) -> LevelClass {
        self.class
    }

    /// Appends `frames`, whole frames one behind the other, to `out` as one `COMPRESSED_BATCH`.
    ///
    /// Returns false and leaves `out` as it was if the frames are better sent as they are: fewer
    /// than [`COMPRESS_BYTES_MIN`] bytes, more than [`BATCH_BYTES_MAX`], or a batch that wouldn't
    /// be smaller, its head included.
    pub fn compress_batch(&mut self, frames: &[u8], out: &mut Vec<u8>) -> bool {
        if !(COMPRESS_BYTES_MIN..=BATCH_BYTES_MAX).contains(&frames.len()) {
            return false;
        }
        let start = out.len();
        // Room for one byte less than the frames take, so what doesn't fit isn't worth sending.
        out.resize(start + frames.len() - 1, 0);
        let written = self.compress_into(frames, &mut out[start..]);
        out.truncate(start + written.unwrap_or(0));
        written.is_some()
    }

    /// Writes the batch to the start of `place` and says how many bytes it took, if it fits.
    fn compress_into(&mut self, frames: &[u8], place: &mut [u8]) -> Option<usize> {
        let head = CompressedBatch {
            original_bytes: u32::try_from(frames.len()).ok()?,
            data: &[],
        };
        let head_bytes = head.emit(Flags::NONE, place).ok()?;
        debug_assert_eq!(head_bytes, COMPRESSED_HEAD_BYTES);
        let room = place.get_mut(head_bytes..)?;
        let data_bytes = match &mut self.state {
            State::Deflate(encoder) => deflate::compress(encoder, frames, room),
            State::Brotli(encoder) => encoder.compress(frames, room),
            State::Zstd(encoder) => {
                zstd::compress(encoder, self.algorithm.level(self.class), frames, room)
            }
        }?;
        Some(head_bytes + data_bytes)
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("algorithm", &self.algorithm)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}
