//! One binary message taken apart: the frames that one viewer gets, in order.
//!
//! What a message may hold follows from the viewer's terms: one frame, or several with
//! `frame-concat`; or, with a compression, a batch that takes all that is left of the message.

use std::ops::AddAssign;

use crate::batches::{Batches, ORIGINAL_BYTES_MAX, original_bytes};
use crate::swarm::HEADER_BYTES;
use crate::terms::Terms;

/// The type byte of a compressed batch; its head has neither flags nor length.
const COMPRESSED_BATCH: u8 = 0x05;

/// What came in batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BatchTally {
    /// How many.
    pub(crate) batches: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The bytes of the frames in them.
    pub(crate) original_bytes: u64,
}

impl AddAssign for BatchTally {
    fn add_assign(&mut self, more: Self) {
        self.batches += more.batches;
        self.bytes += more.bytes;
        self.original_bytes += more.original_bytes;
    }
}

/// Takes the messages of one viewer apart; see the module.
#[derive(Debug)]
pub(crate) struct Unpacker {
    terms: Terms,
    inflates_itself: bool,
    tally: BatchTally,
}

impl Unpacker {
    /// For a viewer on `terms`, who may insist on inflating every batch itself.
    pub(crate) fn new(terms: Terms, inflates_itself: bool) -> Self {
        Self {
            terms,
            inflates_itself,
            tally: BatchTally::default(),
        }
    }

    /// What has come in batches.
    pub(crate) fn tally(&self) -> BatchTally {
        self.tally
    }

    /// Hands each frame of `message` to `on_frame`. A frame that is malformed is handed out with
    /// all that follows it; an error is about the message itself.
    pub(crate) fn unpack(
        &mut self,
        message: &[u8],
        batches: &mut Batches,
        mut on_frame: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        if self.terms.is_concatenated && message.len() > ORIGINAL_BYTES_MAX {
            let bytes = message.len();
            return Err(format!(
                "a message of {bytes} B, allowed are {ORIGINAL_BYTES_MAX}"
            ));
        }
        let mut rest = message;
        loop {
            if is_batch(rest) {
                return self.unpack_batch(rest, batches, on_frame);
            }
            let (frame, after) = cut(rest, self.terms.is_concatenated);
            on_frame(frame);
            rest = after;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn unpack_batch(
        &mut self,
        batch: &[u8],
        batches: &mut Batches,
        mut on_frame: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        self.tally.batches += 1;
        self.tally.bytes += batch.len() as u64;
        self.tally.original_bytes += original_bytes(batch)? as u64;
        let mut rest = batches.open(batch, self.inflates_itself)?;
        while !rest.is_empty() {
            if is_batch(rest) {
                return Err("a COMPRESSED_BATCH came inside another".to_owned());
            }
            let (frame, after) = cut(rest, true);
            on_frame(frame);
            rest = after;
        }
        Ok(())
    }
}

fn is_batch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"AGNT") && bytes.get(4) == Some(&COMPRESSED_BATCH)
}

