//! What happened: events, in the order of their commits.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::AgentStatus;
use crate::command::{CommandKind, CommandStatus};
use crate::task::TaskStatus;
use crate::workflow::{StageStatus, WorkflowStatus};
use crate::{Fields, Id, Priority, Timestamp};

/// An event, as it is stored and told. Events are numbered densely from 1 in the order of their
/// commits (ruling 41).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub sequence: u64,
    /// Its id, a `UUIDv7`.
    pub id: Id,
    /// When it happened.
    pub at: Timestamp,
    /// Who made it happen, if that was an agent or a named client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whom it is for, if for one agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Id>,
    /// What it belongs to: a workflow's id, a command's, or what its cause named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. What an event says of a task is as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "payload")]
pub enum EventKind {
    /// An agent came.
    AgentRegistered {
        /// The agent.
        agent_id: Id,
        /// Its number in frames.
        numeric_id: u32,
        /// Its swarm.
        stream: String,
        /// Its kind.
        agent_type: Option<String>,
        /// What people call it.
        name: Option<String>,
        /// What it can do.
        capabilities: Vec<String>,
        /// Whether it was known and came again.
        is_refreshed: bool,
    },
    /// Something of an agent changed beside its status.
    AgentUpdated {
        /// The agent.
        agent_id: Id,
        /// What it can do now and could not before.
        capabilities_added: Vec<String>,
        /// What it can't do any more.
        capabilities_removed: Vec<String>,
    },
    /// An agent's status changed.
    AgentStatusChanged {
        /// The agent.
        agent_id: Id,
        /// What it was.
        old_status: AgentStatus,
        /// What it is.
        new_status: AgentStatus,
        /// Why.
        reason: String,
    },
    /// An agent was removed.
    AgentRemoved {
        /// The agent.
        agent_id: Id,
        /// Its number in frames.
        numeric_id: u32,
        /// Its swarm.
        stream: String,
    },
    /// A task was made.
    TaskCreated(TaskBrief),
    /// A task was given to an agent.
    TaskAssigned(TaskBrief),
    /// An agent began it.
    TaskStarted(TaskBrief),
    /// It went on.
    TaskProgress {
        /// The task.
        #[serde(flatten)]
        task: TaskBrief,
        /// Percent.
        progress: u8,
        /// What the agent says of it.
        details: Option<Fields>,
        /// When it expects to be done.
        estimated_completion: Option<Timestamp>,
    },
    /// An attempt failed or it was given back; it will be tried again.
    TaskRetried {
        /// The task.
        #[serde(flatten)]
        task: TaskBrief,
        /// The attempt that ended.
        attempt: u32,
        /// Why.
        error: Option<String>,
        /// Not before.
        retry_at: Option<Timestamp>,
    },
    /// It came to its end; `task.status` says which.
    TaskFinished {
        /// The task.
        #[serde(flatten)]
        task: TaskBrief,
        /// From the start of the last attempt, in ms.
        execution_ms: u64,
        /// What came of it.
        output: Option<Fields>,
        /// Why it did not succeed.
        error: Option<String>,
    },
    /// A workflow began.
    WorkflowStarted(WorkflowBrief),
    /// A stage of it came to its end.
    WorkflowStageCompleted {
        /// The workflow.
        #[serde(flatten)]
        workflow: WorkflowBrief,
        /// The stage.
        stage: String,
        /// Which end.
        stage_status: StageStatus,
        /// Its task.
        task_id: Option<Id>,
        /// Why it did not succeed.
        error: Option<String>,
    },
    /// A workflow came to its end; `workflow.status` says which.
    WorkflowFinished {
        /// The workflow.
        #[serde(flatten)]
        workflow: WorkflowBrief,
        /// Why it did not succeed.
        error: Option<String>,
    },
    /// An agent is told or asked something.
    CommandIssued {
        /// The command.
        command_id: Id,
        /// The agent.
        agent_id: Id,
        /// Its form.
        kind: CommandKind,
        /// What is to be done.
        verb: String,
        /// How urgent it is.
        priority: Priority,
    },
    /// It was answered, or won't be.
    CommandFinished {
        /// The command.
        command_id: Id,
        /// The agent.
        agent_id: Id,
        /// Its form.
        kind: CommandKind,
        /// What was to be done.
        verb: String,
        /// How it ended.
        status: CommandStatus,
        /// The answer's data.
        result: Option<Value>,
        /// The answer's errors.
        errors: Vec<Value>,
    },
    /// A client published something on a topic of its own.
    Publication {
        /// The topic, checked.
        topic: String,
        /// What.
        data: Value,
    },
    /// Something that the people who run the server should know.
    SystemAlert {
        /// `info`, `warning`, `error` or `critical`.
        severity: String,
        /// What part of the server or the swarm.
        component: String,
        /// What is the matter.
        message: String,
        /// More.
        details: Fields,
    },
}

