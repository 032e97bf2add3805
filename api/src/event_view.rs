//! Events in both documents' envelopes, for answers, streams and sessions alike.

use std::borrow::Cow;

use agnt_fleet::{Event, EventKind, Id};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::dialect::Dialect;
use crate::event_payload::Payload;
use crate::view::Moment;

/// An event as a dialect tells it.
///
/// Document A: `{"type":"event","id","timestamp","event_type","payload"}` (ruling 51). Document B:
/// `{"id","timestamp","event_type","source_agent","target_agent","correlation_id","payload","topic",
/// "sequence"}`, and clients' publications as `{"publication":{...}}` (ruling 54).
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    dialect: Dialect,
    event: &'a Event,
    is_placed: bool,
}

impl<'a> EventView<'a> {
    /// The envelope of the documents.
    pub const fn new(dialect: Dialect, event: &'a Event) -> Self {
        Self {
            dialect,
            event,
            is_placed: false,
        }
    }

    /// The same with topic and sequence, which document B's has anyway.
    pub const fn placed(dialect: Dialect, event: &'a Event) -> Self {
        Self {
            dialect,
            event,
            is_placed: true,
        }
    }
}

/// What a dialect calls an event of this kind: `task_completed` in document A is every end of a
/// task (ruling 55).
pub fn event_type(dialect: Dialect, kind: &EventKind) -> Cow<'static, str> {
    match (dialect, kind) {
        (Dialect::B, kind) => Cow::Borrowed(kind.event_type()),
        (Dialect::A, EventKind::AgentStatusChanged { .. }) => Cow::Borrowed("agent_status_changed"),
        (Dialect::A, EventKind::TaskAssigned(_)) => Cow::Borrowed("task_assigned"),
        (Dialect::A, EventKind::TaskFinished { .. }) => Cow::Borrowed("task_completed"),
        (Dialect::A, EventKind::SystemAlert { .. }) => Cow::Borrowed("system_alert"),
        (Dialect::A, kind) => Cow::Owned(kind.event_type().replace('.', "_")),
    }
}

impl Serialize for EventView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.dialect, &self.event.kind) {
            (Dialect::A, _) => self.serialize_a(serializer),
            (Dialect::B, EventKind::Publication { topic, data }) => {
                let publication = PublicationView {
                    topic,
                    data,
                    id: self.event.id.as_str(),
                    timestamp: Moment(self.event.at),
                    sequence: self.event.sequence,
                    source: self.event.source.as_deref(),
                };
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("publication", &publication)?;
                map.end()
            }
            (Dialect::B, _) => self.serialize_b(serializer),
        }
    }
}

impl EventView<'_> {
    fn serialize_a<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "event")?;
        map.serialize_entry("id", event.id.as_str())?;
        map.serialize_entry("timestamp", &Moment(event.at))?;
        map.serialize_entry("event_type", &event_type(Dialect::A, &event.kind))?;
        map.serialize_entry("payload", &Payload::new(Dialect::A, event))?;
        if self.is_placed {
            map.serialize_entry("topic", &event.topic())?;
            map.serialize_entry("sequence", &event.sequence)?;
        }
        map.end()
    }

    fn serialize_b<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", event.id.as_str())?;
        map.serialize_entry("timestamp", &Moment(event.at))?;
        map.serialize_entry("event_type", event.kind.event_type())?;
        let known = [
            ("source_agent", event.source.as_deref()),
            ("target_agent", event.target.as_ref().map(Id::as_str)),
            ("correlation_id", event.correlation_id.as_deref()),
        ];
        for (name, text) in known {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        map.serialize_entry("payload", &Payload::new(Dialect::B, event))?;
        map.serialize_entry("topic", &event.topic())?;
        map.serialize_entry("sequence", &event.sequence)?;
        map.end()
    }
}

/// What a client published (document B, Publish-Subscribe Pattern).
#[derive(Serialize)]
struct PublicationView<'a> {
    topic: &'a str,
    data: &'a Value,
    id: &'a str,
    timestamp: Moment,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}
