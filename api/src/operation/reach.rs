//! Whether a request keeps within the agents and streams that its credentials are for: an agent only
//! as itself, unless it may act as others.

use agnt_fleet::mutation::{Registration, TaskChange};
use agnt_fleet::row::Facet;
use agnt_fleet::task::Task;
use agnt_fleet::{Id, Refusal, RefusalKind};

use super::Call;
use crate::request::Reach;
use crate::routes::Concern;

/// The stream of agents that name none.
const STREAM: &str = "main";

/// The most agents whose tasks are listed together for credentials of some streams.
const AGENTS_LISTED_MAX: u64 = 1024;

impl Call<'_> {
    /// Refuses a request that goes beyond, as far as its path tells.
    pub(super) fn check_reach(&self, concern: Concern) -> Result<(), Refusal> {
        let principal = self.request.principal;
        if principal.agents == Reach::All && principal.streams == Reach::All {
            return Ok(());
        }
        let named = &self.parameters[0];
        match concern {
            // Who registers an agent names it, and its stream, in the body; a list is narrowed.
            Concern::Registration | Concern::Listing => Ok(()),
            Concern::Registry => self.check_all_streams(),
            Concern::Agent => self.check_stream_of(named),
            Concern::OwnAgent => {
                self.check_agent(named)?;
                self.check_stream_of(named)
            }
            Concern::Answer => {
                let agent = self.agent_of_command(named);
                agent.map_or(Ok(()), |agent| {
                    self.check_agent(agent.as_str())?;
                    self.check_stream_of(agent.as_str())
                })
            }
            Concern::Task => {
                let task = self.fleet.read().task(named).cloned();
                task.map_or(Ok(()), |task| self.check_task(&task))
            }
            Concern::Work => {
                let task = self.fleet.read().task(named).cloned();
                task.map_or(Ok(()), |task| self.check_work(&task))
            }
        }
    }

    /// The facets of agents that it may see; none if it may see all.
    pub(super) fn agents_to_see(&self) -> Option<Vec<Facet>> {
        let streams = self.streams_listed()?.iter();
        let facets = streams.map(|stream| Facet::Stream(stream.as_str().into()));
        Some(facets.collect())
    }

    /// The facets of tasks that it may see, those of agents of its streams; none if it may see all.
    /// Where they are many, it must ask for one agent's.
    pub(super) fn tasks_to_see(&self, agent: Option<&Id>) -> Result<Option<Vec<Facet>>, Refusal> {
        let Some(streams) = self.agents_to_see() else {
            return Ok(None);
        };
        if let Some(agent) = agent {
            let is_seen = self.is_in_streams(agent.as_str());
            let own = is_seen.then(|| Facet::Agent(agent.clone()));
            return Ok(Some(own.into_iter().collect()));
        }
        let tables = self.fleet.read();
        let agents: u64 = streams.iter().map(|facet| tables.agents.count(facet)).sum();
        if agents > AGENTS_LISTED_MAX {
            let message = format!(
                "these credentials are for streams with {agents} agents, and tasks of at most \
                 {AGENTS_LISTED_MAX} are listed together; allowed is agent_id"
            );
            return Err(Refusal::new(RefusalKind::Forbidden, message));
        }
        let agents = tables.agents.select(&[streams]);
        let facets = agents.iter().map(|agent| Facet::Agent(agent.id.clone()));
        Ok(Some(facets.collect()))
    }

    /// Whether a registration names an agent and a stream that it may.
    pub(super) fn check_registration(&self, registration: &Registration) -> Result<(), Refusal> {
        let principal = self.request.principal;
        self.check_agent(registration.id.as_str())?;
        // Registering it anew may move it.
        self.check_stream_of(registration.id.as_str())?;
        let stream = registration.stream.as_deref().unwrap_or(STREAM);
        match principal.streams.covers(stream) {
            true => Ok(()),
            false => Err(other_stream(stream)),
        }
    }

    /// Whether a change of a task is made in the name of an agent that it may speak for. Who plans no
    /// work, and doesn't speak for all agents of all streams, does nothing to a task that no agent has
    /// but to have a registered agent of its own begin it.
    pub(super) fn check_change(&self, task: &Task, change: &TaskChange) -> Result<(), Refusal> {
        let principal = self.request.principal;
        if let Some(agent) = &change.agent {
            self.check_stream_of(agent.as_str())?;
        }
        let speaks_for_all = principal.agents == Reach::All && principal.streams == Reach::All;
        if principal.is_planner || speaks_for_all {
            return Ok(());
        }
        let is_registered = |agent: &Id| self.fleet.read().agents.find(agent.as_str()).is_some();
        if let Some(agent) = &change.agent {
            self.check_agent(agent.as_str())?;
        }
        let is_claim = change.is_claim() && change.agent.as_ref().is_some_and(is_registered);
        if task.agent().is_some() || is_claim {
            return Ok(());
        }
        let message = "no agent has this task: without the scope tasks it is changed only by a \
                       registered agent that begins it, with status running";
        Err(Refusal::new(RefusalKind::Forbidden, message).with("scope", "tasks"))
    }

    /// Whether an answer may be kept under that path: where a command's is to be, only its agent's.
    pub(super) fn check_kept_answer(&self, path: &str) -> Result<(), Refusal> {
        let asked = Facet::Callback(path.into());
        let commands = self.fleet.read().commands.select(&[vec![asked]]);
        let mut agents = commands.iter().map(|command| command.agent_id.as_str());
        agents.try_for_each(|agent| self.check_agent(agent))
    }

    /// The agent that asks, if it is one.
    pub(super) fn acting_agent(&self) -> Option<Id> {
        let agent = self.request.principal.agent.as_ref()?;
        let tables = self.fleet.read();
        let is_registered = tables.agents.find(agent.as_str()).is_some();
        is_registered.then(|| agent.clone())
    }

    /// The agent that a command was given to.
    pub(super) fn agent_of_command(&self, command: &str) -> Option<Id> {
        let tables = self.fleet.read();
        let command = tables.commands.find(command)?;
        Some(command.agent_id.clone())
    }

    fn check_task(&self, task: &Task) -> Result<(), Refusal> {
        let is_seen = task
            .agent()
            .is_some_and(|it| self.is_in_streams(it.as_str()));
        match is_seen {
            true => Ok(()),
            false => self.check_all_streams(),
        }
    }

    fn check_work(&self, task: &Task) -> Result<(), Refusal> {
        match task.agent() {
            Some(agent) if !self.request.principal.is_planner => {
                self.check_agent(agent.as_str())?;
                self.check_stream_of(agent.as_str())
            }
            Some(agent) => self.check_stream_of(agent.as_str()),
            None if self.request.principal.is_planner => self.check_all_streams(),
            // An agent takes what waits for one.
            None => Ok(()),
        }
    }

    fn check_all_streams(&self) -> Result<(), Refusal> {
        match self.request.principal.streams {
            Reach::All => Ok(()),
            Reach::These(_) => {
                let message =
                    "these credentials are for some streams alone, and that concerns all of them";
                Err(Refusal::new(RefusalKind::Forbidden, message))
            }
        }
    }

    /// The streams that it is for, if not all.
    fn streams_listed(&self) -> Option<&[String]> {
        match &self.request.principal.streams {
            Reach::All => None,
            Reach::These(names) => Some(names),
        }
    }

    /// Whether an agent is registered in one of its streams.
    fn is_in_streams(&self, agent: &str) -> bool {
        let tables = self.fleet.read();
        let agent = tables.agents.find(agent);
        agent.is_some_and(|agent| self.request.principal.streams.covers(&agent.stream))
    }

    fn check_agent(&self, agent: &str) -> Result<(), Refusal> {
        if self.request.principal.agents.covers(agent) {
            return Ok(());
        }
        let message = format!("these credentials do not speak for the agent '{agent}'");
        Err(Refusal::new(RefusalKind::Forbidden, message).with("agent_id", agent))
    }

    /// An agent that there isn't is no secret, and is not found.
    fn check_stream_of(&self, agent: &str) -> Result<(), Refusal> {
        let tables = self.fleet.read();
        let stream = tables.agents.find(agent).map(|agent| agent.stream.clone());
        drop(tables);
        match stream {
            Some(stream) if !self.request.principal.streams.covers(&stream) => {
                Err(other_stream(&stream))
            }
            _ => Ok(()),
        }
    }
}

fn other_stream(stream: &str) -> Refusal {
    let message = format!("these credentials are not for the stream '{stream}'");
    Refusal::new(RefusalKind::Forbidden, message).with("stream", stream)
}
