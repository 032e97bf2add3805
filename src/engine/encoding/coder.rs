//! What makes one encoding of a stream.

use std::time::{Duration, Instant};

use agnt_codec::{
    AgentPosition, Emit, FRAME_BYTES_MAX, Flags, Frames, POSITIONS_PER_FRAME_MAX, Payload,
    PositionUpdate, TickInfo,
};
use agnt_encoding::{CodecSpec, PositionEncoder};
use bytes::BytesMut;

use super::packing::{Packed, Packer};
use super::{Encoding, Form};
use crate::engine::lane::Encoders;

/// The bytes of a frame's header behind which a channel is named.
const HEADER_BYTES: usize = agnt_codec::HEADER_BYTES;

/// The coder; see the module.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) encoding: Encoding,
    pub(super) serial: u64,
    positions: Option<PositionEncoder>,
    packer: Packer,
    frames: Vec<u8>,
    /// Of an encoding in JSON: up to where the positions lane has been told, and when is next.
    pub(super) told_at: u64,
    pub(super) due: Instant,
}

impl Coder {
    pub(super) fn new(encoding: Encoding, serial: u64, now: Instant) -> Self {
        Self {
            serial,
            positions: match encoding.form {
                Form::Binary(CodecSpec::Plain) | Form::Json { .. } => None,
                Form::Binary(spec) => Some(PositionEncoder::new(spec)),
            },
            packer: Packer::new(&encoding),
            encoding,
            frames: Vec::new(),
            told_at: 0,
            due: now,
        }
    }

    /// The records that viewers are to start from.
    pub(super) fn seed<'a>(&mut self, records: impl Iterator<Item = &'a AgentPosition>) {
        if let Some(positions) = &mut self.positions
            && positions.is_stateful()
        {
            positions.seed(records);
        }
    }

    /// How often an encoding in JSON is made.
    pub(super) fn every(&self) -> Option<Duration> {
        match self.encoding.form {
            Form::Json { hz } => Some(Duration::from_secs(1) / u32::from(hz.max(1))),
            Form::Binary(_) => None,
        }
    }

    /// Appends a tick, given as whole frames.
    pub(super) fn write_tick(
        &mut self,
        info: &TickInfo,
        tick: &[u8],
        encoders: &Encoders,
        out: &mut BytesMut,
    ) -> Packed {
        self.begin(info);
        for frame in Frames::new(tick).flatten() {
            match (&mut self.positions, frame.payload()) {
                (Some(positions), Payload::Positions(records)) => {
                    let flags = Flags(frame.flags().0 & !Flags::KEYFRAME.0);
                    positions.encode(records, flags, &mut self.frames);
                }
                _ => push_frame(frame.bytes(), self.encoding.channel, &mut self.frames),
            }
        }
        self.packer.pack(&self.frames, encoders, out)
    }

    /// Whether a record is none of those that the key of this encoding holds.
    pub(super) fn lacks(&self, record: &AgentPosition) -> bool {
        match &self.positions {
            Some(positions) if positions.is_stateful() => !positions.has_slot(record.id.get()),
            _ => true,
        }
    }

    /// Appends what brings a viewer up to date; `records` are those that the key [lacks](Self::lacks).
    pub(super) fn write_state(
        &mut self,
        info: &TickInfo,
        records: &[AgentPosition],
        encoders: &Encoders,
        out: &mut BytesMut,
    ) -> Packed {
        self.begin(info);
        match &self.positions {
            Some(positions) if positions.is_stateful() => {
                positions.write_key(records, &mut self.frames);
            }
            _ => {
                let mut plain = Vec::new();
                push_positions(records, Flags::KEYFRAME, &mut plain);
                for frame in Frames::new(&plain).flatten() {
                    push_frame(frame.bytes(), self.encoding.channel, &mut self.frames);
                }
            }
        }
        self.packer.pack(&self.frames, encoders, out)
    }

    fn begin(&mut self, info: &TickInfo) {
        self.frames.clear();
        if self.encoding.has_tick_info {
            push(info, Flags::NONE, &mut self.frames);
        }
    }
}

/// Appends records as the frames of one tick; one empty frame where there are none.
pub(in crate::engine) fn push_positions(
    records: &[AgentPosition],
    flags: Flags,
    out: &mut Vec<u8>,
) {
    let mut rest = records;
    loop {
        let (part, after) = rest.split_at(rest.len().min(POSITIONS_PER_FRAME_MAX));
        rest = after;
        let more = if rest.is_empty() {
            Flags::NONE
        } else {
            Flags::MORE
        };
        push(&PositionUpdate { records: part }, flags.with(more), out);
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends a payload as a whole frame.
pub(in crate::engine) fn push(payload: &dyn Emit, flags: Flags, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + payload.encoded_bytes(), 0);
    let written = payload.emit(flags, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

/// Appends a frame; with the channel that it belongs to, if there is one.
fn push_frame(frame: &[u8], channel: Option<u16>, out: &mut Vec<u8>) {
    let Some(channel) = channel.filter(|_| frame.len() + 2 <= FRAME_BYTES_MAX) else {
        return out.extend_from_slice(frame);
    };
    let (head, payload) = frame.split_at(HEADER_BYTES);
    let length = (payload.len() + 2) as u16;
    out.extend_from_slice(&head[..5]);
    out.push(head[5] | Flags::HAS_CHANNEL.0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&channel.to_le_bytes());
    out.extend_from_slice(payload);
}
