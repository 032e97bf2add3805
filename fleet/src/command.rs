//! A command: what an agent is told or asked, until it has answered.

use serde::{Deserialize, Serialize};

use crate::row::{Facet, Row};
use crate::{Fields, Id, Priority, Timestamp};

/// How long an answer is waited for if nobody says, in ms (document A, `Command.timeout_ms`).
pub const TIMEOUT_MS_DEFAULT: u64 = 30_000;

/// In which form it was given; the dialects show each as their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandKind {
    /// A command (document A, `Command`; document C, `control.execute`).
    Command,
    /// A request (document B, `request`).
    Request,
    /// A message that asks for no answer.
    Message,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandStatus {
    /// Held or delivered, not answered.
    Accepted,
    /// Answered well, or, if it asks for no answer, delivered.
    Completed,
    /// Answered badly.
    Failed,
    /// Not answered in time.
    Timeout,
    /// Its agent was removed, or it was called off.
    Cancelled,
}

impl CommandStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Completed,
        Self::Failed,
        Self::Timeout,
        Self::Cancelled,
    ];

    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing follows it.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Accepted)
    }
}

/// What becomes of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackStatus {
    /// Waits for the answer.
    Pending,
    /// The URL may not be called.
    Refused,
    /// Kept here, under the relative path.
    Stored,
    /// On its way.
    Sending,
    /// The other side took it.
    Delivered,
    /// The other side did not take it.
    Failed,
}

/// Where the answer is to go beside its asker (ruling 43).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// As it was given: a path of this server, or an absolute URL.
    pub url: String,
    /// What became of it.
    pub status: CallbackStatus,
}

/// A command, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: Id,
    /// Its place in the order of creation.
    pub ordinal: u32,
    /// The agent that it is for.
    pub agent_id: Id,
    /// In which form it was given.
    pub kind: CommandKind,
    /// What is to be done: a verb of document A (`execute`, `stop`, `pause`, `resume`,
    /// `configure`, `shutdown`), a request's type, or an open one.
    pub verb: String,
    /// With what.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub payload: Fields,
    /// How urgent it is.
    pub priority: Priority,
    /// Who gave it: an agent's id, or what its client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// How long its answer is waited for, in ms.
    pub timeout_ms: u64,
    /// Where the answer is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// How far it is.
    pub status: CommandStatus,
    /// The answer's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// The answer's errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<serde_json::Value>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl Callback {
    /// Whether it is a path of this server, which nobody calls: the answer is kept under it
    /// (ruling 43).
    pub fn is_relative(&self) -> bool {
        self.url.starts_with('/') && !self.url.starts_with("//")
    }
}

impl Command {
    /// The answer in document B's form, wrapped (ruling 54); for a command that was not answered,
    /// `status` and `errors` say so.
    pub fn response(&self) -> serde_json::Value {
        let status = match self.status {
            CommandStatus::Completed => "success",
            other => other.as_str(),
        };
        serde_json::json!({
            "response": {
                "id": format!("resp-{}", self.id),
                "request_id": self.id,
                "status": status,
                "data": self.result,
                "errors": self.errors,
            }
        })
    }

    /// When waiting for the answer ends.
    pub fn due(&self) -> Timestamp {
        self.accepted_at.plus_ms(self.timeout_ms)
    }
}

impl Row for Command {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, each: &mut dyn FnMut(Facet)) {
        each(Facet::CommandStatus(self.status));
        each(Facet::Agent(self.agent_id.clone()));
        if let Some(callback) = self.callback.as_ref().filter(|it| it.is_relative()) {
            each(Facet::Callback(callback.url.as_str().into()));
        }
    }
}
