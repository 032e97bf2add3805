//! What tables hold.

use std::sync::Arc;

use crate::agent::AgentStatus;
use crate::command::CommandStatus;
use crate::task::TaskStatus;
use crate::workflow::WorkflowStatus;
use crate::{Id, PriorityWord};

/// Something stored under an id, in an order of creation, and found by its facets.
pub trait Row: Clone {
    /// Its id.
    fn id(&self) -> &Id;

    /// Its place in the order of creation, which never changes and is never given again.
    fn ordinal(&self) -> u32;

    /// Tells each value that lists may be narrowed to.
    fn facets(&self, each: &mut dyn FnMut(Facet));
}

/// A value that lists may be narrowed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Facet {
    /// An agent's status.
    AgentStatus(AgentStatus),
    /// A task's status.
    TaskStatus(TaskStatus),
    /// A workflow's status.
    WorkflowStatus(WorkflowStatus),
    /// A command's status.
    CommandStatus(CommandStatus),
    /// An agent's or a task's type.
    Type(Arc<str>),
    /// A task's type that is none of document A's five, which shows it as `execution`.
    ForeignType,
    /// Something that an agent can do.
    Capability(Arc<str>),
    /// The agent that has a task or a command.
    Agent(Id),
    /// The path of this server under which the answer to a command is kept.
    Callback(Arc<str>),
    /// The workflow of a task.
    Workflow(Id),
    /// The project of a workflow.
    Project(Arc<str>),
    /// The swarm of an agent.
    Stream(Arc<str>),
    /// A range of priorities.
    PriorityWord(PriorityWord),
}
