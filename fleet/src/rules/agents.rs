//! Agents: they come, change, and go. What their work makes of them is in
//! [`workload`](super::workload), their silence in [`silence`](super::silence).

use std::sync::Arc;

use serde_json::Value;

use super::assignment::{self, Release};
use super::checks::{check_label, check_label_if_any, check_size};
use super::sundry::capped;
use super::{Ruling, commands};
use crate::agent::{Agent, AgentStatus, NUMERIC_ID_MAX, status_for_active};
use crate::core::{Context, Core, Counted};
use crate::mutation::{AgentChange, Registration};
use crate::tables::RowChange;
use crate::{EventKind, Fields, Id, Outcome, Refusal, RefusalKind};

/// Paths of documents A, B and C that an agent's id would hide (decision X14).
const RESERVED: [&str; 2] = ["ws", "register"];

/// How much an agent can do.
const CAPABILITIES_MAX: usize = 256;

/// How many tasks an agent may take at once.
const TASKS_MAX: u32 = 100_000;

/// The largest configuration, and the largest metadata, as JSON.
const EXTRAS_BYTES_MAX: usize = 64 << 10;

/// The longest URL, in characters.
const URL_CHARACTERS_MAX: usize = 2048;

/// The swarm of those that name none.
const STREAM_DEFAULT: &str = "main";

/// An agent comes, or comes again. Its number is never another's, even after it is gone.
pub(super) fn register(core: &mut Core, registration: Registration) -> Ruling {
    let id = registration.id.clone();
    if RESERVED.contains(&id.as_str()) {
        let message = format!("agent_id: {id} is a path of the server; no agent is called so");
        return Err(conflict(message, &id));
    }
    let capabilities = checked_capabilities(registration.capabilities.clone())?;
    check_tasks_max(registration.max_tasks)?;
    let change = AgentChange {
        agent_type: registration.agent_type,
        name: registration.name,
        version: registration.version,
        capabilities: Some(capabilities),
        max_tasks: Some(registration.max_tasks),
        status: None,
        health_check_url: registration.health_check_url,
        configuration: registration.configuration,
        metadata: registration.metadata,
        ..AgentChange::default()
    };
    if let Some(stream) = &registration.stream {
        Id::new(stream).map_err(|error| Refusal::invalid("stream", error.to_string()))?;
    }
    if let Some(known) = core.tables.agents.find(id.as_str()).cloned() {
        if !registration.may_refresh {
            return Err(conflict(format!("agent {id} is registered already"), &id));
        }
        return refresh(core, &known, change, registration.stream);
    }
    let agents_max = core.settings.agents_max as usize;
    if core.tables.agents.len() >= agents_max {
        return Err(capped("agents_max", agents_max));
    }
    let mut agent = blank(core, id, registration.stream)?;
    apply(&mut agent, change)?;
    let agent = Arc::new(agent);
    core.put(RowChange::NumericIdNext(agent.numeric_id + 1));
    core.put(RowChange::Agent(agent.id.clone(), Some(Arc::clone(&agent))));
    tell_registered(core, &agent, false);
    Ok(Outcome::Agent {
        agent,
        is_new: true,
    })
}

/// Changes an agent.
pub(super) fn update(core: &mut Core, id: &Id, mut change: AgentChange) -> Ruling {
    let old = find(core, id)?;
    if let Some(max_tasks) = change.max_tasks {
        check_tasks_max(max_tasks)?;
    }
    if let Some(capabilities) = changed_capabilities(&old, &mut change) {
        change.capabilities = Some(checked_capabilities(capabilities)?);
    }
    let status = change.status;
    let mut agent = (*old).clone();
    apply(&mut agent, change)?;
    if agent != *old {
        let agent = put(core, &old, |row| *row = agent);
        let kind = EventKind::AgentUpdated {
            agent_id: id.clone(),
            capabilities_added: missing(&agent.capabilities, &old.capabilities),
            capabilities_removed: missing(&old.capabilities, &agent.capabilities),
        };
        core.emit(kind, context_of(id));
    }
    match status {
        Some(status) => set_status(core, id, status, "updated"),
        None => known(core, id),
    }
}

/// Changes what an agent is doing. One that is offline has its tasks taken back, but for those
/// that are meant for it alone.
pub(super) fn set_status(core: &mut Core, id: &Id, status: AgentStatus, reason: &str) -> Ruling {
    let old = find(core, id)?;
    if old.status != status {
        put(core, &old, |agent| agent.status = status);
        tell_status(core, id, old.status, status, reason);
        if status == AgentStatus::Offline {
            let why = format!("agent {id} is offline");
            assignment::release(core, id, Release::Unrequested, &why);
        }
    }
    known(core, id)
}

