//! Document A's words for what differs from document B.

mod agent;
mod task;

pub(crate) use agent::{AgentView, ResourceUsage};
pub(crate) use task::TaskView;

pub(crate) use task::TASK_TYPES;
