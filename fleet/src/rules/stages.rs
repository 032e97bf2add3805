//! Stages: begun in the order of their graph, each by one task; how they end, and what their ends
//! make of the workflow.
//!
//! Whoever calls hands over a copy of the row to work on. A turn puts the row once, however many
//! stages it begins and ends, and before it makes a task: the rules of tasks look at it.

use std::sync::Arc;

use serde_json::Value;

use super::checks::{clipped, json_bytes};
use super::stage_graph::StageGraph;
use super::tasks;
use crate::core::{Context, Core};
use crate::mutation::{NewTask, PriorityWish};
use crate::tables::RowChange;
use crate::task::{Backoff, RetryPolicy, Task, TaskStatus};
use crate::workflow::{FailureStrategy, Stage, StageStatus, Workflow, WorkflowStatus};
use crate::{EventKind, Fields, Id, Refusal, RefusalKind, Timestamp};

/// How often a stage is tried under [`FailureStrategy::Retry`].
const ATTEMPTS_MAX: u32 = 3;

/// The largest input of a stage as JSON: its own, its workflow's, and the outputs before it.
const INPUT_BYTES_MAX: usize = 8 << 20;

/// How much of a task's error its stage and its workflow repeat.
const ERROR_BYTES_MAX: usize = 1024;

/// Goes on with a running workflow: what can't be done any more is skipped, what may begin is
/// begun; `ended` are the stages that ended since its row was put, and are told here. Returns why
/// the first stage that could not be begun was refused; that stage has failed.
pub(super) fn go_on(
    core: &mut Core,
    mut workflow: Workflow,
    mut ended: Vec<usize>,
) -> Option<Refusal> {
    let graph = StageGraph::of(&workflow.stages);
    let mut first_refusal = None;
    loop {
        if let Some(error) = fatal_error(&workflow, &ended) {
            close(core, workflow, WorkflowStatus::Failed, Some(error), &ended);
            return first_refusal;
        }
        let now = core.now();
        ended.extend(skip_doomed(&graph, &mut workflow.stages, now));
        let begun = begin(&graph, &mut workflow, now);
        let is_over = workflow
            .stages
            .iter()
            .all(|stage| stage.status.is_terminal());
        if is_over {
            workflow.status = WorkflowStatus::Completed;
            workflow.finished_at = Some(now);
        }
        workflow.updated_at = now;
        let row = Arc::new(workflow);
        put(core, &row);
        tell_stages(core, &row, &ended);
        if is_over {
            tell_end(core, &row);
            return first_refusal;
        }
        let refused = make_tasks(core, &graph, &row, &begun);
        if refused.is_empty() {
            return first_refusal;
        }
        workflow = (*row).clone();
        ended = refused.iter().map(|(place, _)| *place).collect();
        for (place, refusal) in refused {
            let error = Some(refusal.message.as_str());
            end(&mut workflow.stages[place], StageStatus::Failed, error, now);
            first_refusal.get_or_insert(refusal);
        }
    }
}

/// Ends a workflow before all its stages are done: what runs is cancelled, what was not begun never
/// will be. `ended` are stages that ended already and were not told.
pub(super) fn close(
    core: &mut Core,
    mut workflow: Workflow,
    status: WorkflowStatus,
    error: Option<String>,
    ended: &[usize],
) {
    let now = core.now();
    let why = format!("workflow {} {}", workflow.id, ending(status));
    let not_begun = match status {
        WorkflowStatus::Failed => StageStatus::Skipped,
        _ => StageStatus::Cancelled,
    };
    let (mut stopped, mut left) = (Vec::new(), Vec::new());
    for (place, stage) in workflow.stages.iter_mut().enumerate() {
        match stage.status {
            StageStatus::Running => {
                end(stage, StageStatus::Cancelled, Some(&why), now);
                stopped.push(place);
            }
            StageStatus::Pending => {
                end(stage, not_begun, Some(&why), now);
                left.push(place);
            }
            _ => {}
        }
    }
    workflow.status = status;
    workflow.error = error;
    workflow.finished_at = Some(now);
    workflow.updated_at = now;
    let row = Arc::new(workflow);
    put(core, &row);
    tell_stages(core, &row, ended);
    for place in stopped {
        if let Some(task) = &row.stages[place].task_id {
            // What is refused here is a task that is gone, which needs no cancelling.
            tasks::cancel(core, task, Some(why.clone())).ok();
        }
        tell_stages(core, &row, &[place]);
    }
    tell_stages(core, &row, &left);
    tell_end(core, &row);
}

