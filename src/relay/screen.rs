//! What is seen of an agent: its row in the words of frames.

use agnt_codec::{AgentMetrics, StateCode};
use agnt_fleet::agent::{Agent, AgentStatus, Vitals};

use crate::control::Registered;

impl Registered for Agent {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn numeric_id(&self) -> u32 {
        self.numeric_id
    }

    fn stream(&self) -> &str {
        &self.stream
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn kind(&self) -> Option<&str> {
        self.agent_type.as_deref()
    }

    fn state(&self) -> StateCode {
        state_of(self.status, self.is_paused)
    }

    fn capabilities(&self) -> &[String] {
        &self.capabilities
    }
}

/// The state of an agent's status. One that is there and takes no tasks for now is paused.
pub(super) fn state_of(status: AgentStatus, is_paused: bool) -> StateCode {
    match status {
        AgentStatus::Idle | AgentStatus::Busy if is_paused => StateCode::PAUSED,
        AgentStatus::Idle => StateCode::IDLE,
        AgentStatus::Busy => StateCode::BUSY,
        AgentStatus::Error => StateCode::ERROR,
        AgentStatus::Offline => StateCode::OFFLINE,
        AgentStatus::Starting => StateCode::STARTING,
        AgentStatus::Stopping => StateCode::STOPPING,
    }
}

/// How an agent fares by its last heartbeat and the tasks that it ended; nothing if it stated no
/// figure. Of an agent that ended no task none failed.
pub(super) fn metrics_of(agent: &Agent, vitals: &Vitals) -> Option<AgentMetrics> {
    if !vitals.has_figure() {
        return None;
    }
    let completed = agent.tasks_completed;
    let share = |part: f64, of: u64, of_none: f64| match of {
        0 => of_none,
        of => part / of as f64,
    };
    let success = share(completed as f64, completed + agent.tasks_failed, 1.0);
    let average_ms = share(agent.execution_ms_sum as f64, completed, 0.0);
    Some(AgentMetrics {
        id: agent.numeric_id.into(),
        tasks: u32::try_from(completed).unwrap_or(u32::MAX).into(),
        success: (success as f32).into(),
        average_ms: (average_ms as f32).into(),
        cpu_percent: (vitals.cpu_percent.unwrap_or(0.0) as f32).into(),
        memory_bytes: vitals.memory_bytes.unwrap_or(0).into(),
    })
}
