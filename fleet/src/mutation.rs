//! What may be asked of the fleet: everything that changes something.

#![expect(
    missing_docs,
    reason = "fields are named after those of the rows, which say what they hold"
)]

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

use crate::agent::{Agent, AgentStatus};
use crate::command::{Command, CommandKind};
use crate::task::{RetryPolicy, Task, TaskStatus};
use crate::template::Template;
use crate::workflow::{FailureStrategy, Workflow};
use crate::{Fields, Id, Priority, PriorityWord, Timestamp};

/// A change that somebody asks for. What is checked here already is what types can say; the rest
/// is the rules' (`rules/`).
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    /// An agent comes.
    RegisterAgent(Registration),
    /// An agent is changed.
    UpdateAgent { agent: Id, change: AgentChange },
    /// An agent says what it is doing, by itself or by a heartbeat.
    SetAgentStatus {
        agent: Id,
        status: AgentStatus,
        reason: String,
    },
    /// An agent goes for good.
    RemoveAgent { agent: Id },
    /// A task is made.
    CreateTask(NewTask),
    /// A task is begun, goes on, ends, or is given back; `task` is its id or its UUID.
    UpdateTask { task: Id, change: TaskChange },
    /// A task is called off.
    CancelTask { task: Id, reason: Option<String> },
    /// A workflow is made, and begins.
    CreateWorkflow(NewWorkflow),
    /// A workflow is called off, with its tasks.
    CancelWorkflow {
        workflow: Id,
        reason: Option<String>,
    },
    /// An agent is told or asked something.
    IssueCommand(NewCommand),
    /// An agent answers: `command` is the id of a command, or of a task that was delivered to it.
    Answer { command: Id, answer: Answer },
    /// What became of a callback.
    SettleCallback {
        command: Id,
        status: crate::command::CallbackStatus,
    },
    /// Somebody keeps an answer under a relative path (ruling 43).
    StoreAnswer { path: String, body: Value },
    /// A template is made or replaced.
    PutTemplate {
        id: Id,
        name: Option<String>,
        content: Fields,
    },
    /// A template goes.
    RemoveTemplate { id: Id },
    /// A client publishes on a topic of its own; the topic is checked.
    Publish {
        topic: String,
        data: Value,
        source: Option<String>,
    },
    /// The server itself warns.
    Alert {
        severity: String,
        component: String,
        message: String,
        details: Fields,
    },
    /// An API key is made or changed; the bytes are the guard's.
    PutKey { id: Id, bytes: Vec<u8> },
    /// A credential goes that nobody can use any more, if it is there.
    RemoveKey { id: Id },
}

/// An agent that comes (documents A `AgentRegistration`, B `agents/register`).
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// Its name.
    pub id: Id,
    /// Its kind.
    pub agent_type: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Its software's version.
    pub version: Option<String>,
    /// What it can do; at least one.
    pub capabilities: Vec<String>,
    /// How many tasks it takes at once.
    pub max_tasks: u32,
    /// Where its health can be asked for.
    pub health_check_url: Option<String>,
    /// Its configuration, `max_concurrent_tasks` left out.
    pub configuration: Fields,
    /// Whatever else was said.
    pub metadata: Fields,
    /// Its swarm; `main` if none is named.
    pub stream: Option<String>,
    /// Whether an agent of this name is refreshed (document B, `?upsert=true` of A) or a conflict.
    pub may_refresh: bool,
}

/// What of an agent is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentChange {
    pub agent_type: Option<String>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub capabilities: Option<Vec<String>>,
    /// What it can do beside what it could.
    pub capabilities_added: Vec<String>,
    /// What it can do no more.
    pub capabilities_removed: Vec<String>,
    pub max_tasks: Option<u32>,
    pub status: Option<AgentStatus>,
    pub health_check_url: Option<String>,
    /// Merged key by key; null removes a key.
    pub configuration: Fields,
    /// Merged key by key; null removes a key.
    pub metadata: Fields,
}