/// A task came to its end: if it does a stage of a running workflow, that goes on.
pub(super) fn task_ended(core: &mut Core, task: &Task) {
    let (Some(id), Some(name)) = (&task.workflow_id, &task.stage) else {
        return;
    };
    let Some(workflow) = core.tables.workflows.find(id.as_str()) else {
        return;
    };
    let is_its_stage = |stage: &Stage| {
        stage.status == StageStatus::Running
            && stage.name == *name
            && stage.task_id.as_ref() == Some(&task.id)
    };
    let place = workflow.stages.iter().position(is_its_stage);
    let Some(place) = place.filter(|_| workflow.status == WorkflowStatus::Running) else {
        return;
    };
    let mut workflow = (**workflow).clone();
    let now = core.now();
    end_as(&mut workflow.stages[place], task, now);
    go_on(core, workflow, vec![place]);
}

/// Goes on with a running workflow after a start, if something of it stands still that should not.
pub(super) fn take_up(core: &mut Core, workflow: &Arc<Workflow>) {
    let now = core.now();
    let mut copy = (**workflow).clone();
    let mut ended = Vec::new();
    for (place, stage) in copy.stages.iter_mut().enumerate() {
        if stage.status != StageStatus::Running {
            continue;
        }
        let task = stage.task_id.as_ref();
        match task.and_then(|task| core.tables.tasks.find(task.as_str())) {
            Some(task) if !task.status.is_terminal() => continue,
            Some(task) => end_as(stage, task, now),
            None => end(stage, StageStatus::Failed, Some("its task is gone"), now),
        }
        ended.push(place);
    }
    let graph = StageGraph::of(&copy.stages);
    let is_waiting = ended.is_empty()
        && next(&graph, &copy).is_empty()
        && graph.doomed(&copy.stages).is_empty()
        && copy.stages.iter().any(|stage| !stage.status.is_terminal());
    if !is_waiting {
        go_on(core, copy, ended);
    }
}

/// Why the workflow as a whole fails, if one of these stages' ends makes it.
fn fatal_error(workflow: &Workflow, ended: &[usize]) -> Option<String> {
    if workflow.failure_strategy == FailureStrategy::Continue {
        return None;
    }
    let stages = ended.iter().map(|place| &workflow.stages[*place]);
    let lost = stages
        .into_iter()
        .find(|stage| matches!(stage.status, StageStatus::Failed | StageStatus::Cancelled))?;
    let verb = match lost.status {
        StageStatus::Cancelled => "was cancelled",
        _ => "failed",
    };
    Some(match &lost.error {
        Some(error) => format!("stage {} {verb}: {error}", lost.name),
        None => format!("stage {} {verb}", lost.name),
    })
}

fn skip_doomed(graph: &StageGraph, stages: &mut [Stage], now: Timestamp) -> Vec<usize> {
    let doomed = graph.doomed(stages);
    for (place, before) in &doomed {
        let error = format!("stage {} was not completed", stages[*before].name);
        end(&mut stages[*place], StageStatus::Skipped, Some(&error), now);
    }
    doomed.into_iter().map(|(place, _)| place).collect()
}

/// The stages that may begin: all that are ready, or one at a time, as listed.
fn next(graph: &StageGraph, workflow: &Workflow) -> Vec<usize> {
    let is_running = |stage: &Stage| stage.status == StageStatus::Running;
    let is_busy = workflow.stages.iter().any(is_running);
    let mut ready = graph.ready(&workflow.stages);
    if !workflow.is_parallel {
        ready.truncate(usize::from(!is_busy));
    }
    ready
}

fn begin(graph: &StageGraph, workflow: &mut Workflow, now: Timestamp) -> Vec<usize> {
    let begun = next(graph, workflow);
    for place in &begun {
        let stage = &mut workflow.stages[*place];
        stage.status = StageStatus::Running;
        stage.task_id = Some(Id::unique());
        stage.started_at = Some(now);
    }
    begun
}

/// Makes the tasks of stages that have begun. Returns those whose task was refused, and why.
fn make_tasks(
    core: &mut Core,
    graph: &StageGraph,
    workflow: &Workflow,
    begun: &[usize],
) -> Vec<(usize, Refusal)> {
    let mut refused = Vec::new();
    for place in begun {
        let stage = &workflow.stages[*place];
        let made = input_of(core, workflow, stage, graph.before(*place))
            .and_then(|input| tasks::create(core, task_of(workflow, stage, input)));
        if let Err(refusal) = made {
            refused.push((*place, refusal));
        }
    }
    refused
}

