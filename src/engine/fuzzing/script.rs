//! Bytes as a script of operations: every input is one, and a byte more or less changes little.

use std::time::Duration;

use super::wire::{self, Record, State};
use crate::engine::ViewerKind;

/// Publishers at a time; those with an odd number view too.
pub(super) const PUBLISHERS: usize = 4;
/// Event loops.
pub(super) const LOOPS: usize = 2;
/// Distinct ids of agents that occur.
const IDS: u8 = 40;
/// The longest metadata that later viewers get.
pub(super) const METADATA_KEPT_BYTES_MAX: usize = 1024;

/// How far the clock may go on at once: round each bound in time of the engine.
const STEPS_MS: [u64; 12] = [
    1, 7, 20, 39, 41, 100, 260, 1_000, 4_990, 5_010, 30_500, 600_500,
];

/// One operation.
#[derive(Debug)]
pub(super) enum Operation {
    /// A frame of positions.
    Positions {
        publisher: usize,
        caller: Option<usize>,
        flags: u8,
        records: Vec<Record>,
    },
    /// A frame of states.
    States {
        publisher: usize,
        caller: Option<usize>,
        records: Vec<State>,
    },
    /// A frame of metrics, with a count before its records or without.
    Metrics {
        publisher: usize,
        caller: Option<usize>,
        counted: bool,
        records: Vec<Record>,
    },
    /// A frame of which nothing is kept.
    Event {
        publisher: usize,
        caller: Option<usize>,
        payload: [u8; 16],
    },
    /// A publisher leaves; another takes its place.
    Depart { publisher: usize },
    /// A viewer comes to a loop, which pulls at once or later.
    Join {
        at: usize,
        kind: ViewerKind,
        pulls: bool,
    },
    /// A viewer leaves a loop.
    Leave { at: usize, seat: usize },
    /// A loop pulls and serves its viewers but for those that are blocked.
    Turn { at: usize, blocked: u8 },
    /// A viewer of a loop is moved to a state tick.
    FallBehind { at: usize, seat: usize },
    /// Agents that are due are removed.
    Sweep,
    /// What changed is written as JSON.
    Json,
    /// Time goes by.
    Advance(Duration),
}

/// The script; see the module.
#[derive(Debug)]
pub(super) struct Script<'a> {
    bytes: &'a [u8],
}

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    /// Who publishes, and the loop that calls, if one does.
    fn caller(who: u8) -> (usize, Option<usize>) {
        let caller = usize::from(who >> 6);
        (
            usize::from(who) % PUBLISHERS,
            (caller < LOOPS).then_some(caller),
        )
    }

    /// The ids of some agents: how many, the first, and how far apart.
    fn ids(&mut self) -> Option<Vec<u32>> {
        let (shape, first) = (self.byte()?, self.byte()?);
        let (count, step) = (shape & 15, shape >> 4 & 3);
        let numbers =
            (0..count).map(|at| (u32::from(first) + u32::from(at * step)) % u32::from(IDS));
        // An odd factor keeps them distinct and spreads them over all ids.
        Some(
            numbers
                .map(|number| number.wrapping_mul(0x0E21_0843))
                .collect(),
        )
    }

    fn records(&mut self) -> Option<Vec<Record>> {
        let (ids, seed) = (self.ids()?, self.byte()?);
        let record = |(at, id): (usize, u32)| {
            let seed = seed.wrapping_add((at as u8).wrapping_mul(37));
            record(id, seed)
        };
        Some(ids.into_iter().enumerate().map(record).collect())
    }

    /// The next operation; the script ends where the bytes do.
    pub(super) fn next(&mut self) -> Option<Operation> {
        let operation = match self.byte()? % 20 {
            0..=5 => {
                let who = self.byte()?;
                let (publisher, caller) = Self::caller(who);
                let flags = who & (wire::MORE | wire::KEYFRAME) | who >> 4 & 0b10;
                Operation::Positions {
                    publisher,
                    caller,
                    flags,
                    records: self.records()?,
                }
            }
            6 => {
                let (publisher, caller) = Self::caller(self.byte()?);
                let (ids, seed) = (self.ids()?, self.byte()?);
                let records = ids.into_iter().map(|id| state(id, seed)).collect();
                Operation::States {
                    publisher,
                    caller,
                    records,
                }
            }
            7 => {
                let who = self.byte()?;
                let (publisher, caller) = Self::caller(who);
                let counted = who & 8 != 0;
                Operation::Metrics {
                    publisher,
                    caller,
                    counted,
                    records: self.records()?,
                }
            }
            8 => {
                let (publisher, caller) = Self::caller(self.byte()?);
                let mut payload = [0; 16];
                (payload[0], payload[4], payload[5]) = (self.byte()?, 1, 1);
                Operation::Event {
                    publisher,
                    caller,
                    payload,
                }
            }
            9 | 10 => {
                let how = self.byte()?;
                let kind = match how >> 1 & 3 {
                    0 | 1 => ViewerKind::Binary,
                    2 => ViewerKind::BinaryWithMetadata,
                    _ => ViewerKind::Json,
                };
                Operation::Join {
                    at: usize::from(how) % LOOPS,
                    kind,
                    pulls: how & 8 != 0,
                }
            }
            11 => {
                let who = usize::from(self.byte()?);
                Operation::Leave {
                    at: who % LOOPS,
                    seat: who / LOOPS,
                }
            }
            12..=14 => {
                let how = self.byte()?;
                Operation::Turn {
                    at: usize::from(how) % LOOPS,
                    blocked: how >> 1,
                }
            }
            15 => {
                let who = usize::from(self.byte()?);
                Operation::FallBehind {
                    at: who % LOOPS,
                    seat: who / LOOPS,
                }
            }
            16 => Operation::Sweep,
            17 => Operation::Json,
            18 => Operation::Depart {
                publisher: usize::from(self.byte()?) % PUBLISHERS,
            },
            _ => {
                let step = usize::from(self.byte()?) % STEPS_MS.len();
                Operation::Advance(Duration::from_millis(STEPS_MS[step]))
            }
        };
        Some(operation)
    }
}

/// A record whose floats have any bits; one of eight says that the agent is gone.
fn record(id: u32, seed: u8) -> Record {
    let mut record = [0; 28];
    record[..4].copy_from_slice(&id.to_le_bytes());
    let mut state = u32::from(seed).wrapping_mul(0x9E37_79B9) ^ id;
    for value in record[4..].chunks_mut(4) {
        state = state.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F);
        value.copy_from_slice(&state.to_le_bytes());
    }
    match seed % 8 {
        // The quiet bit and the whole exponent: NaN, the other bits as they are.
        0 => (record[6], record[7]) = (record[6] | 0xC0, record[7] | 0x7F),
        1 => record[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes()),
        // An exponent without its highest bit is a number's.
        _ => record[7] &= 0xBF,
    }
    record
}

fn state(id: u32, seed: u8) -> State {
    let (flags, metadata) = match seed % 8 {
        0..=2 => (0, Vec::new()),
        3 | 4 => (wire::HAS_METADATA, format!("{{\"n\":{seed}}}").into_bytes()),
        5 | 6 => (
            wire::HAS_METADATA | wire::IS_CBOR,
            vec![seed; usize::from(seed) / 4],
        ),
        // A space more than is kept, or just as much.
        _ => (
            wire::HAS_METADATA,
            vec![b' '; METADATA_KEPT_BYTES_MAX + usize::from(seed / 8 % 2)],
        ),
    };
    State {
        id,
        state: seed % 7,
        flags,
        metadata,
    }
}
