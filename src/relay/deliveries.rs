//! Deliveries: tasks and commands on their way to the sessions of their agents.
//!
//! What an agent is to do goes to its newest session. When a session of it opens, everything that is
//! open is delivered to that one, the most urgent first, under the ids that it had: at least once,
//! until it is answered or its time is over (ruling 57). When its newest session is gone, the one
//! before that, if it is still there, gets what the other was given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agnt_fleet::command::{Command, CommandKind};
use agnt_fleet::row::Facet;
use agnt_fleet::tables::{RowChange, Tables};
use agnt_fleet::task::{Task, TaskStatus};
use agnt_fleet::{Event, EventKind, Fields, Id, Rows, Timestamp};
use serde_json::Value;

use super::switchboard::letter;
use crate::engine::mailbox::{LETTER_OVERHEAD_BYTES, Mailbox, Posted, QueueId};

/// How many open tasks and commands are delivered to a session that opens, if there is room for so
/// many; it asks for more by listing them.
const OPEN_MAX: usize = 1000;

/// Clocks may differ by so much on when something was given and when a session opened.
const CLOCKS_APART_US: u64 = 1_000_000;

/// The line to a session of an agent.
#[derive(Clone, Debug)]
pub struct AgentLine {
    /// Its number, higher than that of any older session.
    pub number: u64,
    /// When it opened.
    pub since: Timestamp,
    /// Where its mail goes.
    pub mailbox: Arc<Mailbox>,
    /// Says what is to be done in the words that it speaks.
    pub write: WriteWork,
}

/// Says what is to be done in the words of a dialect.
pub type WriteWork = fn(&Work, Extent) -> String;

/// How much of it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// All but the content, which the agent asks for: it would not fit into a session's queue.
    WithoutContent,
}

/// Something that an agent is to do.
#[derive(Clone, Debug)]
pub enum Work {
    /// A task that was assigned to it.
    Task(Arc<Task>),
    /// A command, a request or a message for it.
    Command(Arc<Command>),
}

/// The sessions of agents; see the module.
#[derive(Debug, Default)]
pub struct Deliveries {
    sessions: Mutex<HashMap<Id, Vec<AgentLine>>>,
}

impl Deliveries {
    /// A session of this agent opened: it is told what comes from now on. What is open already,
    /// [`AgentLine::bring_open`] brings.
    pub fn open(&self, agent: &Id, session: AgentLine) {
        let mut sessions = self.lock();
        let of_agent = sessions.entry(agent.clone()).or_default();
        of_agent.push(session);
        of_agent.sort_by_key(|session| session.number);
    }

    /// A session of this agent is gone. Returns the one that is told what comes from now on in its
    /// stead, and since when the other was told.
    pub fn close(&self, agent: &Id, number: u64) -> Option<(AgentLine, Timestamp)> {
        let mut sessions = self.lock();
        let of_agent = sessions.get_mut(agent)?;
        let newest = of_agent.pop_if(|session| session.number == number);
        of_agent.retain(|session| session.number != number);
        let heir = of_agent.last().cloned();
        if heir.is_none() {
            sessions.remove(agent);
        }
        heir.zip(newest.map(|newest| newest.since))
    }

    /// Delivers what was assigned or given. Returns the messages among that, which are done by
    /// being delivered.
    pub fn bring(&self, events: &[Arc<Event>], changes: &[RowChange]) -> Vec<Id> {
        let mut delivered = Vec::new();
        let sessions = self.lock();
        if sessions.is_empty() {
            return delivered;
        }
        for event in events {
            let Some(agent) = event.kind.agent_id() else {
                continue;
            };
            let Some(session) = sessions.get(agent).and_then(|of_agent| of_agent.last()) else {
                continue;
            };
            if let Some(work) = work_of(event, changes) {
                let text = session.text_of(&work, session.room_bytes());
                post(session, &work, text, &mut delivered);
            }
        }
        delivered
    }

