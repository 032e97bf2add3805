//! Tasks in both documents' words.

use agnt_fleet::task::{Task, TaskStatus};
use agnt_fleet::{Fields, Timestamp};
use serde::Serialize;

use super::moment::moment;
use crate::dialect::Dialect;
use crate::{dialect_a, dialect_b};

/// A task as a dialect shows it.
#[derive(Serialize)]
pub struct TaskView<'a>(Shown<'a>);

#[derive(Serialize)]
#[serde(untagged)]
#[allow(
    clippy::large_enum_variant,
    reason = "it lives until it is written out"
)]
enum Shown<'a> {
    A(dialect_a::TaskView<'a>),
    B(dialect_b::TaskView<'a>),
}

impl<'a> TaskView<'a> {
    /// The view of a row.
    pub fn new(dialect: Dialect, task: &'a Task) -> Self {
        Self(match dialect {
            Dialect::A => Shown::A(dialect_a::TaskView::new(task)),
            Dialect::B => Shown::B(dialect_b::TaskView::new(task)),
        })
    }

    /// The same with `input` in place of the task's own, which is not looked at.
    #[must_use]
    pub fn with_input(mut self, input: &'a Fields) -> Self {
        match &mut self.0 {
            Shown::A(view) => view.set_input(input),
            Shown::B(view) => view.set_input(input),
        }
        self
    }
}

/// The id under which a dialect's clients know a task (ruling 38).
pub(crate) fn task_id(dialect: Dialect, task: &Task) -> &str {
    match dialect {
        Dialect::A => task.uuid.as_str(),
        Dialect::B => task.id.as_str(),
    }
}

/// A status in a dialect's words (decision X5).
pub(crate) const fn task_status(dialect: Dialect, status: TaskStatus) -> &'static str {
    match (dialect, status) {
        (Dialect::B, TaskStatus::Running) => "in_progress",
        _ => status.as_str(),
    }
}

/// A task or a workflow was called off (document A, `TaskCancellation`).
#[derive(Serialize)]
pub(crate) struct CancelledView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    pub(crate) status: &'static str,
    #[serde(serialize_with = "moment")]
    pub(crate) cancelled_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}
