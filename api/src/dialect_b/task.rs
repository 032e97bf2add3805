//! A task in document B's words.

use agnt_fleet::task::{Backoff, RetryPolicy, Task};
use agnt_fleet::{Fields, Id, Timestamp};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::view::{moment, moment_if_any, seconds_if_any, task_status};

/// A task (document B, `tasks`): under the id that it was given, times in seconds; what the
/// document does not name is added.
#[derive(Serialize)]
pub(crate) struct TaskView<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    task_type: &'a str,
    priority: &'static str,
    priority_level: u8,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_workflow_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    input_data: &'a Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_data: Option<&'a Fields>,
    progress: u8,
    dependencies: &'a [Id],
    #[serde(
        serialize_with = "seconds_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    timeout: Option<u64>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    deadline: Option<Timestamp>,
    retry_policy: RetryView,
    attempt: u32,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    estimated_completion: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
    #[serde(serialize_with = "moment")]
    updated_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    started_at: Option<Timestamp>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    metadata: &'a Fields,
}

impl<'a> TaskView<'a> {
    /// The view of a row.
    pub(crate) fn new(task: &'a Task) -> Self {
        Self {
            id: task.id.as_str(),
            task_type: task.task_type.as_str(),
            priority: task.priority.word().as_str(),
            priority_level: task.priority.level(),
            status: task_status(Dialect::B, task.status),
            assigned_agent: task.agent().map(Id::as_str),
            parent_workflow_id: task.workflow_id.as_ref().map(Id::as_str),
            stage: task.stage.as_deref(),
            input_data: &task.input,
            output_data: task.output.as_ref(),
            progress: task.progress,
            dependencies: &task.dependencies,
            timeout: task.timeout_ms,
            deadline: task.deadline,
            retry_policy: RetryView::new(task.retry),
            attempt: task.attempt,
            estimated_completion: task.estimated_completion,
            error: task.error.as_deref(),
            created_at: task.created_at,
            updated_at: task.updated_at,
            started_at: task.started_at,
            completed_at: task.finished_at,
            metadata: &task.metadata,
        }
    }

    pub(crate) fn set_input(&mut self, input: &'a Fields) {
        self.input_data = input;
    }
}

/// Whether and how a task is tried again (document B, `retry_policy`).
#[derive(Serialize)]
pub(crate) struct RetryView {
    max_attempts: u32,
    backoff_strategy: &'static str,
}

impl RetryView {
    pub(crate) const fn new(retry: RetryPolicy) -> Self {
        Self {
            max_attempts: retry.max_attempts,
            backoff_strategy: match retry.backoff {
                Backoff::Exponential => "exponential",
                Backoff::Linear => "linear",
                Backoff::Fixed => "fixed",
            },
        }
    }
}
