//! An agent: somebody who does tasks, and is seen on the screen.

use serde::{Deserialize, Serialize};

use crate::row::{Facet, Row};
use crate::{Fields, Id, Timestamp};

/// The first number that the server gives to an agent (decision M5).
pub const NUMERIC_ID_MIN: u32 = 0x1000_0000;

/// The last one.
pub const NUMERIC_ID_MAX: u32 = 0x3FFF_FFFF;

/// How many tasks an agent takes at once if it does not say.
pub const MAX_TASKS_DEFAULT: u32 = 5;

/// What an agent is doing (document A, `Agent.status`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// Ready.
    #[default]
    Idle,
    /// At work.
    Busy,
    /// It failed at something.
    Error,
    /// Not heard of.
    Offline,
    /// Coming.
    Starting,
    /// Going.
    Stopping,
}

impl AgentStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Busy,
        Self::Error,
        Self::Offline,
        Self::Starting,
        Self::Stopping,
    ];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Error => "error",
            Self::Offline => "offline",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether it takes tasks (`active` in document B).
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Idle | Self::Busy)
    }
}

/// What `active` of document B is for an agent with so many tasks (decision X4).
pub const fn status_for_active(current_tasks: u32) -> AgentStatus {
    match current_tasks {
        0 => AgentStatus::Idle,
        _ => AgentStatus::Busy,
    }
}

/// A registered agent, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub id: Id,
    /// Its place in the order of creation.
    pub ordinal: u32,
    /// Its number in binary frames.
    pub numeric_id: u32,
    /// The swarm that it belongs to.
    pub stream: String,
    /// What kind it is (document B).
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    /// What people call it (document B).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its software's version (document B).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// How many tasks it takes at once, at least 1 (`configuration.max_concurrent_tasks` in
    /// document B).
    pub max_tasks: u32,
    /// What it is doing.
    pub status: AgentStatus,
    /// Whether the command `pause` or `stop` keeps tasks from it, until `resume`.
    #[serde(default)]
    pub is_paused: bool,
    /// Where its health can be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_url: Option<String>,
    /// Its configuration (document B), `max_concurrent_tasks` left out.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub configuration: Fields,
    /// Whatever else was said of it (document A).
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub metadata: Fields,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When something of this row changed.
    pub updated_at: Timestamp,
    /// Tasks assigned to it and not ended.
    pub current_tasks: u32,
    /// When it was last given a task: of two that are loaded alike, the one that waited longer
    /// gets the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_assigned_at: Option<Timestamp>,
    /// Tasks that it completed.
    #[serde(default)]
    pub tasks_completed: u64,
    /// Tasks that failed or timed out in its hands.
    #[serde(default)]
    pub tasks_failed: u64,
    /// The time that its completed tasks took, together.
    #[serde(default)]
    pub execution_ms_sum: u64,
}

impl Agent {
    /// Whether it may be given one more task now.
    pub fn has_room(&self) -> bool {
        self.status.is_active() && !self.is_paused && self.current_tasks < self.max_tasks
    }
}

impl Row for Agent {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, each: &mut dyn FnMut(Facet)) {
        each(Facet::AgentStatus(self.status));
        each(Facet::Stream(self.stream.as_str().into()));
        if let Some(agent_type) = &self.agent_type {
            each(Facet::Type(agent_type.as_str().into()));
        }
        for capability in &self.capabilities {
            each(Facet::Capability(capability.as_str().into()));
        }
    }
}

/// What an agent last said of itself; not stored (ruling 59).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vitals {
    /// When it was last heard of.
    pub last_heartbeat: Timestamp,
    /// How many tasks it says it has.
    pub current_tasks: Option<u32>,
    /// Processor time in percent, 0 to 100.
    pub cpu_percent: Option<f64>,
    /// Memory in percent, 0 to 100 (document B).
    pub memory_percent: Option<f64>,
    /// Memory in bytes (`memory_mb` in document A).
    pub memory_bytes: Option<u64>,
    /// Disk in bytes (`disk_mb` in document A).
    pub disk_bytes: Option<u64>,
    /// Tasks that wait at the agent.
    pub task_queue_size: Option<u64>,
    /// Whatever else it measured.
    pub other: Fields,
}

impl Vitals {
    /// Whether it measured anything that has a name here.
    pub const fn has_figure(&self) -> bool {
        self.cpu_percent.is_some()
            || self.memory_percent.is_some()
            || self.memory_bytes.is_some()
            || self.disk_bytes.is_some()
            || self.task_queue_size.is_some()
    }
}
