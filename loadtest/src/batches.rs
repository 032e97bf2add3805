//! The compressed batches of a run, and the frames that came out of each.
//!
//! A batch is made once for all viewers, so it comes to each of them in the same bytes. Whoever
//! gets it first has it inflated; where the very same bytes come again they prove the same frames,
//! and a thousand viewers need not inflate a thousand times. Bytes are compared, not hashes: that
//! is the stronger proof and costs no more. A viewer may still insist on inflating for itself.
//!
//! What is kept is bounded by [`KEPT_BYTES_MAX`] and [`KEPT_MAX`]; an older batch is inflated anew.

use std::collections::VecDeque;

use crate::inflate::inflate;
use crate::terms::Algorithm;

/// Bytes of the head of a compressed batch: magic, type, original size.
const HEAD_BYTES: usize = 9;
/// Fewer bytes of frames than this are not worth compressing.
const ORIGINAL_BYTES_MIN: usize = 256;
/// No message holds more bytes of frames, compressed or not.
pub(crate) const ORIGINAL_BYTES_MAX: usize = 1 << 20;
const KEPT_BYTES_MAX: usize = 32 << 20;
const KEPT_MAX: usize = 256;

#[derive(Debug, Default)]
struct Kept {
    batch: Vec<u8>,
    frames: Vec<u8>,
}

/// The newest batches; see the module.
#[derive(Debug)]
pub(crate) struct Batches {
    algorithm: Option<Algorithm>,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// What a viewer has inflated for itself although it was known.
    own: Vec<u8>,
    inflations: u64,
}

impl Batches {
    /// None yet; without an algorithm there can be none.
    pub(crate) fn new(algorithm: Option<Algorithm>) -> Self {
        Self {
            algorithm,
            kept: VecDeque::new(),
            kept_bytes: 0,
            own: Vec::new(),
            inflations: 0,
        }
    }

    /// How many times something was inflated.
    pub(crate) fn inflations(&self) -> u64 {
        self.inflations
    }

    /// The frames in `batch`, one behind the other; with `anew` they are inflated in any case.
    pub(crate) fn open(&mut self, batch: &[u8], anew: bool) -> Result<&[u8], String> {
        let algorithm = self
            .algorithm
            .ok_or("a COMPRESSED_BATCH came and no compression was negotiated")?;
        let original_bytes = original_bytes(batch)?;
        let known = self.kept.iter().rposition(|kept| kept.batch == batch);
        if let Some(known) = known.filter(|_| !anew) {
            return Ok(&self.kept[known].frames);
        }
        self.inflations += 1;
        let data = &batch[HEAD_BYTES..];
        if known.is_some() {
            inflate(algorithm, data, original_bytes, &mut self.own)?;
            return Ok(&self.own);
        }
        let mut kept = self.make_room(batch.len() + original_bytes);
        inflate(algorithm, data, original_bytes, &mut kept.frames)?;
        kept.batch.clear();
        kept.batch.extend_from_slice(batch);
        self.kept_bytes += kept.bytes();
        self.kept.push_back(kept);
        Ok(self.kept.back().map_or(&[], |kept| &kept.frames))
    }

    /// Forgets the oldest until `more_bytes` fit; what is returned has memory to be used again.
    fn make_room(&mut self, more_bytes: usize) -> Kept {
        let mut room = Kept::default();
        while self.kept.len() >= KEPT_MAX || self.kept_bytes + more_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.kept_bytes -= oldest.bytes();
            room = oldest;
        }
        room
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.batch.len() + self.frames.len()
    }
}

