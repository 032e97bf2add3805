//! Codec `shuffle`: the bytes of the records by planes, so that a compressor sees like beside like.
//!
//! ```text
//! codec u8, 1 | 3 zero bytes | count n u32 | byte 0 of all n records | ... | byte 27 of all
//! ```

use agnt_codec::{AgentPosition, PAYLOAD_BYTES_MAX, POSITIONS_PER_FRAME_MAX};
use zerocopy::{FromBytes, IntoBytes};

use crate::EncodingError;
use crate::payload::{count_at, expect_length, expect_zeros};

/// Bytes before the planes.
const HEAD_BYTES: usize = 8;

/// Bytes of a record, and so the number of planes.
const PLANES: usize = size_of::<AgentPosition>();

/// Records that are turned together, so that they stay in the nearest cache.
const TOGETHER: usize = 128;

/// Appends the payload of at most [`POSITIONS_PER_FRAME_MAX`] records.
pub(crate) fn write(records: &[AgentPosition], out: &mut Vec<u8>) {
    let count = records.len();
    out.extend([1, 0, 0, 0]);
    out.extend((count as u32).to_le_bytes());
    let start = out.len();
    out.resize(start + PLANES * count, 0);
    let planes = &mut out[start..];
    for (part, rows) in records.chunks(TOGETHER).enumerate() {
        let bytes = rows.as_bytes();
        for plane in 0..PLANES {
            let at = plane * count + part * TOGETHER;
            let there = &mut planes[at..at + rows.len()];
            for (byte, row) in there.iter_mut().zip(bytes.chunks_exact(PLANES)) {
                *byte = row[plane];
            }
        }
    }
}

/// Appends the records of a payload to `out`.
pub(crate) fn read(payload: &[u8], out: &mut Vec<AgentPosition>) -> Result<(), EncodingError> {
    let count = count_at(payload, 4, HEAD_BYTES)?;
    expect_zeros(payload, 1..4)?;
    expect_length(payload, HEAD_BYTES, count, PLANES)?;
    let planes = &payload[HEAD_BYTES..];
    let mut row = [0; PLANES];
    out.reserve(count);
    for index in 0..count {
        for (plane, byte) in row.iter_mut().enumerate() {
            *byte = planes[plane * count + index];
        }
        out.extend(AgentPosition::read_from_bytes(&row));
    }
    Ok(())
}

const _: () = assert!(HEAD_BYTES + PLANES * POSITIONS_PER_FRAME_MAX <= PAYLOAD_BYTES_MAX);