/// An agent did something by itself: it is there, whatever was heard of it before.
pub(super) fn acted(core: &mut Core, id: &Id) {
    let Some(agent) = core.tables.agents.find(id.as_str()).cloned() else {
        return;
    };
    if agent.status == AgentStatus::Offline {
        let status = status_for_active(agent.current_tasks);
        // It is there: it was looked up above.
        set_status(core, id, status, "it works").ok();
    }
    let now = core.now();
    core.schedule.patrol.heard(agent.ordinal, now);
}

/// Keeps tasks from an agent, or gives it tasks again.
pub(super) fn set_paused(core: &mut Core, id: &Id, is_paused: bool) -> Ruling {
    let old = find(core, id)?;
    if old.is_paused != is_paused {
        put(core, &old, |agent| agent.is_paused = is_paused);
    }
    known(core, id)
}

/// An agent goes for good. Tasks that are meant for it alone wait until one of its name comes.
pub(super) fn remove(core: &mut Core, id: &Id) -> Ruling {
    let agent = find(core, id)?;
    core.put(RowChange::Agent(id.clone(), None));
    let kind = EventKind::AgentRemoved {
        agent_id: id.clone(),
        numeric_id: agent.numeric_id,
        stream: agent.stream.clone(),
    };
    core.emit(kind, context_of(id));
    let why = format!("agent {id} was removed");
    assignment::release(core, id, Release::All, &why);
    commands::agent_removed(core, id);
    Ok(Outcome::Done)
}

/// Changes a row.
pub(super) fn put(
    core: &mut Core,
    old: &Arc<Agent>,
    change: impl FnOnce(&mut Agent),
) -> Arc<Agent> {
    let mut agent = (**old).clone();
    change(&mut agent);
    agent.updated_at = core.now();
    let agent = Arc::new(agent);
    core.put(RowChange::Agent(agent.id.clone(), Some(Arc::clone(&agent))));
    agent
}

/// Tells of a change of status.
pub(super) fn tell_status(
    core: &mut Core,
    id: &Id,
    old_status: AgentStatus,
    new_status: AgentStatus,
    reason: &str,
) {
    let kind = EventKind::AgentStatusChanged {
        agent_id: id.clone(),
        old_status,
        new_status,
        reason: reason.to_owned(),
    };
    core.emit(kind, context_of(id));
}

fn refresh(
    core: &mut Core,
    old: &Arc<Agent>,
    change: AgentChange,
    stream: Option<String>,
) -> Ruling {
    let mut agent = (**old).clone();
    apply(&mut agent, change)?;
    if let Some(stream) = stream {
        agent.stream = stream;
    }
    if agent.status == AgentStatus::Offline {
        agent.status = status_for_active(agent.current_tasks);
    }
    let agent = put(core, old, |row| *row = agent);
    tell_registered(core, &agent, true);
    if agent.status != old.status {
        tell_status(
            core,
            &agent.id,
            old.status,
            agent.status,
            "registered again",
        );
    }
    Ok(Outcome::Agent {
        agent,
        is_new: false,
    })
}

fn blank(core: &mut Core, id: Id, stream: Option<String>) -> Result<Agent, Refusal> {
    let numeric_id = core.tables.numeric_id_next;
    if numeric_id > NUMERIC_ID_MAX {
        let message = "numeric_id: all numbers were given, and none is given twice";
        return Err(Refusal::new(RefusalKind::TooMany, message).with("cap", "numeric_id"));
    }
    let registered_at = core.now();
    Ok(Agent {
        id,
        ordinal: core.ordinal(Counted::Agents)?,
        numeric_id,
        stream: stream.unwrap_or_else(|| STREAM_DEFAULT.to_owned()),
        agent_type: None,
        name: None,
        version: None,
        capabilities: Vec::new(),
        max_tasks: 1,
        status: AgentStatus::Idle,
        is_paused: false,
        health_check_url: None,
        configuration: Fields::new(),
        metadata: Fields::new(),
        registered_at,
        updated_at: registered_at,
        current_tasks: 0,
        last_assigned_at: None,
        tasks_completed: 0,
        tasks_failed: 0,
        execution_ms_sum: 0,
    })
}