/// Reads the head: how many bytes of frames there were before compression.
pub(crate) fn original_bytes(batch: &[u8]) -> Result<usize, String> {
    let original = batch.get(5..HEAD_BYTES).and_then(<[u8]>::first_chunk);
    let original = original.ok_or_else(|| format!("a COMPRESSED_BATCH of {} B", batch.len()))?;
    let original_bytes = u32::from_le_bytes(*original) as usize;
    if !(ORIGINAL_BYTES_MIN..=ORIGINAL_BYTES_MAX).contains(&original_bytes) {
        return Err(format!(
            "a batch of {original_bytes} B of frames, allowed are {ORIGINAL_BYTES_MIN} to \
             {ORIGINAL_BYTES_MAX}"
        ));
    }
    if batch.len() >= original_bytes {
        let bytes = batch.len();
        return Err(format!(
            "{original_bytes} B of frames were compressed to {bytes} B, which is no gain"
        ));
    }
    Ok(original_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 300 bytes "AAA...", as Python's `zlib.compress(b"A" * 300)` has them.
    const DATA: [u8; 13] = [
        0x78, 0x9c, 0x73, 0x74, 0x1c, 0x05, 0xc4, 0x02, 0x00, 0xcb, 0x9e, 0x4c, 0x2d,
    ];

    fn batch(original_bytes: u32, data: &[u8]) -> Vec<u8> {
        let mut batch = b"AGNT\x05".to_vec();
        batch.extend_from_slice(&original_bytes.to_le_bytes());
        batch.extend_from_slice(data);
        batch
    }

    #[test]
    fn a_hand_made_batch_is_opened() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let frames = batches.open(&batch(300, &DATA), false).unwrap();
        assert_eq!(frames, [b'A'; 300]);
    }

    #[test]
    fn equal_bytes_are_inflated_once_unless_asked_for() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let batch = batch(300, &DATA);
        for (anew, inflations) in [(false, 1), (false, 1), (true, 2), (false, 2), (true, 3)] {
            let frames = batches.open(&batch, anew).unwrap();
            assert_eq!(frames, [b'A'; 300]);
            assert_eq!(batches.inflations(), inflations);
        }
    }

    #[test]
    fn one_other_bit_is_not_taken_for_the_same() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let good = batch(300, &DATA);
        batches.open(&good, false).unwrap();
        for byte in 0..good.len() {
            for bit in 0..8 {
                let mut other = good.clone();
                other[byte] ^= 1 << bit;
                let before = batches.inflations();
                let opened = batches.open(&other, false).map(<[u8]>::to_vec);
                // Bits without a meaning, as those that fill up the last byte of the data, may differ.
                assert!(opened.is_err() || opened == Ok(vec![b'A'; 300]));
                let was_taken_as_known = opened.is_ok() && batches.inflations() == before;
                assert!(!was_taken_as_known, "byte {byte} bit {bit}");
            }
        }
        let before = batches.inflations();
        batches.open(&good, false).unwrap();
        assert_eq!(batches.inflations(), before, "the right one is still known");
    }

    #[test]
    fn a_lying_original_is_an_error() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        for original_bytes in [0, 255, 256, 299, 301, 1 << 20, (1 << 20) + 1, u32::MAX] {
            let opened = batches.open(&batch(original_bytes, &DATA), false);
            assert!(opened.is_err(), "{original_bytes}");
        }
        assert_eq!(batches.kept.len(), 0, "nothing wrong is kept");
    }

    #[test]
    fn what_gains_nothing_or_was_not_negotiated_is_an_error() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let opened = batches.open(&batch(300, &[0; 300]), false);
        assert!(opened.unwrap_err().ends_with("which is no gain"));
        for bytes in 0..HEAD_BYTES {
            assert!(batches.open(&batch(300, &DATA)[..bytes], false).is_err());
        }
        let opened = Batches::new(None)
            .open(&batch(300, &DATA), false)
            .map(<[u8]>::len);
        assert!(
            opened
                .unwrap_err()
                .ends_with("no compression was negotiated")
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest_stay() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let mut number_of = |number: u32| {
            let mut frames = vec![0; 65_536];
            frames[..4].copy_from_slice(&number.to_le_bytes());
            let mut data = Vec::new();
            let mut encoder = flate2::Compress::new(flate2::Compression::fast(), true);
            data.reserve(70_000);
            encoder
                .compress_vec(&frames, &mut data, flate2::FlushCompress::Finish)
                .unwrap();
            let batch = batch(65_536, &data);
            assert_eq!(batches.open(&batch, false).unwrap(), frames);
            (batches.kept_bytes, batches.kept.len(), batches.inflations())
        };
        for number in 0..2 * KEPT_MAX as u32 {
            let (kept_bytes, kept, _) = number_of(number);
            assert!(kept_bytes <= KEPT_BYTES_MAX && kept <= KEPT_MAX);
        }
        let (_, _, inflations) = number_of(2 * KEPT_MAX as u32 - 1);
        assert_eq!(inflations, 2 * KEPT_MAX as u64);
        assert_eq!(number_of(0).2, inflations + 1, "the oldest is forgotten");
    }
}
