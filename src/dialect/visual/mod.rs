//! The visualisation protocol (document C): handshake, heartbeats, errors, AGNT frames.

mod admission;
mod capabilities;
mod channels;
mod desk;
mod early;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handshake;
mod label;
mod opening;
mod order;
mod ordering;
mod own_news;
mod positions_json;
mod replies;
mod session;
mod terms;
mod version;
mod wire;

pub use label::read_label;
pub use positions_json::write_positions;
pub use replies::{connection_failed, not_allowed, too_many};
pub use session::{VisualSession, VisualSettings};
pub use wire::{Introduction, InvalidQuery, Protocols, Role};