/// The first frame and what is left; all of it where nothing may follow, or no whole frame is there.
fn cut(bytes: &[u8], may_be_followed: bool) -> (&[u8], &[u8]) {
    let length = bytes.get(6..HEADER_BYTES).and_then(<[u8]>::first_chunk);
    let frame_bytes = length.map(|length| HEADER_BYTES + usize::from(u16::from_le_bytes(*length)));
    let split = frame_bytes.filter(|_| may_be_followed);
    split
        .and_then(|split| bytes.split_at_checked(split))
        .unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::{Algorithm, Compression};

    const ZLIB: Terms = Terms {
        compression: Some(Compression {
            algorithm: Algorithm::Zlib,
            level: 6,
        }),
        ..Terms::PLAIN
    };
    const CONCATENATED: Terms = Terms {
        is_concatenated: true,
        ..Terms::PLAIN
    };

    /// A frame of type 0x7F with `length` bytes of payload.
    fn frame(length: u16, filler: u8) -> Vec<u8> {
        let mut bytes = b"AGNT\x7f\0".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.resize(HEADER_BYTES + usize::from(length), filler);
        bytes
    }

    fn batch_of(frames: &[u8]) -> Vec<u8> {
        let mut data = Vec::with_capacity(frames.len() + 100);
        let mut encoder = flate2::Compress::new(flate2::Compression::best(), true);
        encoder
            .compress_vec(frames, &mut data, flate2::FlushCompress::Finish)
            .unwrap();
        let original = frames.len() as u32;
        [b"AGNT\x05".as_slice(), &original.to_le_bytes(), &data].concat()
    }

    fn unpacked(terms: Terms, message: &[u8]) -> (Vec<Vec<u8>>, Result<(), String>) {
        let algorithm = terms.compression.map(|compression| compression.algorithm);
        let mut batches = Batches::new(algorithm);
        let mut frames = Vec::new();
        let result = Unpacker::new(terms, false).unpack(message, &mut batches, |frame| {
            frames.push(frame.to_vec());
        });
        (frames, result)
    }

    #[test]
    fn a_batch_gives_its_frames() {
        let frames = [frame(300, 1), frame(0, 2), frame(500, 3)];
        let message = batch_of(&frames.concat());
        assert_eq!(unpacked(ZLIB, &message), (frames.to_vec(), Ok(())));
        let plain = frame(20, 1);
        assert_eq!(unpacked(ZLIB, &plain), (vec![plain], Ok(())));
    }

    #[test]
    fn several_frames_come_apart_only_where_they_may_be_together() {
        let frames = [frame(3, 1), frame(0, 2), frame(4, 3)];
        let message = frames.concat();
        assert_eq!(unpacked(CONCATENATED, &message), (frames.to_vec(), Ok(())));
        assert_eq!(unpacked(Terms::PLAIN, &message), (vec![message], Ok(())));
    }

    #[test]
    fn what_is_cut_is_handed_out_as_it_is() {
        let message = [frame(3, 1), frame(400, 2)].concat();
        for end in [12, 18, 100] {
            let expected = vec![message[..11].to_vec(), message[11..end].to_vec()];
            assert_eq!(unpacked(CONCATENATED, &message[..end]), (expected, Ok(())));
        }
        let cut = [frame(300, 1), frame(400, 2)[..100].to_vec()];
        let batch = batch_of(&cut.concat());
        assert_eq!(unpacked(ZLIB, &batch), (cut.to_vec(), Ok(())));
        assert_eq!(unpacked(ZLIB, b""), (vec![Vec::new()], Ok(())));
    }

    #[test]
    fn a_batch_in_a_batch_or_without_terms_is_refused() {
        let inner = batch_of(&frame(300, 1));
        let outer = batch_of(&[frame(300, 1), inner].concat());
        let (frames, result) = unpacked(ZLIB, &outer);
        assert_eq!(frames, [frame(300, 1)]);
        assert!(result.unwrap_err().ends_with("inside another"));
        assert!(unpacked(CONCATENATED, &batch_of(&frame(300, 1))).1.is_err());
    }

    #[test]
    fn a_message_has_a_bound() {
        let message = frame(60_000, 0).repeat(18);
        assert!(message.len() > ORIGINAL_BYTES_MAX);
        assert!(unpacked(CONCATENATED, &message).1.is_err());
    }

    #[test]
    fn what_came_is_counted() {
        let mut batches = Batches::new(Some(Algorithm::Zlib));
        let mut unpacker = Unpacker::new(ZLIB, false);
        let batch = batch_of(&frame(1000, 1));
        for _ in 0..3 {
            unpacker.unpack(&batch, &mut batches, |_| ()).unwrap();
        }
        let expected = BatchTally {
            batches: 3,
            bytes: 3 * batch.len() as u64,
            original_bytes: 3 * 1008,
        };
        assert_eq!(unpacker.tally(), expected);
        assert_eq!(batches.inflations(), 1);
    }
}
