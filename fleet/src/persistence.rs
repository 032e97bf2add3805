//! Rows and events as bytes, and back.
//!
//! A row is `format 1 | JSON`, a key `format 1 | its bytes`, an event
//! `format 1 | time 8, little endian | length of the topic 1 | topic | JSON`: so that the log can be
//! listed at a start without reading what its events say. Fields that a newer version wrote are
//! passed over; those that an older one did not know get their defaults.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use agnt_store::{Batch, Reader, RowKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event_store::Log;
use crate::fleet::OpenError;
use crate::settings::FleetSettings;
use crate::tables::{RowChange, Tables};
use crate::topics::Topic;
use crate::{Event, Id, Timestamp};

const FORMAT: u8 = 1;

const NUMERIC_ID_NEXT: &[u8] = b"numeric_id_next";

/// An event as it went into the log.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) event: Arc<Event>,
    pub(crate) topic: Topic,
    /// How long it is there.
    pub(crate) bytes: usize,
}

/// What is known of an event without reading what it says.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) at: Timestamp,
    pub(crate) topic: Topic,
    pub(crate) bytes: usize,
}

/// For each change whether it is the last one of its row.
pub(crate) fn last_of_each(changes: &[RowChange]) -> Vec<bool> {
    let mut seen = HashSet::with_capacity(changes.len());
    let mut last: Vec<bool> = changes
        .iter()
        .rev()
        .map(|change| {
            let (kind, key) = place(change);
            seen.insert((kind, key))
        })
        .collect();
    last.reverse();
    last
}

/// Adds a change to what is committed.
pub(crate) fn put(batch: &mut Batch, change: &RowChange) -> serde_json::Result<()> {
    let (kind, key) = place(change);
    match value(change)? {
        Some(value) => batch.put(kind, key, value),
        None => batch.delete(kind, key),
    }
    Ok(())
}

/// Adds an event to what is committed.
pub(crate) fn log(batch: &mut Batch, event: &Arc<Event>) -> serde_json::Result<Logged> {
    let topic = topic_of(event);
    let mut bytes = Vec::with_capacity(512);
    bytes.push(FORMAT);
    bytes.extend(event.at.as_micros().to_le_bytes());
    // A topic has at most 255 bytes.
    bytes.push(topic.as_str().len() as u8);
    bytes.extend(topic.as_str().as_bytes());
    serde_json::to_writer(&mut bytes, &**event)?;
    let logged = Logged {
        event: Arc::clone(event),
        topic,
        bytes: bytes.len(),
    };
    batch.event(event.sequence, bytes);
    Ok(logged)
}

/// When an event happened and on which topic.
fn list(bytes: &[u8]) -> Result<Listing, String> {
    let (at, topic, _) = event_parts(bytes)?;
    Ok(Listing {
        at,
        topic: Topic::parse(topic).map_err(|error| error.to_string())?,
        bytes: bytes.len(),
    })
}

