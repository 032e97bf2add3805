//! A task: something that an agent is to do.

use serde::{Deserialize, Serialize};

use crate::row::{Facet, Row};
use crate::{Fields, Id, Priority, Timestamp};

/// The types of tasks that document A knows (decision X6).
pub const TYPES_OF_DOCUMENT_A: [&str; 5] = [
    "analysis",
    "synthesis",
    "execution",
    "validation",
    "monitoring",
];

/// How far a task is (document A, `Task.status`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Waits, assigned or not.
    #[default]
    Pending,
    /// Its agent is at it.
    Running,
    /// Done.
    Completed,
    /// Not done, and no attempt is left.
    Failed,
    /// Called off.
    Cancelled,
    /// Not done in time, and no attempt is left.
    Timeout,
}

impl TaskStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
    ];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether nothing follows it.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether a task may go from this state to `next`. Staying running is progress; back to
    /// pending it goes when it is tried again or given back.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => !matches!(next, Self::Pending),
            Self::Running => true,
            _ => false,
        }
    }
}

/// How long to wait before the next attempt (decision M27), each with full jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// 1 s, 2 s, 4 s ..., at most 60 s.
    #[default]
    Exponential,
    /// 1 s, 2 s, 3 s ..., at most 60 s.
    Linear,
    /// 1 s.
    Fixed,
}

impl Backoff {
    /// The longest wait before attempt number `attempt` (the second is 2), in ms.
    pub fn bound_ms(self, attempt: u32) -> u64 {
        let retry = u64::from(attempt.saturating_sub(1).max(1));
        let seconds = match self {
            Self::Exponential => 1u64 << (retry - 1).min(6),
            Self::Linear => retry,
            Self::Fixed => 1,
        };
        seconds.min(60) * 1000
    }
}

/// Whether and how a task is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// The wait between them.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            backoff: Backoff::Exponential,
        }
    }
}

/// A task, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id, the given one where one was given.
    pub id: Id,
    /// The UUID under which document A's clients know it: the id, if that is one (ruling 38).
    pub uuid: Id,
    /// Its place in the order of creation.
    pub ordinal: u32,
    /// What kind it is: `[A-Za-z0-9_-]{1,128}`, one topic segment (ruling 54).
    #[serde(rename = "type")]
    pub task_type: Id,
    /// How urgent it is.
    pub priority: Priority,
    /// How far it is.
    pub status: TaskStatus,
    /// The agent that it was meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_agent: Option<Id>,
    /// The agent that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_agent: Option<Id>,
    /// The workflow that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<Id>,
    /// The stage of that workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Tasks that must be completed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Id>,
    /// What to work on (`task_data` in document A, `input_data` in B).
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub input: Fields,
    /// What came of it (`result` in document A, `output_data` in B).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Fields>,
    /// Why it failed, timed out or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How much of it is done, in percent.
    #[serde(default)]
    pub progress: u8,
    /// When the agent expects to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion: Option<Timestamp>,
    /// Whatever else was said of it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub metadata: Fields,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something of this row changed.
    pub updated_at: Timestamp,
    /// When it was assigned to the agent that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<Timestamp>,
    /// When the attempt that runs, or ran last, began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When it times out, whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// How long one attempt may run, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether and how it is tried again.
    pub retry: RetryPolicy,
    /// The attempt that runs or ran last; 0 before the first.
    #[serde(default)]
    pub attempt: u32,
    /// Before this moment it is not tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

impl Task {
    /// The agent that has it, else the one that it is meant for.
    pub fn agent(&self) -> Option<&Id> {
        self.assigned_agent
            .as_ref()
            .or(self.requested_agent.as_ref())
    }

    /// From the start of the last attempt to the end, in ms.
    pub fn execution_ms(&self) -> Option<u64> {
        Some(self.finished_at?.ms_since(self.started_at?))
    }
}

impl Row for Task {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, each: &mut dyn FnMut(Facet)) {
        each(Facet::TaskStatus(self.status));
        each(Facet::Type(self.task_type.as_str().into()));
        if !TYPES_OF_DOCUMENT_A.contains(&self.task_type.as_str()) {
            each(Facet::ForeignType);
        }
        each(Facet::PriorityWord(self.priority.word()));
        if let Some(agent) = self.agent() {
            each(Facet::Agent(agent.clone()));
        }
        if let Some(workflow) = &self.workflow_id {
            each(Facet::Workflow(workflow.clone()));
        }
    }
}
