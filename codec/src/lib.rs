//! The AGNT wire format: frames are checked once, read in place and written into the caller's
//! buffer.
//!
//! ```text
//!   0        4      5       6        8
//!   +--------+------+-------+--------+----------------------+
//!   | "AGNT" | type | flags | length | payload, length bytes |   every type but 0x05
//!   +--------+------+-------+--------+----------------------+
//!   0        4      5              9
//!   +--------+------+--------------+------------------------+
//!   | "AGNT" | 0x05 | original u32 | data, to the end         |   COMPRESSED_BATCH
//!   +--------+------+--------------+------------------------+
//! ```
//!
//! Source: document C, "Binary Protocol Specification"; what it leaves open is settled in
//! `docs/protocol.md`.
//!
//! Invariants:
//! - a [`Frame`] exists only after its whole content was checked; reading it can't fail;
//! - reading copies no record and allocates nothing; the crate is `no_std` and has no `unsafe`;
//! - every number is little-endian, by the aliases of [`order`] and nowhere else;
//! - every float passes bit for bit, NaN included;
//! - what decodes can be emitted again to the same bytes.
//!
//! ```
//! use agnt_codec::{AgentPosition, Emit, Flags, Frame, Payload, PositionUpdate};
//!
//! let records = [AgentPosition::new(7, [1.0, 2.0, 3.0], [0.0, 0.5, 0.0])];
//! let update = PositionUpdate { records: &records };
//! let mut buffer = [0; 64];
//! let written = update.emit(Flags::KEYFRAME, &mut buffer)?;
//!
//! let frame = Frame::exactly(&buffer[..written])?;
//! let Payload::Positions(positions) = frame.payload() else { unreachable!() };
//! assert_eq!(positions[0].id.get(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "fuzzing"))]
extern crate std;

mod codes;
mod compressed;
mod coordination;
mod decode_error;
mod edge_batch;
mod emit;
mod encode_error;
pub mod error_code;
mod error_frame;
mod flags;
mod frame;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod header;
mod heartbeat;
mod message_type;
mod metrics;
mod opaque;
pub mod order;
mod position;
mod records;
mod state;
mod state_batch;
mod tick_info;

pub use compressed::{COMPRESSED_HEAD_BYTES, CompressedBatch, CompressedHead};
pub use coordination::{
    CoordinationEvent, CoordinationPattern, CoordinationRole, CoordinationStatus, Participant, Vote,
};
pub use decode_error::{DecodeError, DecodeErrorKind};
pub use edge_batch::{EDGES_PER_FRAME_MAX, Edge, EdgeBatch};
pub use emit::Emit;
pub use encode_error::{EncodeError, EncodeErrorKind};
pub use error_frame::ErrorFrame;
pub use flags::{Flags, Priority};
pub use frame::{Frame, Payload};
pub use frames::Frames;
pub use header::{FRAME_BYTES_MAX, HEADER_BYTES, Header, MAGIC, PAYLOAD_BYTES_MAX};
pub use heartbeat::{Heartbeat, HeartbeatFrame, HeartbeatStamps};
pub use message_type::MessageType;
pub use metrics::{AgentMetrics, METRICS_PER_FRAME_MAX, MetricsBatch};
pub use opaque::OpaqueFrame;
pub use position::{AgentPosition, POSITIONS_PER_FRAME_MAX, PositionHead, PositionUpdate};
pub use state::{Metadata, StateCode, StateRecord};
pub use state_batch::{StateBatch, StateBatchOut, StateRecords};
pub use tick_info::TickInfo;
