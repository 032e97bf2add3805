//! Attempts: begun, failed and tried again, given back; and the end of a task.

use std::sync::Arc;

use super::tasks::put;
use super::{telling, workflows, workload};
use crate::core::Core;
use crate::task::{Task, TaskStatus};

/// Begins a pending task.
pub(super) fn start(core: &mut Core, task: &Arc<Task>) -> Arc<Task> {
    let now = core.now();
    let task = put(core, task, |task| {
        task.status = TaskStatus::Running;
        task.started_at = Some(now);
        task.attempt = task.attempt.saturating_add(1);
        task.error = None;
    });
    if let Some(agent) = &task.assigned_agent {
        workload::task_begun(core, agent);
    }
    telling::started(core, &task);
    task
}

/// Ends the attempt that runs, as `status`, which is failed or timeout: if another is left it
/// waits for that, with full jitter, else the task ends.
pub(super) fn fail(core: &mut Core, task: &Arc<Task>, status: TaskStatus, error: Option<String>) {
    if task.attempt >= task.retry.max_attempts {
        finish(core, task, status, error);
        return;
    }
    let bound_ms = task.retry.backoff.bound_ms(task.attempt + 1);
    let wait_ms = core.random.u64(0..=bound_ms);
    let retry_at = core.now().plus_ms(wait_ms);
    let after = put(core, task, |task| {
        unassign(task);
        task.error = error;
        task.retry_at = Some(retry_at);
    });
    telling::retried(core, task, &after);
    if let Some(agent) = &task.assigned_agent {
        workload::tasks_released(core, agent, 1);
    }
}

/// Gives an assigned task back, so that somebody else may have it; what was begun is not counted
/// as an attempt. The caller tells its agent.
pub(super) fn give_back(core: &mut Core, task: &Arc<Task>, why: &str) {
    let after = put(core, task, |task| {
        if task.status == TaskStatus::Running {
            task.attempt = task.attempt.saturating_sub(1);
        }
        unassign(task);
        task.error = Some(why.to_owned());
    });
    telling::retried(core, task, &after);
}

/// Ends a task for good.
pub(super) fn finish(core: &mut Core, task: &Arc<Task>, status: TaskStatus, error: Option<String>) {
    let now = core.now();
    let task = put(core, task, |task| {
        task.status = status;
        task.error = error;
        task.finished_at = Some(now);
        task.retry_at = None;
        if status == TaskStatus::Completed {
            task.progress = 100;
        }
    });
    telling::finished(core, &task);
    workload::task_ended(core, &task);
    workflows::stage_ended(core, &task);
}

/// What an attempt left behind is not the next one's.
fn unassign(task: &mut Task) {
    task.status = TaskStatus::Pending;
    task.assigned_agent = None;
    task.assigned_at = None;
    task.estimated_completion = None;
    task.output = None;
    task.progress = 0;
}
