//! Streams typed by hand from the RFCs.

use agnt_codec::CompressedBatch;
use agnt_encoding::compression::{Algorithm, InflateError};

use crate::support::inflate;

/// Streams that hold "abc", stored.
const ABC: [(Algorithm, &[u8]); 5] = [
    // CMF and FLG, the last block, stored: LEN and its complement; ADLER32.
    (
        Algorithm::Zlib,
        b"\x78\x01\x01\x03\x00\xFC\xFFabc\x02\x4D\x01\x27",
    ),
    (
        Algorithm::Deflate,
        b"\x08\x1D\x01\x03\x00\xFC\xFFabc\x02\x4D\x01\x27",
    ),
    // ID, CM, FLG, MTIME, XFL, OS; the block; CRC32 and ISIZE.
    (
        Algorithm::Gzip,
        b"\x1F\x8B\x08\x00\0\0\0\0\x00\xFF\x01\x03\x00\xFC\xFFabc\xC2\x41\x24\x35\x03\0\0\0",
    ),
    // WBITS 16; not last, MNIBBLES 4, MLEN-1 2, uncompressed: bits 0 0 00 0100000000000000 1;
    // then an empty last block, bits 11.
    (Algorithm::Brotli, b"\x20\x00\x10abc\x03"),
    // Magic, a single segment with a size of one byte, 3; the last block, raw, of 3 bytes.
    (Algorithm::Zstd, b"\x28\xB5\x2F\xFD\x20\x03\x19\x00\x00abc"),
];

#[test]
fn streams_typed_by_hand_inflate() {
    for (algorithm, data) in ABC {
        let batch = CompressedBatch {
            original_bytes: 3,
            data,
        };
        assert_eq!(
            inflate(algorithm, &batch),
            Ok(b"abc".to_vec()),
            "{algorithm}"
        );
    }
}

#[test]
fn nothing_inflates_to_nothing() {
    for (algorithm, data) in [
        (Algorithm::Zlib, &b"\x78\x01\x03\x00\0\0\0\x01"[..]),
        (Algorithm::Deflate, b"\x78\x01\x03\x00\0\0\0\x01"),
        (
            Algorithm::Gzip,
            b"\x1F\x8B\x08\x00\0\0\0\0\x00\xFF\x03\x00\0\0\0\0\0\0\0\0",
        ),
        // WBITS 16, last, empty.
        (Algorithm::Brotli, b"\x06"),
        (Algorithm::Zstd, b"\x28\xB5\x2F\xFD\x20\x00\x01\x00\x00"),
    ] {
        let batch = |original_bytes| CompressedBatch {
            original_bytes,
            data,
        };
        assert_eq!(inflate(algorithm, &batch(0)), Ok(Vec::new()), "{algorithm}");
        let shorter = InflateError::Shorter {
            original_bytes: 1,
            inflated_bytes: 0,
        };
        assert_eq!(inflate(algorithm, &batch(1)), Err(shorter), "{algorithm}");
    }
}

#[test]
fn brotli_s_large_windows_are_refused() {
    // The escape 1 000 100 and a reserved 0, then a window of 30 bits: not in RFC 7932.
    let batch = CompressedBatch {
        original_bytes: 3,
        data: b"\x11\x1E\x08\x00\x04abc\x03",
    };
    let error = inflate(Algorithm::Brotli, &batch).unwrap_err();
    let InflateError::Corrupt { reason, .. } = error else {
        panic!("{error}");
    };
    assert!(reason.contains("WINDOW_BITS"), "{reason}");
}
