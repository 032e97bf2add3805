//! Agents, their tasks, workflows, commands and events: the rules, and what of it lasts.
//!
//! A [`Mutation`] is carried out by the [`Core`], which knows neither clock nor disk: it changes its
//! tables by the `rules` and notes what changed. The writer's thread stores that in one commit and
//! only then shows it to readers of the [`Fleet`] and to the [`Outlet`], and answers.

pub mod agent;
pub mod command;
pub mod core;
pub mod event;
pub mod event_store;
pub mod fleet;
mod flow_clock;
mod id;
pub mod idempotency;
mod index;
mod intake;
pub mod mutation;
pub mod outlet;
mod persistence;
pub mod presence;
mod priority;
pub mod refusal;
mod reply;
pub mod row;
mod rules;
mod schedule;
pub mod settings;
pub mod stats;
pub mod table;
pub mod tables;
pub mod task;
pub mod template;
mod timestamp;
pub mod topics;
pub mod weight;
pub mod workflow;
mod writer;

pub use self::core::Core;
pub use self::event::{Event, EventKind};
pub use self::event_store::{EventsPage, Gap, GapReason};
pub use self::fleet::{Fleet, OpenError};
pub use self::id::{ID_BYTES_MAX, Id, IdError, is_id_byte};
pub use self::idempotency::{IdempotencyKey, KeyUse};
pub use self::index::Rows;
pub use self::mutation::{Mutation, Outcome};
pub use self::outlet::{Outlet, TimedCommit, TraceSpan};
pub use self::presence::{Attachment, PresenceBook};
pub use self::priority::{Priority, PriorityWord};
pub use self::refusal::{FieldIssue, Refusal, RefusalKind};
pub use self::reply::Done;
pub use self::settings::{EventsKept, FleetSettings};
pub use self::stats::FleetStats;
pub use self::timestamp::Timestamp;
pub use self::weight::DEPTH_MAX;
pub use self::writer::Unsaved;

/// A JSON object.
pub type Fields = serde_json::Map<String, serde_json::Value>;
