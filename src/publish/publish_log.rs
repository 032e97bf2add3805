//! The log of a replay: what was published, so that a viewer can compare what it received.
//!
//! Per agent it holds the number of records and a hash over their bytes on the wire, in the order
//! in which they were published: FNV-1a of 64 bits, carried on from record to record. Two sides
//! that agree on both saw the same records in the same order.
//!
//! ```json
//! {"frames":2,"ticks":2,"records":3,"agents":{"7":{"records":3,"fnv1a_64":"0123456789abcdef"}}}
//! ```

use std::collections::BTreeMap;

use agnt_codec::AgentPosition;
use serde::{Serialize, Serializer};

const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Counts and hashes of everything that was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PublishLog {
    /// `POSITION_UPDATE` frames.
    pub frames: u64,
    /// Ticks; a tick is one frame or more.
    pub ticks: u64,
    /// Position records in all frames, those that say "gone" included.
    pub records: u64,
    /// By the agent's id.
    pub agents: BTreeMap<u32, AgentLog>,
}

/// What was published of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AgentLog {
    /// Position records, those that say "gone" included.
    pub records: u64,
    /// FNV-1a over the 28 bytes of each record in order; sixteen hexadecimal digits in JSON,
    /// whose numbers don't hold 64 bits.
    #[serde(serialize_with = "hexadecimal")]
    pub fnv1a_64: u64,
}

impl Default for AgentLog {
    fn default() -> Self {
        Self {
            records: 0,
            fnv1a_64: FNV_OFFSET_BASIS,
        }
    }
}

impl PublishLog {
    /// Notes one tick that left in `frames` frames.
    pub fn note_tick(&mut self, frames: u64, records: &[AgentPosition]) {
        self.ticks += 1;
        self.frames += frames;
        self.records += records.len() as u64;
        for record in records {
            self.agents.entry(record.id.get()).or_default().note(record);
        }
    }
}

impl AgentLog {
    fn note(&mut self, record: &AgentPosition) {
        self.records += 1;
        self.hash(record.id.get());
        for value in record.position.iter().chain(&record.velocity) {
            self.hash(value.get().to_bits());
        }
    }

    /// Carries the hash on over the four little-endian bytes of one field.
    fn hash(&mut self, field: u32) {
        for byte in field.to_le_bytes() {
            self.fnv1a_64 = (self.fnv1a_64 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn hexadecimal<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_over_the_bytes_of_the_wire() {
        // Worked out by an independent program over these 56 bytes: id 7, (1, -2, 0.5),
        // (0, 0, 3), then the same agent gone: NaN (0x7fc00000) and zeros.
        let mut log = PublishLog::default();
        let here = AgentPosition::new(7, [1.0, -2.0, 0.5], [0.0, 0.0, 3.0]);
        log.note_tick(1, &[here, AgentPosition::gone(8)]);
        log.note_tick(1, &[AgentPosition::gone(7)]);
        assert_eq!(
            serde_json::to_value(&log).expect("plain data"),
            serde_json::json!({
                "frames": 2, "ticks": 2, "records": 3,
                "agents": {
                    "7": {"records": 2, "fnv1a_64": "dd9bcb008c29a7c8"},
                    "8": {"records": 1, "fnv1a_64": "6e07751bf5e40f40"},
                },
            })
        );
    }

    #[test]
    fn the_hash_depends_on_the_order() {
        let first = AgentPosition::new(1, [1.0; 3], [0.0; 3]);
        let second = AgentPosition::new(1, [2.0; 3], [0.0; 3]);
        let logged = |records: &[AgentPosition]| {
            let mut log = PublishLog::default();
            log.note_tick(1, records);
            log
        };
        assert_ne!(logged(&[first, second]), logged(&[second, first]));
    }
}
