//! How much of each a server has.

use serde::Serialize;
use serde_json::Value;

use super::population::ask;
use crate::events::client::Client;
use crate::events::origin::Origin;
use crate::failure::{Failure, Result};

/// The totals of its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Census {
    /// Agents.
    pub(crate) agents: u64,
    /// Tasks.
    pub(crate) tasks: u64,
    /// Workflows.
    pub(crate) workflows: u64,
    /// The oldest event that is kept.
    pub(crate) oldest: u64,
    /// The newest event.
    pub(crate) head: u64,
}

impl Census {
    /// Asks the server.
    pub(crate) fn take(origin: &Origin) -> Result<Self> {
        let mut client = Client::open(origin)?;
        let mut total = |list: &str| {
            let target = format!("/api/v1/{list}?limit=1");
            let page = ask(&mut client, "GET", &target, None)?;
            number(&page["pagination"]["total"], list)
        };
        let (agents, tasks, workflows) = (total("agents")?, total("tasks")?, total("workflows")?);
        let page = ask(&mut client, "GET", "/api/v1/events?after=0&limit=1", None)?;
        let oldest = page["gap"]["to"].as_u64().map_or(1, |lost| lost + 1);
        Ok(Self {
            agents,
            tasks,
            workflows,
            oldest,
            head: number(&page["head"], "events")?,
        })
    }

    /// How many events are kept.
    pub(crate) fn events_kept(&self) -> u64 {
        self.head + 1 - self.oldest
    }
}

fn number(value: &Value, what: &str) -> Result<u64> {
    let number = value.as_u64();
    number.ok_or_else(|| Failure::new(format!("{what}: the server doesn't say how many")))
}
