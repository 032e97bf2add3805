//! Exchanges: what events say that one agent told another, or the server told an agent.

use agnt_fleet::command::{CommandKind, CommandStatus};
use agnt_fleet::{Event, EventKind};
use serde_json::json;

use crate::control::Exchange;
use crate::control::agent_id::is_agent_id;
use crate::domain::Priority;

/// The exchange that an event tells of, if it does.
pub(super) fn exchange_of(event: &Event) -> Option<Exchange> {
    let from = event.source.clone().filter(|source| is_agent_id(source));
    match &event.kind {
        EventKind::TaskAssigned(task) => Some(Exchange {
            id: task.task_id.as_str().to_owned(),
            from,
            to: task.agent_id.as_ref()?.as_str().to_owned(),
            form: "TASK",
            priority: priority(task.priority),
            content: json!({ "taskId": task.task_id, "taskType": task.task_type }),
            is_failure: false,
        }),
        EventKind::CommandIssued {
            command_id,
            agent_id,
            kind,
            verb,
            priority: urgency,
        } => Some(Exchange {
            id: command_id.as_str().to_owned(),
            from,
            to: agent_id.as_str().to_owned(),
            form: match kind {
                CommandKind::Command => "COMMAND",
                CommandKind::Request => "REQUEST",
                CommandKind::Message => "MESSAGE",
            },
            priority: priority(*urgency),
            content: json!({ "action": verb }),
            is_failure: false,
        }),
        EventKind::CommandFinished {
            command_id,
            agent_id,
            kind: CommandKind::Command | CommandKind::Request,
            verb,
            status: status @ (CommandStatus::Completed | CommandStatus::Failed),
            ..
        } => Some(Exchange {
            id: command_id.as_str().to_owned(),
            from: Some(agent_id.as_str().to_owned()),
            // Who asked without a name is nobody on the screen.
            to: event.target.as_ref()?.as_str().to_owned(),
            form: "RESPONSE",
            priority: Priority::Normal,
            content: json!({ "action": verb, "status": status }),
            is_failure: *status == CommandStatus::Failed,
        }),
        _ => None,
    }
}

fn priority(given: agnt_fleet::Priority) -> Priority {
    Priority::from_number(given.level().into()).unwrap_or_default()
}
