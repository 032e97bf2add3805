//! What a subscriber was told by one message: the JSON of a socket, or of a stream's `data`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::{Context, Failure, Result};

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An event; `number` if it is a publication of this run.
    Event {
        /// Where it stands.
        sequence: u64,
        /// Which publication it is.
        number: Option<usize>,
    },
    /// Events that are no longer kept.
    Gap,
    /// The subscription stands.
    Subscribed,
    /// Something else.
    Other,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    publication: Option<Publication<'a>>,
    sequence: Option<u64>,
    #[serde(borrow)]
    subscribed: Option<&'a RawValue>,
    #[serde(borrow)]
    gap: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Publication<'a> {
    sequence: u64,
    #[serde(borrow)]
    topic: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Data {
    number: usize,
}

/// Reads a message; publications on `topic` are those of this run.
pub(crate) fn parse(text: &[u8], topic: &str) -> Result<Heard> {
    let message: Message<'_> = serde_json::from_slice(text).context("a subscriber's message")?;
    if let Some(error) = message.error {
        return Err(Failure::new(format!("a subscriber was told: {error}")));
    }
    if let Some(publication) = message.publication {
        let own = publication.topic.get().trim_matches('"') == topic;
        let number = match own {
            true => {
                let data: Data = serde_json::from_str(publication.data.get()).context("data")?;
                Some(data.number)
            }
            false => None,
        };
        let sequence = publication.sequence;
        return Ok(Heard::Event { sequence, number });
    }
    Ok(match (message.sequence, message.gap, message.subscribed) {
        (_, Some(_), _) => Heard::Gap,
        (_, _, Some(_)) => Heard::Subscribed,
        (Some(sequence), ..) => Heard::Event {
            sequence,
            number: None,
        },
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_of_the_run_are_told_from_those_of_others() {
        let text =
            br#"{"publication":{"topic":"load.a","data":{"number":3},"id":"x","sequence":9}}"#;
        let event = |number| Heard::Event {
            sequence: 9,
            number,
        };
        assert_eq!(parse(text, "load.a").unwrap(), event(Some(3)));
        assert_eq!(parse(text, "load.b").unwrap(), event(None));
        let fact = br#"{"id":"x","event_type":"task.created","payload":{},"sequence":9}"#;
        assert_eq!(parse(fact, "load.a").unwrap(), event(None));
    }

    #[test]
    fn what_is_no_event_is_told_apart() {
        let gap = br#"{"gap":{"from":1,"to":2,"reason":"retention"}}"#;
        assert_eq!(parse(gap, "t").unwrap(), Heard::Gap);
        let subscribed = br#"{"subscribed":{"from":0,"topics":[">"]}}"#;
        assert_eq!(parse(subscribed, "t").unwrap(), Heard::Subscribed);
        assert_eq!(parse(b"{}", "t").unwrap(), Heard::Other);
        assert!(parse(br#"{"error":{"code":"X"}}"#, "t").is_err());
        assert!(parse(b"no JSON", "t").is_err());
    }
}
