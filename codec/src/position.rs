//! `POSITION_UPDATE`, 0x01: where agents are and how they move (document C, "Position Update Format").
//!
//! ```text
//! payload: Count u32, then Count records of 28 bytes
//! record:  id u32 | x y z f32 | vx vy vz f32
//! ```
//!
//! The first record lies at byte 12 of the frame and the stride is 28, all multiples of 4: a
//! browser hands the frame to the GPU as it arrived. Units are the publisher's own; velocity is in
//! those units per second. An update is partial: absent agents keep their last record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, Emit, EncodeError, EncodeErrorKind, Flags, HEADER_BYTES, Header, MessageType,
    PAYLOAD_BYTES_MAX,
    emit::{PLAIN_FLAGS, Writer, check_flags, payload_length},
    order::{F32, U32},
    records::{COUNT_BYTES, counted},
};

/// The most records that one frame holds.
pub const POSITIONS_PER_FRAME_MAX: usize =
    (PAYLOAD_BYTES_MAX - COUNT_BYTES) / size_of::<AgentPosition>();

/// One agent's place and movement: 28 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct AgentPosition {
    /// Offset 0: the publisher's id of the agent.
    pub id: U32,
    /// Offset 4: x, y, z in the stream's unit. NaN in x: the agent is gone.
    pub position: [F32; 3],
    /// Offset 16: the same axes, units per second.
    pub velocity: [F32; 3],
}

impl AgentPosition {
    /// A record from native numbers.
    #[inline]
    pub fn new(id: u32, position: [f32; 3], velocity: [f32; 3]) -> Self {
        Self {
            id: U32::new(id),
            position: position.map(F32::new),
            velocity: velocity.map(F32::new),
        }
    }

    /// The record that says that an agent is gone: NaN in x, zero elsewhere.
    #[inline]
    pub fn gone(id: u32) -> Self {
        Self::new(id, [f32::NAN, 0.0, 0.0], [0.0; 3])
    }

    /// Whether the record says that its agent is gone: x is NaN, of whatever bits.
    #[inline]
    pub fn is_gone(&self) -> bool {
        self.position[0].get().is_nan()
    }

    /// The records of a payload.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Result<&[Self], DecodeError> {
        counted(payload)
    }
}

/// The 12 bytes before the first record, for writers that gather records from several places.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct PositionHead {
    /// Offset 0, 8 bytes.
    pub header: Header,
    /// Offset 8, 4 bytes: how many records follow.
    pub count: U32,
}

impl PositionHead {
    /// The head of a frame of `count` records.
    ///
    /// Errors: [`EncodeErrorKind::PayloadTooLong`] beyond [`POSITIONS_PER_FRAME_MAX`],
    /// [`EncodeErrorKind::FlagsRefused`].
    #[inline]
    pub const fn new(flags: Flags, count: usize) -> Result<Self, EncodeError> {
        if let Err(refused) = check_flags(flags, PLAIN_FLAGS) {
            return Err(refused);
        }
        let payload_bytes = match payload_length(frame_bytes(count)) {
            Ok(payload_bytes) => payload_bytes,
            Err(too_long) => return Err(too_long),
        };
        Ok(Self {
            header: Header::new(MessageType::POSITION_UPDATE, flags, payload_bytes),
            count: U32::new(count as u32),
        })
    }
}

/// A `POSITION_UPDATE` to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionUpdate<'a> {
    /// At most [`POSITIONS_PER_FRAME_MAX`] records.
    pub records: &'a [AgentPosition],
}

impl Emit for PositionUpdate<'_> {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        frame_bytes(self.records.len())
    }

    #[inline]
    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let head = PositionHead::new(flags, self.records.len())?;
        let (need, have) = (self.encoded_bytes(), out.len());
        let Some(place) = out.get_mut(..need) else {
            return Err(EncodeError {
                kind: EncodeErrorKind::BufferTooSmall,
                need,
                have,
            });
        };
        let mut writer = Writer::over(place);
        writer.put(head.as_bytes());
        writer.put(self.records.as_bytes());
        Ok(need)
    }
}

/// The size of a frame of `count` records.
#[inline]
const fn frame_bytes(count: usize) -> usize {
    size_of::<PositionHead>().saturating_add(count.saturating_mul(size_of::<AgentPosition>()))
}

const _: () = assert!(
    size_of::<AgentPosition>() == 28
        && align_of::<AgentPosition>() == 1
        && core::mem::offset_of!(AgentPosition, position) == 4
        && core::mem::offset_of!(AgentPosition, velocity) == 16
        && size_of::<PositionHead>() == HEADER_BYTES + COUNT_BYTES
        && size_of::<PositionHead>() == 12
        && POSITIONS_PER_FRAME_MAX == 2340
);
