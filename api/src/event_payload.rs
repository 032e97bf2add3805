//! What events say, in both documents' words.
//!
//! Document A names four kinds and their fields, which are shown exactly; its other kinds say what
//! document B's do, with A's ids, priorities and statuses.

use agnt_fleet::event::{TaskBrief, WorkflowBrief};
use agnt_fleet::{Event, EventKind, Id};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::dialect::Dialect;
use crate::view::{Moment, agent_status, task_status};

/// The payload of an event.
pub(crate) struct Payload<'a> {
    dialect: Dialect,
    event: &'a Event,
}

impl<'a> Payload<'a> {
    pub(crate) const fn new(dialect: Dialect, event: &'a Event) -> Self {
        Self { dialect, event }
    }
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.dialect {
            Dialect::A if self.is_named_in_a() => self.write_as_named_in_a(&mut map)?,
            dialect => {
                write_agent_kinds(&mut map, dialect, &self.event.kind)?;
                write_task_kinds(&mut map, dialect, &self.event.kind)?;
                write_workflow_kinds(&mut map, &self.event.kind)?;
                write_other_kinds(&mut map, dialect, &self.event.kind)?;
            }
        }
        map.end()
    }
}

impl Payload<'_> {
    fn is_named_in_a(&self) -> bool {
        matches!(
            self.event.kind,
            EventKind::AgentStatusChanged { .. }
                | EventKind::TaskAssigned(_)
                | EventKind::TaskFinished { .. }
                | EventKind::SystemAlert { .. }
        )
    }

    /// Exactly the fields of document A, `event_types` (ruling 51).
    fn write_as_named_in_a<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.event.kind {
            EventKind::AgentStatusChanged {
                agent_id,
                old_status,
                new_status,
                ..
            } => {
                map.serialize_entry("agent_id", agent_id.as_str())?;
                map.serialize_entry("old_status", old_status.as_str())?;
                map.serialize_entry("new_status", new_status.as_str())?;
                map.serialize_entry("timestamp", &Moment(self.event.at))
            }
            EventKind::TaskAssigned(task) => {
                map.serialize_entry("task_id", task.task_uuid.as_str())?;
                map.serialize_entry("agent_id", &task.agent_id.as_ref().map(Id::as_str))?;
                map.serialize_entry("task_type", task.task_type.as_str())?;
                map.serialize_entry("priority", &task.priority.level())
            }
            EventKind::TaskFinished {
                task, execution_ms, ..
            } => {
                map.serialize_entry("task_id", task.task_uuid.as_str())?;
                map.serialize_entry("agent_id", &task.agent_id.as_ref().map(Id::as_str))?;
                map.serialize_entry("status", task.status.as_str())?;
                map.serialize_entry("execution_time_ms", execution_ms)
            }
            EventKind::SystemAlert {
                severity,
                component,
                message,
                details,
            } => {
                map.serialize_entry("severity", severity)?;
                map.serialize_entry("component", component)?;
                map.serialize_entry("message", message)?;
                map.serialize_entry("details", details)
            }
            _ => Ok(()),
        }
    }
}

fn write_agent_kinds<M: SerializeMap>(
    map: &mut M,
    dialect: Dialect,
    kind: &EventKind,
) -> Result<(), M::Error> {
    match kind {
        EventKind::AgentRegistered {
            agent_id,
            numeric_id,
            stream,
            agent_type,
            name,
            capabilities,
            is_refreshed,
        } => {
            map.serialize_entry("agent_id", agent_id.as_str())?;
            write_if_any(map, "type", agent_type.as_deref())?;
            write_if_any(map, "name", name.as_deref())?;
            map.serialize_entry("capabilities", capabilities)?;
            map.serialize_entry("numeric_id", numeric_id)?;
            map.serialize_entry("stream", stream)?;
            map.serialize_entry("refreshed", is_refreshed)
        }
        EventKind::AgentUpdated {
            agent_id,
            capabilities_added,
            capabilities_removed,
        } => {
            map.serialize_entry("agent_id", agent_id.as_str())?;
            map.serialize_entry("capabilities_added", capabilities_added)?;
            map.serialize_entry("capabilities_removed", capabilities_removed)
        }
        EventKind::AgentStatusChanged {
            agent_id,
            old_status,
            new_status,
            reason,
        } => {
            map.serialize_entry("agent_id", agent_id.as_str())?;
            map.serialize_entry("old_status", agent_status(dialect, *old_status))?;
            map.serialize_entry("new_status", agent_status(dialect, *new_status))?;
            map.serialize_entry("old_status_detail", old_status.as_str())?;
            map.serialize_entry("new_status_detail", new_status.as_str())?;
            map.serialize_entry("reason", reason)
        }
        EventKind::AgentRemoved {
            agent_id,
            numeric_id,
            stream,
        } => {
            map.serialize_entry("agent_id", agent_id.as_str())?;
            map.serialize_entry("numeric_id", numeric_id)?;
            map.serialize_entry("stream", stream)
        }
        _ => Ok(()),
    }
}

