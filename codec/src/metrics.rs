//! `PERFORMANCE_METRICS`, 0x03: how agents fare (document C, "Performance Metrics Format").
//!
//! ```text
//! payload: N records of 28 bytes and no count; Count u32 before them is accepted too
//! record:  id u32 | tasks u32 | success f32 | average ms f32 | cpu % f32 | memory u64
//! ```
//!
//! The two forms can't be confused: their lengths differ by 4 modulo 28. The memory field lies at
//! 20 in the record, so readers that need alignment read it as two u32.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType,
    PAYLOAD_BYTES_MAX,
    emit::{PLAIN_FLAGS, begin},
    order::{F32, U32, U64},
    records::{COUNT_BYTES, counted},
};

const RECORD_BYTES: usize = size_of::<AgentMetrics>();

/// The most records that one frame holds.
pub const METRICS_PER_FRAME_MAX: usize = PAYLOAD_BYTES_MAX / RECORD_BYTES;

/// One agent's figures: 28 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct AgentMetrics {
    /// Offset 0: the publisher's id of the agent.
    pub id: U32,
    /// Offset 4: tasks completed, a count.
    pub tasks: U32,
    /// Offset 8: share of tasks that succeeded, 0 to 1.
    pub success: F32,
    /// Offset 12: average response time in milliseconds.
    pub average_ms: F32,
    /// Offset 16: processor use in percent, 0 to 100.
    pub cpu_percent: F32,
    /// Offset 20: memory in bytes; 0 if unknown.
    pub memory_bytes: U64,
}

impl AgentMetrics {
    /// The records of a payload, in either form.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Result<&[Self], DecodeError> {
        if payload.len() % RECORD_BYTES == COUNT_BYTES {
            return counted(payload);
        }
        <[Self]>::ref_from_bytes(payload).map_err(|_| {
            let need = payload.len().next_multiple_of(RECORD_BYTES);
            DecodeError::new(DecodeErrorKind::LengthMismatch, 0, need, payload.len())
        })
    }
}

/// A `PERFORMANCE_METRICS` to be written, in document C's form without a count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricsBatch<'a> {
    /// At most [`METRICS_PER_FRAME_MAX`] records.
    pub records: &'a [AgentMetrics],
}

impl Emit for MetricsBatch<'_> {
    #[inline]
    fn encoded_bytes(&self) -> usize {
        self.records.as_bytes().len().saturating_add(HEADER_BYTES)
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        begin(
            MessageType::PERFORMANCE_METRICS,
            flags,
            PLAIN_FLAGS,
            frame_bytes,
            out,
        )?
        .put(self.records.as_bytes());
        Ok(frame_bytes)
    }
}

const _: () = assert!(
    RECORD_BYTES == 28
        && align_of::<AgentMetrics>() == 1
        && core::mem::offset_of!(AgentMetrics, tasks) == 4
        && core::mem::offset_of!(AgentMetrics, success) == 8
        && core::mem::offset_of!(AgentMetrics, average_ms) == 12
        && core::mem::offset_of!(AgentMetrics, cpu_percent) == 16
        && core::mem::offset_of!(AgentMetrics, memory_bytes) == 20
);