fn task_of(workflow: &Workflow, stage: &Stage, input: Fields) -> NewTask {
    let max_attempts = match workflow.failure_strategy {
        FailureStrategy::Retry => ATTEMPTS_MAX,
        _ => 1,
    };
    NewTask {
        id: stage.task_id.clone(),
        task_type: stage.agent_type.clone(),
        priority: Some(PriorityWish::Level(workflow.priority)),
        assigned_agent: None,
        workflow_id: Some(workflow.id.clone()),
        stage: Some(stage.name.clone()),
        dependencies: Vec::new(),
        input,
        metadata: Fields::new(),
        deadline: None,
        timeout_ms: stage.timeout_ms,
        retry: RetryPolicy {
            max_attempts,
            backoff: Backoff::Exponential,
        },
        source: None,
    }
}

/// What a stage is given: the workflow's input, over it its own, over that `workflow_id`, `stage`
/// and `inputs`, the output of each stage that it depends on by name (null if there was none).
fn input_of(
    core: &Core,
    workflow: &Workflow,
    stage: &Stage,
    before: &[usize],
) -> Result<Fields, Refusal> {
    let mut bytes = json_bytes(&workflow.input) + json_bytes(&stage.input);
    let mut inputs = Fields::new();
    for dependency in before.iter().map(|place| &workflow.stages[*place]) {
        let task = dependency.task_id.as_ref();
        let task = task.and_then(|task| core.tables.tasks.find(task.as_str()));
        let output = task.and_then(|task| task.output.as_ref());
        bytes += output.map_or(0, json_bytes);
        if bytes > INPUT_BYTES_MAX {
            let message = format!(
                "the input of stage {} and the outputs before it have more than {INPUT_BYTES_MAX} \
                 bytes as JSON",
                stage.name
            );
            return Err(Refusal::new(RefusalKind::TooLarge, message));
        }
        let output = output.map_or(Value::Null, |output| Value::Object(output.clone()));
        inputs.insert(dependency.name.clone(), output);
    }
    let mut input = workflow.input.clone();
    input.extend(stage.input.clone());
    input.insert("workflow_id".to_owned(), workflow.id.as_str().into());
    input.insert("stage".to_owned(), stage.name.as_str().into());
    input.insert("inputs".to_owned(), inputs.into());
    Ok(input)
}

/// Ends a stage as its task did.
fn end_as(stage: &mut Stage, task: &Task, now: Timestamp) {
    let status = match task.status {
        TaskStatus::Completed => StageStatus::Completed,
        TaskStatus::Cancelled => StageStatus::Cancelled,
        _ => StageStatus::Failed,
    };
    end(stage, status, task.error.as_deref(), now);
}

fn end(stage: &mut Stage, status: StageStatus, error: Option<&str>, now: Timestamp) {
    stage.status = status;
    stage.finished_at = Some(now);
    stage.error = match status {
        StageStatus::Completed => None,
        _ => error.map(|error| clipped(error, ERROR_BYTES_MAX).to_owned()),
    };
}

fn ending(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Timeout => "timed out",
        WorkflowStatus::Cancelled => "was cancelled",
        _ => "failed",
    }
}

fn put(core: &mut Core, workflow: &Arc<Workflow>) {
    let id = workflow.id.clone();
    core.put(RowChange::Workflow(id, Some(Arc::clone(workflow))));
}

fn tell_stages(core: &mut Core, workflow: &Workflow, ended: &[usize]) {
    for place in ended {
        let stage = &workflow.stages[*place];
        let kind = EventKind::WorkflowStageCompleted {
            workflow: workflow.brief(),
            stage: stage.name.clone(),
            stage_status: stage.status,
            task_id: stage.task_id.clone(),
            error: stage.error.clone(),
        };
        core.emit(kind, context_of(workflow));
    }
}

fn tell_end(core: &mut Core, workflow: &Workflow) {
    let kind = EventKind::WorkflowFinished {
        workflow: workflow.brief(),
        error: workflow.error.clone(),
    };
    core.emit(kind, context_of(workflow));
}

fn context_of(workflow: &Workflow) -> Context {
    Context {
        correlation_id: Some(workflow.id.as_str().to_owned()),
        ..Context::default()
    }
}