/// Puts what is given in the place of what was there; the status is the caller's.
fn apply(agent: &mut Agent, change: AgentChange) -> Result<(), Refusal> {
    check_label_if_any("type", change.agent_type.as_ref())?;
    check_label_if_any("name", change.name.as_ref())?;
    check_label_if_any("version", change.version.as_ref())?;
    if let Some(url) = &change.health_check_url
        && (url.chars().count() > URL_CHARACTERS_MAX || url.chars().any(char::is_control))
    {
        let issue = format!(
            "has {} characters; at most {URL_CHARACTERS_MAX} are allowed, and no control character",
            url.chars().count()
        );
        return Err(Refusal::invalid("health_check_url", issue));
    }
    merge(&mut agent.configuration, change.configuration);
    merge(&mut agent.metadata, change.metadata);
    check_size("configuration", &agent.configuration, EXTRAS_BYTES_MAX)?;
    check_size("metadata", &agent.metadata, EXTRAS_BYTES_MAX)?;
    agent.agent_type = change.agent_type.or(agent.agent_type.take());
    agent.name = change.name.or(agent.name.take());
    agent.version = change.version.or(agent.version.take());
    agent.health_check_url = change.health_check_url.or(agent.health_check_url.take());
    if let Some(capabilities) = change.capabilities {
        agent.capabilities = capabilities;
    }
    if let Some(max_tasks) = change.max_tasks {
        agent.max_tasks = max_tasks;
    }
    Ok(())
}

/// Adds key by key; null removes a key.
pub(super) fn merge(fields: &mut Fields, change: Fields) {
    for (key, value) in change {
        match value {
            Value::Null => {
                fields.remove(&key);
            }
            value => {
                fields.insert(key, value);
            }
        }
    }
}

/// What the agent can do after the change, if the change says anything of it.
fn changed_capabilities(old: &Agent, change: &mut AgentChange) -> Option<Vec<String>> {
    let added = std::mem::take(&mut change.capabilities_added);
    let removed = std::mem::take(&mut change.capabilities_removed);
    if added.is_empty() && removed.is_empty() {
        return change.capabilities.take();
    }
    let given = change.capabilities.take();
    let mut capabilities = given.unwrap_or_else(|| old.capabilities.clone());
    capabilities.retain(|capability| !removed.contains(capability));
    capabilities.extend(added);
    Some(capabilities)
}

/// 1 to 256 capabilities; one that is named twice counts once.
fn checked_capabilities(given: Vec<String>) -> Result<Vec<String>, Refusal> {
    let mut capabilities: Vec<String> = Vec::with_capacity(given.len().min(CAPABILITIES_MAX));
    for (place, capability) in given.into_iter().enumerate() {
        check_label(&format!("capabilities[{place}]"), &capability)?;
        if capabilities.contains(&capability) {
            continue;
        }
        if capabilities.len() == CAPABILITIES_MAX {
            let issue = format!("are more than {CAPABILITIES_MAX}; 1 to that many are allowed");
            return Err(Refusal::invalid("capabilities", issue));
        }
        capabilities.push(capability);
    }
    if capabilities.is_empty() {
        // The sentence is document A's.
        let mut refusal = Refusal::invalid("capabilities", "at least one is needed");
        "Agent must have at least one capability".clone_into(&mut refusal.message);
        return Err(refusal);
    }
    Ok(capabilities)
}

fn check_tasks_max(max_tasks: u32) -> Result<(), Refusal> {
    if (1..=TASKS_MAX).contains(&max_tasks) {
        return Ok(());
    }
    let issue = format!("is {max_tasks}; 1 to {TASKS_MAX} are allowed");
    Err(Refusal::invalid("max_tasks", issue))
}

/// What of `these` is not in `others`.
fn missing(these: &[String], others: &[String]) -> Vec<String> {
    let is_missing = |capability: &&String| !others.contains(capability);
    these.iter().filter(is_missing).cloned().collect()
}

pub(super) fn find(core: &Core, id: &Id) -> Result<Arc<Agent>, Refusal> {
    let found = core.tables.agents.find(id.as_str()).cloned();
    found.ok_or_else(|| Refusal::not_found("agent", id.as_str()))
}

fn known(core: &Core, id: &Id) -> Ruling {
    Ok(Outcome::Agent {
        agent: find(core, id)?,
        is_new: false,
    })
}

fn conflict(message: String, id: &Id) -> Refusal {
    Refusal::new(RefusalKind::Conflict, message).with("agent_id", id.as_str())
}

fn tell_registered(core: &mut Core, agent: &Agent, is_refreshed: bool) {
    let kind = EventKind::AgentRegistered {
        agent_id: agent.id.clone(),
        numeric_id: agent.numeric_id,
        stream: agent.stream.clone(),
        agent_type: agent.agent_type.clone(),
        name: agent.name.clone(),
        capabilities: agent.capabilities.clone(),
        is_refreshed,
    };
    core.emit(kind, context_of(&agent.id));
}

/// What an agent says of itself comes from it.
fn context_of(id: &Id) -> Context {
    Context {
        source: Some(id.as_str().to_owned()),
        ..Context::default()
    }
}
