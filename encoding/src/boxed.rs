//! Codec `box`: numbers of 16 bits within the box of the frame's own records; nothing to keep.
//!
//! ```text
//! codec u8, 3 | 3 zero bytes | count n u32 | minimum x y z f32 | position step f32 | velocity step f32
//! | position error f32 | velocity error f32 | ids u32 | x u16 | y | z | vx i16 | vy | vz, n of each
//! ```

use agnt_codec::AgentPosition;

use crate::EncodingError;
use crate::payload::{count_at, expect_length, expect_zeros, u32_at};
use crate::record::{of_values, values};

/// Bytes before the ids.
const HEAD_BYTES: usize = 36;

/// Bytes of one record.
const RECORD_BYTES: usize = 4 + 6 * 2;

/// The most records that are written into one frame: no more than a plain frame holds.
pub(crate) const RECORDS_MAX: usize = agnt_codec::POSITIONS_PER_FRAME_MAX;

/// The greatest number of a coordinate, and of a velocity's component.
const PLACE_MAX: f64 = 65_535.0;
const SPEED_MAX: f64 = 32_767.0;

/// The greatest value that is written, so that no sum leaves the range of binary32.
const VALUE_MAX: f32 = f32::from_bits(0x7E80_0000);

/// Whether a box can hold the record.
pub(crate) fn holds(record: &AgentPosition) -> bool {
    // NaN compares false.
    values(record).iter().all(|value| value.abs() <= VALUE_MAX)
}

/// Where the numbers of a frame lie and how far apart they are.
struct Scale {
    low: [f32; 3],
    position_step: f32,
    velocity_step: f32,
}

impl Scale {
    fn of(records: &[AgentPosition]) -> Self {
        let (mut low, mut high, mut fastest) = ([f32::MAX; 3], [f32::MIN; 3], 0.0_f32);
        for record in records {
            let values = values(record);
            for axis in 0..3 {
                low[axis] = low[axis].min(values[axis]);
                high[axis] = high[axis].max(values[axis]);
                fastest = fastest.max(values[3 + axis].abs());
            }
        }
        if records.is_empty() {
            (low, high) = ([0.0; 3], [0.0; 3]);
        }
        let longest = (0..3)
            .map(|axis| f64::from(high[axis]) - f64::from(low[axis]))
            .fold(0.0, f64::max);
        Self {
            low,
            position_step: rounded_up(longest / PLACE_MAX),
            velocity_step: rounded_up(f64::from(fastest) / SPEED_MAX),
        }
    }

    fn place(&self, axis: usize, value: f32) -> u16 {
        let steps = (f64::from(value) - f64::from(self.low[axis])) / f64::from(self.position_step);
        (steps + 0.5) as u16
    }

    fn speed(&self, value: f32) -> i16 {
        // The nearest number: halves go away from zero, as far as their sign takes them.
        let steps = f64::from(value) / f64::from(self.velocity_step);
        (steps + 0.5_f64.copysign(steps)) as i16
    }

    fn place_value(&self, axis: usize, place: u16) -> f32 {
        (f64::from(self.low[axis]) + f64::from(place) * f64::from(self.position_step)) as f32
    }

    fn speed_value(&self, speed: i16) -> f32 {
        (f64::from(speed) * f64::from(self.velocity_step)) as f32
    }
}

/// The least normal binary32 that is positive and not below `value`.
fn rounded_up(value: f64) -> f32 {
    let near = value as f32;
    let up = if f64::from(near) < value {
        near.next_up()
    } else {
        near
    };
    up.max(f32::MIN_POSITIVE)
}