/// An event of the log.
pub(crate) fn event(bytes: &[u8]) -> Result<Event, String> {
    let (_, _, json) = event_parts(bytes)?;
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// All rows of the store.
pub(crate) fn load(reader: &Reader) -> Result<Tables, OpenError> {
    let mut tables = Tables::default();
    for kind in RowKind::ALL {
        // Those are in the store alone (see `idempotency`).
        if kind != RowKind::Idempotency {
            each_row(reader, kind, |key, value| {
                if let Some(change) = change(kind, key, value)? {
                    tables.apply(change);
                }
                Ok(())
            })?;
        }
    }
    Ok(tables)
}

/// The log of events, and when the newest of them happened.
pub(crate) fn load_log(
    reader: &Reader,
    settings: &FleetSettings,
) -> Result<(Log, Timestamp), OpenError> {
    let (oldest, _) = reader.event_bounds()?;
    let mut log = Log::new(settings, oldest);
    let mut newest_at = Timestamp::default();
    let mut failed = None;
    reader.events(oldest, |sequence, bytes| match list(bytes) {
        Ok(listing) => {
            newest_at = newest_at.max(listing.at);
            log.list(&listing);
            ControlFlow::Continue(())
        }
        Err(found) => {
            failed = Some((sequence, found));
            ControlFlow::Break(())
        }
    })?;
    match failed {
        None => Ok((log, newest_at)),
        Some((sequence, found)) => Err(OpenError::Row {
            kind: "events",
            key: sequence.to_string(),
            found,
        }),
    }
}

/// Reads all rows of a kind, up to the first that can't be.
pub(crate) fn each_row(
    reader: &Reader,
    kind: RowKind,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Result<(), OpenError> {
    reader.scan(kind, |key, value| {
        each(key, value).map_err(|found| OpenError::Row {
            kind: kind.name(),
            key: String::from_utf8_lossy(key).into_owned(),
            found,
        })
    })
}

/// The topic under which an event is listed. The rules check what clients publish on; what were
/// none would be listed under the type of its event.
fn topic_of(event: &Event) -> Topic {
    let checked = Topic::parse(&event.topic());
    checked.unwrap_or_else(|_| {
        Topic::parse(event.kind.event_type()).expect("every type of event is a topic")
    })
}

fn event_parts(bytes: &[u8]) -> Result<(Timestamp, &str, &[u8]), String> {
    let (&at, rest) = body(bytes)?.split_first_chunk::<8>().ok_or(CUT_OFF)?;
    let (&length, rest) = rest.split_first().ok_or(CUT_OFF)?;
    let (topic, json) = rest.split_at_checked(length.into()).ok_or(CUT_OFF)?;
    let topic = std::str::from_utf8(topic).map_err(|error| error.to_string())?;
    let at = Timestamp::from_micros(u64::from_le_bytes(at));
    Ok((at, topic, json))
}

const CUT_OFF: &str = "it is cut off";

/// Where a row is stored.
fn place(change: &RowChange) -> (RowKind, &[u8]) {
    match change {
        RowChange::Agent(id, _) => (RowKind::Agent, id.as_str().as_bytes()),
        RowChange::Task(id, _) => (RowKind::Task, id.as_str().as_bytes()),
        RowChange::Workflow(id, _) => (RowKind::Workflow, id.as_str().as_bytes()),
        RowChange::Command(id, _) => (RowKind::Command, id.as_str().as_bytes()),
        RowChange::Template(id, _) => (RowKind::Template, id.as_str().as_bytes()),
        RowChange::Answer(path, _) => (RowKind::Answer, path.as_bytes()),
        RowChange::Key(id, _) => (RowKind::Key, id.as_str().as_bytes()),
        RowChange::NumericIdNext(_) => (RowKind::Meta, NUMERIC_ID_NEXT),
    }
}

/// What is stored there, if anything.
fn value(change: &RowChange) -> serde_json::Result<Option<Vec<u8>>> {
    match change {
        RowChange::Agent(_, row) => json(row.as_deref()),
        RowChange::Task(_, row) => json(row.as_deref()),
        RowChange::Workflow(_, row) => json(row.as_deref()),
        RowChange::Command(_, row) => json(row.as_deref()),
        RowChange::Template(_, row) => json(row.as_deref()),
        RowChange::Answer(_, row) => json(row.as_deref()),
        RowChange::Key(_, row) => Ok(row.as_ref().map(|row| [&[FORMAT], row.as_slice()].concat())),
        RowChange::NumericIdNext(next) => json(Some(next)),
    }
}

fn json<R: Serialize>(row: Option<&R>) -> serde_json::Result<Option<Vec<u8>>> {
    let Some(row) = row else {
        return Ok(None);
    };
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, row)?;
    Ok(Some(bytes))
}

/// The change that makes a stored row anew; nothing for what this version does not know.
fn change(kind: RowKind, key: &[u8], value: &[u8]) -> Result<Option<RowChange>, String> {
    let id = || {
        let text = String::from_utf8_lossy(key);
        Id::new(&text).map_err(|error| format!("its key {error}"))
    };
    Ok(Some(match kind {
        RowKind::Agent => RowChange::Agent(id()?, Some(row(value)?)),
        RowKind::Task => RowChange::Task(id()?, Some(row(value)?)),
        RowKind::Workflow => RowChange::Workflow(id()?, Some(row(value)?)),
        RowKind::Command => RowChange::Command(id()?, Some(row(value)?)),
        RowKind::Template => RowChange::Template(id()?, Some(row(value)?)),
        RowKind::Answer => {
            let path: Cow<'_, str> = String::from_utf8_lossy(key);
            RowChange::Answer(path.into_owned(), Some(row(value)?))
        }
        RowKind::Key => RowChange::Key(id()?, Some(Arc::new(body(value)?.to_vec()))),
        RowKind::Meta if key == NUMERIC_ID_NEXT => RowChange::NumericIdNext(*row(value)?),
        RowKind::Meta | RowKind::Idempotency => return Ok(None),
    }))
}

fn row<R: DeserializeOwned>(value: &[u8]) -> Result<Arc<R>, String> {
    let row = serde_json::from_slice(body(value)?).map_err(|error| error.to_string())?;
    Ok(Arc::new(row))
}

fn body(value: &[u8]) -> Result<&[u8], String> {
    match value.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        Some((format, _)) => Err(format!("format {format}; {FORMAT} is allowed")),
        None => Err(CUT_OFF.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::agent::AgentStatus;
    use crate::task::TaskStatus;
    use crate::{EventKind, Fields};

    /// A row as its type makes it from this JSON, and back from its bytes.
    fn kept<R: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(given: Value) -> R {
        let made: R = serde_json::from_value(given).unwrap();
        let bytes = json(Some(&made)).unwrap().unwrap();
        assert_eq!(bytes[0], 1);
        let read: Arc<R> = row(&bytes).unwrap();
        assert_eq!(*read, made);
        made
    }

    #[test]
    fn rows_of_an_older_and_a_newer_version_are_read() {
        let task: crate::task::Task = kept(json!({
            "id": "t", "uuid": "t", "ordinal": 3, "type": "code", "priority": 5,
            "status": "pending", "created_at": 1, "updated_at": 2,
            "retry": { "max_attempts": 2, "backoff": "fixed" },
            "a field of next year": [1, { "x": null }],
        }));
        assert_eq!((task.ordinal, task.status), (3, TaskStatus::Pending));
        assert_eq!((task.attempt, task.progress, task.output), (0, 0, None));
        let agent: crate::agent::Agent = kept(json!({
            "id": "a", "ordinal": 0, "numeric_id": 0x1000_0000, "stream": "main",
            "capabilities": ["x"], "max_tasks": 1, "status": "busy", "registered_at": 1,
            "updated_at": 1, "current_tasks": 1, "is_from_the_future": true,
            "metadata": { "large": 18_446_744_073_709_551_615_u64, "small": -1.5e-7 },
        }));
        assert_eq!((agent.status, agent.is_paused), (AgentStatus::Busy, false));
    }

    fn logged(kind: EventKind) -> (Arc<Event>, Vec<u8>) {
        let event = Arc::new(Event {
            sequence: 1,
            id: Id::unique(),
            at: Timestamp::from_micros(0x0102),
            source: Some("somebody".to_owned()),
            target: None,
            correlation_id: None,
            kind,
        });
        let mut batch = Batch::new();
        let logged = log(&mut batch, &event).unwrap();
        let mut bytes = vec![1, 2, 1, 0, 0, 0, 0, 0, 0];
        bytes.push(logged.topic.as_str().len() as u8);
        bytes.extend(logged.topic.as_str().as_bytes());
        serde_json::to_writer(&mut bytes, &*event).unwrap();
        assert_eq!(logged.bytes, bytes.len());
        (event, bytes)
    }

    #[test]
    fn events_are_listed_without_reading_them_and_read_as_they_were() {
        let brief = crate::event::TaskBrief {
            task_id: Id::new("t").unwrap(),
            task_uuid: Id::unique(),
            task_type: Id::new("code").unwrap(),
            priority: serde_json::from_value(json!(5)).unwrap(),
            status: TaskStatus::Timeout,
            agent_id: None,
            workflow_id: None,
            stage: Some("build".to_owned()),
            project_id: None,
        };
        let finished = EventKind::TaskFinished {
            task: brief,
            execution_ms: u64::MAX,
            output: Some(Fields::from_iter([("x".to_owned(), json!([1.5]))])),
            error: Some("late".to_owned()),
        };
        let publication = |topic: &str| EventKind::Publication {
            topic: topic.to_owned(),
            data: json!(null),
        };
        for (kind, topic) in [
            (finished, "task.code.failed"),
            (publication("a.b"), "a.b"),
            (publication("no topic"), "publication"),
        ] {
            let (event, bytes) = logged(kind);
            let listing = list(&bytes).unwrap();
            assert_eq!(listing.topic.as_str(), topic);
            assert_eq!((listing.at, listing.bytes), (event.at, bytes.len()));
            assert_eq!(super::event(&bytes).unwrap(), *event);
            for length in 0..bytes.len() {
                assert!(super::event(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(body(&[2, 7]), Err("format 2; 1 is allowed".to_owned()));
        assert!(body(&[]).is_err());
        assert_eq!(body(&[1, 7]), Ok(&[7][..]));
    }

    #[test]
    fn the_last_change_of_each_row_is_marked() {
        let id = |text| Id::new(text).unwrap();
        let changes = [
            RowChange::Agent(id("x"), None),
            RowChange::Task(id("x"), None),
            RowChange::NumericIdNext(1),
            RowChange::Agent(id("y"), None),
            RowChange::Agent(id("x"), None),
            RowChange::NumericIdNext(2),
        ];
        let last = last_of_each(&changes);
        assert_eq!(last, [false, true, false, true, true, true]);
    }
}
