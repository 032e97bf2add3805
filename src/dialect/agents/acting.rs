//! What a session does: publishes, commands, answers, and tells of itself.

use std::sync::Arc;

use agnt_api::{
    Dialect, read_answer, read_command, read_message, read_publication, read_request,
    read_task_change,
};
use agnt_fleet::agent::{AgentStatus, status_for_active};
use agnt_fleet::mutation::{NewCommand, TaskChange};
use agnt_fleet::task::TaskStatus;
use agnt_fleet::topics::Topic;
use agnt_fleet::{Fields, Id, Mutation, Refusal, RefusalKind};
use serde_json::{Value, json};

use super::introduction::text_of;
use super::office::forbidden;
use super::replies;
use super::session::AgentSession;
use super::shape::Said;
use crate::dialect::Turn;
use crate::guard::{Message, Reach, Scope};
use crate::relay::{Asker, Speech, write_answer};

/// Fields of a task's events that are no change of it.
const NOT_CHANGES: [&str; 6] = [
    "task_id",
    "execution_time_ms",
    "task_type",
    "details",
    "agent_id",
    "timestamp",
];

impl AgentSession {
    /// Who says what it says.
    fn source(&self) -> Option<String> {
        self.introduction
            .agent
            .as_ref()
            .map(|agent| agent.as_str().to_owned())
    }

    /// `{"topic","data"}`.
    pub(super) fn publish(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let (id, speech) = (said.id, self.speech());
        let mut fields = said.fields;
        fields.retain(|key, _| ["topic", "data", "payload"].contains(&key.as_str()));
        let (topic, data) = read_publication(fields)?;
        let mutation = Mutation::Publish {
            topic: topic.as_str().to_owned(),
            data,
            source: self.source(),
        };
        self.submit(mutation, id.clone(), turn.mailbox, move |done| {
            let told = json!({ "sequence": done.sequence });
            id.map(|id| replies::reply(speech, Some(&id), "published", told))
        })
    }

    /// Document A's command, for `payload.agent_id`.
    pub(super) fn command(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let mut fields = said.fields;
        let agent = taken_agent(&mut fields, &["agent_id", "target_agent", "target"])?;
        self.reaches(&agent)?;
        if let (Some(id), false) = (&said.id, fields.contains_key("command_id")) {
            fields.insert("command_id".to_owned(), id.as_str().into());
        }
        let may_call = &*self.office.may_call;
        let mut command = read_command(fields, agent, Dialect::A, self.source(), may_call)?;
        command.correlation_id = command.correlation_id.or(said.correlation_id);
        self.issue(command, said.id, turn)
    }

    /// Document B's request, for `target`.
    pub(super) fn request(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let mut fields = said.fields;
        let agent = taken_agent(&mut fields, &["target", "target_agent"])?;
        self.reaches(&agent)?;
        let source = self.source();
        let command = read_request(fields, agent, source, &*self.office.may_call)?;
        self.issue(command, said.id, turn)
    }

    fn issue(
        &self,
        mut command: NewCommand,
        id: Option<String>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        let Some(listener) = self.listener else {
            return Ok(());
        };
        let command_id = command.id.get_or_insert_with(Id::unique).clone();
        let (speech, mailbox) = (self.speech(), Arc::clone(turn.mailbox));
        let awaited = self.office.relay.awaited();
        let asker = Asker {
            listener,
            mailbox,
            write: Box::new(move |command| write_answer(speech, command)),
        };
        awaited.expect(command_id.clone(), asker);
        let agent = command.agent.clone();
        let told_id = command_id.clone();
        let to = id.clone();
        let issued = self.submit(
            Mutation::IssueCommand(command),
            id,
            turn.mailbox,
            move |_| {
                // Document B's request has one answer, the agent's; document A's is acknowledged first.
                let told = json!({ "command_id": told_id, "agent_id": agent });
                (speech == Speech::A)
                    .then(|| replies::reply(speech, to.as_deref(), "accepted", told))
            },
        );
        if issued.is_err() {
            awaited.forget(&command_id);
        }
        issued
    }

    /// An agent's answer to a command, a request or a task.
    pub(super) fn answer(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let named = ["request_id", "command_id", "task_id"];
        let named = named
            .iter()
            .find_map(|key| text_of(&said.fields, key))
            .map(str::to_owned);
        let named = named.or(said.correlation_id);
        let allowed = "is missing; the id of what is answered is needed, here or as correlation_id";
        let named = named.ok_or_else(|| Refusal::invalid("request_id", allowed))?;
        let command = Id::new(&named).map_err(|_| {
            Refusal::not_found("command", &named.chars().take(128).collect::<String>())
        })?;
        if let Some(agent) = self.office.asked_agent(&command) {
            let spoken_for = self.badge.speaks_for(agent.as_str());
            spoken_for.map_err(|denied| forbidden(&denied))?;
            self.reaches(&agent)?;
        }
        let mut fields = said.fields;
        fields.retain(|key, _| {
            [
                "status",
                "result",
                "data",
                "output_data",
                "error",
                "errors",
                "source",
                "agent_id",
            ]
            .contains(&key.as_str())
        });
        let answer = read_answer(fields, self.introduction.agent.clone())?;
        let (id, speech) = (said.id, self.speech());
        self.submit(
            Mutation::Answer { command, answer },
            None,
            turn.mailbox,
            move |_| {
                let told = json!({ "request_id": named });
                id.map(|id| replies::reply(speech, Some(&id), "answered", told))
            },
        )
    }

