//! Numbers: the six i32 by which a reference knows a record, and what the reference predicts.
//!
//! Codec `fixed` counts steps; codec `predict` numbers the bit patterns of binary32 in the order of
//! the floats, so that near values have near numbers and every pattern has one.
//!
//! Invariant: both sides predict the same number from the same reference, on every machine: only
//! additions, multiplications and roundings of IEEE 754 binary64 are used, in a stated order.

use agnt_codec::AgentPosition;

use crate::Precision;
use crate::record::{bits, of_bits, values};
use crate::residual::block::BLOCK;

/// The numbers of a record: x, y, z, vx, vy, vz.
pub(crate) type Six = [i32; 6];

/// The greatest number of a value, to both sides, that codec `fixed` holds.
const NUMBER_MAX: f64 = (1_u32 << 30) as f64;

/// How the values of records become numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Numbering {
    /// Multiples of a step for coordinates and of one for velocities; both are powers of two.
    Steps {
        /// Units.
        position: f64,
        /// Units per second.
        velocity: f64,
    },
    /// Patterns of bits, in the order of the floats.
    Bits,
}

/// The weights of the old and of the new velocity in a prediction, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) old: f32,
    pub(crate) new: f32,
}

impl Weights {
    /// The prediction that all stay where they are.
    pub(crate) const ZERO: Self = Self { old: 0.0, new: 0.0 };
}

impl Numbering {
    /// The steps of a precision.
    pub(crate) fn of(precision: Precision) -> Self {
        Self::Steps {
            position: precision.position_step(),
            velocity: precision.velocity_step(),
        }
    }

    /// The numbers of a record; none if its agent is gone or a value has no number.
    #[inline]
    pub(crate) fn numbers(self, record: &AgentPosition) -> Option<Six> {
        match self {
            Self::Bits => (!record.is_gone()).then(|| bits(record).map(ordered)),
            Self::Steps { position, velocity } => {
                let values = values(record);
                let per_step = [1.0 / position, 1.0 / velocity];
                let steps: [f64; 6] =
                    std::array::from_fn(|axis| f64::from(values[axis]) * per_step[axis / 3]);
                // NaN compares false.
                let fits = steps.iter().all(|steps| steps.abs() <= NUMBER_MAX);
                fits.then(|| steps.map(|steps| floor(steps + 0.5)))
            }
        }
    }

    /// The record that has these numbers.
    #[inline]
    pub(crate) fn record(self, id: u32, numbers: Six) -> AgentPosition {
        match self {
            Self::Bits => of_bits(id, numbers.map(unordered)),
            Self::Steps { position, velocity } => {
                let steps = [position, velocity];
                let value = |axis: usize| (f64::from(numbers[axis]) * steps[axis / 3]) as f32;
                of_bits(id, std::array::from_fn(|axis| value(axis).to_bits()))
            }
        }
    }

    /// The predicted coordinates of agents that were at `places` with the velocities `old` and have
    /// the velocities `new`.
    #[inline]
    pub(crate) fn predict(
        self,
        weights: Weights,
        places: &[i32; BLOCK],
        old: &[i32; BLOCK],
        new: &[i32; BLOCK],
    ) -> [i32; BLOCK] {
        let [by_old, by_new] = [weights.old, weights.new].map(f64::from);
        match self {
            Self::Steps { position, velocity } => {
                let [by_old, by_new] = [by_old, by_new].map(|by| (by * velocity) / position);
                std::array::from_fn(|agent| {
                    let moved = by_old * f64::from(old[agent]) + by_new * f64::from(new[agent]);
                    places[agent].wrapping_add(floor(moved + 0.5))
                })
            }
            Self::Bits => std::array::from_fn(|agent| {
                let values = [places[agent], old[agent], new[agent]]
                    .map(|number| f32::from_bits(unordered(number)));
                let [place, old, new] = values.map(f64::from);
                let moved = ((place + by_old * old) + by_new * new) as f32;
                if values.iter().all(|value| value.is_finite()) & moved.is_finite() {
                    ordered(moved.to_bits())
                } else {
                    places[agent]
                }
            }),
        }
    }

    /// Three values whose fit gives weights: how far a coordinate moved, the old and the new
    /// velocity, in units; from a coordinate and its velocity. None where a value isn't finite.
    #[inline]
    pub(crate) fn motion(self, before: [i32; 2], now: [i32; 2]) -> Option<[f64; 3]> {
        let ([place, old], [new_place, new]) = (before, now);
        match self {
            Self::Steps { position, velocity } => Some([
                (f64::from(new_place) - f64::from(place)) * position,
                f64::from(old) * velocity,
                f64::from(new) * velocity,
            ]),
            Self::Bits => {
                let [from, to, old, new] = [place, new_place, old, new]
                    .map(|number| f64::from(f32::from_bits(unordered(number))));
                let motion = [to - from, old, new];
                motion
                    .iter()
                    .all(|value| value.is_finite())
                    .then_some(motion)
            }
        }
    }
}

/// The greatest whole number that isn't above `value`, brought into the range of i32.
///
/// The same as `value.floor() as i32`, which calls a function on machines without an instruction
/// for it.
#[inline]
fn floor(value: f64) -> i32 {
    let toward_zero = value as i32;
    toward_zero.saturating_sub(i32::from(f64::from(toward_zero) > value))
}

/// The place of a bit pattern among all binary32, ordered as floats are.
#[inline]
fn ordered(bits: u32) -> i32 {
    let sign = (bits as i32) >> 31;
    // Negative floats count downward, from -1 for minus zero.
    bits as i32 ^ (sign & i32::MAX)
}

/// The bit pattern at a place.
#[inline]
fn unordered(place: i32) -> u32 {
    (place ^ ((place >> 31) & i32::MAX)) as u32
}
