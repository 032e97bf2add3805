//! Workflows: made, called off, timed out, forgotten. How they go on from stage to stage is in
//! [`stages`].

use std::sync::Arc;

use super::Ruling;
use super::checks::{check_duration_if_any, check_label_if_any, check_size};
use super::stage_graph::StageGraph;
use super::stages;
use super::sundry::{capped, check_template};
use crate::core::{Context, Core, Counted};
use crate::mutation::{NewStage, NewWorkflow, PriorityWish};
use crate::row::Facet;
use crate::tables::RowChange;
use crate::task::Task;
use crate::workflow::{Stage, StageStatus, Workflow, WorkflowStatus};
use crate::{EventKind, Id, Outcome, Priority, Refusal, RefusalKind, Timestamp};

/// The largest input of a workflow as JSON: each of its stages is given a copy.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// The largest configuration, and the largest metadata, as JSON.
const EXTRAS_BYTES_MAX: usize = 64 << 10;

/// How many workflows a tick ends, and about how many rows it forgets.
const BITE: usize = 1000;

/// Makes a workflow, and begins its first stages. It is refused as a whole if one of these can't be
/// begun.
pub(super) fn create(core: &mut Core, new: NewWorkflow) -> Ruling {
    check(core, &new)?;
    let source = new.source.clone();
    let workflow = row(core, new)?;
    let id = workflow.id.clone();
    core.put(RowChange::Workflow(id.clone(), Some(Arc::new(workflow))));
    let workflow = find(core, &id)?;
    let context = Context {
        source,
        correlation_id: Some(id.as_str().to_owned()),
        ..Context::default()
    };
    core.emit(EventKind::WorkflowStarted(workflow.brief()), context);
    match stages::go_on(core, (*workflow).clone(), Vec::new()) {
        Some(refusal) => Err(refusal),
        None => Ok(Outcome::Workflow {
            workflow: find(core, &id)?,
            is_new: true,
        }),
    }
}

/// Calls a workflow off, with its tasks.
pub(super) fn cancel(core: &mut Core, id: &Id, reason: Option<String>) -> Ruling {
    let workflow = find(core, id)?;
    if workflow.status.is_terminal() {
        let status = workflow.status.as_str();
        let message =
            format!("workflow {id} is {status} already; only a running one can be cancelled");
        return Err(Refusal::new(RefusalKind::Conflict, message).with("status", status));
    }
    stages::close(
        core,
        (*workflow).clone(),
        WorkflowStatus::Cancelled,
        reason,
        &[],
    );
    Ok(Outcome::Workflow {
        workflow: find(core, id)?,
        is_new: false,
    })
}

/// A task that may be doing a stage came to its end, and its row says so already.
pub(super) fn stage_ended(core: &mut Core, task: &Arc<Task>) {
    stages::task_ended(core, task);
}

/// Ends workflows whose time is over, and forgets those that ended long ago.
pub(super) fn tick(core: &mut Core) {
    let now = core.now();
    for id in core.schedule.flows.workflows_due.until(now, BITE) {
        let Some(workflow) = core.tables.workflows.find(id.as_str()).cloned() else {
            continue;
        };
        let allowed_ms = workflow
            .deadline
            .map_or(0, |deadline| deadline.ms_since(workflow.created_at));
        let error = format!("not done within {allowed_ms} ms");
        stages::close(
            core,
            (*workflow).clone(),
            WorkflowStatus::Timeout,
            Some(error),
            &[],
        );
    }
    forget_old(core, now);
}

