//! The control plane: what sessions tell each other in JSON, and what the server makes of it.
//!
//! A [`hub::Hub`] stands beside each stream. It is given messages in their [`envelope::Envelope`], and
//! what frames brought; it remembers what is needed to answer, and tells others through the stream's
//! lanes and the sessions' mailboxes. What it remembers lies in state machines, one a file, which
//! know no lock, no lane and no clock; [`round`] is one call under the hub's lock, and the files named
//! after events bring the two together.
//!
//! Invariants, as absences: no socket, no WebSocket, no clock of its own (who calls passes the time
//! in), no input or output but [`machine`], and nothing that grows without a bound.

pub mod agent_events;
pub mod agent_id;
pub mod agent_index;
pub mod agent_state;
pub mod capabilities;
pub mod changed_slots;
pub mod channel_door;
pub mod channel_event;
pub mod channel_filter;
pub mod channel_grant;
pub mod channel_kind;
pub mod channel_message;
pub mod channel_name;
pub mod channel_refusal;
pub mod channel_request;
pub mod channels;
pub mod clockwork;
pub mod command_events;
pub mod commands;
pub mod configuration;
pub mod content;
pub mod coordination;
pub mod coordination_events;
pub mod deduplication;
pub mod directory;
pub mod envelope;
pub mod event;
pub mod exchange;
pub mod fields;
pub mod flows;
pub mod graph;
pub mod graph_change;
pub mod graph_door;
pub mod graph_snapshot;
pub mod graph_table;
pub mod graph_untold;
pub mod graph_update;
pub mod hub;
pub mod hub_state;
pub mod hubs;
pub mod last_heard;
pub mod machine;
pub mod member_channels;
pub mod members;
pub mod message_events;
pub mod metrics_digest;
pub mod moment;
pub mod named_channels;
pub mod performance;
pub mod rate_window;
pub mod receiving;
pub mod recent;
pub mod redelivery;
pub mod refusal;
pub mod registry;
pub mod registry_door;
pub mod registry_events;
pub mod replies;
pub mod round;
pub mod sent_message;
pub mod settings;
pub mod silence;
pub mod system_events;
pub mod system_metrics;

pub use exchange::Exchange;
pub use hub::{Hub, HubTally};
pub use hubs::Hubs;
pub use last_heard::LastHeard;
pub use members::{Joining, MemberId, SessionPath};
pub use refusal::Refusal;
pub use registry::{News, Registered, Registry, Turn};
pub use settings::{AlertSettings, HubSettings};

#[cfg(test)]
#[path = "tests/rig.rs"]
mod rig;
