//! What is to be done for a request, and how it goes on afterwards.

use std::sync::Arc;

use agnt_fleet::agent::{AgentStatus, Vitals};
use agnt_fleet::topics::Pattern;
use agnt_fleet::{Event, Id, Mutation, Outcome, Refusal};

use crate::dialect::Dialect;
use crate::error::refuse;
use crate::fleet_view::FleetView;
use crate::manner::Manner;
use crate::operation::{events, outcomes, waits};
use crate::response::ApiResponse;

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Nothing more: this is the answer.
    Answer(ApiResponse),
    /// A change is asked for; what comes of it decides how it goes on.
    Mutate {
        /// The change.
        mutation: Box<Mutation>,
        /// The client's word that a second request like this one is the same.
        idempotency: Option<Idempotency>,
        /// How it goes on.
        then: AfterMutation,
    },
    /// An agent was heard of: its vitals are noted, and its status changes if it says so.
    Heartbeat {
        /// The agent.
        agent: Id,
        /// What it says of itself.
        vitals: Box<Vitals>,
        /// The change of its status.
        change: Option<Box<Mutation>>,
        /// How it goes on; without a change, with [`Outcome::Done`].
        then: AfterMutation,
    },
    /// Something is waited for.
    Wait {
        /// What.
        awaited: Awaited,
        /// How long at most, in ms.
        timeout_ms: u64,
        /// How it goes on, whether it happened or the time is over.
        then: AfterWait,
    },
    /// A page of events is read.
    ListEvents {
        /// Which.
        query: EventQuery,
        /// How it goes on.
        then: AfterEvents,
    },
    /// Events are sent as they come (Server-Sent Events), each as an [`EventView`](crate::EventView)
    /// in this dialect.
    StreamEvents {
        /// Which; `limit` says nothing here.
        query: EventQuery,
        /// In whose words.
        dialect: Dialect,
    },
}

/// What is waited for: the end of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A workflow's end.
    Workflow(Id),
    /// A command's or a request's answer.
    Command(Id),
}

/// An `Idempotency-Key`, and what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// SHA-256 over method, path, query and body.
    pub fingerprint: [u8; 32],
}

/// Which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// On which topics; without a pattern on all.
    pub pattern: Option<Pattern>,
    /// After which number. A stream without one begins with what comes next.
    pub after: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct EventsPage {
    /// The events, in order.
    pub events: Vec<Arc<Event>>,
    /// Where the next page begins.
    pub next_after: u64,
    /// The number of the newest event.
    pub head: u64,
    /// What is kept no more of what was asked for.
    pub gap: Option<Gap>,
}

/// Events that are kept no more (ruling 41).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Why.
    pub reason: String,
}

/// How it goes on after a change.
#[derive(Debug)]
pub struct AfterMutation {
    pub(crate) manner: Manner,
    pub(crate) show: Show,
}

/// What is shown of the outcome.
#[derive(Debug)]
pub(crate) enum Show {
    /// An agent that came.
    Registration,
    /// The agent.
    Agent,
    /// Nothing.
    Nothing,
    /// The task, which is new or not.
    Task,
    /// That the task was called off.
    TaskCancellation(Option<String>),
    /// The workflow.
    Workflow,
    /// The workflow, at its end or after so many ms.
    WorkflowAtItsEnd(u64),
    /// That the workflow was called off.
    WorkflowCancellation(Option<String>),
    /// That the command was accepted.
    CommandAccepted,
    /// The answer to the command, when it comes.
    CommandAnswer,
    /// What was answered: a command or a task.
    Answered,
    /// That the answer is kept under its path.
    AnswerStored,
    /// The template.
    Template,
    /// The number of the event.
    Publication,
    /// That the agent was heard, and is in this state.
    Heartbeat(Id, AgentStatus),
}

impl AfterMutation {
    /// Goes on.
    pub fn proceed(self, outcome: Result<Outcome, Refusal>, fleet: &dyn FleetView) -> Step {
        match outcome {
            Ok(outcome) => outcomes::show(self, &outcome, fleet),
            Err(refusal) => Step::Answer(refuse(&self.manner, &refusal)),
        }
    }
}

/// How it goes on after waiting.
#[derive(Debug)]
pub struct AfterWait {
    pub(crate) manner: Manner,
    pub(crate) awaited: Awaited,
}

impl AfterWait {
    /// Answers with what has become of it.
    pub fn answer(&self, fleet: &dyn FleetView) -> ApiResponse {
        waits::answer(&self.manner, &self.awaited, fleet)
    }
}

/// How it goes on after a page of events was read.
#[derive(Debug)]
pub struct AfterEvents {
    pub(crate) manner: Manner,
}

impl AfterEvents {
    /// Answers with the page.
    pub fn answer(&self, page: Result<&EventsPage, Refusal>) -> ApiResponse {
        match page {
            Ok(page) => events::show(&self.manner, page),
            Err(refusal) => refuse(&self.manner, &refusal),
        }
    }
}