fn write_task_kinds<M: SerializeMap>(
    map: &mut M,
    dialect: Dialect,
    kind: &EventKind,
) -> Result<(), M::Error> {
    let Some(task) = kind.task() else {
        return Ok(());
    };
    write_task(map, dialect, task)?;
    match kind {
        EventKind::TaskProgress {
            progress,
            details,
            estimated_completion,
            ..
        } => {
            map.serialize_entry("progress", progress)?;
            if let Some(details) = details {
                map.serialize_entry("details", details)?;
            }
            if let Some(at) = estimated_completion {
                map.serialize_entry("estimated_completion", &Moment(*at))?;
            }
            Ok(())
        }
        EventKind::TaskRetried {
            attempt,
            error,
            retry_at,
            ..
        } => {
            map.serialize_entry("attempt", attempt)?;
            write_if_any(map, "error", error.as_deref())?;
            match retry_at {
                Some(at) => map.serialize_entry("retry_at", &Moment(*at)),
                None => Ok(()),
            }
        }
        EventKind::TaskFinished {
            execution_ms,
            output,
            error,
            ..
        } => {
            // Seconds, as everywhere in document B (decision X21).
            map.serialize_entry("execution_time", &(*execution_ms as f64 / 1000.0))?;
            if let Some(output) = output {
                map.serialize_entry("output_data", output)?;
            }
            write_if_any(map, "error", error.as_deref())
        }
        _ => Ok(()),
    }
}

fn write_task<M: SerializeMap>(
    map: &mut M,
    dialect: Dialect,
    task: &TaskBrief,
) -> Result<(), M::Error> {
    match dialect {
        Dialect::A => {
            map.serialize_entry("task_id", task.task_uuid.as_str())?;
            map.serialize_entry("task_type", task.task_type.as_str())?;
            map.serialize_entry("priority", &task.priority.level())?;
        }
        Dialect::B => {
            map.serialize_entry("task_id", task.task_id.as_str())?;
            map.serialize_entry("task_type", task.task_type.as_str())?;
            map.serialize_entry("priority", task.priority.word().as_str())?;
        }
    }
    map.serialize_entry("status", task_status(dialect, task.status))?;
    write_if_any(map, "agent_id", task.agent_id.as_ref().map(Id::as_str))?;
    write_if_any(
        map,
        "workflow_id",
        task.workflow_id.as_ref().map(Id::as_str),
    )?;
    write_if_any(map, "stage", task.stage.as_deref())?;
    write_if_any(map, "project_id", task.project_id.as_deref())
}

fn write_workflow_kinds<M: SerializeMap>(map: &mut M, kind: &EventKind) -> Result<(), M::Error> {
    let Some(workflow) = kind.workflow() else {
        return Ok(());
    };
    write_workflow(map, workflow)?;
    match kind {
        EventKind::WorkflowStageCompleted {
            stage,
            stage_status,
            task_id,
            error,
            ..
        } => {
            map.serialize_entry("stage", stage)?;
            map.serialize_entry("stage_status", stage_status.as_str())?;
            write_if_any(map, "task_id", task_id.as_ref().map(Id::as_str))?;
            write_if_any(map, "error", error.as_deref())
        }
        EventKind::WorkflowFinished { error, .. } => write_if_any(map, "error", error.as_deref()),
        _ => Ok(()),
    }
}

fn write_workflow<M: SerializeMap>(map: &mut M, workflow: &WorkflowBrief) -> Result<(), M::Error> {
    map.serialize_entry("workflow_id", workflow.workflow_id.as_str())?;
    write_if_any(map, "project_id", workflow.project_id.as_deref())?;
    write_if_any(map, "name", workflow.name.as_deref())?;
    map.serialize_entry("status", workflow.workflow_status.as_str())
}

fn write_other_kinds<M: SerializeMap>(
    map: &mut M,
    dialect: Dialect,
    kind: &EventKind,
) -> Result<(), M::Error> {
    match kind {
        EventKind::CommandIssued {
            command_id,
            agent_id,
            kind,
            verb,
            priority,
        } => {
            map.serialize_entry("command_id", command_id.as_str())?;
            map.serialize_entry("agent_id", agent_id.as_str())?;
            map.serialize_entry("kind", kind)?;
            map.serialize_entry("command_type", verb)?;
            match dialect {
                Dialect::A => map.serialize_entry("priority", &priority.level()),
                Dialect::B => map.serialize_entry("priority", priority.word().as_str()),
            }
        }
        EventKind::CommandFinished {
            command_id,
            agent_id,
            kind,
            verb,
            status,
            result,
            errors,
        } => {
            map.serialize_entry("command_id", command_id.as_str())?;
            map.serialize_entry("agent_id", agent_id.as_str())?;
            map.serialize_entry("kind", kind)?;
            map.serialize_entry("command_type", verb)?;
            map.serialize_entry("status", status.as_str())?;
            if let Some(result) = result {
                map.serialize_entry("result", result)?;
            }
            map.serialize_entry::<str, [Value]>("errors", errors)
        }
        EventKind::Publication { topic, data } => {
            map.serialize_entry("topic", topic)?;
            map.serialize_entry("data", data)
        }
        EventKind::SystemAlert {
            severity,
            component,
            message,
            details,
        } => {
            map.serialize_entry("severity", severity)?;
            map.serialize_entry("component", component)?;
            map.serialize_entry("message", message)?;
            map.serialize_entry("details", details)
        }
        _ => Ok(()),
    }
}

fn write_if_any<M: SerializeMap>(
    map: &mut M,
    name: &str,
    text: Option<&str>,
) -> Result<(), M::Error> {
    match text {
        Some(text) => map.serialize_entry(name, text),
        None => Ok(()),
    }
}