    /// How many agents have a session.
    pub fn agents(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Vec<AgentLine>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AgentLine {
    /// Brings what is open for its agent; only what was given since then, if a time is given.
    /// Returns the messages among that, which are done by being delivered. Nobody waits for the
    /// rows while it is written out.
    pub fn bring_open(&self, agent: &Id, rows: &Rows, since: Option<Timestamp>) -> Vec<Id> {
        let since = since.map(|since| since.as_micros().saturating_sub(CLOCKS_APART_US));
        let mut open = open_work(agent, &rows.read());
        open.retain(|work| since.is_none_or(|since| work.given_at().as_micros() >= since));
        let mut delivered = Vec::new();
        let mut room_bytes = self.room_bytes();
        for work in open {
            // Half of the room is for what comes meanwhile.
            let text = self.text_of(&work, room_bytes / 2);
            let bytes = text.len() + LETTER_OVERHEAD_BYTES;
            if bytes > room_bytes {
                break;
            }
            room_bytes -= bytes;
            post(self, &work, text, &mut delivered);
        }
        delivered
    }

    /// What its session has room for when nothing waits. Something larger would close it, and again
    /// when it came back for it.
    fn room_bytes(&self) -> usize {
        let bytes_max = self.mailbox.bytes_max();
        bytes_max - bytes_max / 16
    }

    fn text_of(&self, work: &Work, bytes_max: usize) -> String {
        // A thousand large ones are not written out only to see that they are too large.
        let is_too_long = is_longer(work.content(), bytes_max);
        let whole = (!is_too_long).then(|| (self.write)(work, Extent::Whole));
        let whole = whole.filter(|text| text.len() + LETTER_OVERHEAD_BYTES <= bytes_max);
        whole.unwrap_or_else(|| (self.write)(work, Extent::WithoutContent))
    }
}

impl Work {
    /// What the agent is given to do it with.
    fn content(&self) -> &Fields {
        match self {
            Self::Task(task) => &task.input,
            Self::Command(command) => &command.payload,
        }
    }

    /// When the agent was given it.
    fn given_at(&self) -> Timestamp {
        match self {
            Self::Task(task) => task.assigned_at.unwrap_or(task.created_at),
            Self::Command(command) => command.accepted_at,
        }
    }
}

/// Whether an object is certainly longer as JSON than `bytes_max`. It is looked at no further than
/// it takes to know.
fn is_longer(fields: &Fields, bytes_max: usize) -> bool {
    let mut left_bytes = bytes_max;
    !fit(fields, &mut left_bytes)
}

fn fit(fields: &Fields, left_bytes: &mut usize) -> bool {
    let mut entries = fields.iter();
    entries.all(|(key, value)| take(left_bytes, key.len() + 3) && fits(value, left_bytes))
}

fn fits(value: &Value, left_bytes: &mut usize) -> bool {
    match value {
        Value::String(text) => take(left_bytes, text.len() + 2),
        Value::Array(values) => {
            take(left_bytes, values.len() + 1) && values.iter().all(|it| fits(it, left_bytes))
        }
        Value::Object(fields) => fit(fields, left_bytes),
        Value::Null | Value::Bool(_) => take(left_bytes, 4),
        Value::Number(_) => take(left_bytes, 1),
    }
}

fn take(left_bytes: &mut usize, bytes: usize) -> bool {
    let rest = left_bytes.checked_sub(bytes);
    *left_bytes = rest.unwrap_or(0);
    rest.is_some()
}

fn post(session: &AgentLine, work: &Work, text: String, delivered: &mut Vec<Id>) {
    let posted = session.mailbox.post(QueueId::OWN, letter(text.into()));
    if let (Posted::Queued, Work::Command(command)) = (posted, work)
        && command.kind == CommandKind::Message
    {
        delivered.push(command.id.clone());
    }
}

/// What an event brings to an agent, if it still is so after the commit.
fn work_of(event: &Event, changes: &[RowChange]) -> Option<Work> {
    match &event.kind {
        EventKind::TaskAssigned(brief) => changes.iter().find_map(|change| match change {
            RowChange::Task(id, Some(task))
                if *id == brief.task_id && task.assigned_agent == brief.agent_id =>
            {
                (task.status == TaskStatus::Pending).then(|| Work::Task(Arc::clone(task)))
            }
            _ => None,
        }),
        EventKind::CommandIssued { command_id, .. } => {
            changes.iter().find_map(|change| match change {
                RowChange::Command(id, Some(command)) if id == command_id => {
                    (!command.status.is_terminal()).then(|| Work::Command(Arc::clone(command)))
                }
                _ => None,
            })
        }
        _ => None,
    }
}

/// What is open for an agent, the most urgent first, then the oldest.
fn open_work(agent: &Id, rows: &Tables) -> Vec<Work> {
    let of_agent = Facet::Agent(agent.clone());
    let tasks = [TaskStatus::Pending, TaskStatus::Running].map(Facet::TaskStatus);
    let tasks = rows
        .tasks
        .page(&[vec![of_agent.clone()], tasks.into()], 0, OPEN_MAX)
        .rows;
    let accepted = Facet::CommandStatus(agnt_fleet::command::CommandStatus::Accepted);
    let commands = rows
        .commands
        .page(&[vec![of_agent], vec![accepted]], 0, OPEN_MAX)
        .rows;
    let tasks = tasks
        .into_iter()
        .filter(|task| task.assigned_agent.as_ref() == Some(agent));
    let mut work: Vec<_> = tasks
        .map(|task| (task.priority, task.created_at, Work::Task(task)))
        .chain(commands.into_iter().map(|command| {
            (
                command.priority,
                command.accepted_at,
                Work::Command(command),
            )
        }))
        .collect();
    work.sort_by_key(|(priority, at, _)| (std::cmp::Reverse(*priority), *at));
    work.into_iter().map(|(_, _, work)| work).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_has_room_is_taken_for_longer() {
        let values = [
            json!({}),
            json!({"a": 1}),
            json!({"a": [], "b": {}, "c": [1, 2.5, -3, null, true, false, "x"]}),
            json!({"a": [[], [[]], {"b": {"c": "d\n\u{1}é"}}]}),
        ];
        for value in values {
            let Value::Object(fields) = &value else {
                panic!("an object");
            };
            let bytes = value.to_string().len();
            for bytes_max in bytes..bytes + 3 {
                assert!(!is_longer(fields, bytes_max), "{value} in {bytes_max}");
            }
        }
        let long = json!({"a": ["xxxxxxxx", "yyyyyyyy"]});
        let Value::Object(fields) = &long else {
            panic!("an object");
        };
        assert!(is_longer(fields, 16));
    }
}
