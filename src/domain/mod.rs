//! What things are: names, reasons, codes, time. No input, no output, and nothing of any dialect.
//!
//! Invariant: only [`time`] reads the wall clock.

pub mod agent_ids;
pub mod bound;
mod current;
pub mod disconnect;
pub mod error_code;
mod hidden;
pub mod memory_room;
pub mod network;
pub mod position_grid;
mod priority;
pub mod redis_address;
pub mod stream_name;
pub mod time;
pub mod web_origin;

pub use agent_ids::REGISTERED_IDS;
pub use bound::Bound;
pub use current::Current;
pub use disconnect::DisconnectReason;
pub use error_code::ErrorCode;
pub use hidden::HiddenText;
pub use memory_room::{MemoryRoom, Room};
pub use network::Network;
pub use position_grid::PositionGrid;
pub use priority::Priority;
pub use redis_address::RedisAddress;
pub use stream_name::StreamName;
pub use web_origin::WebOrigin;