/// A priority as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityWish {
    /// As a number.
    Level(Priority),
    /// As a word, which leaves a number of its range alone.
    Word(PriorityWord),
}

impl PriorityWish {
    /// What it makes of `old`.
    pub fn applied_to(self, old: Priority) -> Priority {
        match self {
            Self::Level(priority) => priority,
            Self::Word(word) => old.rewritten(word),
        }
    }
}

/// A task to be made (documents A `TaskCreation`, B `tasks`).
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Its id; one is made if none is given.
    pub id: Option<Id>,
    pub task_type: Id,
    pub priority: Option<PriorityWish>,
    pub assigned_agent: Option<Id>,
    pub workflow_id: Option<Id>,
    /// The stage of that workflow; the workflow itself says so, no client does.
    pub stage: Option<String>,
    pub dependencies: Vec<Id>,
    pub input: Fields,
    pub metadata: Fields,
    pub deadline: Option<Timestamp>,
    pub timeout_ms: Option<u64>,
    pub retry: RetryPolicy,
    /// Who makes it.
    pub source: Option<String>,
}

/// What of a task is changed; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskChange {
    pub status: Option<TaskStatus>,
    pub progress: Option<u8>,
    pub output: Option<Fields>,
    pub estimated_completion: Option<Timestamp>,
    pub error: Option<String>,
    pub priority: Option<PriorityWish>,
    /// Who claims it, or who says so: a task that another agent has is a conflict.
    pub agent: Option<Id>,
    /// Merged key by key; null removes a key.
    pub metadata: Fields,
}

impl TaskChange {
    /// Whether an agent begins a task by it.
    pub fn is_claim(&self) -> bool {
        self.status == Some(TaskStatus::Running) && self.agent.is_some()
    }
}

/// A workflow to be made (document B `workflows`).
#[derive(Clone, Debug, PartialEq)]
pub struct NewWorkflow {
    pub id: Option<Id>,
    pub project_id: Option<String>,
    pub name: Option<String>,
    /// At least one.
    pub stages: Vec<NewStage>,
    pub is_parallel: bool,
    pub failure_strategy: FailureStrategy,
    pub configuration: Fields,
    pub priority: Option<PriorityWish>,
    pub input: Fields,
    pub metadata: Fields,
    /// How long the whole may take.
    pub timeout_ms: Option<u64>,
    pub source: Option<String>,
}

/// A stage to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStage {
    pub name: String,
    pub agent_type: Id,
    pub dependencies: Vec<String>,
    pub timeout_ms: Option<u64>,
    pub input: Fields,
}

/// Something to tell or ask an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCommand {
    /// Its id; one is made if none is given.
    pub id: Option<Id>,
    pub agent: Id,
    pub kind: CommandKind,
    pub verb: String,
    pub payload: Fields,
    pub priority: Option<PriorityWish>,
    pub source: Option<String>,
    pub correlation_id: Option<String>,
    pub timeout_ms: u64,
    /// Where the answer is to go, with what the policy of the sender says of it.
    pub callback: Option<crate::command::Callback>,
    /// Whether an agent that is away refuses it (document B, ruling 56) or it is held.
    pub needs_presence: bool,
}

/// An agent's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who answers, where that is known: another agent's command is a conflict.
    pub agent: Option<Id>,
    pub is_success: bool,
    pub data: Option<Value>,
    pub errors: Vec<Value>,
}

/// What came of a mutation: the rows as they were when it was committed. It is kept as it is for
/// an Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// An agent, and whether it is new.
    Agent { agent: Arc<Agent>, is_new: bool },
    /// A task, and whether it is new.
    Task { task: Arc<Task>, is_new: bool },
    /// A workflow, and whether it is new.
    Workflow {
        workflow: Arc<Workflow>,
        is_new: bool,
    },
    /// A command.
    Command { command: Arc<Command> },
    /// A template, and whether it is new.
    Template {
        template: Arc<Template>,
        is_new: bool,
    },
    /// An event of this number, and how it was counted.
    Event { sequence: u64 },
    /// Nothing to show.
    Done,
}
