//! Each bound of the data plane in one table.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{MemoryRoom, PositionGrid};

/// The bounds of the engine; bytes are bytes on the wire.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Position frames kept for the viewers of one stream.
    pub log_bytes_max: usize,
    /// States, metrics and coordination events kept for the viewers of one stream; a viewer that
    /// falls further behind is closed.
    pub events_bytes_max: usize,
    /// Bytes of each retained lane that are kept for sessions that come back.
    pub resume_bytes_max: usize,
    /// To what positions are rounded when they come in.
    pub position_grid: PositionGrid,
    /// Frames of one tick that wait for the tick's last frame.
    pub tick_bytes_max: usize,
    /// Distinct agents of one stream.
    pub agents_per_stream_max: usize,
    /// Streams alive at once.
    pub streams_max: usize,
    /// A viewer further behind than this continues at a state tick.
    pub staleness_max: Duration,
    /// An agent silent for this long is removed; `None` keeps it for ever.
    pub agent_ttl: Option<Duration>,
    /// Agents of a publisher that left are removed after this long.
    pub publisher_linger: Duration,
    /// Whether there is memory for more: where there isn't, no agents are added and less is kept.
    pub room: Arc<MemoryRoom>,
}

/// How long a state tick may be handed to further viewers: well below the 100 ms that the first
/// frame after a stall may be old.
pub const STATE_TICK_SHARED_FOR: Duration = Duration::from_millis(40);

/// Most records of a part of a state tick that is made for one weak viewer.
pub const STATE_PART_RECORDS_MAX: usize = 4 * 2340;

/// How long an agent that is gone keeps its slot, so that lagging viewers hear of its removal.
/// Longer than any viewer may lag before it counts as dead.
pub const TOMBSTONE_KEPT_FOR: Duration = Duration::from_mins(10);

/// Where agents would not fit otherwise, one that is gone gives up its slot after this long: by
/// then every viewer that keeps up has heard of it.
pub const TOMBSTONE_KEPT_AT_LEAST: Duration = Duration::from_secs(10);

/// Metadata of a state record is kept for later viewers up to this size; larger is passed on only.
pub const METADATA_KEPT_BYTES_MAX: usize = 1024;

/// A stream that has events a session may come back for is kept for this long after the last.
pub const RESUME_KEPT_FOR: Duration = Duration::from_mins(1);

/// An open chunk is closed when it has grown to this size.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// A loop that owns a publisher reads no further while another loop is this far behind.
pub const LOOP_LAG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most agents in one JSON message.
pub const JSON_RECORDS_MAX: usize = 1000;
