//! Why it came to nothing, and how that is told.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::plain::{json_line, plain, shortened};
use crate::admin::ClientError;

/// How much is shown of what a server, or whatever answers in its place, says in a line.
const LINE_CHARS_MAX: usize = 2000;

/// Why it came to nothing; its text is written for whoever asked, people or a program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CtlError(String);

/// Why it came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server isn't there, or breaks off.
    Server(ClientError),
    /// The server refuses, and may say when to come again.
    Refused {
        /// What it says.
        refusal: ClientError,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// An agent did not do what it was told.
    Undone {
        /// Whether it failed, was late or has gone: the command's status.
        status: String,
        /// Which command.
        command: String,
    },
    /// Somebody wants it to end.
    Interrupted,
    /// What came can't be shown.
    Output(io::Error),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            refusal @ ClientError::Refused { .. } => Self::Refused {
                refusal,
                retry_after: None,
            },
            error => Self::Server(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Whether the same may go well a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Server(_) => true,
            Self::Refused {
                refusal: ClientError::Refused { status, .. },
                ..
            } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }

    /// A word for programs, in the manner of the server's own codes.
    fn code(&self) -> &'static str {
        match self {
            Self::Server(ClientError::Connect { .. }) => "UNREACHABLE",
            Self::Server(_) | Self::Refused { .. } => "NO_ANSWER",
            Self::Undone { .. } => "COMMAND_NOT_COMPLETED",
            Self::Interrupted => "INTERRUPTED",
            Self::Output(_) => "OUTPUT_FAILED",
        }
    }

    /// What it says in a line, for people.
    pub(super) fn line(&self) -> String {
        let line = match self {
            Self::Refused {
                refusal:
                    ClientError::Refused {
                        status,
                        code,
                        message,
                        ..
                    },
                ..
            } => match (code.as_str(), message.as_str()) {
                ("", "") => format!("the server answered {status}"),
                ("", message) => format!("the server answered {status}: {message}"),
                (code, message) => format!("{code} ({status}): {message}"),
            },
            Self::Server(error) | Self::Refused { refusal: error, .. } => error.to_string(),
            Self::Undone { status, command } => {
                format!("command {command} is not completed but {status}")
            }
            Self::Interrupted => "interrupted before the answer came".to_owned(),
            Self::Output(error) => format!("the result can't be written: {error}"),
        };
        plain(&shortened(&line, LINE_CHARS_MAX))
    }

    /// All that is known of it.
    pub(super) fn told(self, is_json: bool) -> CtlError {
        let refusal = match &self {
            Self::Refused {
                refusal: ClientError::Refused { status, body, .. },
                ..
            } => Some((*status, body)),
            _ => None,
        };
        if is_json {
            let known = refusal
                .map(|(_, body)| body)
                .filter(|body| body["error"].is_object());
            let own = || json!({"error": {"code": self.code(), "message": self.line()}});
            return CtlError(json_line(&known.cloned().unwrap_or_else(own)));
        }
        let mut text = format!("error: {}", self.line());
        if let Some((status, body)) = refusal {
            details(&mut text, body);
            if status == 401 {
                text.push_str("\n  allowed: an API key, by --key or in AGNT_KEY");
            }
        } else if let Self::Server(ClientError::Connect { .. }) = self {
            text.push_str("\n  allowed: the address of a server that runs, by --url");
        }
        CtlError(text)
    }
}

/// Adds a line for each detail that the message has not told already.
fn details(text: &mut String, body: &Value) {
    let error = &body["error"];
    let message = error["message"].as_str().unwrap_or_default();
    for (name, detail) in error["details"].as_object().into_iter().flatten() {
        if name == "fields" {
            continue;
        }
        line(text, name, detail);
    }
    for issue in error["details"]["fields"].as_array().into_iter().flatten() {
        let (field, issue) = (issue["field"].as_str(), &issue["issue"]);
        let is_told = issue.as_str().is_some_and(|issue| message.contains(issue));
        if !is_told {
            line(text, field.unwrap_or("field"), issue);
        }
    }
}

fn line(text: &mut String, name: &str, value: &Value) {
    let value = value.as_str().map_or_else(|| json_line(value), plain);
    // Writing to a String cannot fail.
    let _ = write!(text, "\n  {}: {value}", plain(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: Value) -> Failure {
        let text = |key: &str| body["error"][key].as_str().unwrap_or_default().to_owned();
        Failure::from(ClientError::Refused {
            status,
            code: text("code"),
            message: text("message"),
            body,
        })
    }

    #[test]
    fn a_refusal_is_told_with_what_the_server_says_of_it() {
        let body = json!({"error": {
            "code": "CONFLICT",
            "message": "a \u{1b}[2Jtask can't go from completed to running",
            "details": {"from": "completed", "attempt": 2, "fields": [
                {"field": "status", "issue": "can't go from completed to running"},
                {"field": "progress", "issue": "is 101; 0 to 100 are allowed"},
            ]},
        }});
        let told = refusal(409, body.clone()).told(false).to_string();
        let expected = "error: CONFLICT (409): a \\u{1b}[2Jtask can't go from completed to running\n  \
                        attempt: 2\n  from: completed\n  progress: is 101; 0 to 100 are allowed";
        assert_eq!(told, expected);
        let told = refusal(409, body.clone()).told(true).to_string();
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), body);
        assert_eq!(told.lines().count(), 1, "{told}");
    }

    #[test]
    fn a_failure_without_an_answer_has_a_code_too() {
        let told = Failure::Interrupted.told(true).to_string();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["error"]["code"], "INTERRUPTED");
        let told = refusal(502, Value::Null).told(true).to_string();
        assert_eq!(
            serde_json::from_str::<Value>(&told).unwrap()["error"]["code"],
            "NO_ANSWER"
        );
        let told = refusal(401, json!({"error": {"code": "AUTHENTICATION_FAILED"}}));
        assert!(told.told(false).to_string().contains("--key"));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let passing = [408, 429, 500, 503, 507];
        for status in [400, 401, 403, 404, 408, 409, 422, 429, 500, 503, 507] {
            let failure = refusal(status, Value::Null);
            assert_eq!(failure.is_passing(), passing.contains(&status), "{status}");
        }
        assert!(!Failure::Interrupted.is_passing());
        assert!(Failure::Server(ClientError::Silent).is_passing());
    }
}
