//! What agents and clients make of a task: begun, gone on with, ended, given back.

use std::sync::Arc;

use super::assignment::assign;
use super::checks::check_size;
use super::tasks::{METADATA_BYTES_MAX, conflict, ended, find, put};
use super::{Ruling, agents, attempts, telling, workload};
use crate::agent::{Agent, AgentStatus};
use crate::core::Core;
use crate::mutation::TaskChange;
use crate::task::{Task, TaskStatus};
use crate::{Id, Outcome, Refusal, RefusalKind};

/// The largest output as JSON.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// The longest error, in bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Changes a task. What an agent has, no other agent changes; what nobody has, an agent claims by
/// beginning it. Nothing follows the end of a task.
pub(super) fn update(core: &mut Core, id: &Id, change: TaskChange) -> Ruling {
    let task = find(core, id)?;
    let from = task.status;
    let to = change.status.unwrap_or(from);
    if change.status.is_some() && !from.may_become(to) {
        return Err(ended(&task, to));
    }
    if from.is_terminal() {
        let message = format!(
            "task {} is {}; nothing of it changes any more",
            task.id,
            from.as_str()
        );
        return Err(conflict(&task, message));
    }
    check_values(&change)?;
    check_fits(&task, &change, to)?;
    check_owner(&task, change.agent.as_ref())?;
    let is_work = matches!(
        to,
        TaskStatus::Running | TaskStatus::Completed | TaskStatus::Failed
    );
    if let Some(agent) = change.agent.as_ref().filter(|_| is_work) {
        agents::acted(core, agent);
    }
    let begins = is_work && from == TaskStatus::Pending;
    let mut task = annotate(core, &task, &change)?;
    if begins {
        task = begin(core, &task, change.agent.as_ref())?;
    }
    match to {
        TaskStatus::Running => go_on(core, &task, change)?,
        TaskStatus::Pending if from == TaskStatus::Running => {
            let why = change.error.as_deref().unwrap_or("given back");
            attempts::give_back(core, &task, why);
            if let Some(agent) = &task.assigned_agent {
                workload::tasks_released(core, agent, 1);
            }
        }
        TaskStatus::Pending => {}
        TaskStatus::Completed | TaskStatus::Cancelled => {
            let task = conclude(core, &task, &change);
            attempts::finish(core, &task, to, change.error);
        }
        TaskStatus::Failed | TaskStatus::Timeout => {
            let task = conclude(core, &task, &change);
            match task.status {
                TaskStatus::Pending => attempts::finish(core, &task, to, change.error),
                _ => attempts::fail(core, &task, to, change.error),
            }
        }
    }
    Ok(Outcome::Task {
        task: find(core, id)?,
        is_new: false,
    })
}

fn check_values(change: &TaskChange) -> Result<(), Refusal> {
    if let Some(progress) = change.progress.filter(|progress| *progress > 100) {
        let issue = format!("is {progress}; 0 to 100 are allowed");
        return Err(Refusal::invalid("progress", issue));
    }
    if let Some(output) = &change.output {
        check_size("output", output, OUTPUT_BYTES_MAX)?;
    }
    match change.error.as_ref().map_or(0, String::len) {
        bytes if bytes > ERROR_BYTES_MAX => {
            let issue = format!("has {bytes} bytes; at most {ERROR_BYTES_MAX} are allowed");
            Err(Refusal::invalid("error", issue))
        }
        _ => Ok(()),
    }
}

/// What is said fits the state that the task will have.
fn check_fits(task: &Task, change: &TaskChange, to: TaskStatus) -> Result<(), Refusal> {
    let tells_of_work = change.progress.is_some()
        || change.output.is_some()
        || change.estimated_completion.is_some();
    if tells_of_work && to == TaskStatus::Pending {
        let message = format!(
            "task {} is not running; progress, output and estimated_completion are for tasks that \
             run, or end by the same change",
            task.id
        );
        return Err(conflict(task, message));
    }
    let is_told_why =
        change.status.is_some() && !matches!(to, TaskStatus::Running | TaskStatus::Completed);
    if change.error.is_some() && !is_told_why {
        let message = format!(
            "task {} becomes none of those that error is for: failed, timeout, cancelled, pending",
            task.id
        );
        return Err(conflict(task, message));
    }
    Ok(())
}

