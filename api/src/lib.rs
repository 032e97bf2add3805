//! The two REST dialects of the agent API: requests in, answers out.
//!
//! `/api/v1` speaks document B, `/v1` and the bare paths document A. Both understand every spelling
//! of either; each answers in its own words. [`routes::find`] says where a request goes and what it
//! needs to be allowed, [`begin`] what is to be done for it. A [`Step`] that asks for something of
//! the outside comes with its continuation, so that nothing here waits, locks for long, or writes.
//!
//! What is absent: sockets, state, clocks, and rules. What may be done is the fleet's to say.

mod agent_texts;
mod body;
mod content;
mod dialect;
mod dialect_a;
mod dialect_b;
mod error;
mod event_payload;
mod event_view;
mod fleet_view;
mod limits;
mod list;
mod manner;
mod operation;
mod query;
mod request;
mod response;
pub mod routes;
mod step;
mod view;

pub use self::agent_texts::AgentTexts;
pub use self::body::{
    Heartbeat, read_agent_change, read_answer, read_command, read_heartbeat, read_message,
    read_publication, read_registration, read_request, read_task, read_task_change, read_workflow,
};
pub use self::dialect::Dialect;
pub use self::error::refuse;
pub use self::event_view::{EventView, event_type};
pub use self::fleet_view::{FleetView, ResponseFigures};
pub use self::limits::*;
pub use self::manner::Manner;
pub use self::operation::{answer, begin};
pub use self::request::{ApiRequest, Principal, Reach};
pub use self::response::ApiResponse;
pub use self::step::{
    AfterEvents, AfterMutation, AfterWait, Awaited, EventQuery, EventsPage, Gap, Idempotency, Step,
};
pub use self::view::{AgentView, CommandView, TaskView, WorkflowView};
