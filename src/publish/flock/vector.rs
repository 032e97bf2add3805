//! Vectors of three floats, as much of them as a flock needs.

use std::ops::{Add, AddAssign, Mul, Sub};

/// x, y, z.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Vector(pub(super) [f32; 3]);

impl Vector {
    pub(super) const ZERO: Self = Self([0.0; 3]);

    pub(super) fn dot(self, other: Self) -> f32 {
        self.0[0] * other.0[0] + self.0[1] * other.0[1] + self.0[2] * other.0[2]
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same direction, at most `length_max` long.
    pub(super) fn limited(self, length_max: f32) -> Self {
        let length = self.length();
        if length > length_max {
            self * (length_max / length)
        } else {
            self
        }
    }

    /// The same direction at length 1; nothing stays nothing.
    pub(super) fn direction(self) -> Self {
        let length = self.length();
        if length > 0.0 {
            self * (1.0 / length)
        } else {
            Self::ZERO
        }
    }
}

impl Add for Vector {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|axis| self.0[axis] + other.0[axis]))
    }
}

impl AddAssign for Vector {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Vector {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|axis| self.0[axis] - other.0[axis]))
    }
}

impl Mul<f32> for Vector {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}
