//! Agents that come or are changed.

use agnt_fleet::agent::{AgentStatus, MAX_TASKS_DEFAULT};
use agnt_fleet::mutation::{AgentChange, Registration};
use agnt_fleet::{Fields, Refusal, RefusalKind};
use serde_json::Value;

use super::fields::FieldReader;
use super::scalars::{self, Reading};
use crate::limits::{CAPABILITIES_MAX, MAX_TASKS_MAX};

/// The names of an agent's id.
pub(crate) const AGENT_ID: &[&str] = &["agent_id", "id"];

/// What views have of an agent and nobody sets.
const SHOWN: &[&str] = &[
    "status_detail",
    "registered_at",
    "updated_at",
    "last_heartbeat",
    "resource_usage",
    "performance_metrics",
    "current_tasks",
    "numeric_id",
    "paused",
];

/// What both a new and a changed agent may say.
struct Sayings {
    agent_type: Option<String>,
    name: Option<String>,
    version: Option<String>,
    capabilities: Option<Vec<String>>,
    max_tasks: Option<u32>,
    health_check_url: Option<String>,
    configuration: Fields,
}

/// Reads an agent that comes (documents A `AgentRegistration`, B `agents/register`).
pub fn read_registration(fields: Fields, may_refresh: bool) -> Result<Registration, Refusal> {
    let mut fields = FieldReader::new(fields);
    let id = fields.need(AGENT_ID, "an id", scalars::id);
    if !fields.has("capabilities") {
        fields.refuse("capabilities", "is missing; at least one is needed");
    }
    let sayings = read_sayings(&mut fields);
    let stream = fields.take(&["stream"], scalars::id);
    fields.drop_shown(SHOWN);
    fields.drop_shown(&["status"]);
    let metadata = fields.metadata();
    fields.end()?;
    let (Some(id), Some(capabilities)) = (id, sayings.capabilities) else {
        return Err(incomplete());
    };
    check_capabilities(&capabilities)?;
    Ok(Registration {
        id,
        agent_type: sayings.agent_type,
        name: sayings.name,
        version: sayings.version,
        capabilities,
        max_tasks: sayings.max_tasks.unwrap_or(MAX_TASKS_DEFAULT),
        health_check_url: sayings.health_check_url,
        configuration: sayings.configuration,
        metadata,
        stream: stream.map(|stream| stream.as_str().to_owned()),
        may_refresh,
    })
}

/// Reads what of an agent is changed (document A, `AgentUpdate`); `current_tasks` says what
/// `active` means for it.
pub fn read_agent_change(fields: Fields, current_tasks: u32) -> Result<AgentChange, Refusal> {
    let mut fields = FieldReader::new(fields);
    let sayings = read_sayings(&mut fields);
    let status = fields.take(&["status"], |value| status(value, current_tasks));
    fields.drop_shown(SHOWN);
    let metadata = fields.metadata();
    fields.end()?;
    sayings
        .capabilities
        .as_deref()
        .map_or(Ok(()), check_capabilities)?;
    Ok(AgentChange {
        agent_type: sayings.agent_type,
        name: sayings.name,
        version: sayings.version,
        capabilities: sayings.capabilities,
        max_tasks: sayings.max_tasks,
        status,
        health_check_url: sayings.health_check_url,
        configuration: sayings.configuration,
        metadata,
        ..AgentChange::default()
    })
}

/// A status in either document's words: `active` is busy with tasks, and idle without
/// (decision X4).
pub(super) fn status(value: Value, current_tasks: u32) -> Reading<AgentStatus> {
    let read = |word: &str| match word {
        "active" if current_tasks > 0 => Some(AgentStatus::Busy),
        "active" => Some(AgentStatus::Idle),
        word => AgentStatus::parse(word),
    };
    let allowed = "idle, busy, error, offline, starting, stopping or active";
    scalars::word(value, read, allowed)
}

fn read_sayings(fields: &mut FieldReader) -> Sayings {
    let max_tasks = |value: Value| {
        let count = scalars::integer(value, 1, MAX_TASKS_MAX)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    };
    let mut most = fields.take(&["max_tasks"], max_tasks);
    let mut configuration = Fields::new();
    if let Some(mut inner) = fields.enter("configuration") {
        let other = inner.take(&["max_concurrent_tasks"], max_tasks);
        most = most.or(other);
        configuration = fields.leave(inner);
    }
    let capabilities = |value| {
        let allowed = "a list of texts";
        scalars::list(value, CAPABILITIES_MAX, allowed, scalars::label)
    };
    Sayings {
        agent_type: fields.take(&["type", "agent_type"], scalars::label),
        name: fields.take(&["name"], scalars::label),
        version: fields.take(&["version"], scalars::label),
        capabilities: fields.take(&["capabilities"], capabilities).map(distinct),
        max_tasks: most,
        health_check_url: fields.take(&["health_check_url"], scalars::url),
        configuration,
    }
}

/// Each capability once, in the order in which they came.
fn distinct(capabilities: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(capabilities.len());
    for capability in capabilities {
        if !kept.contains(&capability) {
            kept.push(capability);
        }
    }
    kept
}

/// Document A's sentence for an agent that can do nothing.
fn check_capabilities(capabilities: &[String]) -> Result<(), Refusal> {
    match capabilities.is_empty() {
        true => Err(incomplete()),
        false => Ok(()),
    }
}

fn incomplete() -> Refusal {
    let message = "Agent must have at least one capability";
    Refusal::new(RefusalKind::Invalid, message)
}
