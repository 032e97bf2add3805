//! An order: a command or a task on its way to its agent as `control.execute`, and its end on the way
//! back to whoever gave it.

use agnt_api::{Dialect, TaskView};
use agnt_fleet::command::{Command, CommandKind, CommandStatus};
use agnt_fleet::task::Task;
use agnt_fleet::{Fields, Id, Priority, Timestamp};
use serde_json::{Value, json};

use crate::control::Refusal;
use crate::control::agent_id::is_agent_id;
use crate::control::replies::{self, Request};
use crate::relay::{Extent, Work};

/// Who is named as the sender of what nobody says who sent it.
const NAMELESS: &str = "agnt";

/// The message of a peer that something belongs to.
#[derive(Clone, Debug, Default)]
pub(super) struct Cause {
    /// Its id.
    pub(super) id: Option<String>,
    /// What replies name: its own correlation, else its id.
    pub(super) correlation: Option<String>,
}

impl Cause {
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            id: self.id.as_deref(),
            correlation: self.correlation.as_deref(),
        }
    }
}

/// What an agent is to do. A message asks for no answer, so it comes as `message.sent`.
pub(super) fn write_work(work: &Work, extent: Extent) -> String {
    let nothing = Fields::new();
    let given = match (extent, work) {
        (Extent::WithoutContent, _) => &nothing,
        (Extent::Whole, Work::Task(task)) => &task.input,
        (Extent::Whole, Work::Command(command)) => &command.payload,
    };
    let mut message = match work {
        Work::Task(task) => task_order(task, given),
        Work::Command(command) if command.kind == CommandKind::Message => message(command, given),
        Work::Command(command) => command_order(command, given),
    };
    if extent == Extent::WithoutContent {
        message["payload"]["isLeftOut"] = true.into();
    }
    message.to_string()
}

fn command_order(command: &Command, parameters: &Fields) -> Value {
    let mut payload = json!({
        "commandId": command.id,
        "targetAgent": command.agent_id,
        "command": command.verb,
        "parameters": parameters,
        "timeout": command.timeout_ms,
    });
    if let Some(source) = &command.source {
        payload["from"] = source.as_str().into();
    }
    let at = command.accepted_at;
    enveloped(
        "control.execute",
        &command.id,
        at,
        command.priority,
        &payload,
    )
}

/// A task is answered under its own id; what it is besides a command is in `task`.
fn task_order(task: &Task, parameters: &Fields) -> Value {
    let nothing = Fields::new();
    let view = TaskView::new(Dialect::B, task).with_input(&nothing);
    let mut view = serde_json::to_value(view).unwrap_or_default();
    if let Value::Object(view) = &mut view {
        // They are the parameters already.
        view.remove("input_data");
    }
    let mut payload = json!({
        "commandId": task.id,
        "targetAgent": task.assigned_agent,
        "command": task.task_type,
        "parameters": parameters,
        "task": view,
    });
    if let Some(timeout_ms) = task.timeout_ms {
        payload["timeout"] = timeout_ms.into();
    }
    let at = task.assigned_at.unwrap_or(task.created_at);
    enveloped("control.execute", &task.id, at, task.priority, &payload)
}

fn message(command: &Command, content: &Fields) -> Value {
    let word = command.priority.word().as_str().to_ascii_uppercase();
    let from = command.source.as_deref().filter(|it| is_agent_id(it));
    let payload = json!({
        "messageId": command.id,
        "from": { "id": from.unwrap_or(NAMELESS) },
        "to": [{ "id": command.agent_id }],
        "messageType": "NOTIFICATION",
        "priority": word,
        "content": content,
    });
    let at = command.accepted_at;
    enveloped("message.sent", &command.id, at, command.priority, &payload)
}

fn enveloped(kind: &str, id: &Id, at: Timestamp, priority: Priority, payload: &Value) -> Value {
    json!({
        "id": id,
        "type": kind,
        "timestamp": at.to_string(),
        "payload": payload,
        "metadata": { "correlationId": id, "priority": priority.word().as_str() },
    })
}

/// The end of a command, for who gave it by the message that is its cause: the agent's result, or
/// why there is none.
pub(super) fn write_end(cause: &Cause, command: &Command) -> String {
    let agent = &command.agent_id;
    let has_result = command.result.as_ref().is_some_and(|it| !it.is_null());
    let refusal = match command.status {
        CommandStatus::Failed if !has_result => {
            let said = command.errors.first().map(said_by);
            let text = replies::reported(agent.as_str(), said.as_deref());
            Refusal::failed(text).because("agent")
        }
        CommandStatus::Timeout => {
            let ms = command.timeout_ms;
            let text = format!("agent '{agent}': the command timed out after {ms} ms");
            Refusal::failed(text).because("timeout")
        }
        CommandStatus::Cancelled => {
            let said = command.errors.first().map(said_by);
            let text =
                said.unwrap_or_else(|| format!("agent '{agent}': the command was cancelled"));
            Refusal::failed(text).because("cancelled")
        }
        _ => return result(cause, command),
    };
    replies::error(&refusal, "control", cause.request())
}

fn result(cause: &Cause, command: &Command) -> String {
    let mut payload = json!({
        "commandId": command.id,
        "agentId": command.agent_id,
        "status": command.status.as_str(),
        "result": command.result,
    });
    if !command.errors.is_empty() {
        payload["errors"] = json!(command.errors);
    }
    // The request's id is what ties an answer to it (ruling 29).
    let correlation = cause.id.as_ref().or(cause.correlation.as_ref());
    let correlation = correlation.map_or(command.id.as_str(), String::as_str);
    json!({
        "id": Id::unique(),
        "type": "control.result",
        "timestamp": command.finished_at.unwrap_or(command.accepted_at).to_string(),
        "payload": payload,
        "metadata": { "correlationId": correlation, "priority": command.priority.word().as_str() },
    })
    .to_string()
}

/// An error in an answer as a sentence.
fn said_by(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    match message {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
