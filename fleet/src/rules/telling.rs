//! What is told of tasks: their events.

use std::sync::Arc;

use crate::core::{Context, Core};
use crate::event::TaskBrief;
use crate::task::Task;
use crate::{EventKind, Fields, Timestamp};

/// It was made, by `source`.
pub(super) fn created(core: &mut Core, task: &Task, source: Option<String>) {
    let context = Context {
        source,
        ..context_of(task)
    };
    let brief = brief(core, task);
    core.emit(EventKind::TaskCreated(brief), context);
}

/// It was given to its agent.
pub(super) fn assigned(core: &mut Core, task: &Task) {
    let context = Context {
        source: None,
        target: task.assigned_agent.clone(),
        ..context_of(task)
    };
    let brief = brief(core, task);
    core.emit(EventKind::TaskAssigned(brief), context);
}

/// Its agent began it.
pub(super) fn started(core: &mut Core, task: &Task) {
    let brief = brief(core, task);
    core.emit(EventKind::TaskStarted(brief), context_of(task));
}

/// It went on.
pub(super) fn progress(
    core: &mut Core,
    task: &Task,
    details: Option<Fields>,
    estimated_completion: Option<Timestamp>,
) {
    let kind = EventKind::TaskProgress {
        task: brief(core, task),
        progress: task.progress,
        details,
        estimated_completion,
    };
    core.emit(kind, context_of(task));
}

/// It will be tried again; `before` is the row from before its attempt ended.
pub(super) fn retried(core: &mut Core, before: &Task, after: &Arc<Task>) {
    let kind = EventKind::TaskRetried {
        task: TaskBrief {
            agent_id: before.assigned_agent.clone(),
            ..brief(core, after)
        },
        attempt: before.attempt,
        error: after.error.clone(),
        retry_at: after.retry_at,
    };
    core.emit(kind, context_of(before));
}

/// It came to its end.
pub(super) fn finished(core: &mut Core, task: &Task) {
    let kind = EventKind::TaskFinished {
        task: brief(core, task),
        execution_ms: task.execution_ms().unwrap_or(0),
        output: task.output.clone(),
        error: task.error.clone(),
    };
    core.emit(kind, context_of(task));
}

/// What an agent does with its task comes from the agent, and belongs to the task's workflow.
fn context_of(task: &Task) -> Context {
    let text = |id: &crate::Id| id.as_str().to_owned();
    Context {
        source: task.assigned_agent.as_ref().map(text),
        target: None,
        correlation_id: task.workflow_id.as_ref().map(text),
    }
}

fn brief(core: &Core, task: &Task) -> TaskBrief {
    let workflow = task.workflow_id.as_ref();
    let workflow = workflow.and_then(|id| core.tables.workflows.find(id.as_str()));
    TaskBrief {
        task_id: task.id.clone(),
        task_uuid: task.uuid.clone(),
        task_type: task.task_type.clone(),
        priority: task.priority,
        status: task.status,
        agent_id: task.assigned_agent.clone(),
        workflow_id: task.workflow_id.clone(),
        stage: task.stage.clone(),
        project_id: workflow.and_then(|workflow| workflow.project_id.clone()),
    }
}
