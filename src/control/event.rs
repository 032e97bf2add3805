//! A message as the server passes it on or says it itself: finished text.
//!
//! What came from a peer keeps its id, type, timestamp, payload, metadata and members of its own,
//! byte for byte where nothing was computed. What is added is the log's `sequence`, and `log` where
//! it isn't the log of events.

use std::borrow::Cow;

use serde_json::value::RawValue;
use uuid::Uuid;

use super::envelope::Envelope;
use super::fields::{Members, quoted};
use super::moment::Moment;
use crate::domain::Priority;

/// An object without members.
const EMPTY: &str = "{}";

/// A log and a message's number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The log's name, if it isn't the log of events.
    pub log: Option<&'static str>,
    /// The message's number.
    pub sequence: u64,
}

/// The message; see the module.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its type.
    pub kind: Cow<'a, str>,
    /// When it was made.
    pub timestamp: Cow<'a, str>,
    /// What it says, as JSON.
    pub payload: Cow<'a, str>,
    /// Its metadata, as JSON.
    pub metadata: Option<Cow<'a, str>>,
    /// Members beside those of document C.
    pub rest: Members<'a>,
    /// How urgent it is.
    pub priority: Priority,
}

impl<'a> Event<'a> {
    /// A peer's message; it gets an id and a time if it has none.
    pub fn of(envelope: &Envelope<'a>, now: Moment) -> Self {
        let timestamp = envelope.timestamp.clone();
        let payload = envelope.payload.map_or(EMPTY, RawValue::get);
        Self {
            id: envelope.id.clone().unwrap_or_else(|| Cow::Owned(new_id())),
            kind: envelope.kind.clone(),
            timestamp: timestamp.unwrap_or_else(|| Cow::Owned(now.iso_8601())),
            payload: Cow::Borrowed(payload),
            metadata: envelope
                .metadata
                .as_ref()
                .map(|it| Cow::Owned(it.with(&[]))),
            rest: envelope.rest.clone(),
            priority: envelope.priority.unwrap_or_default(),
        }
    }

    /// The server's own message.
    pub fn own(kind: &'static str, payload: String, now: Moment) -> Self {
        Self {
            id: Cow::Owned(new_id()),
            kind: Cow::Borrowed(kind),
            timestamp: Cow::Owned(now.iso_8601()),
            payload: Cow::Owned(payload),
            metadata: None,
            rest: Members::new(),
            priority: Priority::Normal,
        }
    }

    /// The same with a computed payload.
    #[must_use]
    pub fn saying(self, payload: String) -> Self {
        Self {
            payload: Cow::Owned(payload),
            ..self
        }
    }

    /// The same with `metadata.correlationId` set.
    #[must_use]
    pub fn correlated(self, envelope: &Envelope<'_>, correlation_id: &str) -> Self {
        let set = [("correlationId", &*quoted(correlation_id))];
        let metadata = match &envelope.metadata {
            Some(metadata) => metadata.with(&set),
            None => format!("{{{}:{}}}", quoted(set[0].0), set[0].1),
        };
        Self {
            metadata: Some(Cow::Owned(metadata)),
            ..self
        }
    }

    /// Appends the text.
    pub fn write(&self, place: Option<LogPlace>, out: &mut Vec<u8>) {
        let texts = [
            ("id", &self.id),
            ("type", &self.kind),
            ("timestamp", &self.timestamp),
        ];
        let mut sign = '{';
        let mut member = |name: &str, json: &str| {
            out.extend_from_slice(format!("{sign}{}:", quoted(name)).as_bytes());
            out.extend_from_slice(json.as_bytes());
            sign = ',';
        };
        for (name, text) in texts {
            member(name, &quoted(text));
        }
        member("payload", &self.payload);
        if let Some(metadata) = &self.metadata {
            member("metadata", metadata);
        }
        for (name, raw) in &self.rest {
            member(name, raw.get());
        }
        if let Some(place) = place {
            member("sequence", &place.sequence.to_string());
            if let Some(log) = place.log {
                member("log", &quoted(log));
            }
        }
        out.push(b'}');
    }

    /// The text of a message that is in no log.
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        self.write(None, &mut text);
        // Everything that was written is text.
        String::from_utf8(text).unwrap_or_default()
    }
}

/// An id for a message of the server, or for a peer's that has none.
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn written(event: &Event<'_>, place: Option<LogPlace>) -> String {
        let mut text = b"before".to_vec();
        event.write(place, &mut text);
        String::from_utf8(text)
            .expect("text")
            .split_off("before".len())
    }

    #[test]
    fn what_came_goes_on_as_it_came_with_its_place_in_the_log() {
        let text = r#"{"x-own" : [1, 2],"id":"msg\u002d1","type":"agent.state.changed",
            "timestamp":"2024-01-10T12:00:00Z","payload": { "agentId" : "a", "n": 1.50 },
            "metadata":{"priority":"critical", "ttl" : 5},"sequence":99}"#;
        let envelope = Envelope::parse(text, 1 << 16).expect("good");
        let event = Event::of(&envelope, Moment::of(Instant::now()));
        let place = LogPlace {
            log: Some("critical"),
            sequence: 7,
        };
        assert_eq!(
            written(&event, Some(place)),
            concat!(
                r#"{"id":"msg-1","type":"agent.state.changed","timestamp":"2024-01-10T12:00:00Z","#,
                r#""payload":{ "agentId" : "a", "n": 1.50 },"metadata":{"priority":"critical","ttl":5},"#,
                r#""x-own":[1, 2],"sequence":7,"log":"critical"}"#
            )
        );
        assert_eq!(event.priority, Priority::Critical);
        let answered = event.correlated(&envelope, "m\"2");
        assert_eq!(
            answered.metadata.as_deref(),
            Some(r#"{"priority":"critical","ttl":5,"correlationId":"m\"2"}"#)
        );
    }

    #[test]
    fn what_is_missing_is_given() {
        let envelope = Envelope::parse(r#"{"type":"x","payload":{}}"#, 1 << 16).expect("good");
        let now = Moment {
            instant: Instant::now(),
            unix_ms: 1_704_888_000_000,
        };
        let event = Event::of(&envelope, now);
        assert_eq!(
            Uuid::parse_str(&event.id).map(|id| id.get_version_num()),
            Ok(7)
        );
        assert_eq!(event.timestamp, "2024-01-10T12:00:00.000Z");
        assert_eq!(
            (event.priority, event.metadata.is_none()),
            (Priority::Normal, true)
        );
        let text = written(
            &event,
            Some(LogPlace {
                log: None,
                sequence: 1,
            }),
        );
        assert!(text.ends_with(r#""payload":{},"sequence":1}"#), "{text}");
        let own = Event::own("system.metrics", r#"{"a":1}"#.to_owned(), now);
        let value: serde_json::Value = serde_json::from_str(&own.to_text()).expect("JSON");
        assert_eq!(
            (&value["type"], &value["payload"]["a"]),
            (&"system.metrics".into(), &1.into())
        );
        assert!(value.get("sequence").is_none() && value.get("metadata").is_none());
    }
}
