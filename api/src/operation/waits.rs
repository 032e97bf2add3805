//! What is answered after something was waited for.

use agnt_fleet::command::{Command, CommandStatus};
use agnt_fleet::workflow::{Workflow, WorkflowStatus};
use agnt_fleet::{Refusal, RefusalKind};
use http::StatusCode;

use crate::error::refuse;
use crate::fleet_view::FleetView;
use crate::list::absent;
use crate::manner::Manner;
use crate::response::ApiResponse;
use crate::step::Awaited;
use crate::view::{ResponseView, WorkflowView};

/// Answers with what has become of it.
pub(crate) fn answer(manner: &Manner, awaited: &Awaited, fleet: &dyn FleetView) -> ApiResponse {
    let outcome = match awaited {
        Awaited::Workflow(id) => {
            let found = fleet.read().workflows.find(id.as_str()).cloned();
            let found = found.ok_or_else(|| absent("workflow", id.as_str()));
            found.and_then(|workflow| workflow_answer(manner, &workflow))
        }
        Awaited::Command(id) => {
            let found = fleet.read().commands.find(id.as_str()).cloned();
            let found = found.ok_or_else(|| absent("command", id.as_str()));
            found.and_then(|command| command_answer(manner, &command))
        }
    };
    outcome.unwrap_or_else(|refusal| refuse(manner, &refusal))
}

/// The workflow, if it completed (ruling 60).
fn workflow_answer(manner: &Manner, workflow: &Workflow) -> Result<ApiResponse, Refusal> {
    let view = WorkflowView::new(workflow);
    let id = &workflow.id;
    let (kind, message) = match workflow.status {
        WorkflowStatus::Completed => return Ok(manner.json(StatusCode::OK, &view)),
        WorkflowStatus::Running => {
            let message = format!("workflow \"{id}\" is still running");
            (RefusalKind::Timeout, message)
        }
        ended => {
            let why = workflow.error.as_deref().unwrap_or("no reason was given");
            let message = format!("workflow \"{id}\" ended {}: {why}", ended.as_str());
            // Whether its own clock or the wait's comes first is a matter of milliseconds.
            let kind = match ended {
                WorkflowStatus::Timeout => RefusalKind::Timeout,
                _ => RefusalKind::WorkflowFailed,
            };
            (kind, message)
        }
    };
    let shown = serde_json::to_value(&view).unwrap_or_default();
    Err(Refusal::new(kind, message)
        .with("workflow_id", id.as_str())
        .with("correlation_id", id.as_str())
        .with("workflow", shown))
}

/// The agent's answer, good or bad.
fn command_answer(manner: &Manner, command: &Command) -> Result<ApiResponse, Refusal> {
    let (id, agent) = (&command.id, &command.agent_id);
    let refusal = match command.status {
        CommandStatus::Completed | CommandStatus::Failed => {
            return Ok(manner.json(StatusCode::OK, &ResponseView::new(command)));
        }
        CommandStatus::Accepted | CommandStatus::Timeout => {
            let waited = command.timeout_ms;
            let message = format!("agent \"{agent}\" did not answer \"{id}\" within {waited} ms");
            Refusal::new(RefusalKind::Timeout, message)
        }
        CommandStatus::Cancelled => {
            let message = format!("agent \"{agent}\" went before it answered \"{id}\"");
            Refusal::new(RefusalKind::AgentUnavailable, message)
        }
    };
    let refusal = refusal
        .with("agent_id", agent.as_str())
        .with("request_id", id.as_str());
    Err(match &command.correlation_id {
        Some(correlation_id) => refusal.with("correlation_id", correlation_id.as_str()),
        None => refusal,
    })
}
