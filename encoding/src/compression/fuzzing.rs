//! The body of the fuzz target over batches, so that ordinary tests run it over the corpus too.
//!
//! It takes any bytes and panics if an invariant of compression doesn't hold.

use std::cell::RefCell;

use agnt_codec::{COMPRESSED_HEAD_BYTES, CompressedBatch, Frame, Payload};

use super::{Algorithm, COMPRESS_BYTES_MIN, Compressor, InflateError, Inflator, LevelClass};

/// The bound of what is inflated here: small, so that inputs reach it.
const BYTES_MAX: usize = 1 << 16;

/// What stands in the caller's buffer and must stay there.
const BEFORE: [u8; 3] = [1, 2, 3];

/// What is kept from one input to the next, as a server keeps it: making states takes longer than
/// using them.
struct States {
    inflator: Inflator,
    compressors: Vec<Compressor>,
}

thread_local! {
    static STATES: RefCell<States> = RefCell::new(States {
        inflator: Inflator::new(),
        compressors: LevelClass::ALL
            .into_iter()
            .flat_map(|class| Algorithm::ALL.map(|algorithm| Compressor::new(algorithm, class)))
            .collect(),
    });
}

/// Of `bytes`, the first names an algorithm and a class, the next four say what a batch announces,
/// and the rest is the batch's data, and also frames to compress.
pub fn inflate(bytes: &[u8]) {
    let Some((&[choice, a, b, c, d], rest)) = bytes.split_first_chunk() else {
        return;
    };
    // Lengths beyond the bound are refused before anything else, so most shall lie within.
    let [c, d] = if d == 0xFF { [c, d] } else { [c % 4, 0] };
    let batch = CompressedBatch {
        original_bytes: u32::from_le_bytes([a, b, c, d]),
        data: rest,
    };
    STATES.with_borrow_mut(|states| {
        let States {
            inflator,
            compressors,
        } = states;
        let index = usize::from(choice) % compressors.len();
        let compressor = &mut compressors[index];
        if let Ok(inflated) = inflate_twice(inflator, compressor.algorithm(), &batch) {
            assert_lies_are_refused(inflator, compressor.algorithm(), &batch);
            round_trip(inflator, compressor, &inflated);
        }
        round_trip(inflator, compressor, rest);
    });
}

/// What is exactly right is wrong by one byte more or less, with one byte less or more behind it.
fn assert_lies_are_refused(
    inflator: &mut Inflator,
    algorithm: Algorithm,
    batch: &CompressedBatch<'_>,
) {
    for original_bytes in [
        batch.original_bytes.wrapping_sub(1),
        batch.original_bytes + 1,
    ] {
        let lying = CompressedBatch {
            original_bytes,
            ..*batch
        };
        assert!(inflate_twice(inflator, algorithm, &lying).is_err());
    }
    let longer = [batch.data, &[0]].concat();
    let shorter = &batch.data[..batch.data.len() - 1];
    for data in [&longer, shorter] {
        let lying = CompressedBatch { data, ..*batch };
        assert!(inflate_twice(inflator, algorithm, &lying).is_err());
    }
}

/// Inflates a batch, and again with the state that the first time left.
fn inflate_twice(
    inflator: &mut Inflator,
    algorithm: Algorithm,
    batch: &CompressedBatch<'_>,
) -> Result<Vec<u8>, InflateError> {
    let mut inflate = || {
        let mut out = BEFORE.to_vec();
        let verdict = inflator.inflate(algorithm, batch, BYTES_MAX, &mut out);
        assert!(out.starts_with(&BEFORE));
        let inflated = out.split_off(BEFORE.len());
        match &verdict {
            Ok(()) => {
                assert_eq!(inflated.len(), batch.original_bytes as usize);
                assert!(inflated.len() <= BYTES_MAX);
            }
            Err(error) => {
                assert!(inflated.is_empty());
                assert!(!error.to_string().is_empty());
            }
        }
        verdict.map(|()| inflated)
    };
    let first = inflate();
    assert_eq!(inflate(), first, "a state carries something over");
    first
}

/// Compresses `frames`, again with the state that the first time left, and inflates the batch.
fn round_trip(inflator: &mut Inflator, compressor: &mut Compressor, frames: &[u8]) {
    let mut out = BEFORE.to_vec();
    let is_made = compressor.compress_batch(frames, &mut out);
    let mut again = BEFORE.to_vec();
    assert_eq!(compressor.compress_batch(frames, &mut again), is_made);
    assert_eq!(again, out, "a state carries something over");
    assert!(out.starts_with(&BEFORE));
    let made = &out[BEFORE.len()..];
    if !is_made {
        assert!(made.is_empty());
        return;
    }
    assert!(frames.len() >= COMPRESS_BYTES_MIN);
    assert!((COMPRESSED_HEAD_BYTES..frames.len()).contains(&made.len()));
    let Ok(Payload::Compressed(batch)) = Frame::exactly(made).map(|frame| frame.payload()) else {
        panic!("{made:?} is no batch");
    };
    if frames.len() <= BYTES_MAX {
        let inflated = inflate_twice(inflator, compressor.algorithm(), &batch);
        assert_eq!(inflated.as_deref(), Ok(frames));
    }
}
