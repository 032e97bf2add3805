//! The data plane: who gets which bytes.
//!
//! A [`stream::Stream`] is one isolated swarm. Per lane it keeps a [`log::Log`] of finished server
//! frames, appended once for all viewers; a viewer is a position in a lane, owned by the event
//! loop that owns its socket. The newest record of each agent lives in the
//! [`agents::AgentTable`]; from it come the state ticks that joining and lagging viewers get.
//!
//! Invariants, as absences: the engine knows no socket, no HTTP and no WebSocket (it is given a
//! [`lane::Encoders`] table at start), no byte of a published frame belongs to one viewer, and no
//! queue here is without a bound.

pub mod agents;
pub mod encoding;
pub mod feed;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod grid;
pub mod label;
pub mod lane;
mod letter;
pub mod limits;
pub mod log;
mod mail_queue;
mod mail_room;
pub mod mailbox;
pub mod mandate;
pub mod publisher;
pub mod publishing;
pub mod queue;
pub mod residents;
pub mod retained;
pub mod state_tick;
pub mod stream;
pub mod streams;
pub mod upkeep;
pub mod watchers;

pub use feed::{Feed, RetainedLanes};
pub use lane::{Encoders, Lane, ViewerKind};
pub use limits::Limits;
pub use mandate::Mandate;
pub use publisher::Publisher;
pub use publishing::{Call, PublishError, StateChange};
pub use residents::{Resident, Settled};
pub use stream::Stream;
pub use streams::{Streams, StreamsFull};
pub use watchers::Wake;
