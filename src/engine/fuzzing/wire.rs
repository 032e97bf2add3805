//! Frames and messages made and read by hand, beside the codec, so that a mistake in the one is
//! not a mistake in the other.
//!
//! A sealed message is a little-endian u32 (its length; the highest bit says text) and its body: an
//! AGNT frame, or the bare records where the server would write JSON.

use agnt_codec::AgentPosition;
use bytes::{BufMut, BytesMut};

use crate::engine::lane::Encoders;

/// A record of positions or metrics as it is on the wire.
pub(super) type Record = [u8; 28];

pub(super) const POSITIONS: u8 = 1;
pub(super) const STATES: u8 = 2;
pub(super) const METRICS: u8 = 3;
pub(super) const COORDINATION: u8 = 4;

/// The flag that more frames of the tick follow.
pub(super) const MORE: u8 = 8;
/// The flag of a frame of a state tick.
pub(super) const KEYFRAME: u8 = 16;

/// The flag of a state record that has metadata.
pub(super) const HAS_METADATA: u8 = 1;
/// The flag of a state record whose metadata is CBOR.
pub(super) const IS_CBOR: u8 = 2;

const TEXT: u32 = 1 << 31;
/// Bytes before the body of a sealed message.
pub(super) const SEAL_BYTES: usize = 4;

/// The encoders that the fuzzed engine is given.
pub(super) const ENCODERS: Encoders = Encoders {
    seal_frame,
    seal_text,
    seal_positions_json,
    read_label: |_| None,
    sealed_bytes,
};

fn seal_frame(frame: &[u8], out: &mut BytesMut) {
    out.put_u32_le(frame.len() as u32);
    out.put_slice(frame);
}

fn seal_text(text: &[u8], out: &mut BytesMut) {
    out.put_u32_le(TEXT | text.len() as u32);
    out.put_slice(text);
}

fn seal_positions_json(records: &[AgentPosition], out: &mut BytesMut) {
    out.put_u32_le(TEXT | (records.len() * size_of::<Record>()) as u32);
    for record in records {
        out.put_slice(&record.id.to_bytes());
        for value in record.position.iter().chain(&record.velocity) {
            out.put_slice(&value.to_bytes());
        }
    }
}

fn sealed_bytes(sealed: &[u8]) -> Option<usize> {
    let head = sealed.first_chunk::<SEAL_BYTES>()?;
    Some(SEAL_BYTES + (u32::from_le_bytes(*head) & !TEXT) as usize)
}

/// Cuts sealed messages apart: whether each is text, and its body.
pub(super) fn messages(mut sealed: &[u8]) -> Vec<(bool, &[u8])> {
    let mut found = Vec::new();
    while let Some((head, rest)) = sealed.split_first_chunk::<SEAL_BYTES>() {
        let head = u32::from_le_bytes(*head);
        let (body, behind) = rest.split_at((head & !TEXT) as usize);
        found.push((head & TEXT != 0, body));
        sealed = behind;
    }
    assert!(sealed.is_empty(), "a message is cut short");
    found
}

/// A frame with a length field.
pub(super) fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"AGNT".to_vec();
    bytes.extend([kind, flags]);
    bytes.extend((payload.len() as u16).to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// A frame of positions.
pub(super) fn positions(flags: u8, records: &[Record]) -> Vec<u8> {
    let mut payload = (records.len() as u32).to_le_bytes().to_vec();
    payload.extend(records.as_flattened());
    frame(POSITIONS, flags, &payload)
}

/// The type, flags and payload of a frame.
pub(super) fn open(frame: &[u8]) -> (u8, u8, &[u8]) {
    let (head, payload) = frame.split_at(8);
    assert_eq!(head[..4], *b"AGNT");
    assert_eq!(
        usize::from(u16::from_le_bytes([head[6], head[7]])),
        payload.len()
    );
    (head[4], head[5], payload)
}

/// The records of a payload that begins with their count.
pub(super) fn counted(payload: &[u8]) -> Vec<Record> {
    let (count, rest) = payload.split_at(4);
    let records = records(rest);
    assert_eq!(u32_at(count, 0) as usize, records.len());
    records
}

/// The records of bytes that hold nothing else.
pub(super) fn records(bytes: &[u8]) -> Vec<Record> {
    let (records, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "half a record");
    records.to_vec()
}

/// The agent that a record is about.
pub(super) fn id_of(record: &[u8]) -> u32 {
    u32_at(record, 0)
}

/// Whether x is NaN: all bits of the exponent, and one of the mantissa.
pub(super) fn is_gone(record: &Record) -> bool {
    let x = u32_at(record, 4) & 0x7FFF_FFFF;
    x > 0x7F80_0000
}

/// The record with which the server says that an agent is gone.
pub(super) fn gone(id: u32) -> Record {
    let mut record = [0; 28];
    record[..4].copy_from_slice(&id.to_le_bytes());
    record[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    record
}

/// A state record: id, state, flags, metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) id: u32,
    pub(super) state: u8,
    pub(super) flags: u8,
    pub(super) metadata: Vec<u8>,
}

impl State {
    /// The same without metadata.
    pub(super) fn bare(&self) -> Self {
        Self {
            flags: 0,
            metadata: Vec::new(),
            ..*self
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_le_bytes());
        out.extend([self.state, self.flags]);
        if self.flags & HAS_METADATA != 0 {
            out.extend((self.metadata.len() as u16).to_le_bytes());
            out.extend(&self.metadata);
        }
    }
}

/// A frame of state records.
pub(super) fn states(flags: u8, records: &[State]) -> Vec<u8> {
    let mut payload = (records.len() as u32).to_le_bytes().to_vec();
    for record in records {
        record.write(&mut payload);
    }
    frame(STATES, flags, &payload)
}

/// The state records of a payload.
pub(super) fn read_states(payload: &[u8]) -> Vec<State> {
    let mut rest = &payload[4..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (id, state, flags) = (u32_at(rest, 0), rest[4], rest[5]);
        let mut metadata = Vec::new();
        let mut end = 6;
        if flags & HAS_METADATA != 0 {
            end = 8 + usize::from(u16::from_le_bytes([rest[6], rest[7]]));
            metadata.extend(&rest[8..end]);
        }
        found.push(State {
            id,
            state,
            flags,
            metadata,
        });
        rest = &rest[end..];
    }
    assert_eq!(u32_at(payload, 0) as usize, found.len());
    found
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
