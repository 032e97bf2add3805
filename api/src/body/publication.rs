//! What clients publish.

use agnt_fleet::topics::Topic;
use agnt_fleet::{Fields, Mutation, Refusal};
use serde_json::Value;

use super::command::unwrapped;
use super::fields::FieldReader;
use super::scalars;

/// Reads what a client publishes (document B, Publish-Subscribe Pattern), bare or as
/// `{"publication": ...}`.
pub fn read_publication(fields: Fields) -> Result<(Topic, Value), Refusal> {
    let mut fields = FieldReader::new(unwrapped(fields, "publication"));
    let topic = fields.need(&["topic"], "a topic", topic);
    let data = fields.take(&["data", "payload"], scalars::any);
    fields.end()?;
    match topic {
        Some(topic) => Ok((topic, data.unwrap_or(Value::Null))),
        None => Err(Refusal::invalid("topic", "is missing; a topic is needed")),
    }
}

/// The same as what is asked of the fleet.
pub(crate) fn read_published(fields: Fields, source: Option<String>) -> Result<Mutation, Refusal> {
    let (topic, data) = read_publication(fields)?;
    Ok(Mutation::Publish {
        topic: topic.as_str().to_owned(),
        data,
        source,
    })
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "a field hands its value over"
)]
fn topic(value: Value) -> scalars::Reading<Topic> {
    let Some(text) = value.as_str() else {
        return Err(scalars::not_allowed(&value, Topic::ALLOWED));
    };
    Topic::parse(text).map_err(|invalid| {
        let shown = scalars::clipped(text, 96);
        format!(
            "{shown:?} is not allowed: {}; {}",
            invalid.fault,
            Topic::ALLOWED
        )
    })
}
