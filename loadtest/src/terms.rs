//! The terms of a viewer: in which form it asks for positions, and whether the server agreed.
//!
//! A viewer that got other terms than it asked for would measure something else, so that is an
//! error as the session is opened and no surprise in the numbers.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// What compresses the frames of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    /// RFC 1950
    Zlib,
    /// RFC 1952
    Gzip,
    /// RFC 1950 as well, under the name that HTTP has for it
    Deflate,
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstd,
}

impl Algorithm {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
        }
    }
}

/// An algorithm and how hard it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compression {
    /// What compresses.
    pub(crate) algorithm: Algorithm,
    /// 1 to 9.
    pub(crate) level: u8,
}

/// What a viewer asks for beside binary frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Frames come compressed.
    pub(crate) compression: Option<Compression>,
    /// A `TICK_INFO` comes before each tick.
    pub(crate) has_tick_info: bool,
    /// A message may hold several frames.
    pub(crate) is_concatenated: bool,
}

impl Terms {
    /// Plain frames, one a message.
    pub(crate) const PLAIN: Self = Self {
        compression: None,
        has_tick_info: false,
        is_concatenated: false,
    };

    /// The capabilities that the handshake lists.
    pub(crate) fn capabilities(self) -> Vec<&'static str> {
        let wished = [
            ("binary", true),
            ("compression", self.compression.is_some()),
            ("tick-info", self.has_tick_info),
            ("frame-concat", self.is_concatenated),
        ];
        let wished = wished.into_iter().filter(|(_, is_wished)| *is_wished);
        wished.map(|(name, _)| name).collect()
    }

    /// The handshake's key `compression`, if there is a choice to state.
    pub(crate) fn choice(self) -> Option<Value> {
        self.compression.map(|Compression { algorithm, level }| {
            json!({ "algorithms": [algorithm.name()], "level": level })
        })
    }

    /// Checks that `handshake_ack` grants all of it.
    pub(crate) fn check(self, ack: &Value) -> Result<()> {
        if self == Self::PLAIN {
            return Ok(());
        }
        let asked = self
            .compression
            .map_or("none", |compression| compression.algorithm.name());
        let granted = ack["compression"].as_str().unwrap_or("none");
        // Two names of one format: the server may answer with either.
        let plain_name = |name| if name == "deflate" { "zlib" } else { name };
        if plain_name(asked) != plain_name(granted) {
            return Err(Failure::new(format!(
                "asked for compression {asked}, the server grants {granted}"
            )));
        }
        let granted = |name: &str| {
            let names = ack["capabilities"].as_array();
            names.is_some_and(|names| names.iter().any(|granted| granted == name))
        };
        match self.capabilities().into_iter().find(|name| !granted(name)) {
            Some(name) => Err(Failure::new(format!("the server does not grant {name}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Terms = Terms {
        compression: Some(Compression {
            algorithm: Algorithm::Deflate,
            level: 6,
        }),
        has_tick_info: true,
        is_concatenated: true,
    };

    #[test]
    fn a_handshake_says_what_is_wished_and_no_more() {
        assert_eq!(Terms::PLAIN.capabilities(), ["binary"]);
        assert_eq!(Terms::PLAIN.choice(), None);
        let all = ["binary", "compression", "tick-info", "frame-concat"];
        assert_eq!(ALL.capabilities(), all);
        assert_eq!(
            ALL.choice(),
            Some(json!({"algorithms": ["deflate"], "level": 6}))
        );
    }

    #[test]
    fn what_is_not_granted_is_named() {
        let all = ["binary", "compression", "tick-info", "frame-concat"];
        let ack = |compression: &str, capabilities: &[&str]| json!({"compression": compression, "capabilities": capabilities});
        assert_eq!(ALL.check(&ack("deflate", &all)), Ok(()));
        assert_eq!(ALL.check(&ack("zlib", &all)), Ok(()), "the same format");
        for (ack, said) in [
            (
                ack("none", &all),
                "asked for compression deflate, the server grants none",
            ),
            (
                ack("gzip", &all),
                "asked for compression deflate, the server grants gzip",
            ),
            (
                ack("zlib", &all[..3]),
                "the server does not grant frame-concat",
            ),
            (
                ack("zlib", &all[..2]),
                "the server does not grant tick-info",
            ),
            (
                json!({}),
                "asked for compression deflate, the server grants none",
            ),
        ] {
            assert_eq!(ALL.check(&ack).unwrap_err().to_string(), said);
        }
        assert_eq!(Terms::PLAIN.check(&json!({})), Ok(()), "any server will do");
    }
}
