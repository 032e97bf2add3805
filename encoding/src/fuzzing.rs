//! The bodies of the fuzz target over positions, so that ordinary tests run them over the corpus too.
//!
//! Each takes any bytes and panics if an invariant of the codecs doesn't hold.

use std::collections::BTreeMap;

use agnt_codec::order::F32;
use agnt_codec::{AgentPosition, Flags, Frames, Payload};

use crate::residual::head::{FIRST, KEY};
use crate::{Codec, CodecSpec, PositionDecoder, PositionEncoder, Precision};

/// The ticks of a script that are played; what can go wrong does so in few.
const TICKS_MAX: usize = 12;

/// Decodes payloads, each behind its length as a u16: records are paid for by bytes, nothing is left
/// of a payload that is refused, and behind one with a reference only a key can follow.
pub fn decode(bytes: &[u8]) {
    let mut decoder = PositionDecoder::new();
    let mut is_lost = true;
    let mut rest = bytes;
    while let Some((&length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(length)).min(behind.len());
        let (payload, behind) = behind.split_at(length);
        rest = behind;
        let before = AgentPosition::new(1, [2.0; 3], [3.0; 3]);
        let mut records = vec![before];
        let mut twin = decoder.clone();
        let result = decoder.decode(payload, &mut records);
        let mut records_again = vec![before];
        assert_eq!(twin.decode(payload, &mut records_again), result);
        assert_eq!(records, records_again);
        assert_eq!(records[0], before);
        let fed_bytes = bytes.len() - rest.len();
        assert!(
            records.len() - 1 <= fed_bytes / 8,
            "records that nobody paid"
        );
        if let Err(refused) = result {
            assert!(!refused.to_string().is_empty());
            assert_eq!(records.len(), 1, "{refused}");
        }
        let codec = payload.first().copied().and_then(Codec::of_id);
        if codec.is_some_and(Codec::is_stateful) {
            let is_first = payload.get(1) == Some(&(KEY | FIRST));
            assert!(result.is_err() || is_first || !is_lost, "no key came");
            is_lost = result.is_err();
        }
    }
}

/// Encodes ticks that the bytes describe: who came before them and who enters behind one both have
/// the newest record of each agent, to the bit or within the bounds.
pub fn roundtrip(bytes: &[u8]) {
    let mut script = Script { rest: bytes };
    let spec = script.spec();
    let mut encoder = PositionEncoder::new(spec);
    let mut newest = BTreeMap::new();
    let mut viewer = Viewer::entering(&encoder, &newest);
    for _ in 0..TICKS_MAX {
        if script.rest.is_empty() {
            break;
        }
        let plan = script.byte();
        if plan & 0b111 == 7 {
            encoder.seed(newest.values());
            viewer = Viewer::entering(&encoder, &newest);
        }
        let records = script.tick(usize::from(plan >> 3), &newest);
        for record in &records {
            if record.is_gone() {
                newest.remove(&record.id.get());
            } else {
                newest.insert(record.id.get(), *record);
            }
        }
        let flags = Flags(plan & 0b110);
        let mut frames = Vec::new();
        let count = encoder.encode(&records, flags, &mut frames);
        assert!(
            frames.len() <= 64 + 2 * (12 + 28 * records.len()),
            "frames that grow"
        );
        assert_eq!(viewer.take(&frames, flags), count);
        viewer.assert_has(&newest, spec);
        if plan & 0b110 == 0 {
            Viewer::entering(&encoder, &newest).assert_has(&newest, spec);
        }
    }
}

