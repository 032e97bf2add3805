//! Hex, golden files, and frames to compress.

use std::{
    f32::consts::TAU,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use agnt_codec::{AgentPosition, CompressedBatch, Emit, Flags, Frame, Payload, PositionUpdate};
use agnt_encoding::compression::{
    Algorithm, BATCH_BYTES_MAX, Compressor, InflateError, Inflator, LevelClass,
};
use fastrand::Rng;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

/// A vector of `tests/golden/batches/python.json`.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) batch: Vec<u8>,
    pub(crate) frames: Vec<u8>,
    /// The name of the error that it is refused with.
    pub(crate) refused: Option<String>,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(root().join("tests/golden/batches/python.json")).unwrap();
    let items: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let vector = |item: serde_json::Value| Vector {
        name: item["name"].as_str().unwrap().to_owned(),
        algorithm: Algorithm::parse(item["algorithm"].as_str().unwrap()).unwrap(),
        batch: unhex(item["hex"].as_str().unwrap()),
        frames: unhex(item["frames"].as_str().unwrap()),
        refused: item["refused"].as_str().map(str::to_owned),
    };
    items.into_iter().map(vector).collect()
}

/// The batch that these bytes are, by the codec.
pub(crate) fn batch_of(bytes: &[u8]) -> CompressedBatch<'_> {
    match Frame::exactly(bytes).map(|frame| frame.payload()) {
        Ok(Payload::Compressed(batch)) => batch,
        other => panic!("no batch: {other:?}"),
    }
}

/// Inflates a batch by a new inflator under the default bound.
pub(crate) fn inflate(
    algorithm: Algorithm,
    batch: &CompressedBatch<'_>,
) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    let verdict = Inflator::new().inflate(algorithm, batch, BATCH_BYTES_MAX, &mut out);
    assert!(verdict.is_ok() || out.is_empty());
    verdict.map(|()| out)
}

/// The batch that a new compressor makes of frames that are worth it.
pub(crate) fn compressed(algorithm: Algorithm, class: LevelClass, frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(Compressor::new(algorithm, class).compress_batch(frames, &mut out));
    out
}

/// Agents that turn smoothly, each on its own way; at 60 ticks a second.
pub(crate) struct Swarm {
    random: Rng,
    records: Vec<AgentPosition>,
}

impl Swarm {
    pub(crate) fn new(agents: u32) -> Self {
        let mut random = Rng::with_seed(u64::from(agents));
        let mut within = |side: f32| (random.f32() - 0.5) * side;
        let records = (1..=agents)
            .map(|id| {
                let place = [within(600.0), within(600.0), within(160.0)];
                AgentPosition::new(id, place, [within(10.0), within(10.0), within(2.0)])
            })
            .collect();
        Self { random, records }
    }

    /// Moves every agent on by a tick: an Ornstein-Uhlenbeck velocity, and what follows from it.
    pub(crate) fn step(&mut self) {
        const TICK_SECONDS: f32 = 1.0 / 60.0;
        for record in &mut self.records {
            let velocity = record
                .velocity
                .map(|v| v.get() * 0.99 + 0.5 * normal(&mut self.random));
            let moved = |axis: usize| record.position[axis].get() + velocity[axis] * TICK_SECONDS;
            let position = [moved(0), moved(1), moved(2)];
            *record = AgentPosition::new(record.id.get(), position, velocity);
        }
    }

    /// The tick as frames, one behind the other.
    pub(crate) fn frames(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut parts = self.records.chunks(2340).peekable();
        while let Some(records) = parts.next() {
            let flags = if parts.peek().is_some() {
                Flags::MORE
            } else {
                Flags::NONE
            };
            let update = PositionUpdate { records };
            let start = out.len();
            out.resize(start + update.encoded_bytes(), 0);
            update.emit(flags, &mut out[start..]).unwrap();
        }
        out
    }
}

/// A number of the normal distribution, by Box and Muller.
fn normal(random: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.f32()).ln()).sqrt();
    radius * (TAU * random.f32()).cos()
}

/// Bytes that nothing compresses.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut random = Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}
