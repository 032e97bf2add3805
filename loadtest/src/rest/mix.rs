//! How often each kind of request comes.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// One agent is read.
    Get,
    /// A page of agents is read.
    List,
    /// A task is made.
    Post,
    /// An agent gives a sign of life.
    Heartbeat,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Get, Self::List, Self::Post, Self::Heartbeat];

    /// Its name in options and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Post => "post",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Its place in `ALL`.
    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

/// The share of each kind, in parts of their sum, which is above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix {
    parts: [u32; Kind::ALL.len()],
}

impl Mix {
    /// Requests of one kind alone.
    pub(crate) fn only(kind: Kind) -> Self {
        let mut parts = [0; Kind::ALL.len()];
        parts[kind.place()] = 1;
        Self { parts }
    }

    /// The kind of a request, drawn by its share.
    pub(crate) fn draw(self, random: &mut fastrand::Rng) -> Kind {
        let mut left = random.u32(..self.parts.iter().sum::<u32>());
        for kind in Kind::ALL {
            let part = self.parts[kind.place()];
            if left < part {
                return kind;
            }
            left -= part;
        }
        Kind::Get
    }
}

/// The most parts of one kind.
const PARTS_MAX: u32 = 1_000_000;

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = [0; Kind::ALL.len()];
        for share in text.split(',') {
            let (name, count) = share.split_once('=').unwrap_or((share, ""));
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            let count = count.parse().ok().filter(|count| *count <= PARTS_MAX);
            let (Some(kind), Some(count)) = (kind, count) else {
                let expected = "expected KIND=PARTS, the kinds being get, list, post, heartbeat";
                return Err(format!("{share:?}: {expected}, at most {PARTS_MAX} parts"));
            };
            parts[kind.place()] = count;
        }
        if parts.iter().all(|part| *part == 0) {
            return Err("expected a kind with more than 0 parts".to_owned());
        }
        Ok(Self { parts })
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = Kind::ALL
            .into_iter()
            .map(|kind| format!("{}={}", kind.name(), self.parts[kind.place()]));
        out.write_str(&shares.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_as_often_as_their_parts_say() {
        let mix: Mix = "get=70,list=10,heartbeat=20".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut drawn = [0_i32; Kind::ALL.len()];
        for _ in 0..100_000 {
            drawn[mix.draw(&mut random).place()] += 1;
        }
        for (kind, expected) in Kind::ALL.into_iter().zip([70_000, 10_000, 0, 20_000]) {
            let off = drawn[kind.place()] - expected;
            assert!(off.abs() <= expected / 20, "{}: {off}", kind.name());
        }
    }

    #[test]
    fn a_mix_says_what_it_expects() {
        assert_eq!("post=3".parse::<Mix>(), "get=0,post=3".parse::<Mix>());
        let mix = "get=1,post=2".parse::<Mix>().unwrap();
        assert_eq!(mix.to_string(), "get=1,list=0,post=2,heartbeat=0");
        for wrong in ["", "get", "get=", "get=-1", "put=1", "get=0", "get=9999999"] {
            let said = wrong.parse::<Mix>().unwrap_err();
            assert!(said.contains("expected"), "{wrong}: {said}");
        }
    }
}
