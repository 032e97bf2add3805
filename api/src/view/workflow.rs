//! Workflows; document A knows none, so that both dialects show document B's.

use agnt_fleet::workflow::{FailureStrategy, Stage, StageStatus, Workflow};
use agnt_fleet::{Fields, Id, Timestamp};
use serde::Serialize;

use super::moment::{moment, moment_if_any, seconds_if_any};

/// A workflow (document B, `workflows`); what the document does not name is added.
#[derive(Serialize)]
pub struct WorkflowView<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    stages: Vec<StageView<'a>>,
    configuration: ConfigurationView<'a>,
    status: &'static str,
    priority: &'static str,
    priority_level: u8,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    input: &'a Fields,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
    #[serde(serialize_with = "moment")]
    updated_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    deadline: Option<Timestamp>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_stages: Vec<&'a str>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    metadata: &'a Fields,
}

#[derive(Serialize)]
struct StageView<'a> {
    name: &'a str,
    agent_type: &'a str,
    dependencies: &'a [String],
    #[serde(
        serialize_with = "seconds_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    input: &'a Fields,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    started_at: Option<Timestamp>,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct ConfigurationView<'a> {
    parallel_execution: bool,
    failure_strategy: &'static str,
    #[serde(flatten)]
    other: &'a Fields,
}

impl<'a> WorkflowView<'a> {
    /// The view of a row.
    pub fn new(workflow: &'a Workflow) -> Self {
        let stages = &workflow.stages;
        let ended = stages.iter().filter(|stage| stage.status.is_terminal());
        let failed = |stage: &&Stage| stage.status == StageStatus::Failed;
        Self {
            id: workflow.id.as_str(),
            project_id: workflow.project_id.as_deref(),
            name: workflow.name.as_deref(),
            stages: stages.iter().map(StageView::new).collect(),
            configuration: ConfigurationView {
                parallel_execution: workflow.is_parallel,
                failure_strategy: match workflow.failure_strategy {
                    FailureStrategy::StopOnError => "stop_on_error",
                    FailureStrategy::Continue => "continue",
                    FailureStrategy::Retry => "retry",
                },
                other: &workflow.configuration,
            },
            status: workflow.status.as_str(),
            priority: workflow.priority.word().as_str(),
            priority_level: workflow.priority.level(),
            progress: (ended.count() * 100 / stages.len().max(1)) as u8,
            error: workflow.error.as_deref(),
            input: &workflow.input,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
            deadline: workflow.deadline,
            completed_at: workflow.finished_at,
            failed_stages: stages
                .iter()
                .filter(failed)
                .map(|stage| stage.name.as_str())
                .collect(),
            metadata: &workflow.metadata,
        }
    }
}

impl<'a> StageView<'a> {
    fn new(stage: &'a Stage) -> Self {
        Self {
            name: &stage.name,
            agent_type: stage.agent_type.as_str(),
            dependencies: &stage.dependencies,
            timeout: stage.timeout_ms,
            input: &stage.input,
            status: stage.status.as_str(),
            task_id: stage.task_id.as_ref().map(Id::as_str),
            started_at: stage.started_at,
            completed_at: stage.finished_at,
            error: stage.error.as_deref(),
        }
    }
}
