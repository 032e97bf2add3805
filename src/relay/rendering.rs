//! What sessions are told, in the words of their dialect.

use std::sync::Arc;

use agnt_api::{Dialect, EventView, TaskView};
use agnt_fleet::command::{Command, CommandKind, CommandStatus};
use agnt_fleet::task::Task;
use agnt_fleet::{Event, EventKind, Fields, Id, Timestamp};
use serde_json::{Value, json};

use super::deliveries::{Extent, Work, WriteWork};

/// What a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Document A's envelope.
    A,
    /// Document B's.
    B,
}

impl Speech {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// The dialect of its views.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::A => Dialect::A,
            Self::B => Dialect::B,
        }
    }

    /// How it says what an agent is to do.
    pub const fn work(self) -> WriteWork {
        match self {
            Self::A => |work, extent| write_work(Self::A, work, extent),
            Self::B => |work, extent| write_work(Self::B, work, extent),
        }
    }
}

fn write_work(speech: Speech, work: &Work, extent: Extent) -> String {
    match work {
        Work::Task(task) => write_task(speech, task, extent),
        Work::Command(command) => match extent {
            Extent::Whole => write_command(speech, command),
            Extent::WithoutContent => {
                left_out(speech, command_message(speech, command, &Fields::new()))
            }
        },
    }
}

/// The same message without its content, and with the word that says so.
fn left_out(speech: Speech, mut message: Value) -> String {
    let (holder, content) = match speech {
        Speech::A => ("payload", "payload"),
        Speech::B if message.get("request").is_some() => ("request", "data"),
        Speech::B => {
            message["payload"] = json!({});
            message["is_left_out"] = true.into();
            return text(&message);
        }
    };
    message[holder][content] = json!({});
    message[holder]["is_left_out"] = true.into();
    text(&message)
}

/// What is not known is not said.
fn known(mut fields: Value) -> Value {
    if let Value::Object(fields) = &mut fields {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

/// An event. Commands and their answers have messages of their own in document A (ruling 51);
/// `command` is the row, if it is still there.
pub fn write_event(speech: Speech, event: &Event, command: Option<&Arc<Command>>) -> String {
    match (speech, &event.kind, command) {
        (Speech::A, EventKind::CommandIssued { .. }, Some(command)) => {
            write_command(speech, command)
        }
        (Speech::A, EventKind::CommandFinished { .. }, Some(command)) => {
            write_answer(speech, command)
        }
        _ => text(&EventView::placed(speech.dialect(), event)),
    }
}

/// A command for its agent, or for those who observe.
fn write_command(speech: Speech, command: &Command) -> String {
    text(&command_message(speech, command, &command.payload))
}

fn command_message(speech: Speech, command: &Command, content: &Fields) -> Value {
    match speech {
        Speech::A => envelope_a(
            "command",
            command.id.as_str(),
            command.accepted_at,
            command.correlation_id.as_deref(),
            &json!({
                "command_type": command.verb,
                "agent_id": command.agent_id,
                "payload": content,
                "priority": command.priority.level(),
                "timeout_ms": command.timeout_ms,
            }),
        ),
        Speech::B if command.kind == CommandKind::Message => known(json!({
            "id": command.id,
            "timestamp": command.accepted_at.to_string(),
            "event_type": "message.sent",
            "source_agent": command.source,
            "target_agent": command.agent_id,
            "correlation_id": command.correlation_id,
            "payload": content,
        })),
        Speech::B => json!({
            "request": known(json!({
                "id": command.id,
                "type": command.verb,
                "source": command.source,
                "target": command.agent_id,
                "correlation_id": command.correlation_id,
                "data": content,
                "timeout": command.timeout_ms as f64 / 1000.0,
            }))
        }),
    }
}

/// A task for its agent, as something that is to be executed and answered under the task's id.
fn write_task(speech: Speech, task: &Task, extent: Extent) -> String {
    let (nothing, is_whole) = (Fields::new(), extent == Extent::Whole);
    let view = TaskView::new(speech.dialect(), task);
    let view = match speech {
        Speech::A if is_whole => view,
        // In document B it is the request's data already.
        Speech::A | Speech::B => view.with_input(&nothing),
    };
    let mut view = serde_json::to_value(view).unwrap_or_default();
    let message = match speech {
        Speech::A => {
            let mut payload = known(json!({
                "command_type": "execute",
                "agent_id": task.assigned_agent,
                "payload": { "task": view },
                "priority": task.priority.level(),
                "timeout_ms": task.timeout_ms,
            }));
            if !is_whole {
                payload["is_left_out"] = true.into();
            }
            let at = task.assigned_at.unwrap_or(task.created_at);
            let workflow = task.workflow_id.as_ref().map(Id::as_str);
            envelope_a("command", task.uuid.as_str(), at, workflow, &payload)
        }
        Speech::B => {
            remove(&mut view, "input_data");
            let data = is_whole.then_some(&task.input);
            json!({
                "request": known(json!({
                    "id": task.id,
                    "type": task.task_type,
                    "source": "agnt",
                    "target": task.assigned_agent,
                    "correlation_id": task.workflow_id,
                    "data": data.unwrap_or(&nothing),
                    "is_left_out": (!is_whole).then_some(true),
                    "task": view,
                    "timeout": task.timeout_ms.map(|ms| ms as f64 / 1000.0),
                }))
            })
        }
    };
    text(&message)
}

fn remove(view: &mut Value, key: &str) {
    if let Value::Object(view) = view {
        view.remove(key);
    }
}

/// The end of a command, for who gave it.
pub fn write_answer(speech: Speech, command: &Command) -> String {
    let message = match speech {
        Speech::A => {
            let mut payload = json!({
                "agent_id": command.agent_id,
                "status": command.status.as_str(),
            });
            match command.status {
                CommandStatus::Completed => payload["result"] = json!(command.result),
                _ => payload["error"] = json!(command.errors),
            }
            let at = command.finished_at.unwrap_or(command.accepted_at);
            let id = Id::unique();
            envelope_a(
                "response",
                id.as_str(),
                at,
                Some(command.id.as_str()),
                &payload,
            )
        }
        Speech::B => command.response(),
    };
    text(&message)
}

/// Document A's envelope (section 2.3, `message_format`).
pub fn envelope_a(
    kind: &str,
    id: &str,
    at: Timestamp,
    correlation_id: Option<&str>,
    payload: &Value,
) -> Value {
    let mut message = json!({
        "type": kind,
        "id": id,
        "timestamp": at.to_string(),
        "payload": payload,
    });
    if let Some(correlation_id) = correlation_id {
        message["correlation_id"] = correlation_id.into();
    }
    message
}

/// As JSON. What can't be written would be an empty object, which no message is.
fn text(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).unwrap_or_else(|_| "{}".to_owned())
}
