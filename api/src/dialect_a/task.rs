//! A task in document A's words.

use agnt_fleet::task::{RetryPolicy, Task};
use agnt_fleet::{Fields, Id, Timestamp};
use serde::Serialize;

use crate::dialect_b::RetryView;
use crate::view::{moment, moment_if_any};

/// The types of tasks that document A knows.
pub(crate) const TASK_TYPES: [&str; 5] = [
    "analysis",
    "synthesis",
    "execution",
    "validation",
    "monitoring",
];

/// A task (document A, `Task`): under a UUID, and with one of five types (ruling 38); what the
/// document does not name is added.
#[derive(Serialize)]
pub(crate) struct TaskView<'a> {
    task_id: &'a str,
    #[serde(rename = "type")]
    shown_type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_agent: Option<&'a str>,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    deadline: Option<Timestamp>,
    priority: u8,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    task_data: &'a Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    task_type: &'a str,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Id]>::is_empty")]
    dependencies: &'a [Id],
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryView>,
    attempt: u32,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    estimated_completion: Option<Timestamp>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    started_at: Option<Timestamp>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    finished_at: Option<Timestamp>,
    #[serde(serialize_with = "moment")]
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    metadata: &'a Fields,
}

impl<'a> TaskView<'a> {
    /// The view of a row.
    pub(crate) fn new(task: &'a Task) -> Self {
        let is_foreign = task.id != task.uuid;
        let has_retry = task.retry != RetryPolicy::default();
        Self {
            task_id: task.uuid.as_str(),
            shown_type: shown_type(task.task_type.as_str()),
            status: task.status.as_str(),
            assigned_agent: task.agent().map(Id::as_str),
            created_at: task.created_at,
            deadline: task.deadline,
            priority: task.priority.level(),
            task_data: &task.input,
            result: task.output.as_ref(),
            external_id: is_foreign.then(|| task.id.as_str()),
            task_type: task.task_type.as_str(),
            progress: task.progress,
            error: task.error.as_deref(),
            dependencies: &task.dependencies,
            workflow_id: task.workflow_id.as_ref().map(Id::as_str),
            stage: task.stage.as_deref(),
            timeout_ms: task.timeout_ms,
            retry_policy: has_retry.then(|| RetryView::new(task.retry)),
            attempt: task.attempt,
            estimated_completion: task.estimated_completion,
            started_at: task.started_at,
            finished_at: task.finished_at,
            updated_at: task.updated_at,
            metadata: &task.metadata,
        }
    }

    pub(crate) fn set_input(&mut self, input: &'a Fields) {
        self.task_data = input;
    }
}

/// A type as document A shows it.
fn shown_type(task_type: &str) -> &'static str {
    let known = TASK_TYPES.into_iter().find(|known| *known == task_type);
    known.unwrap_or(crate::body::OTHER_TYPE)
}
