//! Tasks that are made or changed.

use agnt_fleet::mutation::{NewTask, PriorityWish, TaskChange};
use agnt_fleet::task::{Backoff, RetryPolicy, TaskStatus};
use agnt_fleet::{Fields, Id, Refusal, RefusalKind};
use serde_json::Value;

use super::fields::FieldReader;
use super::scalars::{self, Reading};
use crate::dialect::Dialect;
use crate::limits::{ATTEMPTS_MAX, DEPENDENCIES_MAX};

/// The type under which document A shows what is none of its five.
pub(crate) const OTHER_TYPE: &str = "execution";

/// What came of a task, in all names.
const OUTPUT: &[&str] = &["output_data", "result", "task_result", "output"];

/// What views have of a task and nobody sets.
const SHOWN: &[&str] = &[
    "attempt",
    "created_at",
    "updated_at",
    "assigned_at",
    "started_at",
    "finished_at",
    "completed_at",
    "retry_at",
];

/// What is settled when a task is made.
pub(crate) const FIXED: &[&str] = &[
    "id",
    "task_id",
    "external_id",
    "type",
    "task_type",
    "task_data",
    "input_data",
    "payload",
    "dependencies",
    "deadline",
    "timeout",
    "timeout_ms",
    "retry_policy",
    "workflow_id",
    "parent_workflow_id",
    "stage",
];

/// Reads a task to be made (documents A `TaskCreation`, B `tasks`).
pub fn read_task(
    fields: Fields,
    dialect: Dialect,
    source: Option<String>,
) -> Result<NewTask, Refusal> {
    if has_empty_type(&fields) {
        return Err(Refusal::new(RefusalKind::Invalid, "Task type is required"));
    }
    let mut fields = FieldReader::new(fields);
    let task_type = read_type(&mut fields);
    let id = fields.take(&["external_id", "id", "task_id"], scalars::id);
    let priority = read_priority(&mut fields);
    let assigned_agent = fields.take(&["assigned_agent", "agent_id"], scalars::id);
    let workflow_id = fields.take(&["parent_workflow_id", "workflow_id"], scalars::id);
    let dependencies = fields.take(&["dependencies"], |value| {
        scalars::list(value, DEPENDENCIES_MAX, "a list of ids", scalars::id)
    });
    let input: &[&str] = match dialect {
        Dialect::A => &["task_data", "input_data", "payload"],
        Dialect::B => &["input_data", "task_data", "payload"],
    };
    let input = fields.take_object(input).unwrap_or_default();
    let deadline = fields.take(&["deadline"], scalars::moment);
    let timeout_ms = read_timeout(&mut fields);
    let (retry, other_retry) = read_retry(&mut fields);
    let project = fields.take(&["project_id"], scalars::label);
    fields.drop_shown(SHOWN);
    fields.drop_shown(OUTPUT);
    fields.drop_shown(&["status", "progress", "error", "estimated_completion"]);
    let mut metadata = fields.metadata();
    if let Some(project) = project {
        metadata.insert("project_id".to_owned(), project.into());
    }
    if !other_retry.is_empty() {
        metadata.insert("retry_policy".to_owned(), other_retry.into());
    }
    fields.end()?;
    let Some(task_type) = task_type else {
        return Err(Refusal::new(RefusalKind::Invalid, "Task type is required"));
    };
    Ok(NewTask {
        id,
        task_type,
        priority,
        assigned_agent,
        workflow_id,
        stage: None,
        dependencies: dependencies.unwrap_or_default(),
        input,
        metadata,
        deadline,
        timeout_ms,
        retry,
        source,
    })
}

