//! The visualisation protocol (document C): handshake, heartbeats, errors, AGNT frames.

mod positions_json;
mod replies;
mod session;
mod wire;

pub use positions_json::write_positions;
pub use session::{VisualSession, VisualSettings};
pub use wire::{Introduction, InvalidQuery, Protocols, Role};
