//! The encoder of one encoding of a stream's positions.

use agnt_codec::{AgentPosition, Flags, POSITIONS_PER_FRAME_MAX};

use crate::aside::Aside;
use crate::frames::Frames;
use crate::residual::ResidualEncoder;
use crate::residual::number::Numbering;
use crate::{CodecSpec, boxed, shuffle};

/// Turns the frames of a stream, in their order, into frames of a codec.
///
/// All viewers of an encoding share one encoder and its bytes. With a stateful codec a viewer enters
/// at a key ([`PositionEncoder::write_key`]) and then needs every frame that is encoded after it.
#[derive(Clone, Debug)]
pub struct PositionEncoder {
    spec: CodecSpec,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Plain,
    Shuffle,
    Box(BoxEncoder),
    Residual(Box<ResidualEncoder>),
}

impl PositionEncoder {
    /// An encoder that knows no agent.
    pub fn new(spec: CodecSpec) -> Self {
        let residual = |numbering| State::Residual(Box::new(ResidualEncoder::new(numbering)));
        let state = match spec {
            CodecSpec::Plain => State::Plain,
            CodecSpec::Shuffle => State::Shuffle,
            CodecSpec::Box => State::Box(BoxEncoder::default()),
            CodecSpec::Predict => residual(Numbering::Bits),
            CodecSpec::Fixed(precision) => residual(Numbering::of(precision)),
        };
        Self { spec, state }
    }

    /// What it was made for.
    pub fn spec(&self) -> CodecSpec {
        self.spec
    }

    /// Whether a frame means something only to who has all frames since the last key.
    pub fn is_stateful(&self) -> bool {
        self.spec.codec().is_stateful()
    }

    /// Appends to `out` the records of one frame as whole frames, at least one, and returns how
    /// many.
    ///
    /// `flags` (MORE and priority; KEYFRAME too, where the codec keeps no reference) go on the last
    /// one, those before it have MORE as well. The records of an agent keep their order. What the
    /// codec can't hold, and an agent that is gone, comes in a plain frame.
    pub fn encode(&mut self, records: &[AgentPosition], flags: Flags, out: &mut Vec<u8>) -> u32 {
        let mut frames = Frames::new(flags, out);
        match &mut self.state {
            State::Plain => frames.plain(records),
            State::Shuffle => shuffled(records, &mut frames),
            State::Box(encoder) => encoder.encode(records, &mut frames),
            State::Residual(encoder) => encoder.encode(records, &mut frames),
        }
        frames.finish()
    }

    /// Appends to `out` the key as of now and returns how many frames it has, at least one: all
    /// agents with a slot, then `plain`, the newest records of the agents without one. All frames
    /// have KEYFRAME, all but the last MORE.
    ///
    /// Without a reference there are no slots, and `plain` is coded like any other records.
    pub fn write_key(&self, plain: &[AgentPosition], out: &mut Vec<u8>) -> u32 {
        if let State::Residual(encoder) = &self.state {
            return encoder.write_key(plain, out);
        }
        Self::new(self.spec).encode(plain, Flags::KEYFRAME, out)
    }

    /// Whether a key has this agent's newest record among its slots.
    pub fn has_slot(&self, id: u32) -> bool {
        match &self.state {
            State::Residual(encoder) => encoder.has_slot(id),
            State::Plain | State::Shuffle | State::Box(_) => false,
        }
    }

    /// Forgets all agents and takes these records as the reference. Whoever entered before needs
    /// another key.
    pub fn seed<'a>(&mut self, records: impl Iterator<Item = &'a AgentPosition>) {
        if let State::Residual(encoder) = &mut self.state {
            encoder.seed(records);
        }
    }
}

fn shuffled(records: &[AgentPosition], frames: &mut Frames<'_>) {
    for part in records.chunks(POSITIONS_PER_FRAME_MAX) {
        frames.coded(|out| shuffle::write(part, out));
    }
}

/// The encoder of codec `box`; it keeps nothing but memory.
#[derive(Clone, Debug, Default)]
struct BoxEncoder {
    records: Vec<AgentPosition>,
    aside: Aside,
}

impl BoxEncoder {
    fn encode(&mut self, records: &[AgentPosition], frames: &mut Frames<'_>) {
        for part in records.chunks(boxed::RECORDS_MAX) {
            self.records.clear();
            for record in part {
                if boxed::holds(record) && !self.aside.has(record.id.get()) {
                    self.records.push(*record);
                } else {
                    self.aside.put(*record);
                }
            }
            if !self.records.is_empty() {
                frames.coded(|out| boxed::write(&self.records, out));
            }
            self.aside.write(frames);
        }
    }
}
