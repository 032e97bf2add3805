//! Agents: registered, changed, heard of, listed.

use std::sync::Arc;

use agnt_fleet::agent::{Agent, AgentStatus};
use agnt_fleet::row::Facet;
use agnt_fleet::{Id, Mutation, Refusal, RefusalKind};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::{Call, Doing};
use crate::body::{AGENT_ID, read_agent_change, read_heartbeat, read_registration};
use crate::content::{read_object, read_object_if_any};
use crate::list::{ListView, Listing, absent, path_id};
use crate::query::Query;
use crate::response::ApiResponse;
use crate::step::{AfterMutation, Show, Step};
use crate::view::{AgentStatusView, AgentView};

/// The statuses of agents as filters, for people.
const STATUSES: &str = "idle, busy, error, offline, starting, stopping or active";

pub(super) fn list(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let mut listing = Listing::read(&mut query);
    let statuses = query.words("status", statuses_of, STATUSES);
    let statuses = statuses.map(|words| words.into_iter().flatten());
    listing.narrow(statuses.map(|all| all.map(Facet::AgentStatus).collect()));
    let texts = [
        query
            .label("capability")
            .map(|text| Facet::Capability(text.into())),
        query.label("type").map(|text| Facet::Type(text.into())),
        query
            .id("stream")
            .map(|id| Facet::Stream(id.as_str().into())),
    ];
    for facet in texts {
        listing.narrow_to(facet);
    }
    listing.narrow(call.agents_to_see());
    let number = query.integer("numeric_id", 0, u32::MAX.into());
    query.end()?;
    let (agents, pagination) = {
        let tables = call.fleet.read();
        let number = number.and_then(|number| u32::try_from(number).ok());
        match number {
            Some(number) => listing.page_of_one(tables.agent_numbered(number)),
            None => listing.page(&tables.agents),
        }
    };
    let vitals: Vec<_> = agents
        .iter()
        .map(|agent| call.fleet.vitals(&agent.id))
        .collect();
    let entries = agents.iter().zip(&vitals);
    let entries =
        entries.map(|(agent, vitals)| AgentView::new(call.dialect, agent, vitals.as_deref()));
    call.list(&ListView {
        name: "agents",
        entries: entries.collect(),
        pagination,
    })
}

fn statuses_of(word: &str) -> Option<Vec<AgentStatus>> {
    match word {
        "active" => Some(vec![AgentStatus::Idle, AgentStatus::Busy]),
        word => AgentStatus::parse(word).map(|status| vec![status]),
    }
}

pub(super) fn register(call: &Call<'_>, may_refresh: bool) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let may_refresh = query.boolean("upsert").unwrap_or(may_refresh);
    query.end()?;
    let registration = read_registration(read_object(call.request)?, may_refresh)?;
    call.check_registration(&registration)?;
    call.mutate(Mutation::RegisterAgent(registration), Show::Registration)
}

pub(super) fn show(call: &Call<'_>) -> Doing {
    let agent = find(call)?;
    let vitals = call.fleet.vitals(&agent.id);
    let write = || {
        let view = AgentView::new(call.dialect, &agent, vitals.as_deref());
        serde_json::to_vec(&view).map(Bytes::from)
    };
    let text = match call.fleet.agent_texts() {
        Some(texts) => texts.text(call.dialect, &agent, vitals.as_ref(), write),
        None => write(),
    };
    let text = text.map_err(|_| unwritten())?;
    let answer = ApiResponse::written(StatusCode::OK, text);
    Ok(Step::Answer(answer.headed(call.request.is_head())))
}

pub(super) fn show_status(call: &Call<'_>) -> Doing {
    let agent = find(call)?;
    let vitals = call.fleet.vitals(&agent.id);
    let view = AgentStatusView::new(call.dialect, &agent, vitals.as_deref());
    Ok(call.answer(&view))
}

/// The name and the swarm of an agent stay: they may be repeated, as by who writes back what was
/// read, and not changed.
pub(super) fn update(call: &Call<'_>) -> Doing {
    let agent = find(call)?;
    let mut fields = read_object(call.request)?;
    let camel = ["agentId"];
    for name in AGENT_ID.iter().chain(&camel).copied().chain(["stream"]) {
        let stays = match name {
            "stream" => agent.stream.as_str(),
            _ => agent.id.as_str(),
        };
        if let Some(given) = fields.remove(name).filter(|given| *given != stays) {
            return Err(stuck(name, &given, stays));
        }
    }
    let change = read_agent_change(fields, agent.current_tasks)?;
    let agent = agent.id.clone();
    call.mutate(Mutation::UpdateAgent { agent, change }, Show::Agent)
}

/// A field that stays as it is was to be changed.
pub(super) fn stuck(field: &str, given: &Value, stays: impl Into<Value>) -> Refusal {
    let shown = crate::body::scalars::not_allowed(given, &format!("{}", stays.into()));
    Refusal::invalid(field, format!("{shown}: it does not change"))
}

pub(super) fn remove(call: &Call<'_>) -> Doing {
    let agent = path_id("agent", &call.parameters[0])?;
    call.mutate(Mutation::RemoveAgent { agent }, Show::Nothing)
}

/// An agent that was away and is heard of is there again.
pub(super) fn heartbeat(call: &Call<'_>) -> Doing {
    let agent = find(call)?;
    let fields = read_object_if_any(call.request)?;
    let heartbeat = read_heartbeat(fields, agent.current_tasks, call.request.now)?;
    let back = (agent.status == AgentStatus::Offline).then(|| {
        let current_tasks = heartbeat.vitals.current_tasks;
        match current_tasks.unwrap_or(agent.current_tasks) {
            0 => AgentStatus::Idle,
            _ => AgentStatus::Busy,
        }
    });
    let status = heartbeat.status.or(back).unwrap_or(agent.status);
    let change = (status != agent.status).then(|| Mutation::SetAgentStatus {
        agent: agent.id.clone(),
        status,
        reason: "heartbeat".to_owned(),
    });
    Ok(Step::Heartbeat {
        agent: agent.id.clone(),
        vitals: Box::new(heartbeat.vitals),
        change: change.map(Box::new),
        then: AfterMutation {
            manner: call.request.manner(),
            show: Show::Heartbeat(agent.id.clone(), status),
        },
    })
}

/// The agent that the path names.
pub(super) fn find(call: &Call<'_>) -> Result<Arc<Agent>, Refusal> {
    let id = &call.parameters[0];
    let found = call.fleet.read().agents.find(id).cloned();
    found.ok_or_else(|| absent("agent", id))
}

/// The id of the agent that the path names, if there is one.
pub(super) fn find_id(call: &Call<'_>) -> Result<Id, Refusal> {
    find(call).map(|agent| agent.id.clone())
}

/// A view has string keys and finite numbers, so that it can always be written.
fn unwritten() -> Refusal {
    Refusal::new(RefusalKind::Internal, "the agent can't be shown")
}

/// Its status is asked for by an agent that is gone.
pub(crate) fn gone() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "the agent was removed meanwhile")
}
