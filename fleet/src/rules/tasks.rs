//! Tasks: made, called off, timed out, forgotten. What agents make of them is in
//! [`task_change`](super::task_change), how they are tried in [`attempts`].

use std::collections::HashSet;
use std::sync::Arc;

use super::checks::{check_duration_if_any, check_size};
use super::sundry::{capped, check_template};
use super::task_cycle::check_acyclic;
use super::workflows::wished;
use super::{Ruling, attempts, telling};
use crate::core::{Core, Counted};
use crate::mutation::NewTask;
use crate::schedule::due::TaskDue;
use crate::tables::RowChange;
use crate::task::{Task, TaskStatus};
use crate::{Id, Outcome, Refusal, RefusalKind, Timestamp};

/// How many tasks a task may depend on.
const DEPENDENCIES_MAX: usize = 1000;

/// How often a task may be tried.
const ATTEMPTS_MAX: u32 = 1000;

/// The largest input as JSON. Stages are given the outputs of those before them in it.
const INPUT_BYTES_MAX: usize = 16 << 20;

/// The largest metadata as JSON.
pub(super) const METADATA_BYTES_MAX: usize = 64 << 10;

/// How many tasks a tick deals with: times out, tries again.
const DUE_MAX: usize = 10_000;

/// How many ended ones it forgets.
const FORGOTTEN_MAX: usize = 1000;

/// Makes a task. Whatever it depends on, and whoever it is meant for, may come later (ruling 39).
pub(super) fn create(core: &mut Core, mut new: NewTask) -> Ruling {
    let source = new.source.take();
    let dependencies = check(core, &mut new)?;
    let task = row(core, new, dependencies)?;
    let task = Arc::new(task);
    core.put(RowChange::Task(task.id.clone(), Some(Arc::clone(&task))));
    telling::created(core, &task, source);
    Ok(Outcome::Task { task, is_new: true })
}

/// Calls a task off.
pub(super) fn cancel(core: &mut Core, id: &Id, reason: Option<String>) -> Ruling {
    let task = find(core, id)?;
    if task.status.is_terminal() {
        return Err(ended(&task, TaskStatus::Cancelled));
    }
    attempts::finish(core, &task, TaskStatus::Cancelled, reason);
    Ok(Outcome::Task {
        task: find(core, id)?,
        is_new: false,
    })
}

/// Does what is due of tasks.
pub(super) fn tick(core: &mut Core) {
    let now = core.now();
    for _ in 0..DUE_MAX {
        let Some(due) = core.schedule.due_tasks.first(now) else {
            break;
        };
        let Some(task) = core.tables.tasks.at(due.ordinal()).cloned() else {
            break;
        };
        match due {
            TaskDue::Deadline(_) => {
                let error = task
                    .deadline
                    .map(|at| format!("not done by its deadline, {at}"));
                attempts::finish(core, &task, TaskStatus::Timeout, error);
            }
            TaskDue::Timeout(_) => {
                let timeout_ms = task.timeout_ms.unwrap_or_default();
                let error = Some(format!("not done within {timeout_ms} ms"));
                attempts::fail(core, &task, TaskStatus::Timeout, error);
            }
            TaskDue::Retry(_) => {
                put(core, &task, |task| task.retry_at = None);
            }
        }
    }
    for _ in 0..FORGOTTEN_MAX {
        let old = core.schedule.old_tasks.first(now);
        let task = old.and_then(|ordinal| core.tables.tasks.at(ordinal));
        let Some(id) = task.map(|task| task.id.clone()) else {
            break;
        };
        core.put(RowChange::Task(id, None));
    }
}

/// The task with this id or UUID.
pub(super) fn find(core: &Core, id: &Id) -> Result<Arc<Task>, Refusal> {
    let found = core.tables.task(id.as_str()).cloned();
    found.ok_or_else(|| Refusal::not_found("task", id.as_str()))
}

/// Changes a row.
pub(super) fn put(core: &mut Core, old: &Arc<Task>, change: impl FnOnce(&mut Task)) -> Arc<Task> {
    let mut task = (**old).clone();
    change(&mut task);
    task.updated_at = core.now();
    let task = Arc::new(task);
    core.put(RowChange::Task(task.id.clone(), Some(Arc::clone(&task))));
    task
}

