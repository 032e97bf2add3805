//! What the fleet commits, brought to those whom it concerns.
//!
//! The [`Relay`] hears of every commit on the writer's thread, which the next commit waits for: it
//! posts to bounded queues and wakes those who wait, and does nothing that could block. It holds no
//! fleet and decides nothing about agents or tasks; what is left to do for a commit, a task of its
//! own does.

mod awaited;
mod callbacks;
mod credential_changes;
mod deliveries;
mod exchanges;
mod health;
mod outlet;
mod rendering;
mod screen;
mod stated_status;
mod subject;
mod switchboard;
mod viewers;
mod waits;

pub use awaited::Asker;
pub use callbacks::{CallbackPost, Callbacks};
pub use credential_changes::{follow_credentials, follow_key};
pub use deliveries::{AgentLine, Deliveries, Extent, Work, WriteWork};
pub use health::{HealthPolls, HealthSettings};
pub use outlet::Relay;
pub use rendering::{Speech, envelope_a, write_answer, write_event};
pub use stated_status::status_of_state;
pub use subject::EventSubject;
pub use switchboard::{ListenerId, Listening, Standing, Switchboard, letter};
pub use viewers::Viewers;
pub use waits::{Wait, Waits};