/// The bytes of an input as choices.
struct Script<'a> {
    rest: &'a [u8],
}

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn spec(&mut self) -> CodecSpec {
        let choice = self.byte();
        let error = |exponent: u8| f64::from(exponent % 24).exp2() / 4096.0;
        match choice % 5 {
            0 => CodecSpec::Plain,
            1 => CodecSpec::Shuffle,
            2 => CodecSpec::Predict,
            3 => CodecSpec::Box,
            _ => Precision::new(error(choice / 5), error(choice / 3))
                .map_or(CodecSpec::Plain, CodecSpec::Fixed),
        }
    }

    /// Up to `count` runs of records, each some agents that do alike.
    fn tick(&mut self, count: usize, newest: &BTreeMap<u32, AgentPosition>) -> Vec<AgentPosition> {
        let mut records = Vec::new();
        for _ in 0..count {
            let (first, length, what) = (self.byte(), self.byte(), self.byte());
            let value = self.word();
            for id in (0..u32::from(length % 64)).map(|offset| u32::from(first) + offset) {
                let zero = AgentPosition::new(id, [0.0; 3], [0.0; 3]);
                let mut record = newest.get(&id).copied().unwrap_or(zero);
                let [position, velocity] = [&mut record.position, &mut record.velocity];
                let axis = usize::from(what >> 3) % 3;
                match what % 8 {
                    0 => record = AgentPosition::gone(id),
                    1 => position[axis] = F32::from_bytes(value.to_le_bytes()),
                    2 => velocity[axis] = F32::from_bytes(value.to_le_bytes()),
                    3 => {}
                    _ => {
                        for (place, speed) in position.iter_mut().zip(velocity) {
                            let turn = (value % 256) as f32 / 256.0 - id as f32 / 100.0;
                            place.set(place.get() + speed.get() * (value >> 24) as f32 / 1000.0);
                            speed.set(speed.get() + turn);
                        }
                    }
                }
                records.push(record);
            }
        }
        records
    }
}

/// Somebody who watches.
struct Viewer {
    decoder: PositionDecoder,
    newest: BTreeMap<u32, AgentPosition>,
    /// The greatest errors that a box stated so far.
    box_errors: [f64; 2],
}

impl Viewer {
    fn entering(encoder: &PositionEncoder, newest: &BTreeMap<u32, AgentPosition>) -> Self {
        let without = newest
            .values()
            .filter(|record| !encoder.has_slot(record.id.get()));
        let without: Vec<_> = without.copied().collect();
        let mut key = Vec::new();
        let count = encoder.write_key(&without, &mut key);
        let mut viewer = Self {
            decoder: PositionDecoder::new(),
            newest: BTreeMap::new(),
            box_errors: [0.0; 2],
        };
        assert_eq!(viewer.take(&key, Flags::KEYFRAME), count);
        viewer
    }

    /// Takes frames, of which the last has `flags`.
    fn take(&mut self, bytes: &[u8], flags: Flags) -> u32 {
        let frames: Result<Vec<_>, _> = Frames::new(bytes).collect();
        let frames = frames.unwrap_or_else(|error| panic!("{error}"));
        for (index, frame) in frames.iter().enumerate() {
            let is_last = index + 1 == frames.len();
            let expected = if is_last {
                flags
            } else {
                flags.with(Flags::MORE)
            };
            assert_eq!(frame.flags().without(Flags::CODEC), expected);
            let mut records = Vec::new();
            match frame.payload() {
                Payload::Positions(plain) => records.extend(plain),
                Payload::Encoded(payload) => {
                    let result = self.decoder.decode(payload, &mut records);
                    result.unwrap_or_else(|error| panic!("{error}"));
                    self.note_box_errors(payload);
                }
                other => panic!("{other:?}"),
            }
            for record in records {
                if record.is_gone() {
                    self.newest.remove(&record.id.get());
                } else {
                    self.newest.insert(record.id.get(), record);
                }
            }
        }
        frames.len() as u32
    }

    fn note_box_errors(&mut self, payload: &[u8]) {
        if payload[0] == 3 {
            for (error, at) in self.box_errors.iter_mut().zip([28, 32]) {
                let stated = f32::from_bits(crate::payload::u32_at(payload, at));
                *error = error.max(stated.into());
            }
        }
    }

    fn assert_has(&self, newest: &BTreeMap<u32, AgentPosition>, spec: CodecSpec) {
        let bounds = match spec {
            CodecSpec::Plain | CodecSpec::Shuffle | CodecSpec::Predict => [0.0; 2],
            CodecSpec::Box => self.box_errors,
            CodecSpec::Fixed(precision) => [precision.position_error(), precision.velocity_error()],
        };
        assert!(self.newest.keys().eq(newest.keys()));
        for (seen, sent) in self.newest.values().zip(newest.values()) {
            for axis in 0..3 {
                assert_near(seen.position[axis], sent.position[axis], bounds[0]);
                assert_near(seen.velocity[axis], sent.velocity[axis], bounds[1]);
            }
        }
    }
}

fn assert_near(seen: F32, sent: F32, error: f64) {
    // Equality of these is equality of bits.
    let off = (f64::from(seen.get()) - f64::from(sent.get())).abs();
    assert!(seen == sent || off <= error, "{sent:?} came as {seen:?}");
}