/// What an agent has, or is meant for it alone, no other agent changes.
fn check_owner(task: &Task, agent: Option<&Id>) -> Result<(), Refusal> {
    let (Some(agent), Some(owner)) = (agent, task.agent()) else {
        return Ok(());
    };
    if agent == owner {
        return Ok(());
    }
    let how = match task.assigned_agent {
        Some(_) => "taken by",
        None => "meant for",
    };
    let message = format!("task {} is {how} agent {owner}, not {agent}", task.id);
    Err(conflict(task, message).with("agent_id", owner.as_str()))
}

/// What may be said at any time: how urgent it is, and whatever else.
fn annotate(core: &mut Core, task: &Arc<Task>, change: &TaskChange) -> Result<Arc<Task>, Refusal> {
    let mut metadata = task.metadata.clone();
    agents::merge(&mut metadata, change.metadata.clone());
    check_size("metadata", &metadata, METADATA_BYTES_MAX)?;
    let priority = change
        .priority
        .map_or(task.priority, |wish| wish.applied_to(task.priority));
    if priority == task.priority && metadata == task.metadata {
        return Ok(Arc::clone(task));
    }
    Ok(put(core, task, |task| {
        task.priority = priority;
        task.metadata = metadata;
    }))
}

/// Begins a pending task: for the agent that claims it if nobody has it.
fn begin(core: &mut Core, task: &Arc<Task>, claimant: Option<&Id>) -> Result<Arc<Task>, Refusal> {
    let unmet = core.schedule.unmet(task, &core.tables);
    if !unmet.is_empty() {
        let names: Vec<&str> = unmet.iter().map(Id::as_str).collect();
        let message = format!("task {} depends on {}", task.id, names.join(", "));
        return Err(Refusal::new(RefusalKind::DependencyNotMet, message)
            .with("task_id", task.id.as_str())
            .with("unmet", names));
    }
    if let Some(retry_at) = task.retry_at {
        let now = core.now();
        let wait_s = retry_at.ms_since(now).div_ceil(1000).max(1);
        let message = format!("task {} is not tried again before {retry_at}", task.id);
        let refusal = conflict(task, message).with("retry_at", retry_at.to_string());
        return Err(refusal.retry_after(wait_s));
    }
    let mut task = Arc::clone(task);
    if task.assigned_agent.is_none()
        && let Some(claimant) = claimant
    {
        let agent = agents::find(core, claimant)?;
        check_room(&task, &agent)?;
        task = assign(core, &task, &agent);
    }
    Ok(attempts::start(core, &task))
}

/// An agent claims no more than it takes; that it is heard of at all makes it no less able.
fn check_room(task: &Task, agent: &Agent) -> Result<(), Refusal> {
    let message = if agent.is_paused {
        format!("agent {} is paused", agent.id)
    } else if agent.status == AgentStatus::Stopping {
        format!("agent {} is stopping", agent.id)
    } else if agent.current_tasks >= agent.max_tasks {
        let (current, max) = (agent.current_tasks, agent.max_tasks);
        format!(
            "agent {} has {current} tasks; at most {max} are allowed",
            agent.id
        )
    } else {
        return Ok(());
    };
    Err(conflict(task, message).with("agent_id", agent.id.as_str()))
}

fn go_on(core: &mut Core, task: &Arc<Task>, change: TaskChange) -> Result<(), Refusal> {
    if change.progress.is_none() && change.output.is_none() && change.estimated_completion.is_none()
    {
        return Ok(());
    }
    let output = match (&task.output, &change.output) {
        (Some(old), Some(new)) => {
            let mut output = old.clone();
            output.extend(new.clone());
            check_size("output", &output, OUTPUT_BYTES_MAX)?;
            Some(output)
        }
        (old, new) => new.as_ref().or(old.as_ref()).cloned(),
    };
    let task = put(core, task, |task| {
        task.progress = change.progress.unwrap_or(task.progress);
        task.estimated_completion = change.estimated_completion.or(task.estimated_completion);
        task.output = output;
    });
    let estimated_completion = task.estimated_completion;
    telling::progress(core, &task, change.output, estimated_completion);
    Ok(())
}

/// Takes over what is said of the work at its end.
fn conclude(core: &mut Core, task: &Arc<Task>, change: &TaskChange) -> Arc<Task> {
    if change.progress.is_none() && change.output.is_none() {
        return Arc::clone(task);
    }
    put(core, task, |task| {
        task.progress = change.progress.unwrap_or(task.progress);
        if let Some(output) = &change.output {
            task.output = Some(output.clone());
        }
    })
}
