//! Heartbeats: what an agent says of itself.

use agnt_fleet::agent::{AgentStatus, Vitals};
use agnt_fleet::{Fields, Refusal, Timestamp};
use serde_json::Value;

use super::agent::{AGENT_ID, status};
use super::fields::FieldReader;
use super::scalars::{integer, number};
use crate::limits::OTHER_METRICS_BYTES_MAX;

/// A heartbeat (document B, `agents/{agent_id}/heartbeat`).
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// What the agent says that it is doing.
    pub status: Option<AgentStatus>,
    /// How it fares.
    pub vitals: Vitals,
}

/// The largest amount of memory or disk, in MB.
const MEGABYTES_MAX: f64 = 1e15;

/// Bytes of a megabyte.
const BYTES_PER_MB: f64 = 1_000_000.0;

/// Reads a heartbeat in either document's words; `current_tasks` is what the fleet knows where the
/// agent does not say.
pub fn read_heartbeat(
    fields: Fields,
    current_tasks: u32,
    now: Timestamp,
) -> Result<Heartbeat, Refusal> {
    let mut fields = FieldReader::new(fields);
    let count = |value| integer(value, 0, u64::from(u32::MAX)).map(|count| count as u32);
    let mut vitals = Vitals {
        last_heartbeat: now,
        current_tasks: fields.take(&["current_tasks"], count),
        ..Vitals::default()
    };
    let current_tasks = vitals.current_tasks.unwrap_or(current_tasks);
    let status = fields.take(&["status"], |value| status(value, current_tasks));
    for group in ["performance_metrics", "resource_usage"] {
        let Some(mut inner) = fields.enter(group) else {
            continue;
        };
        read_figures(&mut inner, &mut vitals);
        vitals.other.extend(fields.leave(inner));
    }
    read_figures(&mut fields, &mut vitals);
    fields.drop_shown(AGENT_ID);
    fields.drop_shown(&["timestamp", "status_detail"]);
    vitals.other.extend(fields.metadata());
    let other_bytes = Value::from(vitals.other.clone()).to_string().len();
    if other_bytes > OTHER_METRICS_BYTES_MAX {
        fields.refuse(
            "performance_metrics",
            format!(
                "other figures than the known have {other_bytes} bytes; at most \
                 {OTHER_METRICS_BYTES_MAX} are allowed"
            ),
        );
    }
    fields.end()?;
    Ok(Heartbeat { status, vitals })
}

fn read_figures(fields: &mut FieldReader, vitals: &mut Vitals) {
    let percent = |value| number(value, 0.0, 100.0);
    let bytes = |value| {
        let megabytes = number(value, 0.0, MEGABYTES_MAX)?;
        Ok((megabytes * BYTES_PER_MB).round() as u64)
    };
    let queue = |value| integer(value, 0, u64::from(u32::MAX));
    set(
        &mut vitals.cpu_percent,
        fields.take(&["cpu_usage", "cpu_percent"], percent),
    );
    let memory = fields.take(&["memory_usage", "memory_percent"], percent);
    set(&mut vitals.memory_percent, memory);
    set(&mut vitals.memory_bytes, fields.take(&["memory_mb"], bytes));
    set(&mut vitals.disk_bytes, fields.take(&["disk_mb"], bytes));
    set(
        &mut vitals.task_queue_size,
        fields.take(&["task_queue_size"], queue),
    );
}

fn set<T>(figure: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *figure = given;
    }
}
