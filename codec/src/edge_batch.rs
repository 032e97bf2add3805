//! `EDGE_BATCH`, 0x11: edges of the graph of messages (ours; capability `edge-batch`).
//!
//! ```text
//! payload: Count u32, then Count records of 16 bytes
//! record:  source u32 | target u32 | weight f32 | rate f32
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, Emit, EncodeError, Flags, HEADER_BYTES, MessageType, PAYLOAD_BYTES_MAX,
    emit::{PLAIN_FLAGS, begin},
    order::{F32, U32},
    records::{COUNT_BYTES, counted},
};

/// The most edges that one frame holds.
pub const EDGES_PER_FRAME_MAX: usize = (PAYLOAD_BYTES_MAX - COUNT_BYTES) / size_of::<Edge>();

/// An edge: 16 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Edge {
    /// Offset 0: the agent from which messages go.
    pub source: U32,
    /// Offset 4: the agent to which they go.
    pub target: U32,
    /// Offset 8: how strong the edge is; for messages their count. NaN: the edge is gone.
    pub weight: F32,
    /// Offset 12: messages a second.
    pub rate: F32,
}

impl Edge {
    /// From native numbers.
    #[inline]
    pub fn new(source: u32, target: u32, weight: f32, rate: f32) -> Self {
        Self {
            source: U32::new(source),
            target: U32::new(target),
            weight: F32::new(weight),
            rate: F32::new(rate),
        }
    }

    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Result<&[Self], DecodeError> {
        counted(payload)
    }
}

/// An `EDGE_BATCH` to be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeBatch<'a> {
    /// At most [`EDGES_PER_FRAME_MAX`].
    pub records: &'a [Edge],
}

impl Emit for EdgeBatch<'_> {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        let records_bytes = self.records.len().saturating_mul(size_of::<Edge>());
        (HEADER_BYTES + COUNT_BYTES).saturating_add(records_bytes)
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        let mut writer = begin(
            MessageType::EDGE_BATCH,
            flags,
            PLAIN_FLAGS,
            frame_bytes,
            out,
        )?;
        writer.put(U32::new(self.records.len() as u32).as_bytes());
        writer.put(self.records.as_bytes());
        Ok(frame_bytes)
    }
}

const _: () = assert!(size_of::<Edge>() == 16 && align_of::<Edge>() == 1);
