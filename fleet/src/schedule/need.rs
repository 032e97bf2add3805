//! Whom a task may go to, and what an agent offers.

use serde_json::Value;

use crate::Id;
use crate::agent::Agent;
use crate::task::Task;

/// Whom a task may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need<'a> {
    /// This agent alone.
    Agent(&'a Id),
    /// An agent that offers the task's type.
    Type(&'a Id),
    /// An agent that offers the task's type and this capability, which its metadata names as
    /// `required_capability` or `capability`.
    Both(&'a Id, &'a str),
}

impl<'a> Need<'a> {
    /// What a task needs.
    pub(super) fn of(task: &'a Task) -> Self {
        if let Some(agent) = &task.requested_agent {
            return Self::Agent(agent);
        }
        let capability = ["required_capability", "capability"]
            .into_iter()
            .find_map(|key| task.metadata.get(key).and_then(Value::as_str));
        match capability {
            Some(capability) if capability != task.task_type.as_str() => {
                Self::Both(&task.task_type, capability)
            }
            _ => Self::Type(&task.task_type),
        }
    }
}

/// What an agent offers: its type and its capabilities.
pub(super) fn offers(agent: &Agent) -> impl Iterator<Item = &str> {
    let capabilities = agent.capabilities.iter().map(String::as_str);
    agent.agent_type.as_deref().into_iter().chain(capabilities)
}
