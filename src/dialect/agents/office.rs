//! The office: what all sessions that deal with agents share, whichever dialect they speak.

use std::fmt;
use std::sync::Arc;

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::{Attachment, Fleet, Id, Mutation, Refusal, RefusalKind, Timestamp};

use crate::domain::{MemoryRoom, Room};
use crate::guard::{Denied, Doorkeeper};
use crate::relay::{AgentLine, Relay};

/// The office; see the module.
pub struct Office {
    /// The agents and what they do.
    pub fleet: Fleet,
    /// Who hears of what changes.
    pub relay: Arc<Relay>,
    /// Who may come in and stay.
    pub doorkeeper: Arc<Doorkeeper>,
    /// Whether there is memory for more.
    pub room: Arc<MemoryRoom>,
    /// Whether the sender of callbacks may call a URL.
    pub may_call: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// What the badge says, in the fleet's words.
pub fn forbidden(denied: &Denied) -> Refusal {
    let refusal = Refusal::new(RefusalKind::Forbidden, denied.to_string());
    match denied {
        Denied::Scope(scopes) => {
            let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
            refusal.with("scope", names.join(" or "))
        }
        Denied::Stream(stream) => refusal.with("stream", &**stream),
        Denied::Agent(agent) => refusal.with("agent_id", agent.as_str()),
        Denied::AllStreams | Denied::Credentials => refusal,
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Office").finish_non_exhaustive()
    }
}

impl Office {
    /// In which stream a registered agent is.
    pub fn stream_of(&self, agent: &Id) -> Option<String> {
        let rows = self.fleet.read();
        let row = rows.agents.find(agent.as_str());
        row.map(|row| row.stream.clone())
    }

    /// The agent that a command or a task was given to, by its id.
    pub fn asked_agent(&self, id: &Id) -> Option<Id> {
        let rows = self.fleet.read();
        match rows.commands.find(id.as_str()) {
            Some(command) => Some(command.agent_id.clone()),
            None => rows.task(id.as_str())?.agent().cloned(),
        }
    }

    /// Refuses what would take memory for good while there is little.
    pub fn needs_room(&self) -> Result<(), Refusal> {
        if self.room.now() == Room::Ample && self.room.has_room_to_keep() {
            return Ok(());
        }
        let message = "the server has no memory for new work now";
        Err(Refusal::new(RefusalKind::Unavailable, message).retry_after(1))
    }

    /// A session of an agent opened: the agent is present as long as what is returned lives, and
    /// what is open for it goes to that session. One that was offline is back.
    pub fn attach(&self, agent: &Id, line: &AgentLine) -> Attachment {
        let attachment = self.fleet.presence().attach(agent);
        // What is committed from here on comes to it; what was committed before is found in the rows.
        self.relay.deliveries().open(agent, line.clone());
        self.bring_open(agent, line, None);
        let is_offline = {
            let rows = self.fleet.read();
            let row = rows.agents.find(agent.as_str());
            row.is_some_and(|row| row.status == AgentStatus::Offline)
        };
        if is_offline {
            let back = Mutation::SetAgentStatus {
                agent: agent.clone(),
                status: AgentStatus::Idle,
                reason: "a session of it opened".to_owned(),
            };
            // Without room in the queue its next heartbeat brings it back.
            let _ = self.fleet.submit(back, None, |_| {});
        }
        attachment
    }

    /// The session of that number is an agent's no more. What was given to it, the agent's next
    /// session gets, if it has another.
    pub fn detach(&self, agent: &Id, number: u64) {
        if let Some((heir, since)) = self.relay.deliveries().close(agent, number) {
            self.bring_open(agent, &heir, Some(since));
        }
    }

    fn bring_open(&self, agent: &Id, line: &AgentLine, since: Option<Timestamp>) {
        let delivered = line.bring_open(agent, &self.fleet.rows(), since);
        self.relay.note_delivered(delivered);
    }
}
