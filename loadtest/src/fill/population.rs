//! Who and what is made: agents, tasks, workflows and publications, by number.
//!
//! Everything follows from the number alone, and is mixed so that each value that a list filters by
//! is that of some rows and not of all.

use serde_json::{Value, json};

use crate::events::client::Client;
use crate::failure::{Context, Failure, Result};

/// How much of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Population {
    /// Agents.
    pub(crate) agents: u64,
    /// Tasks.
    pub(crate) tasks: u64,
    /// Workflows.
    pub(crate) workflows: u64,
    /// Publications.
    pub(crate) events: u64,
    /// Connections that make them.
    pub(crate) connections: usize,
}

/// What is made, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Agents, a few of them starting, stopping or in error.
    Agents,
    /// Tasks, most of them for one agent, a fifth begun or ended.
    Tasks,
    /// Workflows of one stage, a half of them ended.
    Workflows,
    /// Publications on a thousand topics.
    Events,
}

/// Topics of publications.
const TOPICS: u64 = 1000;
const TASK_TYPES: [&str; 5] = ["analysis", "coordination", "execution", "query", "testing"];
const PRIORITIES: [&str; 4] = ["low", "normal", "high", "critical"];

impl Population {
    /// A hundredth of it, at least one agent.
    pub(crate) fn hundredth(self) -> Self {
        Self {
            agents: (self.agents / 100).max(1),
            tasks: self.tasks / 100,
            workflows: self.workflows / 100,
            events: self.events / 100,
            connections: self.connections,
        }
    }
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Agents, Self::Tasks, Self::Workflows, Self::Events];

    /// Its name, which is that of its list.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Tasks => "tasks",
            Self::Workflows => "workflows",
            Self::Events => "events",
        }
    }

    /// How many of it there are to be.
    pub(crate) fn count(self, population: &Population) -> u64 {
        match self {
            Self::Agents => population.agents,
            Self::Tasks => population.tasks,
            Self::Workflows => population.workflows,
            Self::Events => population.events,
        }
    }

    /// Makes number `number` of it, and does with it what is to be done; how many requests that took.
    pub(crate) fn make(
        self,
        number: u64,
        population: &Population,
        client: &mut Client,
    ) -> Result<u64> {
        match self {
            Self::Agents => make_agent(number, client),
            Self::Tasks => make_task(number, population, client),
            Self::Workflows => make_workflow(number, client),
            Self::Events => make_publication(number, client),
        }
    }
}

fn make_agent(number: u64, client: &mut Client) -> Result<u64> {
    let mut capabilities = vec![
        format!("skill-{}", number % 7),
        format!("skill-{}", 7 + number % 13),
    ];
    if number.is_multiple_of(100) {
        capabilities.push("rare".to_owned());
    }
    let agent = json!({
        "id": format!("load-{number}"),
        "type": format!("kind-{}", number % 10),
        "name": format!("Agent {number}"),
        "version": "1.0.0",
        "stream": format!("load-{}", number % 4),
        "capabilities": capabilities,
        "configuration": {"max_concurrent_tasks": 1000},
    });
    ask(client, "POST", "/api/v1/agents/register", Some(&agent))?;
    let status = match number % 50 {
        11 => "error",
        12 => "starting",
        13 => "stopping",
        _ => return Ok(1),
    };
    let target = format!("/api/v1/agents/load-{number}/heartbeat");
    ask(client, "POST", &target, Some(&json!({"status": status})))?;
    Ok(2)
}

fn make_task(number: u64, population: &Population, client: &mut Client) -> Result<u64> {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let mut task = json!({
        // Nobody takes this type, so that it waits.
        "type": "unclaimed",
        "priority": PRIORITIES[(mixed / 5 % 4) as usize],
        "input_data": {"number": number, "text": "What is to be done, in some words."},
    });
    if mixed % 100 < 90 {
        task["type"] = TASK_TYPES[(mixed % 5) as usize].into();
        task["assigned_agent"] = format!("load-{}", number % population.agents).into();
    }
    let made = ask(client, "POST", "/api/v1/tasks", Some(&task))?;
    let target = format!("/api/v1/tasks/{}", text_of(&made, "id")?);
    let status = match mixed % 100 {
        0..10 => "completed",
        10..13 => "failed",
        13..18 => "in_progress",
        18..21 => return ask(client, "DELETE", &target, None).map(|_| 2),
        21 => "timeout",
        _ => return Ok(1),
    };
    ask(client, "PATCH", &target, Some(&json!({"status": status})))?;
    Ok(2)
}

fn make_workflow(number: u64, client: &mut Client) -> Result<u64> {
    let workflow = json!({
        "project_id": format!("project-{}", number % 10),
        "name": format!("Workflow {number}"),
        "stages": [{"name": "only", "agent_type": format!("kind-{}", number % 10)}],
    });
    let made = ask(client, "POST", "/api/v1/workflows", Some(&workflow))?;
    let status = match number / 3 % 10 {
        0..3 => "completed",
        3 => "failed",
        4 => {
            let target = format!("/api/v1/workflows/{}", text_of(&made, "id")?);
            return ask(client, "DELETE", &target, None).map(|_| 2);
        }
        _ => return Ok(1),
    };
    let target = format!("/api/v1/tasks/{}", text_of(&made["stages"][0], "task_id")?);
    ask(client, "PATCH", &target, Some(&json!({"status": status})))?;
    Ok(2)
}

fn make_publication(number: u64, client: &mut Client) -> Result<u64> {
    let topic = format!("load.{}.{}", number % 10, number % TOPICS);
    let data = json!({"number": number, "text": "What there is to tell, in some words."});
    let publication = json!({"topic": topic, "data": data});
    ask(client, "POST", "/api/v1/events", Some(&publication))?;
    Ok(1)
}

/// Sends a request that must succeed, and reads its answer.
pub(crate) fn ask(
    client: &mut Client,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let body = body.map(Value::to_string);
    let body = body.as_ref().map(String::as_bytes);
    let (status, answer) = client.exchange(method, target, body)?;
    if !(200..300).contains(&status) {
        let text = String::from_utf8_lossy(answer);
        return Err(Failure::new(format!(
            "{method} {target} was answered {status}: {text}"
        )));
    }
    serde_json::from_slice(answer).context(target)
}

fn text_of<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    let text = value[key].as_str();
    text.ok_or_else(|| Failure::new(format!("an answer without {key}: {value}")))
}
