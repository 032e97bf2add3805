//! Why a message was not taken: the code, a sentence for people, and a word for programs.

use crate::domain::ErrorCode;

/// A refusal; whoever speaks to the peer makes an error message of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", code.name())]
pub struct Refusal {
    /// The code of the catalogue.
    pub code: ErrorCode,
    /// The field with its path, its value, and what is allowed.
    pub text: String,
    /// `details.reason`, where a program may want to tell refusals of one code apart.
    pub reason: Option<&'static str>,
}

impl Refusal {
    fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            reason: None,
        }
    }

    /// The message says something that is not allowed.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidMessage, text)
    }

    /// The message is well made, and yet it can't be carried out.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::CommandFailed, text)
    }

    /// A bound is reached; the text names it.
    pub fn bound(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::RateLimitExceeded, text)
    }

    /// Nobody of that name was ever heard of here.
    pub fn agent_not_found(agent: &str) -> Self {
        let text = format!("Agent with ID '{agent}' not found");
        Self::new(ErrorCode::AgentNotFound, text)
    }

    /// The same with its reason as a word.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}

/// Texts from reading a message name the field already.
impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::invalid(text)
    }
}
