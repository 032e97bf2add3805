//! Inflating: compressed bytes to exactly as many as were announced.
//!
//! One call takes one whole stream of its format. What ends early, goes on too long, has bytes
//! behind its end or fails its own checksum is an error, told in a sentence.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};

use crate::terms::Algorithm;

/// Bits of the window of RFC 1950 and RFC 1952 at its largest.
const WINDOW_BITS: u8 = 15;

/// Inflates `data` into `out`, which becomes `original_bytes` long.
pub(crate) fn inflate(
    algorithm: Algorithm,
    data: &[u8],
    original_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    // One byte more than announced, so that too much shows.
    out.clear();
    out.resize(original_bytes + 1, 0);
    let inflated = match algorithm {
        Algorithm::Zlib | Algorithm::Deflate => inflate_deflate(
            Decompress::new_with_window_bits(true, WINDOW_BITS),
            data,
            out,
        ),
        Algorithm::Gzip => inflate_deflate(Decompress::new_gzip(WINDOW_BITS), data, out),
        Algorithm::Brotli => inflate_brotli(data, out),
        Algorithm::Zstd => inflate_zstd(data, out),
    };
    let inflated_bytes = inflated.map_err(|error| format!("{}: {error}", algorithm.name()))?;
    if inflated_bytes != original_bytes {
        let more = if inflated_bytes > original_bytes {
            " or more"
        } else {
            ""
        };
        return Err(format!(
            "{}: {original_bytes} B were announced and {inflated_bytes}{more} came out",
            algorithm.name()
        ));
    }
    out.truncate(original_bytes);
    Ok(())
}

/// How many bytes came out; all of `out` stands for "at least".
fn inflate_deflate(mut stream: Decompress, data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    let status = stream
        .decompress(data, out, FlushDecompress::Finish)
        .map_err(|error| error.to_string())?;
    let read_bytes = stream.total_in() as usize;
    let written_bytes = stream.total_out() as usize;
    match status {
        Status::StreamEnd => whole(data.len() - read_bytes).map(|()| written_bytes),
        _ if written_bytes == out.len() => Ok(written_bytes),
        _ => Err("the data is cut short".to_owned()),
    }
}

fn inflate_brotli(data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    let memory = StandardAlloc::default;
    let mut state = BrotliState::new(memory(), memory(), memory());
    let (mut left_bytes, mut read_bytes) = (data.len(), 0);
    let (mut room_bytes, mut written_bytes, mut total_bytes) = (out.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut left_bytes,
        &mut read_bytes,
        data,
        &mut room_bytes,
        &mut written_bytes,
        out,
        &mut total_bytes,
        &mut state,
    );
    match result {
        BrotliResult::ResultSuccess => whole(left_bytes).map(|()| written_bytes),
        BrotliResult::NeedsMoreOutput => Ok(written_bytes),
        BrotliResult::NeedsMoreInput => Err("the data is cut short".to_owned()),
        BrotliResult::ResultFailure => Err("the data is malformed".to_owned()),
    }
}

fn inflate_zstd(data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    zstd::bulk::decompress_to_buffer(data, out).map_err(|error| error.to_string())
}

fn whole(left_bytes: usize) -> Result<(), String> {
    match left_bytes {
        0 => Ok(()),
        _ => Err(format!("{left_bytes} B follow the end of the data")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams of "hello hello hello hello\n" as other programs wrote them.
    const TEXT: &[u8] = b"hello hello hello hello\n";
    /// Python's `zlib.compress`.
    const ZLIB: &str = "789ccb48cdc9c957c84027b90070be08bb";
    /// Python's `gzip.compress`, time 0.
    const GZIP: &str = "1f8b0800000000000203cb48cdc9c957c84027b9000088590b18000000";
    /// `brotli.compress` of the Python package.
    const BROTLI: &str = "1b1700f88d946ede445586d60a206c6f4a1179e280ae16";
    /// `zstandard.compress` of the Python package.
    const ZSTD: &str = "28b52ffd20186d00003868656c6c6f200a0100994b11";

    fn all() -> [(Algorithm, Vec<u8>); 5] {
        [
            (Algorithm::Zlib, bytes_of(ZLIB)),
            (Algorithm::Deflate, bytes_of(ZLIB)),
            (Algorithm::Gzip, bytes_of(GZIP)),
            (Algorithm::Brotli, bytes_of(BROTLI)),
            (Algorithm::Zstd, bytes_of(ZSTD)),
        ]
    }

    fn bytes_of(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let byte = |pair: &[u32]| (pair[0] << 4 | pair[1]) as u8;
        digits.chunks_exact(2).map(byte).collect()
    }

    #[test]
    fn what_others_compressed_comes_out() {
        let mut out = vec![7; 100];
        for (algorithm, data) in all() {
            inflate(algorithm, &data, TEXT.len(), &mut out).unwrap();
            assert_eq!(out, TEXT, "{algorithm:?}");
        }
    }

    #[test]
    fn a_lying_original_is_an_error() {
        let mut out = Vec::new();
        for (algorithm, data) in all() {
            for original_bytes in [0, 1, TEXT.len() - 1, TEXT.len() + 1, 5000] {
                let result = inflate(algorithm, &data, original_bytes, &mut out);
                assert!(result.is_err(), "{algorithm:?} {original_bytes}");
            }
        }
    }

    #[test]
    fn data_cut_short_or_with_a_tail_is_an_error() {
        let mut out = Vec::new();
        for (algorithm, mut data) in all() {
            for end in 0..data.len() {
                let result = inflate(algorithm, &data[..end], TEXT.len(), &mut out);
                assert!(result.is_err(), "{algorithm:?} cut at {end}");
            }
            data.push(0);
            let result = inflate(algorithm, &data, TEXT.len(), &mut out);
            assert!(result.is_err(), "{algorithm:?} with a tail");
        }
    }

    #[test]
    fn one_format_is_not_taken_for_another() {
        let mut out = Vec::new();
        for (algorithm, _) in all() {
            for (other, data) in all() {
                let is_same = |one: Algorithm| match one {
                    Algorithm::Deflate => Algorithm::Zlib,
                    one => one,
                };
                let result = inflate(algorithm, &data, TEXT.len(), &mut out);
                let expected = is_same(algorithm) == is_same(other);
                assert_eq!(result.is_ok(), expected, "{other:?} as {algorithm:?}");
            }
        }
    }
}
