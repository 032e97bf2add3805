//! Frames of a tick as finished messages: compressed, in one message, or one each.

use agnt_codec::Frames;
use agnt_encoding::compression::{BATCH_BYTES_MAX, Compressor};
use bytes::BytesMut;

use super::Encoding;
use crate::engine::lane::Encoders;

/// What packing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) messages: u32,
    /// Messages that are compressed.
    pub(super) batches: u64,
}

/// What packs; see the module.
#[derive(Debug)]
pub(super) struct Packer {
    is_concatenated: bool,
    compressor: Option<Compressor>,
    batch: Vec<u8>,
}

impl Packer {
    pub(super) fn new(encoding: &Encoding) -> Self {
        Self {
            is_concatenated: encoding.is_concatenated,
            compressor: encoding
                .compression
                .map(|(algorithm, level)| Compressor::new(algorithm, level)),
            batch: Vec::new(),
        }
    }

    /// Appends whole frames, back to back, as messages.
    pub(super) fn pack(
        &mut self,
        frames: &[u8],
        encoders: &Encoders,
        out: &mut BytesMut,
    ) -> Packed {
        let mut packed = Packed::default();
        if self.compressor.is_none() && !self.is_concatenated {
            packed.add_each(frames, encoders, out);
            return packed;
        }
        for group in groups(frames) {
            self.batch.clear();
            let batch = &mut self.batch;
            let compress = |compressor: &mut Compressor| compressor.compress_batch(group, batch);
            if self.compressor.as_mut().is_some_and(compress) {
                (encoders.seal_frame)(&self.batch, out);
                packed.messages += 1;
                packed.batches += 1;
            } else if self.is_concatenated {
                (encoders.seal_frame)(group, out);
                packed.messages += 1;
            } else {
                packed.add_each(group, encoders, out);
            }
        }
        packed
    }
}

impl Packed {
    fn add_each(&mut self, frames: &[u8], encoders: &Encoders, out: &mut BytesMut) {
        for frame in Frames::new(frames).flatten() {
            (encoders.seal_frame)(frame.bytes(), out);
            self.messages += 1;
        }
    }
}

/// Runs of whole frames of at most [`BATCH_BYTES_MAX`].
fn groups(frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        for frame in Frames::new(rest).flatten() {
            let with = bytes + frame.bytes().len();
            if bytes > 0 && with > BATCH_BYTES_MAX {
                break;
            }
            bytes = with;
        }
        let (group, after) = rest.split_at(bytes);
        rest = after;
        (!group.is_empty()).then_some(group)
    })
}
