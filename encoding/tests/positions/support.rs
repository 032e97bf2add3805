//! Hex, frames and viewers.

use std::collections::BTreeMap;

use agnt_codec::{AgentPosition, Flags, Frame, Frames, Payload};
use agnt_encoding::{EncodingError, PositionDecoder};

/// Bytes from hex digits; spaces are for the reader.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.chars().filter(|one| !one.is_whitespace());
    let digits: Vec<u32> = digits.map(|one| one.to_digit(16).unwrap()).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The six values of a record as bits.
pub(crate) fn bits(record: &AgentPosition) -> [u32; 6] {
    let [x, y, z] = record.position;
    let [vx, vy, vz] = record.velocity;
    [x, y, z, vx, vy, vz].map(|value| u32::from_le_bytes(value.to_bytes()))
}

/// The records of a frame, coded or plain.
pub(crate) fn records(
    decoder: &mut PositionDecoder,
    frame: &Frame<'_>,
) -> Result<Vec<AgentPosition>, EncodingError> {
    match frame.payload() {
        Payload::Positions(records) => Ok(records.to_vec()),
        Payload::Encoded(payload) => {
            assert!(frame.flags().contains(Flags::CODEC));
            let mut records = Vec::new();
            decoder.decode(payload, &mut records).map(|()| records)
        }
        other => panic!("{other:?} is no position frame"),
    }
}

/// Somebody who watches: a decoder and the newest record of each agent.
#[derive(Default)]
pub(crate) struct Viewer {
    decoder: PositionDecoder,
    pub(crate) newest: BTreeMap<u32, [u32; 6]>,
}

impl Viewer {
    /// Takes whole frames, checks that all but the last say MORE, and returns how many came.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> u32 {
        let frames: Vec<_> = Frames::new(bytes).map(Result::unwrap).collect();
        for (index, frame) in frames.iter().enumerate() {
            let is_last = index + 1 == frames.len();
            assert_eq!(frame.flags().contains(Flags::MORE), !is_last);
            for record in records(&mut self.decoder, frame).unwrap() {
                let id = record.id.get();
                if record.is_gone() {
                    self.newest.remove(&id);
                } else {
                    self.newest.insert(id, bits(&record));
                }
            }
        }
        frames.len() as u32
    }
}

/// Agents that move smoothly, by steps of time that differ.
pub(crate) struct Swarm {
    pub(crate) random: fastrand::Rng,
    pub(crate) agents: Vec<(u32, [f64; 6])>,
}

impl Swarm {
    /// Agents 1 to `count`.
    pub(crate) fn new(count: u32, seed: u64) -> Self {
        let mut swarm = Self {
            random: fastrand::Rng::with_seed(seed),
            agents: Vec::new(),
        };
        (1..=count).for_each(|id| swarm.enter(id));
        swarm
    }

    /// One agent more.
    pub(crate) fn enter(&mut self, id: u32) {
        let most = [150.0, 150.0, 40.0, 5.0, 5.0, 5.0];
        let values = most.map(|most| self.any(most));
        self.agents.push((id, values));
    }

    /// About a sixtieth of a second.
    pub(crate) fn step(&mut self) {
        let time_s = (1.0 + self.any(0.2)) / 60.0;
        for index in 0..self.agents.len() {
            for axis in 0..3 {
                let turn = self.any(0.2);
                let values = &mut self.agents[index].1;
                values[axis] += time_s * (values[axis + 3] + turn / 2.0);
                values[axis + 3] += turn;
            }
        }
    }

    /// All as they are.
    pub(crate) fn records(&self) -> Vec<AgentPosition> {
        let record = |(id, values): &(u32, [f64; 6])| {
            let [x, y, z, vx, vy, vz] = values.map(|value| value as f32);
            AgentPosition::new(*id, [x, y, z], [vx, vy, vz])
        };
        self.agents.iter().map(record).collect()
    }

    /// A number from `-most` to `most`.
    pub(crate) fn any(&mut self, most: f64) -> f64 {
        (2.0 * self.random.f64() - 1.0) * most
    }
}
