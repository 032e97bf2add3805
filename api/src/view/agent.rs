//! Agents in both documents' words.

use agnt_fleet::Timestamp;
use agnt_fleet::agent::{Agent, AgentStatus, Vitals};
use serde::Serialize;

use super::moment::{moment, moment_if_any};
use crate::dialect::Dialect;
use crate::limits::HEARTBEAT_INTERVAL_S;
use crate::{dialect_a, dialect_b};

/// An agent as a dialect shows it.
#[derive(Serialize)]
pub struct AgentView<'a>(Shown<'a>);

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    A(dialect_a::AgentView<'a>),
    B(dialect_b::AgentView<'a>),
}

impl<'a> AgentView<'a> {
    /// The view of a row and of what the agent last said of itself.
    pub fn new(dialect: Dialect, agent: &'a Agent, vitals: Option<&'a Vitals>) -> Self {
        Self(match dialect {
            Dialect::A => Shown::A(dialect_a::AgentView::new(agent, vitals)),
            Dialect::B => Shown::B(dialect_b::AgentView::new(agent, vitals)),
        })
    }
}

/// How many tasks an agent has: those that the fleet gave it, or more if it says so.
pub(crate) fn current_tasks(agent: &Agent, vitals: Option<&Vitals>) -> u32 {
    let said = vitals.and_then(|vitals| vitals.current_tasks);
    agent.current_tasks.max(said.unwrap_or(0))
}

/// A status in a dialect's words: idle and busy are both `active` in document B (ruling 53).
pub(crate) fn agent_status(dialect: Dialect, status: AgentStatus) -> &'static str {
    match dialect {
        Dialect::B if status.is_active() => "active",
        _ => status.as_str(),
    }
}

/// An agent came (document A, `AgentRegistrationResponse`).
#[derive(Serialize)]
pub(crate) struct RegistrationView<'a> {
    agent_id: &'a str,
    #[serde(serialize_with = "moment")]
    registered_at: Timestamp,
    numeric_id: u32,
    heartbeat_interval: u64,
}

impl<'a> RegistrationView<'a> {
    pub(crate) fn new(agent: &'a Agent) -> Self {
        Self {
            agent_id: agent.id.as_str(),
            registered_at: agent.registered_at,
            numeric_id: agent.numeric_id,
            heartbeat_interval: HEARTBEAT_INTERVAL_S,
        }
    }
}

/// How an agent fares (document A, `AgentStatus`; in document B's words under its prefix).
#[derive(Serialize)]
pub(crate) struct AgentStatusView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'static str>,
    current_tasks: u32,
    max_tasks: u32,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    last_heartbeat: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_usage: Option<dialect_a::ResourceUsage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_metrics: Option<dialect_b::PerformanceMetrics<'a>>,
}

impl<'a> AgentStatusView<'a> {
    pub(crate) fn new(dialect: Dialect, agent: &'a Agent, vitals: Option<&'a Vitals>) -> Self {
        let (is_a, id) = (dialect == Dialect::A, agent.id.as_str());
        Self {
            agent_id: is_a.then_some(id),
            id: (!is_a).then_some(id),
            status: agent_status(dialect, agent.status),
            status_detail: (!is_a).then_some(agent.status.as_str()),
            current_tasks: current_tasks(agent, vitals),
            max_tasks: agent.max_tasks,
            last_heartbeat: vitals.map(|vitals| vitals.last_heartbeat),
            resource_usage: vitals
                .filter(|_| is_a)
                .and_then(dialect_a::ResourceUsage::new),
            performance_metrics: vitals
                .filter(|_| !is_a)
                .and_then(dialect_b::PerformanceMetrics::new),
        }
    }
}

/// The answer to a heartbeat (ruling 53).
#[derive(Serialize)]
pub(crate) struct HeartbeatView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    status: &'static str,
    #[serde(serialize_with = "moment")]
    next_heartbeat: Timestamp,
}

impl<'a> HeartbeatView<'a> {
    pub(crate) fn new(
        dialect: Dialect,
        agent: &'a Agent,
        status: AgentStatus,
        now: Timestamp,
    ) -> Self {
        let (is_a, id) = (dialect == Dialect::A, agent.id.as_str());
        Self {
            agent_id: is_a.then_some(id),
            id: (!is_a).then_some(id),
            status: agent_status(dialect, status),
            next_heartbeat: now.plus_ms(HEARTBEAT_INTERVAL_S * 1000),
        }
    }
}
