//! Workflows that are made.

use agnt_fleet::mutation::{NewStage, NewWorkflow};
use agnt_fleet::workflow::FailureStrategy;
use agnt_fleet::{Fields, Refusal};
use serde_json::Value;

use super::fields::FieldReader;
use super::scalars;
use super::task::read_timeout;
use crate::limits::STAGES_MAX;

/// What views have of a workflow and nobody sets.
const SHOWN: &[&str] = &[
    "status",
    "progress",
    "error",
    "created_at",
    "updated_at",
    "completed_at",
    "deadline",
    "failed_stages",
];

/// What they have of a stage.
const STAGE_SHOWN: &[&str] = &["status", "task_id", "started_at", "completed_at", "error"];

/// Reads a workflow to be made (document B, `workflows`).
pub fn read_workflow(fields: Fields, source: Option<String>) -> Result<NewWorkflow, Refusal> {
    let mut fields = FieldReader::new(fields);
    let id = fields.take(&["id", "workflow_id"], scalars::id);
    let stages = read_stages(&mut fields);
    let project_id = fields.take(&["project_id"], scalars::label);
    let name = fields.take(&["name"], scalars::label);
    let priority = fields.take(&["priority"], scalars::priority);
    let input = fields.take_object(&["input", "input_data", "task_data"]);
    let timeout_ms = read_timeout(&mut fields);
    let mut is_parallel = None;
    let mut failure_strategy = None;
    let mut configuration = Fields::new();
    if let Some(mut inner) = fields.enter("configuration") {
        is_parallel = inner.take(&["parallel_execution"], scalars::boolean);
        failure_strategy = inner.take(&["failure_strategy"], |value| {
            let allowed = "stop_on_error, continue or retry";
            scalars::word(value, failure_strategy_of, allowed)
        });
        configuration = fields.leave(inner);
    }
    fields.drop_shown(SHOWN);
    let metadata = fields.metadata();
    fields.end()?;
    Ok(NewWorkflow {
        id,
        project_id,
        name,
        stages,
        is_parallel: is_parallel.unwrap_or(false),
        failure_strategy: failure_strategy.unwrap_or_default(),
        configuration,
        priority,
        input: input.unwrap_or_default(),
        metadata,
        timeout_ms,
        source,
    })
}

fn failure_strategy_of(word: &str) -> Option<FailureStrategy> {
    match word {
        "stop_on_error" => Some(FailureStrategy::StopOnError),
        "continue" => Some(FailureStrategy::Continue),
        "retry" => Some(FailureStrategy::Retry),
        _ => None,
    }
}

/// The stages that can be read; what is wrong with the others is noted.
fn read_stages(fields: &mut FieldReader) -> Vec<NewStage> {
    let allowed = "a list of 1 to 1000 stages";
    let entries = fields.need(&["stages"], allowed, |value| {
        let entries = scalars::list(value, STAGES_MAX, allowed, |entry| match entry {
            Value::Object(stage) => Ok(stage),
            other => Err(scalars::not_allowed(&other, "an object")),
        })?;
        match entries.is_empty() {
            true => Err("has no entry; at least one stage is needed".to_owned()),
            false => Ok(entries),
        }
    });
    let mut stages = Vec::new();
    for (place, stage) in entries.into_iter().flatten().enumerate() {
        let inner = fields.enter_entry("stages", place, stage);
        stages.extend(read_stage(fields, inner));
    }
    stages
}

/// A stage; fields that nobody knows are given to who does it.
fn read_stage(fields: &mut FieldReader, mut stage: FieldReader) -> Option<NewStage> {
    let name = stage.need(&["name"], "a label", scalars::label);
    let agent_type = stage.need(&["agent_type", "type"], "an id", scalars::id);
    let dependencies = stage.take(&["dependencies"], |value| {
        scalars::list(value, STAGES_MAX, "a list of stages' names", scalars::label)
    });
    let timeout_ms = read_timeout(&mut stage);
    let given = stage.take_object(&["input", "input_data"]);
    stage.drop_shown(STAGE_SHOWN);
    let mut input = fields.leave(stage);
    input.extend(given.unwrap_or_default());
    Some(NewStage {
        name: name?,
        agent_type: agent_type?,
        dependencies: dependencies.unwrap_or_default(),
        timeout_ms,
        input,
    })
}
