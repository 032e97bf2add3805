//! Brotli.

use std::mem;

use brotli::{
    BrotliDecompressStream, BrotliResult, BrotliState,
    enc::encode::{BrotliEncoderDestroyInstance, BrotliEncoderOperation, BrotliEncoderStateStruct},
};

use super::{
    Ended, Stopped,
    brotli_memory::{Bounded, EncoderMemory},
};

/// The smallest window that is asked for, as a power of two. A window is a ring that the encoder
/// clears and the decoder may have to hold, so it is no larger than the batch needs; for smaller
/// ones than this the library, at level 5, takes 32 MiB of tables and twenty times the time.
const WINDOW_BITS_MIN: u32 = 17;

/// The largest that is asked for: it reaches over the largest batch.
const WINDOW_BITS_MAX: u32 = 20;

/// What a decoder's ring takes beside its content, with room to spare. A map of contexts, of at
/// most 16 KiB, comes from the same memory.
const RING_SLACK_BYTES: usize = 17 << 10;

/// What a decoder may ask for beside its ring, over all the blocks of a stream: so much in any
/// case, and so much for each byte that the batch announces. A block brings maps and tables, 4 MiB
/// at most, and may hold a single byte: a second's work in a MiB of data. What an encoder makes,
/// even if it is flushed every hundred bytes, needs far less.
const MAP_BYTES_MIN: usize = 1 << 20;
const MAP_BYTES_PER_BYTE: usize = 8;
const CODES_MIN: usize = 4 * 3 * 256 * 1080;
const CODES_PER_BYTE: usize = 32;

/// An encoder: the library's ends with its stream, but its memory is kept.
pub(super) struct BrotliEncoder {
    level: u8,
    memory: EncoderMemory,
}

impl BrotliEncoder {
    /// An encoder without memory as yet.
    pub(super) fn new(level: u8) -> Self {
        Self {
            level,
            memory: EncoderMemory::default(),
        }
    }

    /// Writes `frames` as one stream to the start of `place`: how many bytes it took, if it fits.
    pub(super) fn compress(&mut self, frames: &[u8], place: &mut [u8]) -> Option<usize> {
        let mut state = BrotliEncoderStateStruct::new(mem::take(&mut self.memory));
        state.params.quality = self.level.into();
        state.params.size_hint = frames.len();
        let bits = usize::BITS - frames.len().leading_zeros();
        state.params.lgwin = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX) as i32;
        let written = finish(&mut state, frames, place);
        BrotliEncoderDestroyInstance(&mut state);
        self.memory = state.m8;
        written
    }
}

/// One call takes all that there is and writes until it is done or the place is full.
fn finish(
    state: &mut BrotliEncoderStateStruct<EncoderMemory>,
    frames: &[u8],
    place: &mut [u8],
) -> Option<usize> {
    let (mut unread, mut read) = (frames.len(), 0);
    let (mut room, mut written) = (place.len(), 0);
    let is_valid = state.compress_stream(
        BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        &mut unread,
        frames,
        &mut read,
        &mut room,
        place,
        &mut written,
        &mut None,
        &mut |_, _, _, _| (),
    );
    (is_valid && state.is_finished()).then_some(written)
}

/// Inflates one stream from the start of `data` into `place`. Windows beyond RFC 7932 are refused.
pub(super) fn inflate(data: &[u8], place: &mut [u8]) -> Result<Ended, Stopped> {
    let mut state = BrotliState::new_strict(
        ring_memory(place.len()),
        // One number for each of the tables.
        Bounded::new(usize::MAX, usize::MAX),
        Bounded::new(usize::MAX, CODES_MIN + CODES_PER_BYTE * place.len()),
    );
    let (mut unread, mut consumed) = (data.len(), 0);
    let (mut room, mut inflated) = (place.len(), 0);
    let result = BrotliDecompressStream(
        &mut unread,
        &mut consumed,
        data,
        &mut room,
        &mut inflated,
        place,
        &mut 0,
        &mut state,
    );
    match result {
        BrotliResult::ResultSuccess => Ok(Ended { inflated, consumed }),
        BrotliResult::NeedsMoreInput => Err(Stopped::Cut),
        BrotliResult::NeedsMoreOutput => Err(Stopped::Full),
        BrotliResult::ResultFailure => Err(stopped(&format!("{:?}", state.error_code))),
    }
}

/// Memory for the ring, and for the maps of contexts.
fn ring_memory(place_bytes: usize) -> Bounded {
    // The ring is the smallest power of two over all that was inflated and the block that comes.
    // Honest blocks add up to less than the place, so whoever asks for more will overrun it.
    let ring_bytes_max = place_bytes.next_power_of_two() + RING_SLACK_BYTES;
    // It grows by doubling, so all of them together are twice the last.
    let maps_bytes_max = MAP_BYTES_MIN + MAP_BYTES_PER_BYTE * place_bytes;
    Bounded::new(ring_bytes_max, 2 * ring_bytes_max + maps_bytes_max)
}

/// The library's error, by its name, as a reason.
fn stopped(name: &str) -> Stopped {
    if name.contains("_ALLOC_RING_BUFFER_") {
        Stopped::Full
    } else if name.contains("_ALLOC_") {
        Stopped::Corrupt("more tables than its length is worth".to_owned())
    } else {
        Stopped::Corrupt(name.to_owned())
    }
}