/// Forgets workflows that ended long ago. The tasks of stages are kept until then, since a later
/// stage is given what an earlier one made; now they are tasks like others, and go by their age.
fn forget_old(core: &mut Core, now: Timestamp) {
    let Some(kept_ms) = core.settings.terminal_kept_ms else {
        return;
    };
    let kept_micros = kept_ms.saturating_mul(1000);
    let limit = Timestamp::from_micros(now.as_micros().saturating_sub(kept_micros));
    let mut row_count = 0;
    for id in core.schedule.flows.workflows_ended.until(limit, BITE) {
        let Some(workflow) = core.tables.workflows.find(id.as_str()).cloned() else {
            continue;
        };
        let stages = workflow.stages.iter();
        for task in stages.filter_map(|stage| stage.task_id.as_ref()) {
            let found = core.tables.tasks.find(task.as_str());
            if let Some(mut freed) = found.map(|task| (**task).clone()) {
                freed.stage = None;
                core.put(RowChange::Task(task.clone(), Some(Arc::new(freed))));
                row_count += 1;
            }
        }
        core.put(RowChange::Workflow(id, None));
        row_count += 1;
        if row_count >= BITE {
            return;
        }
    }
}

/// Looks after a start whether a running workflow stands still that should go on.
pub(super) fn resume(core: &mut Core) {
    let running = Facet::WorkflowStatus(WorkflowStatus::Running);
    for workflow in core.tables.workflows.select(&[vec![running]]) {
        stages::take_up(core, &workflow);
    }
}

fn find(core: &Core, id: &Id) -> Result<Arc<Workflow>, Refusal> {
    let found = core.tables.workflows.find(id.as_str()).cloned();
    found.ok_or_else(|| Refusal::not_found("workflow", id.as_str()))
}

fn check(core: &Core, new: &NewWorkflow) -> Result<(), Refusal> {
    check_label_if_any("name", new.name.as_ref())?;
    check_label_if_any("project_id", new.project_id.as_ref())?;
    check_duration_if_any("timeout", new.timeout_ms)?;
    check_size("input", &new.input, INPUT_BYTES_MAX)?;
    check_size("configuration", &new.configuration, EXTRAS_BYTES_MAX)?;
    check_size("metadata", &new.metadata, EXTRAS_BYTES_MAX)?;
    StageGraph::checked(&new.stages)?;
    check_template(core, &new.input)?;
    for stage in &new.stages {
        check_template(core, &stage.input)?;
    }
    if let Some(id) = &new.id
        && core.tables.workflows.find(id.as_str()).is_some()
    {
        let message = format!("workflow {id} is there already; each has its own id");
        return Err(Refusal::new(RefusalKind::Conflict, message).with("id", id.as_str()));
    }
    match core.settings.workflows_max as usize {
        max if core.tables.workflows.len() >= max => Err(capped("workflows_max", max)),
        _ => Ok(()),
    }
}

fn row(core: &mut Core, new: NewWorkflow) -> Result<Workflow, Refusal> {
    let created_at = core.now();
    Ok(Workflow {
        id: new.id.unwrap_or_else(Id::unique),
        ordinal: core.ordinal(Counted::Workflows)?,
        project_id: new.project_id,
        name: new.name,
        stages: new.stages.into_iter().map(stage).collect(),
        is_parallel: new.is_parallel,
        failure_strategy: new.failure_strategy,
        configuration: new.configuration,
        priority: wished(new.priority),
        input: new.input,
        metadata: new.metadata,
        status: WorkflowStatus::Running,
        error: None,
        created_at,
        updated_at: created_at,
        finished_at: None,
        deadline: new
            .timeout_ms
            .map(|allowed_ms| created_at.plus_ms(allowed_ms)),
    })
}

fn stage(new: NewStage) -> Stage {
    Stage {
        name: new.name,
        agent_type: new.agent_type,
        dependencies: new.dependencies,
        timeout_ms: new.timeout_ms,
        input: new.input,
        status: StageStatus::Pending,
        task_id: None,
        started_at: None,
        finished_at: None,
        error: None,
    }
}

/// The priority of something new.
pub(super) fn wished(priority: Option<PriorityWish>) -> Priority {
    priority.map_or_else(Priority::default, |wish| {
        wish.applied_to(Priority::default())
    })
}
