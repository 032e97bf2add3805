//! Assignment: tasks are given to agents, and taken back.

use std::sync::Arc;

use super::{attempts, tasks, telling, workload};
use crate::Id;
use crate::agent::Agent;
use crate::core::Core;
use crate::task::{Task, TaskStatus};

/// How many tasks fail after one change because of their dependencies; the rest does so after the
/// next.
const DOOMED_MAX: usize = 100_000;

/// Which of an agent's tasks go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Those that it has not begun.
    Unstarted,
    /// Those that were not meant for it.
    Unrequested,
    /// All.
    All,
}

/// Brings about what follows from a change: tasks whose dependencies will never be completed fail,
/// and tasks that wait go to agents that have room, the most urgent first.
pub(super) fn settle(core: &mut Core) {
    for _ in 0..DOOMED_MAX {
        let Some(ordinal) = core.schedule.doomed() else {
            break;
        };
        let Some(task) = core.tables.tasks.at(ordinal).cloned() else {
            break;
        };
        let error = lost_dependency(core, &task);
        attempts::finish(core, &task, TaskStatus::Failed, error);
    }
    while let Some((task, agent)) = core.schedule.propose(&core.tables) {
        assign(core, &task, &agent);
    }
}

/// Gives a pending task to an agent.
pub(super) fn assign(core: &mut Core, task: &Arc<Task>, agent: &Arc<Agent>) -> Arc<Task> {
    let now = core.now();
    let task = tasks::put(core, task, |task| {
        task.assigned_agent = Some(agent.id.clone());
        task.assigned_at = Some(now);
        task.retry_at = None;
    });
    workload::task_assigned(core, agent);
    telling::assigned(core, &task);
    task
}

/// Takes tasks back from an agent: they are pending again, and what was begun is not counted as
/// an attempt.
pub(super) fn release(core: &mut Core, agent: &Id, which: Release, why: &str) {
    let mut count = 0;
    for ordinal in core.schedule.assigned_to(agent) {
        let Some(task) = core.tables.tasks.at(ordinal).cloned() else {
            continue;
        };
        let is_kept = match which {
            Release::Unstarted => task.status != TaskStatus::Pending,
            Release::Unrequested => task.requested_agent.as_ref() == Some(agent),
            Release::All => false,
        };
        if !is_kept {
            attempts::give_back(core, &task, why);
            count += 1;
        }
    }
    workload::tasks_released(core, agent, count);
}

/// Cancels what an agent has begun.
pub(super) fn cancel_running(core: &mut Core, agent: &Id, why: &str) {
    for ordinal in core.schedule.assigned_to(agent) {
        // Each is looked up anew: the end of one may end another, of the same workflow.
        let task = core.tables.tasks.at(ordinal).cloned();
        if let Some(task) = task.filter(|task| task.status == TaskStatus::Running) {
            attempts::finish(core, &task, TaskStatus::Cancelled, Some(why.to_owned()));
        }
    }
}

fn lost_dependency(core: &Core, task: &Task) -> Option<String> {
    let mut dependencies = task.dependencies.iter();
    dependencies.find_map(|id| {
        let dependency = core.tables.tasks.find(id.as_str())?;
        match dependency.status {
            status @ (TaskStatus::Failed | TaskStatus::Cancelled | TaskStatus::Timeout) => {
                Some(format!("dependency {id} {}", status.as_str()))
            }
            _ => None,
        }
    })
}