/// Reads what of a task is changed (document B, `PATCH tasks/{task_id}`). What is settled when a
/// task is made was dropped by the caller, who can compare it.
pub fn read_task_change(fields: Fields) -> Result<TaskChange, Refusal> {
    let mut fields = FieldReader::new(fields);
    let status = fields.take(&["status"], status);
    let progress = fields.take(&["progress"], |value| {
        scalars::integer(value, 0, 100).map(|percent| percent as u8)
    });
    let change = TaskChange {
        status,
        progress,
        output: fields.take_object(OUTPUT),
        estimated_completion: fields.take(&["estimated_completion"], scalars::moment),
        error: fields.take(&["error"], scalars::text),
        priority: read_priority(&mut fields),
        agent: fields.take(&["assigned_agent", "agent_id"], scalars::id),
        metadata: {
            fields.drop_shown(SHOWN);
            fields.metadata()
        },
    };
    fields.end()?;
    Ok(change)
}

/// A status in either document's words (decision X5).
fn status(value: Value) -> Reading<TaskStatus> {
    let read = |word: &str| match word {
        "in_progress" => Some(TaskStatus::Running),
        word => TaskStatus::parse(word),
    };
    let allowed = "pending, running, in_progress, completed, failed, cancelled or timeout";
    scalars::word(value, read, allowed)
}

/// Whether the type was given as nothing at all, for which document A has a sentence.
fn has_empty_type(fields: &Fields) -> bool {
    let given = ["type", "task_type", "taskType"];
    let mut given = given.iter().filter_map(|name| fields.get(*name)).peekable();
    given.peek().is_none() || given.all(|given| given.as_str() == Some(""))
}

/// The type. Document A shows what is none of its five as `execution`, with the real one in
/// `task_type`: written back, that one counts.
fn read_type(fields: &mut FieldReader) -> Option<Id> {
    let shown = fields.take(&["type"], scalars::id);
    let real = fields.take(&["task_type"], scalars::id);
    match shown {
        Some(shown) if shown.as_str() != OTHER_TYPE => Some(shown),
        shown => real.or(shown),
    }
}

/// The priority. Document B shows the number beside the word: a number that the word stands for
/// refines it, another is left over from before the word was changed.
fn read_priority(fields: &mut FieldReader) -> Option<PriorityWish> {
    let wish = fields.take(&["priority"], scalars::priority);
    let level = fields.take(&["priority_level"], |value| match value.is_number() {
        true => scalars::priority(value),
        false => Err(scalars::not_allowed(&value, "an integer from 1 to 10")),
    });
    match (wish, level) {
        (Some(PriorityWish::Word(word)), Some(PriorityWish::Level(level)))
            if level.word() == word =>
        {
            Some(PriorityWish::Level(level))
        }
        (wish, level) => wish.or(level),
    }
}

/// How long one attempt may run: `timeout_ms`, or `timeout` in s.
pub(super) fn read_timeout(fields: &mut FieldReader) -> Option<u64> {
    let milliseconds = fields.take(&["timeout_ms"], scalars::milliseconds);
    let seconds = fields.take(&["timeout"], scalars::seconds);
    milliseconds.or(seconds)
}

/// Whether and how it is tried again, and what else was said of that.
fn read_retry(fields: &mut FieldReader) -> (RetryPolicy, Fields) {
    let mut retry = RetryPolicy::default();
    let Some(mut inner) = fields.enter("retry_policy") else {
        return (retry, Fields::new());
    };
    let attempts = inner.take(&["max_attempts"], |value| {
        scalars::integer(value, 1, ATTEMPTS_MAX).map(|attempts| attempts as u32)
    });
    let backoff = inner.take(&["backoff_strategy"], |value| {
        let read = |word: &str| match word {
            "exponential" => Some(Backoff::Exponential),
            "linear" => Some(Backoff::Linear),
            "fixed" => Some(Backoff::Fixed),
            _ => None,
        };
        scalars::word(value, read, "exponential, linear or fixed")
    });
    retry.max_attempts = attempts.unwrap_or(retry.max_attempts);
    retry.backoff = backoff.unwrap_or(retry.backoff);
    (retry, fields.leave(inner))
}
