//! A workflow: stages that depend on each other, each done by one task.

use serde::{Deserialize, Serialize};

use crate::event::WorkflowBrief;
use crate::row::{Facet, Row};
use crate::{Fields, Id, Priority, Timestamp};

/// How far a workflow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkflowStatus {
    /// Under way.
    Running,
    /// All its stages ended as its failure strategy allows.
    Completed,
    /// A stage failed, and the strategy is to stop.
    Failed,
    /// Called off.
    Cancelled,
    /// Its own time was over.
    Timeout,
}

impl WorkflowStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
    ];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
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
        !matches!(self, Self::Running)
    }
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// Waits for the stages that it depends on.
    #[default]
    Pending,
    /// Its task is out.
    Running,
    /// Done.
    Completed,
    /// Its task failed, or timed out.
    Failed,
    /// It was never begun, because of another's failure.
    Skipped,
    /// Called off with the workflow.
    Cancelled,
}

impl StageStatus {
    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing follows it.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// What becomes of a workflow when a stage fails (document B, `failure_strategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStrategy {
    /// It fails; what has not begun is skipped, what runs is cancelled.
    #[default]
    StopOnError,
    /// What depends on the stage is skipped, the rest goes on; it ends completed.
    Continue,
    /// The stage is tried three times, then as `stop_on_error`.
    Retry,
}

/// A stage as it was asked for, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, unique in the workflow; 1 to 128 bytes without control characters.
    pub name: String,
    /// The type of agent that does it, and of its task.
    pub agent_type: Id,
    /// Names of the stages before it.
    pub dependencies: Vec<String>,
    /// How long one attempt may run, in ms.
    pub timeout_ms: Option<u64>,
    /// What it is given beside the outputs of the stages before it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub input: Fields,
    /// How far it is.
    #[serde(default)]
    pub status: StageStatus,
    /// Its task, once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<Id>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A workflow, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: Id,
    /// Its place in the order of creation.
    pub ordinal: u32,
    /// The project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its stages, as listed.
    pub stages: Vec<Stage>,
    /// Whether stages that are ready run at once, or one after the other in the order of the graph.
    pub is_parallel: bool,
    /// What becomes of it when a stage fails.
    pub failure_strategy: FailureStrategy,
    /// Whatever else its configuration says.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub configuration: Fields,
    /// How urgent its tasks are.
    pub priority: Priority,
    /// What all its stages are given.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub input: Fields,
    /// Whatever else was said of it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub metadata: Fields,
    /// How far it is.
    pub status: WorkflowStatus,
    /// Why it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was made, and began.
    pub created_at: Timestamp,
    /// When something of this row changed.
    pub updated_at: Timestamp,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When it times out, whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl Workflow {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// How many of its stages came to an end, in percent, rounded down.
    pub fn progress(&self) -> u8 {
        let ended = self
            .stages
            .iter()
            .filter(|stage| stage.status.is_terminal());
        let percent = ended.count() * 100 / self.stages.len().max(1);
        percent as u8
    }

    /// The names of the stages that failed, as listed.
    pub fn failed_stages(&self) -> impl Iterator<Item = &str> {
        let failed = |stage: &&Stage| stage.status == StageStatus::Failed;
        let stages = self.stages.iter().filter(failed);
        stages.map(|stage| stage.name.as_str())
    }

    /// What events say of it.
    pub fn brief(&self) -> WorkflowBrief {
        WorkflowBrief {
            workflow_id: self.id.clone(),
            project_id: self.project_id.clone(),
            name: self.name.clone(),
            workflow_status: self.status,
        }
    }
}

impl Row for Workflow {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, each: &mut dyn FnMut(Facet)) {
        each(Facet::WorkflowStatus(self.status));
        if let Some(project) = &self.project_id {
            each(Facet::Project(project.as_str().into()));
        }
    }
}
