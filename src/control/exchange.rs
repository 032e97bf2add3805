//! An exchange: that somebody told an agent something through another of the server's doors, a
//! command, a task, a message or the answer to one.

use serde_json::{Value, json};

use crate::domain::Priority;

/// Who is named as the sender of what nobody signed.
const SERVER_NAME: &str = "agnt";

/// The exchange; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The id of what was told.
    pub id: String,
    /// Who told it, if that is known.
    pub from: Option<String>,
    /// Whom.
    pub to: String,
    /// In which form: `COMMAND`, `REQUEST`, `MESSAGE`, `TASK` or `RESPONSE`.
    pub form: &'static str,
    /// How urgent it is.
    pub priority: Priority,
    /// What, in short.
    pub content: Value,
    /// Whether it says that what was asked for failed.
    pub is_failure: bool,
}

impl Exchange {
    /// As the payload of `message.sent`.
    pub fn payload(&self) -> String {
        let from = self.from.as_deref().unwrap_or(SERVER_NAME);
        let payload = json!({
            "messageId": self.id,
            "from": { "id": from },
            "to": [{ "id": self.to }],
            "messageType": self.form,
            "priority": self.priority.name().to_ascii_uppercase(),
            "content": self.content,
        });
        payload.to_string()
    }
}
