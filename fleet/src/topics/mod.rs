//! Who hears what: topics, patterns that select them, filters that look into events, and the index
//! that finds kept events by topic.
//!
//! Pure: no input or output, no clock, no lock. Everything that a peer can make grow has a bound
//! here: names, patterns, subscriptions, the nodes that hold them, filters, topics that are listed
//! apart.

mod dotted;
mod event_index;
mod filter;
mod pattern;
mod scalar;
mod subject;
mod subscriptions;
mod topic;

pub use dotted::Fault;
pub use event_index::EventIndex;
pub use filter::{Filter, InvalidFilter};
pub use pattern::{InvalidPattern, Pattern, Step};
pub use subject::{Lookup, Subject};
pub use subscriptions::{SubscriptionLimits, Subscriptions, SubscriptionsFull};
pub use topic::{InvalidTopic, Topic};
