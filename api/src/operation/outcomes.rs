//! What is shown of what came of a change.

use agnt_fleet::command::{Command, CommandKind};
use agnt_fleet::task::Task;
use agnt_fleet::workflow::Workflow;
use agnt_fleet::{Outcome, Refusal, RefusalKind, Timestamp};
use http::{StatusCode, header};
use serde_json::json;

use super::agents::gone;
use crate::dialect::Dialect;
use crate::error::refuse;
use crate::fleet_view::FleetView;
use crate::manner::Manner;
use crate::response::ApiResponse;
use crate::step::{AfterMutation, AfterWait, Awaited, Show, Step};
use crate::view::{
    AcceptedView, AgentView, CancelledView, CommandView, HeartbeatView, RegistrationView, TaskView,
    TemplateView, WorkflowView, task_id,
};

/// Shows it, or waits on.
pub(crate) fn show(after: AfterMutation, outcome: &Outcome, fleet: &dyn FleetView) -> Step {
    let AfterMutation { manner, show } = after;
    let answer = match (show, outcome) {
        (Show::WorkflowAtItsEnd(timeout_ms), Outcome::Workflow { workflow, .. }) => {
            return wait(manner, Awaited::Workflow(workflow.id.clone()), timeout_ms);
        }
        (Show::CommandAnswer, Outcome::Command { command }) => {
            let awaited = Awaited::Command(command.id.clone());
            return wait(manner, awaited, command.timeout_ms);
        }
        (Show::Registration, Outcome::Agent { agent, is_new }) => {
            let status = created(*is_new);
            let answer = match manner.dialect {
                Dialect::A => manner.json(status, &RegistrationView::new(agent)),
                Dialect::B => show_agent(&manner, status, agent, fleet),
            };
            located(answer, &manner, "agents", agent.id.as_str())
        }
        (Show::Agent, Outcome::Agent { agent, .. }) => {
            show_agent(&manner, StatusCode::OK, agent, fleet)
        }
        (Show::Task, Outcome::Task { task, is_new }) => {
            let view = TaskView::new(manner.dialect, task);
            let answer = manner.json(created(*is_new), &view);
            located(answer, &manner, "tasks", task_id(manner.dialect, task))
        }
        (Show::TaskCancellation(reason), Outcome::Task { task, .. }) => {
            show_cancelled_task(&manner, task, reason.as_deref())
        }
        (Show::Workflow, Outcome::Workflow { workflow, is_new }) => {
            let answer = manner.json(created(*is_new), &WorkflowView::new(workflow));
            located(answer, &manner, "workflows", workflow.id.as_str())
        }
        (Show::WorkflowCancellation(reason), Outcome::Workflow { workflow, .. }) => {
            show_cancelled_workflow(&manner, workflow, reason.as_deref())
        }
        (Show::CommandAccepted, Outcome::Command { command }) => show_accepted(&manner, command),
        (Show::Answered, Outcome::Command { command }) => {
            manner.json(StatusCode::OK, &CommandView::new(command))
        }
        (Show::Answered, Outcome::Task { task, .. }) => {
            manner.json(StatusCode::OK, &TaskView::new(manner.dialect, task))
        }
        (Show::Template, Outcome::Template { template, is_new }) => {
            let view = TemplateView::new(manner.dialect, template);
            let answer = manner.json(created(*is_new), &view);
            located(answer, &manner, "templates", template.id.as_str())
        }
        (Show::Publication, Outcome::Event { sequence }) => {
            manner.json(StatusCode::ACCEPTED, &json!({ "sequence": sequence }))
        }
        (Show::Heartbeat(agent, status), outcome) => {
            let found = fleet.read().agents.find(agent.as_str()).cloned();
            let status = match outcome {
                Outcome::Agent { agent, .. } => agent.status,
                _ => status,
            };
            match found {
                Some(agent) => {
                    let view = HeartbeatView::new(manner.dialect, &agent, status, manner.now);
                    manner.json(StatusCode::OK, &view)
                }
                None => refuse(&manner, &gone()),
            }
        }
        (Show::AnswerStored, _) => show_stored(&manner),
        (Show::Nothing, _) => ApiResponse::empty(StatusCode::NO_CONTENT),
        (Show::Answered, _) => manner.json(StatusCode::OK, &json!({ "status": "accepted" })),
        _ => {
            let message = "what was asked for was done, and something else came of it";
            refuse(&manner, &Refusal::new(RefusalKind::Internal, message))
        }
    };
    Step::Answer(answer)
}

fn wait(manner: Manner, awaited: Awaited, timeout_ms: u64) -> Step {
    Step::Wait {
        awaited: awaited.clone(),
        timeout_ms,
        then: AfterWait { manner, awaited },
    }
}

fn created(is_new: bool) -> StatusCode {
    match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    }
}

/// The same answer; if something was made, with where it is.
fn located(answer: ApiResponse, manner: &Manner, list: &str, id: &str) -> ApiResponse {
    match answer.status == StatusCode::CREATED {
        true => {
            let place = format!("{}/{list}/{id}", manner.dialect.prefix());
            answer.with(header::LOCATION, &place)
        }
        false => answer,
    }
}

fn show_agent(
    manner: &Manner,
    status: StatusCode,
    agent: &agnt_fleet::agent::Agent,
    fleet: &dyn FleetView,
) -> ApiResponse {
    let vitals = fleet.vitals(&agent.id);
    let view = AgentView::new(manner.dialect, agent, vitals.as_deref());
    manner.json(status, &view)
}

fn show_accepted(manner: &Manner, command: &Command) -> ApiResponse {
    let is_message = command.kind == CommandKind::Message;
    let view = AcceptedView::new(command, is_message);
    let answer = manner.json(StatusCode::ACCEPTED, &view);
    let (prefix, agent) = (manner.dialect.prefix(), &command.agent_id);
    let place = format!("{prefix}/agents/{agent}/commands/{}", command.id);
    answer.with(header::LOCATION, &place)
}

/// An answer is kept under the path of the request.
fn show_stored(manner: &Manner) -> ApiResponse {
    let (_, path) = Dialect::of_path(&manner.path);
    let stored = json!({
        "callback_id": path.trim_start_matches("/callbacks/"),
        "path": manner.path,
        "stored_at": manner.now.to_string(),
    });
    let answer = manner.json(StatusCode::CREATED, &stored);
    answer.with(header::LOCATION, &manner.path)
}

fn show_cancelled_task(manner: &Manner, task: &Task, reason: Option<&str>) -> ApiResponse {
    let id = task_id(manner.dialect, task);
    let is_a = manner.dialect == Dialect::A;
    show_cancelled(manner, id, is_a, task.finished_at, reason)
}

fn show_cancelled_workflow(
    manner: &Manner,
    workflow: &Workflow,
    reason: Option<&str>,
) -> ApiResponse {
    let id = workflow.id.as_str();
    show_cancelled(manner, id, false, workflow.finished_at, reason)
}

fn show_cancelled(
    manner: &Manner,
    id: &str,
    is_task_id: bool,
    at: Option<Timestamp>,
    reason: Option<&str>,
) -> ApiResponse {
    let view = CancelledView {
        task_id: is_task_id.then_some(id),
        id: (!is_task_id).then_some(id),
        status: "cancelled",
        cancelled_at: at.unwrap_or(manner.now),
        reason,
    };
    manner.json(StatusCode::OK, &view)
}