/// What events say of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskBrief {
    /// Its id.
    pub task_id: Id,
    /// The UUID under which document A's clients know it.
    pub task_uuid: Id,
    /// Its type.
    pub task_type: Id,
    /// How urgent it is.
    pub priority: Priority,
    /// How far it is.
    pub status: TaskStatus,
    /// The agent that has it.
    pub agent_id: Option<Id>,
    /// Its workflow.
    pub workflow_id: Option<Id>,
    /// The stage of that.
    pub stage: Option<String>,
    /// The project of that.
    pub project_id: Option<String>,
}

/// What events say of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowBrief {
    /// Its id.
    pub workflow_id: Id,
    /// Its project.
    pub project_id: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// How far it is.
    pub workflow_status: WorkflowStatus,
}

impl Event {
    /// The topic that it is published on: `task.code_generation.completed` (decision X13).
    pub fn topic(&self) -> String {
        match self.kind.task() {
            Some(task) => {
                let event_type = self.kind.event_type();
                let verb = event_type.rsplit('.').next().unwrap_or(event_type);
                format!("task.{}.{verb}", task.task_type)
            }
            None => match &self.kind {
                EventKind::Publication { topic, .. } => topic.clone(),
                kind => kind.event_type().to_owned(),
            },
        }
    }
}

impl EventKind {
    /// The name of its kind in document B's words, ours where it has none. A task that did not
    /// succeed is `task.failed` (ruling 55).
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::AgentRegistered { .. } => "agent.registered",
            Self::AgentUpdated { .. } => "agent.updated",
            Self::AgentStatusChanged { .. } => "agent.status_changed",
            Self::AgentRemoved { .. } => "agent.removed",
            Self::TaskCreated(_) => "task.created",
            Self::TaskAssigned(_) => "task.assigned",
            Self::TaskStarted(_) => "task.started",
            Self::TaskProgress { .. } => "task.progress",
            Self::TaskRetried { .. } => "task.retried",
            Self::TaskFinished { task, .. } => match task.status {
                TaskStatus::Completed => "task.completed",
                _ => "task.failed",
            },
            Self::WorkflowStarted(_) => "workflow.started",
            Self::WorkflowStageCompleted { .. } => "workflow.stage_completed",
            Self::WorkflowFinished { workflow, .. } => match workflow.workflow_status {
                WorkflowStatus::Completed => "workflow.completed",
                _ => "workflow.failed",
            },
            Self::CommandIssued { .. } => "command.issued",
            Self::CommandFinished { .. } => "command.finished",
            Self::Publication { .. } => "publication",
            Self::SystemAlert { .. } => "system.alert",
        }
    }

    /// The task that it is about.
    pub fn task(&self) -> Option<&TaskBrief> {
        match self {
            Self::TaskCreated(task)
            | Self::TaskAssigned(task)
            | Self::TaskStarted(task)
            | Self::TaskProgress { task, .. }
            | Self::TaskRetried { task, .. }
            | Self::TaskFinished { task, .. } => Some(task),
            _ => None,
        }
    }

    /// The workflow that it is about.
    pub fn workflow(&self) -> Option<&WorkflowBrief> {
        match self {
            Self::WorkflowStarted(workflow)
            | Self::WorkflowStageCompleted { workflow, .. }
            | Self::WorkflowFinished { workflow, .. } => Some(workflow),
            _ => None,
        }
    }

    /// The agent that it is about.
    pub fn agent_id(&self) -> Option<&Id> {
        match self {
            Self::AgentRegistered { agent_id, .. }
            | Self::AgentUpdated { agent_id, .. }
            | Self::AgentStatusChanged { agent_id, .. }
            | Self::AgentRemoved { agent_id, .. }
            | Self::CommandIssued { agent_id, .. }
            | Self::CommandFinished { agent_id, .. } => Some(agent_id),
            _ => self.task().and_then(|task| task.agent_id.as_ref()),
        }
    }
}
