//! What is compressed is inflated again to the same bytes; and when nothing is compressed.

use agnt_codec::COMPRESSED_HEAD_BYTES;
use agnt_encoding::compression::{
    Algorithm, BATCH_BYTES_MAX, COMPRESS_BYTES_MIN, Compressor, Inflator, LevelClass,
};

use crate::support::{Swarm, batch_of, compressed, noise};

/// Every compressor there is.
fn compressors() -> impl Iterator<Item = Compressor> {
    Algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| LevelClass::ALL.map(|class| Compressor::new(algorithm, class)))
}

#[test]
fn states_serve_batch_after_batch() {
    let mut inflator = Inflator::new();
    for mut compressor in compressors() {
        let mut swarms = [
            Swarm::new(40),
            Swarm::new(2340),
            Swarm::new(6000),
            Swarm::new(9),
        ];
        for _ in 0..3 {
            for swarm in &mut swarms {
                swarm.step();
                let frames = swarm.frames();
                let mut made = b"before".to_vec();
                if !compressor.compress_batch(&frames, &mut made) {
                    assert_eq!(made, b"before");
                    // Few agents that all move hold little that repeats.
                    assert!(frames.len() < 2000, "{compressor:?}: {}", frames.len());
                    continue;
                }
                let batch = batch_of(&made[6..]);
                assert_eq!(batch.original_bytes as usize, frames.len());
                let mut out = b"before".to_vec();
                inflator
                    .inflate(compressor.algorithm(), &batch, BATCH_BYTES_MAX, &mut out)
                    .unwrap();
                assert_eq!(out[..6], *b"before");
                assert_eq!(out[6..], frames, "{compressor:?}");
            }
        }
    }
}

#[test]
fn a_state_makes_what_a_new_one_makes() {
    let frames = Swarm::new(500).frames();
    for mut compressor in compressors() {
        let mut used = Vec::new();
        // Neither another batch, nor one that didn't fit, is remembered.
        compressor.compress_batch(&Swarm::new(3000).frames(), &mut used);
        compressor.compress_batch(&noise(50_000), &mut used);
        used.clear();
        assert!(compressor.compress_batch(&frames, &mut used));
        let fresh = compressed(compressor.algorithm(), compressor.class(), &frames);
        assert_eq!(used, fresh, "{compressor:?}");
    }
}

#[test]
fn deflate_is_zlib() {
    let frames = Swarm::new(300).frames();
    for class in LevelClass::ALL {
        assert_eq!(
            compressed(Algorithm::Deflate, class, &frames),
            compressed(Algorithm::Zlib, class, &frames)
        );
    }
}

#[test]
fn a_batch_is_made_from_256_bytes_to_1_mib() {
    assert_eq!((COMPRESS_BYTES_MIN, BATCH_BYTES_MAX), (256, 1_048_576));
    for mut compressor in compressors() {
        for (length, is_made) in [
            (0, false),
            (COMPRESS_BYTES_MIN - 1, false),
            (COMPRESS_BYTES_MIN, true),
            (BATCH_BYTES_MAX, true),
            (BATCH_BYTES_MAX + 1, false),
        ] {
            let mut out = Vec::new();
            let frames = vec![0; length];
            assert_eq!(
                compressor.compress_batch(&frames, &mut out),
                is_made,
                "{length}"
            );
            assert_eq!(out.is_empty(), !is_made);
            if is_made {
                let mut inflated = Vec::new();
                Inflator::new()
                    .inflate(
                        compressor.algorithm(),
                        &batch_of(&out),
                        length,
                        &mut inflated,
                    )
                    .unwrap();
                assert_eq!(inflated, frames);
            }
        }
    }
}

#[test]
fn what_does_not_get_smaller_is_left_as_it_is() {
    for mut compressor in compressors() {
        for length in [256, 300, 5000, 65_536] {
            let mut out = vec![1, 2, 3];
            assert!(!compressor.compress_batch(&noise(length), &mut out));
            assert_eq!(out, [1, 2, 3], "{compressor:?}");
        }
    }
}

#[test]
fn a_batch_that_saves_little_is_made_all_the_same() {
    // Noise with ever more zeros behind it, until a batch is made of it.
    for mut compressor in compressors() {
        let mut frames = noise(400);
        let mut out = Vec::new();
        while !compressor.compress_batch(&frames, &mut out) {
            frames.push(0);
            assert!(frames.len() < 600, "{compressor:?}");
        }
        assert!(out.len() < frames.len());
        // Zstandard's encoder writes words of 8 bytes, and wants room for the last of them.
        let saved = frames.len() - out.len();
        assert!(saved <= 9, "{compressor:?}: saves {saved}");
    }
}

#[test]
fn the_head_is_that_of_the_document() {
    let frames = vec![7; 0x0001_0203];
    for mut compressor in compressors() {
        let mut out = Vec::new();
        assert!(compressor.compress_batch(&frames, &mut out));
        assert_eq!(out[..COMPRESSED_HEAD_BYTES], *b"AGNT\x05\x03\x02\x01\x00");
        // A swarm at rest compresses a thousandfold.
        assert!(out.len() < 200, "{compressor:?}: {}", out.len());
    }
}

#[test]
fn a_harder_class_never_makes_much_more_of_a_swarm() {
    let mut swarm = Swarm::new(2340);
    swarm.step();
    let frames = swarm.frames();
    for algorithm in Algorithm::ALL {
        let sizes = LevelClass::ALL.map(|class| compressed(algorithm, class, &frames).len());
        // Even the fastest class saves something of agents that all move.
        assert!(
            sizes.iter().all(|&size| size < frames.len() * 96 / 100),
            "{algorithm}: {sizes:?}"
        );
        assert!(
            sizes[2] <= sizes[0] + sizes[0] / 100,
            "{algorithm}: {sizes:?}"
        );
    }
}

#[test]
fn states_can_go_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Compressor>();
    assert_send::<Inflator>();
}
