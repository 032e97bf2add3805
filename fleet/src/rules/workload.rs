//! Workload: what an agent's work makes of its row.
//!
//! It is busy from the first task that it begins until it has none left; an agent that said
//! otherwise of itself (error, starting, stopping, offline) stays what it said.

use std::sync::Arc;

use super::agents::{put, tell_status};
use crate::Id;
use crate::agent::{Agent, AgentStatus};
use crate::core::Core;
use crate::task::{Task, TaskStatus};

/// An agent was given a task.
pub(super) fn task_assigned(core: &mut Core, agent: &Arc<Agent>) {
    let now = core.now();
    put(core, agent, |agent| {
        agent.current_tasks = agent.current_tasks.saturating_add(1);
        agent.last_assigned_at = Some(now);
    });
}

/// An agent began a task.
pub(super) fn task_begun(core: &mut Core, agent: &Id) {
    let Some(agent) = core.tables.agents.find(agent.as_str()).cloned() else {
        return;
    };
    if agent.status == AgentStatus::Idle {
        put(core, &agent, |agent| agent.status = AgentStatus::Busy);
        let (old, new) = (AgentStatus::Idle, AgentStatus::Busy);
        tell_status(core, &agent.id, old, new, "task started");
    }
}

/// A task came to its end.
pub(super) fn task_ended(core: &mut Core, task: &Task) {
    let Some(agent) = &task.assigned_agent else {
        return;
    };
    lose(core, agent, 1, |agent| match task.status {
        TaskStatus::Completed => {
            let execution_ms = task.execution_ms().unwrap_or(0);
            agent.tasks_completed = agent.tasks_completed.saturating_add(1);
            agent.execution_ms_sum = agent.execution_ms_sum.saturating_add(execution_ms);
        }
        TaskStatus::Failed | TaskStatus::Timeout => {
            agent.tasks_failed = agent.tasks_failed.saturating_add(1);
        }
        _ => {}
    });
}

/// So many tasks were taken back from an agent.
pub(super) fn tasks_released(core: &mut Core, agent: &Id, count: u32) {
    if count > 0 {
        lose(core, agent, count, |_| {});
    }
}

fn lose(core: &mut Core, agent: &Id, count: u32, also: impl FnOnce(&mut Agent)) {
    let Some(old) = core.tables.agents.find(agent.as_str()).cloned() else {
        return;
    };
    let agent = put(core, &old, |agent| {
        agent.current_tasks = agent.current_tasks.saturating_sub(count);
        if agent.current_tasks == 0 && agent.status == AgentStatus::Busy {
            agent.status = AgentStatus::Idle;
        }
        also(agent);
    });
    if agent.status != old.status {
        tell_status(core, &agent.id, old.status, agent.status, "no task left");
    }
}
