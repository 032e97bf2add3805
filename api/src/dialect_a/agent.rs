//! An agent in document A's words.

use agnt_fleet::agent::{Agent, Vitals};
use agnt_fleet::{Fields, Timestamp};
use serde::Serialize;

use crate::view::{moment, moment_if_any};

/// Bytes of a megabyte.
const BYTES_PER_MB: f64 = 1_000_000.0;

/// An agent (document A, `Agent`); what the document does not name is added.
#[derive(Serialize)]
pub(crate) struct AgentView<'a> {
    agent_id: &'a str,
    status: &'static str,
    capabilities: &'a [String],
    #[serde(serialize_with = "moment")]
    registered_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    last_heartbeat: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_usage: Option<ResourceUsage<'a>>,
    current_tasks: u32,
    max_tasks: u32,
    numeric_id: u32,
    stream: &'a str,
    metadata: &'a Fields,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    agent_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    configuration: &'a Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_url: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
}

impl<'a> AgentView<'a> {
    /// The view of a row and of what the agent last said of itself.
    pub(crate) fn new(agent: &'a Agent, vitals: Option<&'a Vitals>) -> Self {
        Self {
            agent_id: agent.id.as_str(),
            status: agent.status.as_str(),
            capabilities: &agent.capabilities,
            registered_at: agent.registered_at,
            last_heartbeat: vitals.map(|vitals| vitals.last_heartbeat),
            resource_usage: vitals.and_then(ResourceUsage::new),
            current_tasks: crate::view::current_tasks(agent, vitals),
            max_tasks: agent.max_tasks,
            numeric_id: agent.numeric_id,
            stream: &agent.stream,
            metadata: &agent.metadata,
            agent_type: agent.agent_type.as_deref(),
            name: agent.name.as_deref(),
            version: agent.version.as_deref(),
            configuration: &agent.configuration,
            health_check_url: agent.health_check_url.as_deref(),
            paused: agent.is_paused,
        }
    }
}

/// What an agent uses (document A, `ResourceUsage`); a megabyte has 1,000,000 bytes.
#[derive(Serialize)]
pub(crate) struct ResourceUsage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_queue_size: Option<u64>,
    #[serde(flatten)]
    other: &'a Fields,
}

impl<'a> ResourceUsage<'a> {
    /// What of it is known, if anything is.
    pub(crate) fn new(vitals: &'a Vitals) -> Option<Self> {
        let is_known = vitals.has_figure() || !vitals.other.is_empty();
        let megabytes = |bytes: u64| bytes as f64 / BYTES_PER_MB;
        is_known.then(|| Self {
            cpu_percent: vitals.cpu_percent,
            memory_mb: vitals.memory_bytes.map(megabytes),
            disk_mb: vitals.disk_bytes.map(megabytes),
            memory_percent: vitals.memory_percent,
            task_queue_size: vitals.task_queue_size,
            other: &vitals.other,
        })
    }
}