/// Appends the payload of at most [`RECORDS_MAX`] records that a box holds.
pub(crate) fn write(records: &[AgentPosition], out: &mut Vec<u8>) {
    let scale = Scale::of(records);
    out.extend([3, 0, 0, 0]);
    out.extend((records.len() as u32).to_le_bytes());
    for value in scale
        .low
        .iter()
        .chain([&scale.position_step, &scale.velocity_step])
    {
        out.extend(value.to_le_bytes());
    }
    let errors_at = out.len();
    out.extend([0; 8]);
    let start = out.len();
    out.resize(start + RECORD_BYTES * records.len(), 0);
    let (ids, columns) = out[start..].split_at_mut(4 * records.len());
    for (there, record) in ids.chunks_exact_mut(4).zip(records) {
        there.copy_from_slice(&record.id.to_bytes());
    }
    let mut columns = columns.chunks_exact_mut((2 * records.len()).max(2));
    let mut errors = [0.0_f64; 2];
    for (axis, column) in (0..3).zip(columns.by_ref()) {
        for (there, record) in column.chunks_exact_mut(2).zip(records) {
            let value = record.position[axis].get();
            let place = scale.place(axis, value);
            let off = f64::from(scale.place_value(axis, place)) - f64::from(value);
            errors[0] = errors[0].max(off.abs());
            there.copy_from_slice(&place.to_le_bytes());
        }
    }
    for (axis, column) in (0..3).zip(columns) {
        for (there, record) in column.chunks_exact_mut(2).zip(records) {
            let value = record.velocity[axis].get();
            let speed = scale.speed(value);
            let off = f64::from(scale.speed_value(speed)) - f64::from(value);
            errors[1] = errors[1].max(off.abs());
            there.copy_from_slice(&speed.to_le_bytes());
        }
    }
    let errors = errors.map(|error| rounded_up(error).to_le_bytes());
    out[errors_at..errors_at + 8].copy_from_slice(errors.as_flattened());
}

/// Appends the records of a payload to `out`.
pub(crate) fn read(payload: &[u8], out: &mut Vec<AgentPosition>) -> Result<(), EncodingError> {
    let count = count_at(payload, 4, HEAD_BYTES)?;
    expect_zeros(payload, 1..4)?;
    let low = [
        finite(payload, 8, "minimum x")?,
        finite(payload, 12, "minimum y")?,
        finite(payload, 16, "minimum z")?,
    ];
    let scale = Scale {
        low,
        position_step: positive(payload, 20, "position step")?,
        velocity_step: positive(payload, 24, "velocity step")?,
    };
    not_negative(payload, 28, "position error")?;
    not_negative(payload, 32, "velocity error")?;
    expect_length(payload, HEAD_BYTES, count, RECORD_BYTES)?;
    let (ids, columns) = payload[HEAD_BYTES..].split_at(4 * count);
    let column = |component: usize| &columns[2 * count * component..2 * count * (component + 1)];
    let columns: [&[u8]; 6] = std::array::from_fn(column);
    out.reserve(count);
    for index in 0..count {
        let pair = |component: usize| {
            let at = 2 * index;
            [columns[component][at], columns[component][at + 1]]
        };
        let place = |axis: usize| scale.place_value(axis, u16::from_le_bytes(pair(axis)));
        let speed = |axis: usize| scale.speed_value(i16::from_le_bytes(pair(3 + axis)));
        let values = [place(0), place(1), place(2), speed(0), speed(1), speed(2)];
        out.push(of_values(u32_at(ids, 4 * index), values));
    }
    Ok(())
}

fn finite(payload: &[u8], at: usize, field: &'static str) -> Result<f32, EncodingError> {
    allowed(payload, at, field, "finite numbers", f32::is_finite)
}

fn positive(payload: &[u8], at: usize, field: &'static str) -> Result<f32, EncodingError> {
    let is_positive = |value: f32| value.is_finite() && value > 0.0;
    allowed(payload, at, field, "finite numbers above 0", is_positive)
}

fn not_negative(payload: &[u8], at: usize, field: &'static str) -> Result<f32, EncodingError> {
    let is_not_negative = |value: f32| value.is_finite() && value >= 0.0;
    allowed(payload, at, field, "finite numbers from 0", is_not_negative)
}

fn allowed(
    payload: &[u8],
    at: usize,
    field: &'static str,
    allowed: &'static str,
    is_allowed: impl Fn(f32) -> bool,
) -> Result<f32, EncodingError> {
    let bits = u32_at(payload, at);
    let value = f32::from_bits(bits);
    if is_allowed(value) {
        Ok(value)
    } else {
        Err(EncodingError::Float {
            field,
            bits,
            allowed,
        })
    }
}

const _: () = assert!(HEAD_BYTES + RECORD_BYTES * RECORDS_MAX <= agnt_codec::PAYLOAD_BYTES_MAX);
