//! A bound that a person sets, or leaves to the server.

use std::fmt;
use std::str::FromStr;

/// The bound; see the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// What suits where the server runs.
    #[default]
    Automatic,
    /// No bound.
    Off,
    /// At most so many.
    At(u64),
}

/// A text that is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no bound; allowed: a whole number, or auto")]
pub struct BoundError;

impl Bound {
    /// The bound where `automatic` is what suits; none is no bound.
    pub fn resolved(self, automatic: Option<u64>) -> Option<u64> {
        match self {
            Self::Automatic => automatic,
            Self::Off => None,
            Self::At(most) => Some(most),
        }
    }
}

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        match text {
            "auto" => Ok(Self::Automatic),
            "0" => Ok(Self::Off),
            number => number.parse().map(Self::At).map_err(|_| BoundError),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => out.write_str("auto"),
            Self::Off => out.write_str("0"),
            Self::At(most) => write!(out, "{most}"),
        }
    }
}
