//! The WebSocket sessions of documents A and B: events, subscriptions, commands, requests.
//!
//! A session understands every envelope of either document; the path and then its first message
//! decide which it speaks (ruling 50). What it is told comes by mail, from the relay; what it asks
//! goes to the fleet, and the answer comes by mail as well, once it is on disk.

mod acting;
mod any;
mod introduction;
mod listening;
mod office;
mod renewal;
mod replies;
mod session;
mod shape;

pub use any::AnySession;
pub use introduction::AgentIntroduction;
pub use office::{Office, forbidden};
pub use session::AgentSession;
