//! The head of a residual frame: its first 32 bytes.

use crate::payload::u32_at;
use crate::residual::block::BLOCK;
use crate::residual::number::{Numbering, Weights};
use crate::residual::runs::ENTRY_BYTES;
use crate::{Codec, EncodingError};

/// Bytes of the head.
pub(crate) const HEAD_BYTES: usize = 32;

/// Bytes of an assignment: slot and id.
pub(crate) const ASSIGNMENT_BYTES: usize = 8;

/// The frame belongs to a key.
pub(crate) const KEY: u8 = 1;

/// The frame is the first of a key.
pub(crate) const FIRST: u8 = 2;

/// What the head says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) numbering: Numbering,
    pub(crate) bits: u8,
    pub(crate) runs: u16,
    pub(crate) sequence: u32,
    pub(crate) count: u32,
    pub(crate) assignments: u32,
    pub(crate) weights: Weights,
}

/// Where the parts behind the head lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) runs_at: usize,
    pub(crate) widths_at: usize,
    pub(crate) padding_at: usize,
    pub(crate) words_at: usize,
}

impl Head {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (codec, steps) = match self.numbering {
            Numbering::Steps { position, velocity } => (4, [position as f32, velocity as f32]),
            Numbering::Bits => (2, [0.0; 2]),
        };
        out.extend([codec, self.bits]);
        out.extend(self.runs.to_le_bytes());
        for number in [self.sequence, self.count, self.assignments] {
            out.extend(number.to_le_bytes());
        }
        for value in [self.weights.old, self.weights.new, steps[0], steps[1]] {
            out.extend(value.to_le_bytes());
        }
    }

    /// Reads and checks the head of a payload of codec `predict` or `fixed`.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Result<Self, EncodingError> {
        if payload.len() < HEAD_BYTES {
            return Err(EncodingError::Length {
                need: HEAD_BYTES,
                have: payload.len(),
            });
        }
        let bits = payload[1];
        if !matches!(bits, 0 | KEY | 3) {
            return Err(EncodingError::BitsUnknown(bits));
        }
        let numbering = if codec == Codec::Fixed {
            Numbering::Steps {
                position: step(payload, 24, "position step")?,
                velocity: step(payload, 28, "velocity step")?,
            }
        } else {
            zero(payload, 24, "position step")?;
            zero(payload, 28, "velocity step")?;
            Numbering::Bits
        };
        Ok(Self {
            numbering,
            bits,
            runs: u16::from_le_bytes([payload[2], payload[3]]),
            sequence: u32_at(payload, 4),
            count: u32_at(payload, 8),
            assignments: u32_at(payload, 12),
            weights: Weights {
                old: weight(payload, 16, "a")?,
                new: weight(payload, 20, "b")?,
            },
        })
    }

    /// Where the parts lie; whether they are there is not said.
    pub(crate) fn layout(&self) -> Layout {
        let assignments_bytes = (self.assignments as usize).saturating_mul(ASSIGNMENT_BYTES);
        let runs_at = HEAD_BYTES.saturating_add(assignments_bytes);
        let widths_at = runs_at.saturating_add(usize::from(self.runs) * ENTRY_BYTES);
        let blocks = (self.count as usize).div_ceil(BLOCK);
        let padding_at = widths_at.saturating_add(blocks.saturating_mul(6));
        Layout {
            runs_at,
            widths_at,
            padding_at,
            words_at: padding_at.saturating_add(3) & !3,
        }
    }
}

fn weight(payload: &[u8], at: usize, field: &'static str) -> Result<f32, EncodingError> {
    let bits = u32_at(payload, at);
    let value = f32::from_bits(bits);
    if value.is_finite() {
        return Ok(value);
    }
    let allowed = "finite numbers";
    Err(EncodingError::Float {
        field,
        bits,
        allowed,
    })
}

/// A power of two among the normal binary32.
fn step(payload: &[u8], at: usize, field: &'static str) -> Result<f64, EncodingError> {
    let bits = u32_at(payload, at);
    let exponent = bits >> 23;
    if bits.trailing_zeros() >= 23 && (1..=254).contains(&exponent) {
        return Ok(f64::from(f32::from_bits(bits)));
    }
    let allowed = "powers of two from 2^-126 to 2^127";
    Err(EncodingError::Float {
        field,
        bits,
        allowed,
    })
}

fn zero(payload: &[u8], at: usize, field: &'static str) -> Result<(), EncodingError> {
    match u32_at(payload, at) {
        0 => Ok(()),
        bits => Err(EncodingError::Float {
            field,
            bits,
            allowed: "0 with codec 2",
        }),
    }
}
