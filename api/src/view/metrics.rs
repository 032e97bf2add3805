//! How the fleet fares (document B, Metrics Collection).

use std::collections::BTreeMap;
use std::sync::Arc;

use agnt_fleet::agent::{Agent, AgentStatus};
use agnt_fleet::row::Facet;
use agnt_fleet::tables::Tables;
use agnt_fleet::task::TaskStatus;
use agnt_fleet::workflow::WorkflowStatus;
use serde::Serialize;

use crate::fleet_view::ResponseFigures;
use crate::limits::AGENT_METRICS_MAX;

/// The metrics: average response times in ms, execution times in s, shares from 0 to 1.
#[derive(Serialize)]
pub(crate) struct MetricsView {
    system_metrics: SystemMetrics,
    agent_metrics: BTreeMap<String, AgentMetrics>,
}

#[derive(Serialize)]
struct SystemMetrics {
    active_agents: u64,
    pending_tasks: u64,
    completed_workflows: u64,
    average_response_time: f64,
    error_rate: f64,
}

#[derive(Serialize)]
struct AgentMetrics {
    tasks_completed: u64,
    average_execution_time: f64,
    success_rate: f64,
}

impl MetricsView {
    /// The figures of the whole, and of one agent or of the first thousand.
    pub(crate) fn new(
        tables: &Tables,
        figures: ResponseFigures,
        agent: Option<&Arc<Agent>>,
    ) -> Self {
        let active = [AgentStatus::Idle, AgentStatus::Busy].map(Facet::AgentStatus);
        let metrics = |agent: &Arc<Agent>| (agent.id.to_string(), AgentMetrics::new(agent));
        Self {
            system_metrics: SystemMetrics {
                active_agents: active.iter().map(|facet| tables.agents.count(facet)).sum(),
                pending_tasks: tables.tasks.count(&Facet::TaskStatus(TaskStatus::Pending)),
                completed_workflows: tables
                    .workflows
                    .count(&Facet::WorkflowStatus(WorkflowStatus::Completed)),
                average_response_time: figures.average_response_ms,
                error_rate: figures.error_rate,
            },
            agent_metrics: if let Some(agent) = agent {
                BTreeMap::from([metrics(agent)])
            } else {
                let first = tables.agents.iter().take(AGENT_METRICS_MAX);
                first.map(metrics).collect()
            },
        }
    }
}

impl AgentMetrics {
    /// An agent that ended no task yet has failed at none.
    fn new(agent: &Agent) -> Self {
        let completed = agent.tasks_completed;
        let ended = completed + agent.tasks_failed;
        let share = |part: u64, whole: u64, of_none: f64| match whole {
            0 => of_none,
            whole => part as f64 / whole as f64,
        };
        Self {
            tasks_completed: completed,
            average_execution_time: share(agent.execution_ms_sum, completed, 0.0) / 1000.0,
            success_rate: share(completed, ended, 1.0),
        }
    }
}
