//! Codecs: how records become bytes, and how exactly.
//!
//! Invariant: a [`Precision`] is a pair of powers of two, so that `value / step` and `number * step`
//! are exact in binary64, and every number that a frame holds has a binary32 of its own.

use std::fmt;

use thiserror::Error;

/// A form of position records; its number is the first byte of a payload with the flag CODEC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Plain frames, without the flag.
    Plain,
    /// Byte planes, every bit.
    Shuffle,
    /// Residuals of the bits against a reference, every bit.
    Predict,
    /// Numbers of 16 bits in the frame's own box.
    Box,
    /// Residuals of fixed-point numbers against a reference.
    Fixed,
}

impl Codec {
    /// The number on the wire; plain frames have none.
    pub const fn id(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Shuffle => Some(1),
            Self::Predict => Some(2),
            Self::Box => Some(3),
            Self::Fixed => Some(4),
        }
    }

    /// The codec of a number on the wire.
    pub const fn of_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Shuffle),
            2 => Some(Self::Predict),
            3 => Some(Self::Box),
            4 => Some(Self::Fixed),
            _ => None,
        }
    }

    /// The word by which clients ask for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Shuffle => "shuffle",
            Self::Predict => "predict",
            Self::Box => "box",
            Self::Fixed => "fixed",
        }
    }

    /// The codec that clients ask for by this word.
    pub fn of_name(name: &str) -> Option<Self> {
        [
            Self::Plain,
            Self::Shuffle,
            Self::Predict,
            Self::Box,
            Self::Fixed,
        ]
        .into_iter()
        .find(|codec| codec.name() == name)
    }

    /// Whether a frame means something only to who has all frames since the last key.
    pub const fn is_stateful(self) -> bool {
        matches!(self, Self::Predict | Self::Fixed)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec with all that it must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodecSpec {
    /// Plain frames.
    Plain,
    /// Byte planes.
    Shuffle,
    /// Residuals of the bits.
    Predict,
    /// A box for each frame.
    Box,
    /// Residuals of fixed-point numbers that are at most this far off.
    Fixed(Precision),
}

impl CodecSpec {
    /// The codec alone.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Plain => Codec::Plain,
            Self::Shuffle => Codec::Shuffle,
            Self::Predict => Codec::Predict,
            Self::Box => Codec::Box,
            Self::Fixed(_) => Codec::Fixed,
        }
    }
}

/// How far off a value of codec `fixed` may be: powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Precision {
    position_exponent: i8,
    velocity_exponent: i8,
}

/// The exponents of the smallest and the greatest error that can be asked for.
const EXPONENTS: std::ops::RangeInclusive<i8> = -60..=60;

impl Precision {
    /// At most these errors, in units and in units per second: each is brought down to a power of
    /// two.
    ///
    /// Errors: one that isn't from 2^-60 to 2^60.
    pub fn new(position_error: f64, velocity_error: f64) -> Result<Self, PrecisionError> {
        Ok(Self {
            position_exponent: exponent("positionError", position_error)?,
            velocity_exponent: exponent("velocityError", velocity_error)?,
        })
    }

    /// The most by which a coordinate is off, in units.
    pub fn position_error(self) -> f64 {
        power(self.position_exponent)
    }

    /// The most by which a velocity's component is off, in units per second.
    pub fn velocity_error(self) -> f64 {
        power(self.velocity_exponent)
    }

    /// The distance from one coordinate to the next, in units.
    pub fn position_step(self) -> f64 {
        2.0 * self.position_error()
    }

    /// The distance from one velocity to the next, in units per second.
    pub fn velocity_step(self) -> f64 {
        2.0 * self.velocity_error()
    }
}

/// A precision that can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("{field}: {value} is not from 2^-60 to 2^60")]
pub struct PrecisionError {
    /// Which of the two, as clients write it.
    pub field: &'static str,
    /// What was asked for.
    pub value: f64,
}

fn exponent(field: &'static str, value: f64) -> Result<i8, PrecisionError> {
    let refused = PrecisionError { field, value };
    let allowed = power(*EXPONENTS.start())..=power(*EXPONENTS.end());
    if !allowed.contains(&value) {
        return Err(refused);
    }
    EXPONENTS
        .rev()
        .find(|&exponent| power(exponent) <= value)
        .ok_or(refused)
}

fn power(exponent: i8) -> f64 {
    f64::from(exponent).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_brought_down_to_powers_of_two() {
        for (asked, granted) in [
            (1.0, 1.0),
            (0.1, 0.0625),
            (1.999, 1.0),
            (1.0 / 1024.0, 1.0 / 1024.0),
            (60f64.exp2(), 60f64.exp2()),
            ((-60f64).exp2(), (-60f64).exp2()),
        ] {
            let precision = Precision::new(asked, 2.0 * asked.min(1e17)).unwrap();
            assert_eq!(precision.position_error().to_bits(), f64::to_bits(granted));
            assert!(precision.velocity_error() <= 2.0 * asked);
            assert!(precision.velocity_error() * 2.0 > 2.0 * asked.min(1e17));
        }
    }

    #[test]
    fn errors_that_cannot_be_had_are_named() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-30, 1e30] {
            let refused = Precision::new(1.0, value).unwrap_err();
            assert_eq!(refused.field, "velocityError");
            assert!(refused.to_string().contains("2^60"), "{refused}");
            assert_eq!(
                Precision::new(value, 1.0).unwrap_err().field,
                "positionError"
            );
        }
    }

    #[test]
    fn names_and_numbers_lead_back() {
        for codec in
            ["none", "shuffle", "predict", "box", "fixed"].map(|name| Codec::of_name(name).unwrap())
        {
            assert_eq!(
                codec.id().map_or(Some(Codec::Plain), Codec::of_id),
                Some(codec)
            );
        }
        assert_eq!(Codec::of_name("Fixed"), None);
        assert_eq!((Codec::of_id(0), Codec::of_id(5)), (None, None));
    }
}