    /// An event: what an agent tells of itself and its tasks is applied, the rest is published.
    pub(super) fn hear_event(&mut self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        match said.message() {
            Message::EventOfMessage => self.message(said, turn),
            Message::EventOfStatus => self.own_status(&said, turn),
            Message::EventOfTask => self.own_task(said, turn),
            _ => self.publish_event(said, turn),
        }
    }

    fn message(&self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let mut fields = said.fields;
        let agent = taken_agent(&mut fields, &["target_agent"])?;
        self.reaches(&agent)?;
        let command = read_message(fields, agent, self.source(), &*self.office.may_call)?;
        self.submit(
            Mutation::IssueCommand(command),
            said.id,
            turn.mailbox,
            |_| None,
        )
    }

    fn own_status(&self, said: &Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let agent = self.own_agent(text_of(&said.fields, "agent_id"))?;
        let word = ["new_status", "status"]
            .iter()
            .find_map(|key| text_of(&said.fields, key));
        let word = word.unwrap_or("").to_ascii_lowercase();
        let status = self.read_status(&agent, &word).ok_or_else(|| {
            let issue = format!(
                "{word:?} is not allowed; idle, busy, active, error, offline, starting or stopping is"
            );
            Refusal::invalid("new_status", issue)
        })?;
        let reason = text_of(&said.fields, "reason")
            .unwrap_or("the agent says so")
            .to_owned();
        let mutation = Mutation::SetAgentStatus {
            agent,
            status,
            reason,
        };
        self.submit(mutation, said.id.clone(), turn.mailbox, |_| None)
    }

    /// A word for an agent's status; document B's `active` is what its tasks make of it.
    fn read_status(&self, agent: &Id, word: &str) -> Option<AgentStatus> {
        if word != "active" {
            return AgentStatus::parse(word);
        }
        let rows = self.office.fleet.read();
        let row = rows.agents.find(agent.as_str());
        Some(status_for_active(row.map_or(0, |row| row.current_tasks)))
    }

    fn own_task(&self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let kind = said.event_name().into_owned();
        let named = text_of(&said.fields, "task_id").unwrap_or("").to_owned();
        let task =
            Id::new(&named).map_err(|error| Refusal::invalid("task_id", format!("it {error}")))?;
        let agent = self.own_agent(text_of(&said.fields, "agent_id"))?;
        let mut fields = said.fields;
        let details = fields.remove("details");
        for key in NOT_CHANGES {
            fields.remove(key);
        }
        if let Some(Value::Object(details)) = details {
            fields
                .entry("output_data")
                .or_insert(Value::Object(details));
        }
        let mut change = read_task_change(fields)?;
        change.status = Some(match (kind.as_str(), change.status) {
            (_, Some(status)) => status,
            ("task.completed", None) => TaskStatus::Completed,
            ("task.failed", None) => TaskStatus::Failed,
            _ => TaskStatus::Running,
        });
        change.agent = Some(agent);
        self.may_change(&task, &change)?;
        self.submit(
            Mutation::UpdateTask { task, change },
            said.id,
            turn.mailbox,
            |_| None,
        )
    }

    /// Whether it may do that to a task: one that no agent has is only begun by who plans no work.
    fn may_change(&self, task: &Id, change: &TaskChange) -> Result<(), Refusal> {
        let identity = self.badge.identity();
        let speaks_for_all = *identity.agents() == Reach::All && *identity.streams() == Reach::All;
        let waits = || {
            let rows = self.office.fleet.read();
            let task = rows.task(task.as_str());
            task.is_some_and(|task| task.agent().is_none())
        };
        if change.is_claim() || speaks_for_all || !waits() {
            return Ok(());
        }
        let planner = self.badge.permits_one_of(&[Scope::Tasks]);
        planner.map_err(|denied| forbidden(&denied))
    }

    /// Whom a session may speak for: the agent that it acts as. Another's word is refused.
    fn own_agent(&self, named: Option<&str>) -> Result<Id, Refusal> {
        let Some(own) = &self.introduction.agent else {
            let message = "this session acts as no agent; agent_id in the query, or of a subscription, says as which";
            return Err(Refusal::new(RefusalKind::Forbidden, message));
        };
        if named.is_some_and(|named| named != own.as_str()) {
            let message = format!("this session acts as {own} and may not speak for another agent");
            return Err(
                Refusal::new(RefusalKind::Forbidden, message).with("agent_id", own.as_str())
            );
        }
        Ok(own.clone())
    }

    fn publish_event(&self, said: Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let kind = said.event_type.unwrap_or_default();
        let topic = Topic::parse(&kind).map_err(|error| {
            Refusal::invalid(
                "event_type",
                format!("{error}; the name of an event is needed"),
            )
        })?;
        let mutation = Mutation::Publish {
            topic: topic.as_str().to_owned(),
            data: Value::Object(said.fields),
            source: self.source(),
        };
        self.submit(mutation, said.id, turn.mailbox, |_| None)
    }
}

/// Takes the agent that is named under one of these keys.
fn taken_agent(fields: &mut Fields, keys: &[&str]) -> Result<Id, Refusal> {
    let found = keys.iter().find_map(|key| fields.remove(*key));
    let text = match &found {
        Some(Value::String(text)) => text.as_str(),
        Some(other) => {
            let issue = format!("{other} is not allowed; the id of an agent is");
            return Err(Refusal::invalid(keys[0], issue));
        }
        None => {
            return Err(Refusal::invalid(
                keys[0],
                "is missing; the id of an agent is needed",
            ));
        }
    };
    Id::new(text).map_err(|error| Refusal::invalid(keys[0], format!("it {error}")))
}