/// From this state, no way leads to that.
pub(super) fn ended(task: &Task, to: TaskStatus) -> Refusal {
    let (from, to) = (task.status.as_str(), to.as_str());
    let message = format!(
        "task {} is {from}; from there it can't become {to}",
        task.id
    );
    conflict(task, message).with("from", from).with("to", to)
}

/// The state of a task does not allow something.
pub(super) fn conflict(task: &Task, message: String) -> Refusal {
    Refusal::new(RefusalKind::Conflict, message)
        .with("task_id", task.id.as_str())
        .with("status", task.status.as_str())
}

/// Returns its dependencies, each once and by its own id.
fn check(core: &mut Core, new: &mut NewTask) -> Result<Vec<Id>, Refusal> {
    check_duration_if_any("timeout", new.timeout_ms)?;
    check_size("input", &new.input, INPUT_BYTES_MAX)?;
    check_size("metadata", &new.metadata, METADATA_BYTES_MAX)?;
    check_template(core, &new.input)?;
    if !(1..=ATTEMPTS_MAX).contains(&new.retry.max_attempts) {
        let given = new.retry.max_attempts;
        let issue = format!("is {given}; 1 to {ATTEMPTS_MAX} are allowed");
        return Err(Refusal::invalid("retry_policy.max_attempts", issue));
    }
    check_deadline(new.deadline, core.now())?;
    if let Some(id) = &new.id
        && let Some(known) = core.tables.task(id.as_str())
    {
        return Err(conflict(known, format!("task {id} is there already")));
    }
    let dependencies = checked_dependencies(core, std::mem::take(&mut new.dependencies))?;
    if let Some(id) = &new.id {
        check_acyclic(core, id, &dependencies)?;
    }
    let tasks_max = core.settings.tasks_max as usize;
    match core.tables.tasks.len() >= tasks_max {
        true => Err(capped("tasks_max", tasks_max)),
        false => Ok(dependencies),
    }
}

fn check_deadline(deadline: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match deadline {
        Some(deadline) if deadline <= now => {
            let issue = format!("{deadline} is past; it is {now}");
            Err(Refusal {
                kind: RefusalKind::Unprocessable,
                ..Refusal::invalid("deadline", issue)
            })
        }
        _ => Ok(()),
    }
}

fn checked_dependencies(core: &Core, given: Vec<Id>) -> Result<Vec<Id>, Refusal> {
    if given.len() > DEPENDENCIES_MAX {
        let count = given.len();
        let issue = format!("are {count}; at most {DEPENDENCIES_MAX} are allowed");
        return Err(Refusal::invalid("dependencies", issue));
    }
    let mut seen = HashSet::new();
    let own_ids = given.into_iter().map(|id| {
        let known = core.tables.task(id.as_str());
        known.map_or(id, |task| task.id.clone())
    });
    Ok(own_ids.filter(|id| seen.insert(id.clone())).collect())
}

fn row(core: &mut Core, new: NewTask, dependencies: Vec<Id>) -> Result<Task, Refusal> {
    let id = new.id.unwrap_or_else(Id::unique);
    let uuid = match id.is_uuid() {
        true => id.clone(),
        false => Id::unique(),
    };
    let created_at = core.now();
    Ok(Task {
        id,
        uuid,
        ordinal: core.ordinal(Counted::Tasks)?,
        task_type: new.task_type,
        priority: wished(new.priority),
        status: TaskStatus::Pending,
        requested_agent: new.assigned_agent,
        assigned_agent: None,
        workflow_id: new.workflow_id,
        stage: new.stage,
        dependencies,
        input: new.input,
        output: None,
        error: None,
        progress: 0,
        estimated_completion: None,
        metadata: new.metadata,
        created_at,
        updated_at: created_at,
        assigned_at: None,
        started_at: None,
        finished_at: None,
        deadline: new.deadline,
        timeout_ms: new.timeout_ms,
        retry: new.retry,
        attempt: 0,
        retry_at: None,
    })
}
