//! Tasks: made, changed, called off, listed.

use std::sync::Arc;

use agnt_fleet::row::Facet;
use agnt_fleet::task::{Task, TaskStatus};
use agnt_fleet::{Fields, Mutation, PriorityWord, Refusal};
use serde_json::Value;

use super::agents::stuck;
use super::{Call, Doing};
use crate::body::{TASK_FIXED, read_task, read_task_change, scalars};
use crate::content::{read_object, read_object_if_any};
use crate::dialect::Dialect;
use crate::dialect_a::TASK_TYPES;
use crate::list::{ListView, Listing, absent};
use crate::query::{Query, refused};
use crate::step::Show;
use crate::view::TaskView;

/// The statuses of tasks as filters, for people.
const STATUSES: &str = "pending, running, in_progress, completed, failed, cancelled or timeout";

pub(super) fn list(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let mut listing = Listing::read(&mut query);
    let status = |word: &str| match word {
        "in_progress" => Some(TaskStatus::Running),
        word => TaskStatus::parse(word),
    };
    let statuses = query.words("status", status, STATUSES);
    listing.narrow(statuses.map(|all| all.into_iter().map(Facet::TaskStatus).collect()));
    let words = "low, normal, high or critical";
    let priorities = query.words("priority", PriorityWord::parse, words);
    listing.narrow(priorities.map(|all| all.into_iter().map(Facet::PriorityWord).collect()));
    let shown_type = match call.dialect {
        Dialect::A => query.take("type", known_type),
        Dialect::B => query.id("type").map(|id| id.to_string()),
    };
    // Document A shows tasks of all other types as `execution` (ruling 38).
    let is_execution = call.dialect == Dialect::A && shown_type.as_deref() == Some("execution");
    listing.narrow(shown_type.map(|text| {
        let shown = Facet::Type(text.into());
        let foreign = is_execution.then_some(Facet::ForeignType);
        [shown].into_iter().chain(foreign).collect()
    }));
    let agent = query.id("agent_id");
    let to_see = call.tasks_to_see(agent.as_ref())?;
    let ids = [
        query
            .id("task_type")
            .map(|id| Facet::Type(id.as_str().into())),
        agent.map(Facet::Agent),
        query.id("workflow_id").map(Facet::Workflow),
    ];
    for facet in ids {
        listing.narrow_to(facet);
    }
    query.end()?;
    listing.narrow(to_see);
    let (tasks, pagination) = listing.page(&call.fleet.read().tasks);
    let entries = tasks.iter().map(|task| TaskView::new(call.dialect, task));
    call.list(&ListView {
        name: "tasks",
        entries: entries.collect(),
        pagination,
    })
}

/// Document A closes the filter `type`; `task_type` finds every other type.
fn known_type(text: &str) -> Result<String, String> {
    if TASK_TYPES.contains(&text) {
        return Ok(text.to_owned());
    }
    let refused = refused(
        text,
        "analysis, synthesis, execution, validation or monitoring",
    );
    Err(format!("{refused}; task_type finds others"))
}

pub(super) fn create(call: &Call<'_>) -> Doing {
    let task = read_task(read_object(call.request)?, call.dialect, call.source())?;
    call.mutate(Mutation::CreateTask(task), Show::Task)
}

pub(super) fn show(call: &Call<'_>) -> Doing {
    let task = find(call)?;
    Ok(call.answer(&TaskView::new(call.dialect, &task)))
}

pub(super) fn update(call: &Call<'_>) -> Doing {
    let task = find(call)?;
    let mut fields = read_object(call.request)?;
    drop_settled(call.dialect, &task, &mut fields)?;
    let mut change = read_task_change(fields)?;
    change.agent = change.agent.or_else(|| call.acting_agent());
    call.check_change(&task, &change)?;
    let task = task.id.clone();
    call.mutate(Mutation::UpdateTask { task, change }, Show::Task)
}

/// What was settled when the task was made may be repeated, as by who writes back what was read,
/// and not changed.
fn drop_settled(dialect: Dialect, task: &Task, fields: &mut Fields) -> Result<(), Refusal> {
    let is_settled = |name: &&&str| fields.contains_key(**name);
    let given: Vec<_> = TASK_FIXED.iter().filter(is_settled).copied().collect();
    if given.is_empty() {
        return Ok(());
    }
    let shown = serde_json::to_value(TaskView::new(dialect, task)).unwrap_or_default();
    for name in given {
        let stays = shown.get(name).cloned().unwrap_or(Value::Null);
        if let Some(other) = fields.remove(name).filter(|given| *given != stays) {
            return Err(stuck(name, &other, stays));
        }
    }
    Ok(())
}

pub(super) fn cancel(call: &Call<'_>) -> Doing {
    let task = find(call)?;
    let reason = reason(call)?;
    let mutation = Mutation::CancelTask {
        task: task.id.clone(),
        reason: reason.clone(),
    };
    call.mutate(mutation, Show::TaskCancellation(reason))
}

/// Why something is called off: the query's or the body's `reason`.
pub(super) fn reason(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let mut query = Query::read(call.request.query)?;
    let asked = query.take("reason", |text| scalars::reason(Value::from(text)));
    query.end()?;
    let told = read_object_if_any(call.request).ok();
    let told = told.and_then(|mut body| scalars::reason(body.remove("reason")?).ok());
    Ok(asked.or(told))
}

/// The task that the path names, by its id or its UUID.
fn find(call: &Call<'_>) -> Result<Arc<Task>, Refusal> {
    let id = &call.parameters[0];
    let found = call.fleet.read().task(id).cloned();
    found.ok_or_else(|| absent("task", id))
}
