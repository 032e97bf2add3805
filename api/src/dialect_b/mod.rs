//! Document B's words for what differs from document A.

mod agent;
mod task;

pub(crate) use agent::{AgentView, PerformanceMetrics};
pub(crate) use task::TaskView;

pub(crate) use task::RetryView;
