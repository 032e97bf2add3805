//! Commands, and what is answered to who gives them.

use agnt_fleet::command::{Callback, Command, CommandStatus};
use agnt_fleet::{Fields, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::moment::{moment, moment_if_any};

/// A command as it stands.
#[derive(Serialize)]
pub struct CommandView<'a> {
    command_id: &'a str,
    agent_id: &'a str,
    command_type: &'a str,
    payload: &'a Fields,
    priority: u8,
    timeout_ms: u64,
    status: &'static str,
    #[serde(serialize_with = "moment")]
    accepted_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    errors: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<&'a Callback>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

impl<'a> CommandView<'a> {
    /// The view of a row.
    pub fn new(command: &'a Command) -> Self {
        Self {
            command_id: command.id.as_str(),
            agent_id: command.agent_id.as_str(),
            command_type: &command.verb,
            payload: &command.payload,
            priority: command.priority.level(),
            timeout_ms: command.timeout_ms,
            status: command.status.as_str(),
            accepted_at: command.accepted_at,
            finished_at: command.finished_at,
            result: command.result.as_ref(),
            errors: &command.errors,
            callback: command.callback.as_ref(),
            correlation_id: command.correlation_id.as_deref(),
            source: command.source.as_deref(),
        }
    }
}

/// A command or a message was accepted (document A, `CommandResponse`).
#[derive(Serialize)]
pub(crate) struct AcceptedView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    agent_id: &'a str,
    status: &'static str,
    #[serde(serialize_with = "moment")]
    accepted_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<&'a Callback>,
}

impl<'a> AcceptedView<'a> {
    pub(crate) fn new(command: &'a Command, is_message: bool) -> Self {
        let id = command.id.as_str();
        Self {
            command_id: (!is_message).then_some(id),
            message_id: is_message.then_some(id),
            agent_id: command.agent_id.as_str(),
            status: CommandStatus::Accepted.as_str(),
            accepted_at: command.accepted_at,
            callback: command.callback.as_ref(),
        }
    }
}

/// The answer to a request (document B, Request-Response Pattern).
#[derive(Serialize)]
pub(crate) struct ResponseView<'a> {
    response: Response<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: String,
    request_id: &'a str,
    status: &'static str,
    data: Option<&'a Value>,
    errors: &'a [Value],
}

impl<'a> ResponseView<'a> {
    pub(crate) fn new(command: &'a Command) -> Self {
        let is_success = command.status == CommandStatus::Completed;
        Self {
            response: Response {
                id: format!("resp-{}", command.id),
                request_id: command.id.as_str(),
                status: if is_success { "success" } else { "error" },
                data: command.result.as_ref(),
                errors: &command.errors,
            },
        }
    }
}
