//! Agents' answers.

use agnt_fleet::mutation::Answer;
use agnt_fleet::{Fields, Id, Refusal};
use serde_json::Value;

use super::command::unwrapped;
use super::fields::FieldReader;
use super::scalars::{self, Reading};

/// How an answer says whether it is good.
const STATUSES: &str = "success, completed, failed or error";

/// Reads an answer, bare or as `{"response": ...}` (document B); `agent` is who answers, if that is
/// known.
pub fn read_answer(fields: Fields, agent: Option<Id>) -> Result<Answer, Refusal> {
    let mut fields = FieldReader::new(unwrapped(fields, "response"));
    let is_success = fields.need(&["status"], STATUSES, is_success);
    let data = fields.take(&["result", "data", "output_data"], scalars::any);
    let mut errors = fields
        .take(&["errors"], |value| match value {
            Value::Array(errors) => Ok(errors),
            other => Err(scalars::not_allowed(&other, "a list")),
        })
        .unwrap_or_default();
    let error = fields.take(&["error"], scalars::any);
    errors.extend(error.filter(|error| !error.is_null()));
    let named = fields.take(&["agent_id", "source", "source_agent"], scalars::id);
    fields.end()?;
    Ok(Answer {
        agent: agent.or(named),
        is_success: is_success.unwrap_or(false),
        data,
        errors,
    })
}

fn is_success(value: Value) -> Reading<bool> {
    let read = |word: &str| match word {
        "success" | "completed" => Some(true),
        "error" | "failed" => Some(false),
        _ => None,
    };
    scalars::word(value, read, STATUSES)
}
