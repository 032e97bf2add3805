//! Why something was not done: one catalogue, which each dialect renders in its own words.

use serde_json::Value;

use crate::{Fields, Timestamp};

/// What kind of refusal it is; dialects choose status and code by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// A field is missing, of the wrong type or outside its range: 400.
    Invalid,
    /// A template that nobody configured: 400 `INVALID_TEMPLATE`.
    UnknownTemplate,
    /// Nobody says who asks, or with a credential that is none: 401.
    Unauthenticated,
    /// The asker may not: 403.
    Forbidden,
    /// There is no such thing: 404.
    NotFound,
    /// No such method here: 405.
    MethodNotAllowed,
    /// Waited for an answer in vain: 408 `TASK_TIMEOUT`.
    Timeout,
    /// The state does not allow it, or the id is taken: 409.
    Conflict,
    /// What it depends on is not done: 412 `DEPENDENCY_NOT_MET`.
    DependencyNotMet,
    /// Too much at once: 413.
    TooLarge,
    /// A body that is not JSON by its own word: 415.
    UnsupportedMediaType,
    /// Understood, and impossible (a cycle): 422.
    Unprocessable,
    /// This path is for sockets: 426.
    UpgradeRequired,
    /// A cap or a rate: 429.
    TooMany,
    /// Our own failure: 500.
    Internal,
    /// A workflow that was waited for failed: 500 `WORKFLOW_FAILED`.
    WorkflowFailed,
    /// The agent is away: 503 `AGENT_UNAVAILABLE`.
    AgentUnavailable,
    /// The store can't take it now, or the server is stopping: 503.
    Unavailable,
    /// The disk is full: 507.
    NoSpace,
}

/// A refusal: what field, what value, what is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Which kind.
    pub kind: RefusalKind,
    /// One sentence for people, naming what was given and what is allowed.
    pub message: String,
    /// Fields of the request that are wrong, and how.
    pub issues: Vec<FieldIssue>,
    /// More for programs: ids, states, caps.
    pub details: Fields,
    /// When to try again, in s.
    pub retry_after_s: Option<u64>,
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldIssue {
    /// Which, as the client wrote it: `stages[2].timeout`.
    pub field: String,
    /// How, with the value and what is allowed.
    pub issue: String,
}

impl Refusal {
    /// A refusal of one sentence.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            issues: Vec::new(),
            details: Fields::new(),
            retry_after_s: None,
        }
    }

    /// One field is wrong.
    pub fn invalid(field: &str, issue: impl Into<String>) -> Self {
        let issue = issue.into();
        let mut refusal = Self::new(RefusalKind::Invalid, format!("{field}: {issue}"));
        refusal.issues.push(FieldIssue {
            field: field.to_owned(),
            issue,
        });
        refusal
    }

    /// There is no such `what` (`agent`, `task`, ...).
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(RefusalKind::NotFound, format!("there is no {what} {id:?}"))
            .with("resource", what)
            .with("id", id)
    }

    /// The same with one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// The same with when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The agent is away (document B, Standard Error Response).
    pub fn agent_unavailable(
        agent: &str,
        last_seen: Option<Timestamp>,
        retry_after_s: u64,
    ) -> Self {
        let mut refusal = Self::new(
            RefusalKind::AgentUnavailable,
            "The requested agent is currently unavailable",
        )
        .with("agent_id", agent)
        .with("retry_after", retry_after_s)
        .retry_after(retry_after_s);
        if let Some(last_seen) = last_seen {
            refusal = refusal.with("last_seen", last_seen.to_string());
        }
        refusal
    }
}
