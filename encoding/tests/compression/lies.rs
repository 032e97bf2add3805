//! Batches that lie, are cut, have something behind them, or are of another algorithm.

use agnt_codec::CompressedBatch;
use agnt_encoding::compression::{Algorithm, InflateError, Inflator, LevelClass};

use crate::support::{Swarm, batch_of, compressed, inflate};

/// A batch of each algorithm, with its frames.
fn batches() -> Vec<(Algorithm, Vec<u8>, Vec<u8>)> {
    let frames = Swarm::new(60).frames();
    let batch = |algorithm| compressed(algorithm, LevelClass::Default, &frames);
    Algorithm::ALL
        .map(|algorithm| (algorithm, batch(algorithm), frames.clone()))
        .into()
}

#[test]
fn a_length_that_lies_is_found_out() {
    for (algorithm, bytes, frames) in batches() {
        let batch = batch_of(&bytes);
        for original_bytes in [0, 1, frames.len() as u32 / 2, frames.len() as u32 - 1] {
            let lying = CompressedBatch {
                original_bytes,
                ..batch
            };
            let expected = Err(InflateError::Longer { original_bytes });
            assert_eq!(inflate(algorithm, &lying), expected, "{algorithm}");
        }
        for more in [1, 100, 900_000] {
            let original_bytes = frames.len() as u32 + more;
            let lying = CompressedBatch {
                original_bytes,
                ..batch
            };
            let expected = Err(InflateError::Shorter {
                original_bytes,
                inflated_bytes: frames.len(),
            });
            assert_eq!(inflate(algorithm, &lying), expected, "{algorithm}");
        }
    }
}

#[test]
fn what_is_beyond_the_bound_is_not_looked_at() {
    for (algorithm, bytes, frames) in batches() {
        let mut out = Vec::new();
        let batch = batch_of(&bytes);
        let original_bytes = batch.original_bytes;
        let bytes_max = frames.len() - 1;
        let mut inflate =
            |batch, bytes_max| Inflator::new().inflate(algorithm, batch, bytes_max, &mut out);
        let beyond = Err(InflateError::TooLarge {
            original_bytes,
            bytes_max,
        });
        assert_eq!(inflate(&batch, bytes_max), beyond);
        assert_eq!(Inflator::check_announced(&batch, bytes_max), beyond);
        assert_eq!(Inflator::check_announced(&batch, frames.len()), Ok(()));
        // Not even its first byte is, which would be wrong.
        let empty = CompressedBatch {
            original_bytes,
            data: b"?",
        };
        assert_eq!(inflate(&empty, bytes_max), beyond);
        assert_eq!(inflate(&batch, frames.len()), Ok(()));
        assert_eq!(out, frames);
        // Room isn't made on the word of a batch.
        assert!(out.capacity() < 4 * frames.len());
    }
}

#[test]
fn a_batch_that_is_cut_anywhere_is_refused() {
    let mut inflator = Inflator::new();
    for (algorithm, bytes, frames) in batches() {
        let batch = batch_of(&bytes);
        for end in 0..batch.data.len() {
            let cut = CompressedBatch {
                data: &batch.data[..end],
                ..batch
            };
            let mut out = Vec::new();
            let expected = Err(InflateError::Truncated {
                algorithm,
                data_bytes: end,
            });
            let verdict = inflator.inflate(algorithm, &cut, frames.len(), &mut out);
            assert_eq!(
                verdict,
                expected,
                "{algorithm}, {end} of {}",
                batch.data.len()
            );
            assert!(out.is_empty());
        }
        // The state is none the worse for it.
        let mut out = Vec::new();
        assert_eq!(
            inflator.inflate(algorithm, &batch, frames.len(), &mut out),
            Ok(())
        );
        assert_eq!(out, frames);
    }
}

#[test]
fn nothing_may_follow_the_stream() {
    for (algorithm, bytes, _) in batches() {
        let batch = batch_of(&bytes);
        for behind in [&b"\0"[..], b"AGNT", &[0xFF; 1000], batch.data] {
            let data = [batch.data, behind].concat();
            let longer = CompressedBatch {
                data: &data,
                ..batch
            };
            let expected = Err(InflateError::Trailing {
                algorithm,
                trailing_bytes: behind.len(),
            });
            assert_eq!(inflate(algorithm, &longer), expected);
        }
    }
}

#[test]
fn another_algorithm_is_named() {
    let family = |algorithm| match algorithm {
        Algorithm::Deflate => Algorithm::Zlib,
        other => other,
    };
    for (made_by, bytes, frames) in batches() {
        let batch = batch_of(&bytes);
        for expected in Algorithm::ALL {
            let verdict = inflate(expected, &batch);
            if family(expected) == family(made_by) {
                assert_eq!(verdict, Ok(frames.clone()));
                continue;
            }
            let error = verdict.unwrap_err();
            let guess = match family(made_by) {
                Algorithm::Brotli => None,
                other => Some(other),
            };
            let named = InflateError::WrongAlgorithm {
                expected,
                guess,
                first_bytes: batch.data[..4].to_vec(),
            };
            assert_eq!(error, named, "{made_by} as {expected}");
            assert!(error.to_string().contains(expected.name()), "{error}");
        }
    }
}

#[test]
fn no_data_and_nothing_in_it() {
    for algorithm in Algorithm::ALL {
        for original_bytes in [0, 1, 1000] {
            let empty = CompressedBatch {
                original_bytes,
                data: b"",
            };
            let expected = Err(InflateError::Truncated {
                algorithm,
                data_bytes: 0,
            });
            assert_eq!(inflate(algorithm, &empty), expected, "{algorithm}");
        }
    }
}

#[test]
fn errors_name_what_is_wrong_and_what_is_allowed() {
    let batch = |original_bytes, data| CompressedBatch {
        original_bytes,
        data,
    };
    for (algorithm, batch, sentence) in [
        (
            Algorithm::Zlib,
            batch(2_000_000, b"x"),
            "original: 2000000 bytes; at most 1048576 are inflated",
        ),
        (
            Algorithm::Zlib,
            batch(10, b"\x1F\x8B\x08\0\0"),
            "data: begins with 1f 8b 08 00 as gzip does; zlib is in force, which begins with \
             78 (RFC 1950)",
        ),
        (
            Algorithm::Gzip,
            batch(10, b"AG"),
            "data: begins with 41 47; gzip is in force, which begins with 1f 8b (RFC 1952)",
        ),
        (
            Algorithm::Zstd,
            batch(10, b"(\xB5/"),
            "data: ends after 3 bytes, and the zstd stream goes on",
        ),
        (
            Algorithm::Deflate,
            batch(10, b"\x78\x9C\x07"),
            "data: no valid deflate stream: invalid block type",
        ),
        (
            Algorithm::Brotli,
            batch(1, b"\x06"),
            "data: inflates to 0 bytes; original is 1",
        ),
        (
            Algorithm::Brotli,
            batch(0, b"\x06\x06\x06"),
            "data: 2 bytes follow the end of the brotli stream; none may",
        ),
        (
            Algorithm::Zlib,
            batch(1, b"\x78\x01\x01\x02\0\xFD\xFFab\x01\x26\0\xC4"),
            "data: inflates to more than original, which is 1 bytes",
        ),
    ] {
        assert_eq!(
            inflate(algorithm, &batch).unwrap_err().to_string(),
            sentence
        );
    }
}
