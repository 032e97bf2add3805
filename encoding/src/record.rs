//! A record as six floats or six patterns of bits, positions first.

use agnt_codec::AgentPosition;
use agnt_codec::order::{F32, U32};

/// The values of a record: x, y, z, vx, vy, vz.
#[inline]
pub(crate) fn values(record: &AgentPosition) -> [f32; 6] {
    bits(record).map(f32::from_bits)
}

/// The bits of the values of a record, which never pass through a float.
#[inline]
pub(crate) fn bits(record: &AgentPosition) -> [u32; 6] {
    let [x, y, z] = record.position;
    let [vx, vy, vz] = record.velocity;
    [x, y, z, vx, vy, vz].map(|value| u32::from_le_bytes(value.to_bytes()))
}

/// The record of six values.
#[inline]
pub(crate) fn of_values(id: u32, values: [f32; 6]) -> AgentPosition {
    of_bits(id, values.map(f32::to_bits))
}

/// The record of six patterns of bits.
#[inline]
pub(crate) fn of_bits(id: u32, bits: [u32; 6]) -> AgentPosition {
    let [x, y, z, vx, vy, vz] = bits.map(|one| F32::from_bytes(one.to_le_bytes()));
    AgentPosition {
        id: U32::new(id),
        position: [x, y, z],
        velocity: [vx, vy, vz],
    }
}
