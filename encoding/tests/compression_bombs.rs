//! Bombs: batches that would inflate to gigabytes, built bit by bit.
//!
//! A binary of its own with one test, because it watches the memory of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;

use agnt_codec::CompressedBatch;
use agnt_encoding::compression::{Algorithm, BATCH_BYTES_MAX, InflateError, Inflator};

/// By how much the memory of the process may grow: the caller's buffer, brotli's ring and tables,
/// and the states of the algorithms.
const GROWTH_BYTES_MAX: usize = 8 << 20;

const GIBIBYTE: usize = 1 << 30;

/// Bits, the first in the lowest place of a byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// A number, its lowest bit first.
    fn number(&mut self, value: usize, width: u32) {
        for place in 0..width {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= ((value >> place & 1) as u8) << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// Numbers, each with its width.
    fn numbers(&mut self, numbers: &[(usize, u32)]) {
        for &(value, width) in numbers {
            self.number(value, width);
        }
    }
}

/// A DEFLATE block of zeros: one literal and `matches` of 258 bytes, which take two bits each.
fn deflate_block(matches: usize) -> Vec<u8> {
    const RUN: (usize, u32) = (0, 1);
    const WIDTH_1: (usize, u32) = (0b01, 2);
    const WIDTH_2: (usize, u32) = (0b11, 2);
    let mut bits = Bits::default();
    // The last block, with codes of its own: 286 for literals, 1 for distances, 18 for widths.
    bits.numbers(&[(1, 1), (2, 2), (29, 5), (0, 5), (14, 4)]);
    // So a run of zeros, 18, takes one bit, 0, and the widths 1 and 2 take two, 10 and 11.
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
    for symbol in order {
        let width = match symbol {
            18 => 1,
            1 | 2 => 2,
            _ => 0,
        };
        bits.number(width, 3);
    }
    // The literal 0, 138 and 117 unused, the end, 28 unused, the length 258; the distance 1.
    bits.numbers(&[
        WIDTH_2,
        RUN,
        (138 - 11, 7),
        RUN,
        (117 - 11, 7),
        WIDTH_2,
        RUN,
        (28 - 11, 7),
        WIDTH_1,
        WIDTH_1,
    ]);
    // So 258 is 0, and so is the distance; the literal is 10 and the end 11.
    bits.number(0b01, 2);
    for _ in 0..matches {
        bits.number(0, 2);
    }
    bits.number(0b11, 2);
    bits.bytes
}

fn deflate_zeros(matches: usize) -> usize {
    1 + 258 * matches
}

/// RFC 1950. The checksum of n zeros is n in its upper half, 1 in its lower.
fn zlib(matches: usize) -> (Vec<u8>, usize) {
    let zeros = deflate_zeros(matches);
    let check = (zeros % 65_521) << 16 | 1;
    let data = [
        &[0x78, 0x9C],
        &deflate_block(matches)[..],
        &(check as u32).to_be_bytes(),
    ];
    (data.concat(), zeros)
}

/// RFC 1952, with a checksum that the caller knows.
fn gzip(matches: usize, check: u32) -> (Vec<u8>, usize) {
    let zeros = deflate_zeros(matches);
    let data = [
        &b"\x1F\x8B\x08\0\0\0\0\0\0\xFF"[..],
        &deflate_block(matches),
        &check.to_le_bytes(),
        &(zeros as u32).to_le_bytes(),
    ];
    (data.concat(), zeros)
}

/// The checksum of RFC 1952, bit by bit.
fn crc32_of_zeros(zeros: usize) -> u32 {
    !(0..8 * zeros).fold(!0_u32, |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
}

/// RFC 7932: blocks of zeros, up to 16 MiB in 102 bits each.
fn brotli(blocks: &[usize]) -> (Vec<u8>, usize) {
    let mut bits = Bits::default();
    // A window of 24 bits.
    bits.numbers(&[(1, 1), (7, 3)]);
    for block_bytes in blocks {
        // Not the last; its length in as few nibbles as it takes, 4 to 6; compressed.
        let nibbles = (block_bytes - 1).ilog2() / 4 + 1;
        bits.numbers(&[(0, 1), (nibbles as usize - 4, 2)]);
        bits.numbers(&[(block_bytes - 1, 4 * nibbles), (0, 1)]);
        // One type of block of each kind, no direct distances, one context, one tree of each kind.
        bits.numbers(&[(0, 3), (0, 6), (0, 2), (0, 2)]);
        // Trees of one symbol, which take no bits: the literal 0; one literal and then a copy of
        // 2118 bytes and more; a distance of 1 and one bit more.
        bits.numbers(&[(1, 2), (0, 2), (0, 8)]);
        bits.numbers(&[(1, 2), (0, 2), (399, 10)]);
        bits.numbers(&[(1, 2), (0, 2), (16, 6)]);
        // How many more of the copy, and of the distance.
        bits.numbers(&[(block_bytes - 1 - 2118, 24), (0, 1)]);
    }
    // The last block, empty.
    bits.number(3, 2);
    (bits.bytes, blocks.iter().sum())
}

/// RFC 7932: blocks of one zero each, of which every one brings 256 trees for literals and 256 for
/// distances: two MiB of tables from 700 bytes.
fn brotli_tables(blocks: usize) -> (Vec<u8>, usize) {
    let mut bits = Bits::default();
    bits.numbers(&[(1, 1), (7, 3)]);
    for _ in 0..blocks {
        // Not the last; a length of 1 in 4 nibbles; compressed; one type of block of each kind, no
        // direct distances, one context.
        bits.numbers(&[(0, 1), (0, 2), (0, 16), (0, 1), (0, 3), (0, 6), (0, 2)]);
        // 256 trees, and a map that names the first of them everywhere, in no bits: twice.
        for _ in 0..2 {
            bits.numbers(&[(1, 1), (7, 3), (127, 7)]);
            bits.numbers(&[(0, 1), (1, 2), (0, 2), (0, 8), (0, 1)]);
        }
        for _ in 0..256 {
            bits.numbers(&[(1, 2), (0, 2), (0, 8)]);
        }
        // One literal and then a copy that isn't come to.
        bits.numbers(&[(1, 2), (0, 2), (8, 10)]);
        for _ in 0..256 {
            bits.numbers(&[(1, 2), (0, 2), (16, 6)]);
        }
    }
    bits.number(3, 2);
    (bits.bytes, blocks)
}

/// RFC 8878: blocks of 128 KiB, each one byte that is repeated, under a window of 2 GiB.
fn zstd(blocks: usize, stated: Option<u64>) -> (Vec<u8>, usize) {
    const BLOCK_BYTES: usize = 128 << 10;
    let descriptor = if stated.is_some() { 0xC0 } else { 0x00 };
    let mut data = vec![0x28, 0xB5, 0x2F, 0xFD, descriptor, (31 - 10) << 3];
    if let Some(stated) = stated {
        data.extend(stated.to_le_bytes());
    }
    for block in 1..=blocks {
        let is_last = usize::from(block == blocks);
        let head = BLOCK_BYTES << 3 | 1 << 1 | is_last;
        data.extend(&head.to_le_bytes()[..3]);
        data.push(0);
    }
    (data, blocks * BLOCK_BYTES)
}

/// A stream, and how many zeros it holds.
type Stream = (Algorithm, (Vec<u8>, usize));

/// Small streams of the same make, which are honest: so the bombs are what they are said to be.
fn honest() -> Vec<Stream> {
    vec![
        (Algorithm::Zlib, zlib(1000)),
        (Algorithm::Deflate, zlib(0)),
        (Algorithm::Gzip, gzip(1000, crc32_of_zeros(258_001))),
        (Algorithm::Brotli, brotli(&[5000, 6000, 70_000])),
        (Algorithm::Brotli, brotli(&[BATCH_BYTES_MAX])),
        (Algorithm::Brotli, brotli_tables(4)),
        (Algorithm::Zstd, zstd(2, None)),
        (Algorithm::Zstd, zstd(8, Some(BATCH_BYTES_MAX as u64))),
    ]
}

fn bombs() -> Vec<Stream> {
    const MATCHES: usize = 4 << 20;
    const ZSTD_BLOCKS: usize = 32 << 10;
    let block = 16 << 20;
    vec![
        (Algorithm::Zlib, zlib(MATCHES)),
        (Algorithm::Deflate, zlib(MATCHES)),
        // Nobody comes to its checksum who hasn't inflated it all.
        (Algorithm::Gzip, gzip(MATCHES, 0)),
        (Algorithm::Brotli, brotli(&[block; 80])),
        (Algorithm::Brotli, brotli(&[block; 256])),
        // Their rings would grow with the blocks, up to the window.
        (Algorithm::Brotli, brotli(&[5000, 500_000, block, block])),
        (Algorithm::Brotli, brotli(&[BATCH_BYTES_MAX - 1, block])),
        (Algorithm::Zstd, zstd(ZSTD_BLOCKS, None)),
        (
            Algorithm::Zstd,
            zstd(ZSTD_BLOCKS, Some(4 * GIBIBYTE as u64)),
        ),
        // It says that it is small.
        (Algorithm::Zstd, zstd(ZSTD_BLOCKS, Some(1000))),
    ]
}

/// Streams that ask for much memory and end before they could fill it.
fn claims() -> Vec<(Algorithm, Vec<u8>)> {
    let (mut brotli, _) = brotli(&[16 << 20]);
    brotli.truncate(12);
    let (mut window, _) = zstd(1, None);
    window.pop();
    let (mut stated, _) = zstd(1, Some(u64::MAX / 2));
    stated.pop();
    vec![
        (Algorithm::Brotli, brotli),
        (Algorithm::Zstd, window),
        (Algorithm::Zstd, stated),
    ]
}

/// The most memory that the process has had since [`forget_peak`], in bytes.
fn peak_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes.unwrap().trim().parse::<usize>().unwrap() << 10
}

/// Makes the peak what the process has now.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Inflates and holds the memory that it takes against the bound.
fn inflate(
    algorithm: Algorithm,
    data: &[u8],
    original_bytes: u32,
) -> Result<Vec<u8>, InflateError> {
    let batch = CompressedBatch {
        original_bytes,
        data,
    };
    forget_peak();
    let before_bytes = peak_bytes();
    let mut out = Vec::new();
    let verdict = Inflator::new().inflate(algorithm, &batch, BATCH_BYTES_MAX, &mut out);
    let growth_bytes = peak_bytes().saturating_sub(before_bytes);
    assert!(
        growth_bytes < GROWTH_BYTES_MAX,
        "{algorithm}, {} bytes as {original_bytes}: {growth_bytes} bytes of memory",
        data.len()
    );
    verdict.map(|()| out)
}

#[test]
fn bombs_are_refused_in_flat_memory() {
    for (algorithm, (data, zeros)) in honest() {
        let inflated = inflate(algorithm, &data, zeros as u32).unwrap();
        assert!(inflated.len() == zeros && inflated.iter().all(|&byte| byte == 0));
    }
    for (algorithm, (data, zeros)) in bombs() {
        println!("{algorithm}: {} bytes hold {zeros}", data.len());
        assert!(zeros >= 16 << 20);
        for original_bytes in [0, 1, 1000, 65_536, BATCH_BYTES_MAX as u32] {
            let refused = inflate(algorithm, &data, original_bytes);
            if algorithm == Algorithm::Zstd
                && data[4] != 0
                && matches!(refused, Err(InflateError::Corrupt { .. }))
            {
                // What is stated inside is a lie too.
                continue;
            }
            let longer = InflateError::Longer { original_bytes };
            assert_eq!(refused, Err(longer), "{algorithm}");
        }
        let honest = u32::try_from(zeros).unwrap_or(u32::MAX);
        let refused = inflate(algorithm, &data, honest);
        assert!(
            matches!(refused, Err(InflateError::TooLarge { .. })),
            "{algorithm}"
        );
    }
    for (algorithm, data) in claims() {
        for original_bytes in [0, BATCH_BYTES_MAX as u32] {
            let refused = inflate(algorithm, &data, original_bytes).unwrap_err();
            let is_expected = matches!(
                refused,
                InflateError::Longer { .. } | InflateError::Truncated { .. }
            );
            assert!(is_expected, "{algorithm}: {refused}");
        }
    }
    // A MiB of tables that come to nothing: most of them are never built.
    let (data, zeros) = brotli_tables(1400);
    assert!(data.len() > 1_000_000);
    let refused = inflate(Algorithm::Brotli, &data, zeros as u32).unwrap_err();
    assert!(refused.to_string().contains("tables"), "{refused}");
}
