//! The inflator: a `COMPRESSED_BATCH` in, exactly the frames that it announces out.

use std::fmt;

use ::zstd::zstd_safe::DCtx;
use agnt_codec::CompressedBatch;
use flate2::Decompress;

use super::{Algorithm, Ended, InflateError, Stopped, brotli, deflate, zstd};

/// Inflates batches of any algorithm, with states that are made when they are first needed and
/// used again and again. One serves any number of sessions, since nothing is carried from batch to
/// batch.
#[derive(Default)]
pub struct Inflator {
    zlib: Option<Decompress>,
    gzip: Option<Decompress>,
    zstd: Option<DCtx<'static>>,
}

impl Inflator {
    /// An inflator without states as yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses a batch that announces more than is inflated. [`inflate`](Self::inflate) does it too;
    /// who charges a budget does it before.
    pub const fn check_announced(
        batch: &CompressedBatch<'_>,
        bytes_max: usize,
    ) -> Result<(), InflateError> {
        let original_bytes = batch.original_bytes;
        if original_bytes as usize > bytes_max {
            return Err(InflateError::TooLarge {
                original_bytes,
                bytes_max,
            });
        }
        Ok(())
    }

    /// Appends to `out` the frames that `batch` holds: exactly as many bytes as it announces, and at
    /// most `bytes_max`. On an error `out` is left as it was.
    ///
    /// Room for `original_bytes`, if within the bound, is taken on the batch's word; a session's
    /// [`InflateBudget`](super::InflateBudget) is charged with the batch before this is called.
    pub fn inflate(
        &mut self,
        algorithm: Algorithm,
        batch: &CompressedBatch<'_>,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        Self::check_announced(batch, bytes_max)?;
        let CompressedBatch {
            original_bytes,
            data,
        } = *batch;
        let announced = original_bytes as usize;
        if !algorithm.begins(data) {
            return Err(wrong_algorithm(algorithm, data));
        }
        let start = out.len();
        // One byte more than announced: who writes it has lied, and who is honest is never stopped
        // by a full place before the end of the stream.
        out.resize(start + announced + 1, 0);
        let result = self.inflate_into(algorithm, data, &mut out[start..]);
        let verdict = judge(algorithm, original_bytes, data, result);
        out.truncate(start + if verdict.is_ok() { announced } else { 0 });
        verdict
    }

    fn inflate_into(
        &mut self,
        algorithm: Algorithm,
        data: &[u8],
        place: &mut [u8],
    ) -> Result<Ended, Stopped> {
        match algorithm {
            Algorithm::Zlib | Algorithm::Deflate => {
                let decoder = self.zlib.get_or_insert_with(deflate::zlib_decoder);
                deflate::inflate(decoder, data, place)
            }
            Algorithm::Gzip => {
                let decoder = self.gzip.get_or_insert_with(deflate::gzip_decoder);
                deflate::inflate(decoder, data, place)
            }
            Algorithm::Brotli => brotli::inflate(data, place),
            Algorithm::Zstd => {
                let decoder = self.zstd.get_or_insert_with(zstd::decoder);
                zstd::inflate(decoder, data, place)
            }
        }
    }
}

/// What the decoder's end means for the batch.
fn judge(
    algorithm: Algorithm,
    original_bytes: u32,
    data: &[u8],
    result: Result<Ended, Stopped>,
) -> Result<(), InflateError> {
    let announced = original_bytes as usize;
    match result {
        Ok(Ended { consumed, .. }) if consumed < data.len() => Err(InflateError::Trailing {
            algorithm,
            trailing_bytes: data.len() - consumed,
        }),
        Ok(Ended { inflated, .. }) if inflated < announced => Err(InflateError::Shorter {
            original_bytes,
            inflated_bytes: inflated,
        }),
        Ok(Ended { inflated, .. }) if inflated == announced => Ok(()),
        Ok(_) | Err(Stopped::Full) => Err(InflateError::Longer { original_bytes }),
        Err(Stopped::Cut) => Err(InflateError::Truncated {
            algorithm,
            data_bytes: data.len(),
        }),
        // Brotli has no magic of its own to tell it by.
        Err(Stopped::Corrupt(_))
            if algorithm == Algorithm::Brotli && Algorithm::guess(data).is_some() =>
        {
            Err(wrong_algorithm(algorithm, data))
        }
        Err(Stopped::Corrupt(reason)) => Err(InflateError::Corrupt { algorithm, reason }),
    }
}

fn wrong_algorithm(expected: Algorithm, data: &[u8]) -> InflateError {
    InflateError::WrongAlgorithm {
        expected,
        guess: Algorithm::guess(data),
        first_bytes: data.iter().copied().take(4).collect(),
    }
}

impl fmt::Debug for Inflator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflator").finish_non_exhaustive()
    }
}
