//! One encoding over one run: bytes, errors, times.

use std::collections::HashMap;
use std::time::Duration;

use agnt_codec::{
    AgentPosition, Emit, Flags, Frame, Frames, POSITIONS_PER_FRAME_MAX, Payload, PositionUpdate,
};
use agnt_encoding::compression::{Algorithm, Compressor, Inflator, LevelClass};
use agnt_encoding::{CodecSpec, PositionDecoder, PositionEncoder};
use rustix::time::{ClockId, clock_gettime};

/// The records of each tick; the first tick is what a viewer enters at.
pub(crate) type Ticks = Vec<Vec<AgentPosition>>;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Bytes of the same ticks as plain frames, heads and the first state tick included.
    pub(crate) plain_bytes: usize,
    /// Bytes of the encoding, heads and one key included.
    pub(crate) bytes: usize,
    /// The largest errors seen, in units and in units per second.
    pub(crate) errors: [f64; 2],
    /// What this thread spent on a core.
    pub(crate) encoding: Duration,
    pub(crate) decoding: Duration,
}

impl Outcome {
    /// The share of the plain bytes that was saved, in percent.
    pub(crate) fn saved_percent(&self) -> f64 {
        100.0 * (1.0 - self.bytes as f64 / self.plain_bytes as f64)
    }

    /// Plain bytes per second, in millions.
    pub(crate) fn rate(&self, time: Duration) -> f64 {
        self.plain_bytes as f64 / time.as_secs_f64() / 1e6
    }
}

/// Takes all ticks through an encoding, there and back.
pub(crate) fn run(ticks: &Ticks, spec: CodecSpec, algorithm: Option<Algorithm>) -> Outcome {
    let mut sender = Sender {
        encoder: PositionEncoder::new(spec),
        compressor: algorithm.map(|one| Compressor::new(one, LevelClass::Default)),
        frames: Vec::new(),
        message: Vec::new(),
    };
    let mut receiver = Receiver {
        algorithm,
        decoder: PositionDecoder::new(),
        inflator: Inflator::new(),
        frames: Vec::new(),
        records: Vec::new(),
    };
    let mut outcome = Outcome::default();
    let mut plain = Vec::new();
    for (index, records) in ticks.iter().enumerate() {
        write_plain(records, &mut plain);
        outcome.plain_bytes += plain.len();
        let began = spent();
        if index == 0 {
            sender.send_key(records);
        } else {
            sender.send_tick(&plain);
        }
        outcome.encoding += spent().saturating_sub(began);
        outcome.bytes += sender.message.len();
        let began = spent();
        receiver.receive(&sender.message);
        outcome.decoding += spent().saturating_sub(began);
        note_errors(records, &receiver.records, &mut outcome.errors);
    }
    outcome
}

/// What this thread has spent on a core, so that other work on the machine doesn't count.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The frames of a tick as a publisher writes them.
fn write_plain(records: &[AgentPosition], out: &mut Vec<u8>) {
    out.clear();
    let parts = records.chunks(POSITIONS_PER_FRAME_MAX);
    let last = parts.len() - 1;
    for (index, records) in parts.enumerate() {
        let update = PositionUpdate { records };
        let flags = if index < last {
            Flags::MORE
        } else {
            Flags::NONE
        };
        let start = out.len();
        out.resize(start + update.encoded_bytes(), 0);
        update.emit(flags, &mut out[start..]).unwrap();
    }
}

struct Sender {
    encoder: PositionEncoder,
    compressor: Option<Compressor>,
    frames: Vec<u8>,
    message: Vec<u8>,
}

impl Sender {
    fn send_key(&mut self, records: &[AgentPosition]) {
        self.encoder.seed(records.iter());
        let without = records
            .iter()
            .filter(|one| !self.encoder.has_slot(one.id.get()));
        let without: Vec<_> = without.copied().collect();
        self.frames.clear();
        self.encoder.write_key(&without, &mut self.frames);
        self.pack();
    }

    fn send_tick(&mut self, plain: &[u8]) {
        self.frames.clear();
        for frame in Frames::new(plain).map(Result::unwrap) {
            if let Payload::Positions(records) = frame.payload() {
                self.encoder
                    .encode(records, frame.flags(), &mut self.frames);
            }
        }
        self.pack();
    }

    fn pack(&mut self) {
        self.message.clear();
        let compressor = self.compressor.as_mut();
        if !compressor.is_some_and(|one| one.compress_batch(&self.frames, &mut self.message)) {
            self.message.extend(&self.frames);
        }
    }
}

struct Receiver {
    algorithm: Option<Algorithm>,
    decoder: PositionDecoder,
    inflator: Inflator,
    frames: Vec<u8>,
    /// What the last message held.
    records: Vec<AgentPosition>,
}

impl Receiver {
    fn receive(&mut self, message: &[u8]) {
        self.frames.clear();
        self.records.clear();
        let mut frames = message;
        if let Payload::Compressed(batch) = Frame::first(message).unwrap().0.payload() {
            let algorithm = self.algorithm.unwrap();
            let bytes_max = 1 << 20;
            let inflated = self
                .inflator
                .inflate(algorithm, &batch, bytes_max, &mut self.frames);
            inflated.unwrap();
            frames = &self.frames;
        }
        for frame in Frames::new(frames).map(Result::unwrap) {
            match frame.payload() {
                Payload::Positions(records) => self.records.extend(records),
                Payload::Encoded(payload) => {
                    self.decoder.decode(payload, &mut self.records).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Raises the errors to the largest that one tick shows. All agents must have come.
fn note_errors(sent: &[AgentPosition], received: &[AgentPosition], errors: &mut [f64; 2]) {
    assert_eq!(sent.len(), received.len());
    let received: HashMap<u32, &AgentPosition> =
        received.iter().map(|one| (one.id.get(), one)).collect();
    for sent in sent {
        let received = received[&sent.id.get()];
        if sent == received {
            continue;
        }
        for axis in 0..3 {
            let off = sent.position[axis].get() - received.position[axis].get();
            errors[0] = errors[0].max(f64::from(off).abs());
            let off = sent.velocity[axis].get() - received.velocity[axis].get();
            errors[1] = errors[1].max(f64::from(off).abs());
        }
    }
}
