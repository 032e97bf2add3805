//! An agent in document B's words.

use agnt_fleet::agent::{Agent, Vitals};
use agnt_fleet::{Fields, Timestamp};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::view::{agent_status, moment, moment_if_any};

/// Bytes of a megabyte.
const BYTES_PER_MB: f64 = 1_000_000.0;

/// An agent (document B, `agents/register`); what the document does not name is added.
#[derive(Serialize)]
pub(crate) struct AgentView<'a> {
    id: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    agent_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    capabilities: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_url: Option<&'a str>,
    configuration: ConfigurationView<'a>,
    status: &'static str,
    status_detail: &'static str,
    current_tasks: u32,
    #[serde(serialize_with = "moment")]
    registered_at: Timestamp,
    #[serde(
        serialize_with = "moment_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    last_heartbeat: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_metrics: Option<PerformanceMetrics<'a>>,
    numeric_id: u32,
    stream: &'a str,
    metadata: &'a Fields,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
}

#[derive(Serialize)]
struct ConfigurationView<'a> {
    max_concurrent_tasks: u32,
    #[serde(flatten)]
    other: &'a Fields,
}

impl<'a> AgentView<'a> {
    /// The view of a row and of what the agent last said of itself.
    pub(crate) fn new(agent: &'a Agent, vitals: Option<&'a Vitals>) -> Self {
        Self {
            id: agent.id.as_str(),
            agent_type: agent.agent_type.as_deref(),
            name: agent.name.as_deref(),
            version: agent.version.as_deref(),
            capabilities: &agent.capabilities,
            health_check_url: agent.health_check_url.as_deref(),
            configuration: ConfigurationView {
                max_concurrent_tasks: agent.max_tasks,
                other: &agent.configuration,
            },
            status: agent_status(Dialect::B, agent.status),
            status_detail: agent.status.as_str(),
            current_tasks: crate::view::current_tasks(agent, vitals),
            registered_at: agent.registered_at,
            last_heartbeat: vitals.map(|vitals| vitals.last_heartbeat),
            performance_metrics: vitals.and_then(PerformanceMetrics::new),
            numeric_id: agent.numeric_id,
            stream: &agent.stream,
            metadata: &agent.metadata,
            paused: agent.is_paused,
        }
    }
}

/// How an agent fares (document B, `performance_metrics`): `cpu_usage` and `memory_usage` in
/// percent; a megabyte has 1,000,000 bytes.
#[derive(Serialize)]
pub(crate) struct PerformanceMetrics<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_usage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_usage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_queue_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_mb: Option<f64>,
    #[serde(flatten)]
    other: &'a Fields,
}

impl<'a> PerformanceMetrics<'a> {
    /// What of it is known, if anything is.
    pub(crate) fn new(vitals: &'a Vitals) -> Option<Self> {
        let is_known = vitals.has_figure() || !vitals.other.is_empty();
        let megabytes = |bytes: u64| bytes as f64 / BYTES_PER_MB;
        is_known.then(|| Self {
            cpu_usage: vitals.cpu_percent,
            memory_usage: vitals.memory_percent,
            task_queue_size: vitals.task_queue_size,
            memory_mb: vitals.memory_bytes.map(megabytes),
            disk_mb: vitals.disk_bytes.map(megabytes),
            other: &vitals.other,
        })
    }
}
