//! Views out: rows as each document shows them, serialised from borrowed fields.

mod agent;
mod command;
mod metrics;
mod moment;
mod page;
mod task;
mod template;
mod workflow;

pub use agent::AgentView;
pub use command::CommandView;
pub use task::TaskView;
pub use workflow::WorkflowView;

pub(crate) use agent::{
    AgentStatusView, HeartbeatView, RegistrationView, agent_status, current_tasks,
};
pub(crate) use command::{AcceptedView, ResponseView};
pub(crate) use metrics::MetricsView;
pub(crate) use moment::{Moment, moment, moment_if_any, seconds_if_any};
pub(crate) use page::Pagination;
pub(crate) use task::{CancelledView, task_id, task_status};
pub(crate) use template::TemplateView;
