//! What filters look into: an event, then its task, then its workflow (ruling 40).

use std::borrow::Cow;
use std::sync::Arc;

use agnt_fleet::command::Command;
use agnt_fleet::event::TaskBrief;
use agnt_fleet::tables::Tables;
use agnt_fleet::task::{Task, TaskStatus};
use agnt_fleet::topics::{Lookup, Subject};
use agnt_fleet::workflow::Workflow;
use agnt_fleet::{Event, EventKind, Fields};
use serde_json::Value;

/// Keys that only tasks and workflows have: an event of another kind passes a demand on them.
const WORK_KEYS: [&str; 12] = [
    "priority",
    "priority_level",
    "project_id",
    "task_id",
    "task_type",
    "type",
    "workflow_id",
    "parent_workflow_id",
    "stage",
    "progress",
    "assigned_agent",
    "failure_strategy",
];

/// An event and what it is about.
#[derive(Debug)]
pub struct EventSubject {
    /// What the event itself says.
    fields: Fields,
    task: Option<Arc<Task>>,
    workflow: Option<Arc<Workflow>>,
    command: Option<Arc<Command>>,
    is_work: bool,
}

impl EventSubject {
    /// The subject of an event; what it is about is as it is now.
    pub fn of(event: &Event, rows: &Tables) -> Self {
        let task = event.kind.task();
        let workflow_id = match event.kind.workflow() {
            Some(workflow) => Some(&workflow.workflow_id),
            None => task.and_then(|task| task.workflow_id.as_ref()),
        };
        let command_id = match &event.kind {
            EventKind::CommandIssued { command_id, .. }
            | EventKind::CommandFinished { command_id, .. } => Some(command_id),
            _ => None,
        };
        Self {
            command: command_id.and_then(|id| rows.commands.find(id.as_str()).cloned()),
            ..Self::new(
                event,
                task.and_then(|task| rows.tasks.find(task.task_id.as_str()).cloned()),
                workflow_id.and_then(|id| rows.workflows.find(id.as_str()).cloned()),
            )
        }
    }

    /// The command that the event is about.
    pub fn command(&self) -> Option<&Arc<Command>> {
        self.command.as_ref()
    }

    fn new(event: &Event, task: Option<Arc<Task>>, workflow: Option<Arc<Workflow>>) -> Self {
        let payload = serde_json::to_value(&event.kind).unwrap_or_default();
        let payload = match payload {
            Value::Object(mut tagged) => tagged.remove("payload"),
            _ => None,
        };
        let mut fields = match payload {
            Some(Value::Object(fields)) => fields,
            _ => Fields::new(),
        };
        if let EventKind::Publication {
            data: Value::Object(data),
            ..
        } = &event.kind
        {
            for (key, value) in data {
                fields.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        if let Some(brief) = event.kind.task() {
            tell_task(brief, &mut fields);
        }
        for (key, value) in [
            ("source_agent", event.source.as_deref()),
            (
                "target_agent",
                event.target.as_ref().map(agnt_fleet::Id::as_str),
            ),
            ("correlation_id", event.correlation_id.as_deref()),
        ] {
            if let Some(value) = value {
                fields.insert(key.to_owned(), value.into());
            }
        }
        fields.insert("event_type".to_owned(), event.kind.event_type().into());
        // A null says that there is nothing.
        fields.retain(|_, value| !value.is_null());
        let is_publication = matches!(event.kind, EventKind::Publication { .. });
        Self {
            fields,
            is_work: is_publication
                || event.kind.task().is_some()
                || event.kind.workflow().is_some(),
            task,
            workflow,
            command: None,
        }
    }
}

/// What a task is called in both documents.
fn tell_task(brief: &TaskBrief, fields: &mut Fields) {
    fields.insert("type".to_owned(), brief.task_type.as_str().into());
    fields.insert("priority".to_owned(), brief.priority.level().into());
    let status = match brief.status {
        TaskStatus::Running => Value::from(vec!["running", "in_progress"]),
        other => other.as_str().into(),
    };
    fields.insert("status".to_owned(), status);
    if let Some(workflow) = &brief.workflow_id {
        fields.insert("parent_workflow_id".to_owned(), workflow.as_str().into());
    }
    if let Some(agent) = &brief.agent_id {
        fields.insert("assigned_agent".to_owned(), agent.as_str().into());
    }
}

impl Subject for EventSubject {
    fn value(&self, key: &str) -> Lookup<'_> {
        if let Some(value) = self.fields.get(key) {
            return Lookup::Value(Cow::Borrowed(value));
        }
        if let Some(task) = &self.task {
            let found = [&task.metadata, &task.input]
                .into_iter()
                .find_map(|it| it.get(key));
            if let Some(found) = found {
                return Lookup::Value(Cow::Borrowed(found));
            }
        }
        if let Some(workflow) = &self.workflow {
            let own = match key {
                "project_id" => workflow.project_id.clone().map(Value::from),
                "name" => workflow.name.clone().map(Value::from),
                "workflow_id" => Some(workflow.id.as_str().into()),
                "priority" => Some(workflow.priority.level().into()),
                _ => None,
            };
            if let Some(own) = own {
                return Lookup::Value(Cow::Owned(own));
            }
            if let Some(found) = workflow.metadata.get(key) {
                return Lookup::Value(Cow::Borrowed(found));
            }
        }
        match self.is_work || !WORK_KEYS.contains(&key) {
            true => Lookup::Missing,
            false => Lookup::NotApplicable,
        }
    }
}

#[cfg(test)]
mod tests {
    use agnt_fleet::topics::Filter;
    use agnt_fleet::{Id, Priority, Timestamp};
    use serde_json::json;

    use super::*;

    fn event(kind: EventKind) -> Event {
        Event {
            sequence: 1,
            id: Id::new("e").unwrap(),
            at: Timestamp::default(),
            source: None,
            target: None,
            correlation_id: None,
            kind,
        }
    }

    fn task(level: u8, project: Option<&str>) -> EventKind {
        EventKind::TaskCreated(TaskBrief {
            task_id: Id::new("t").unwrap(),
            task_uuid: Id::new("u").unwrap(),
            task_type: Id::new("code_generation").unwrap(),
            priority: Priority::new(level).unwrap(),
            status: TaskStatus::Running,
            agent_id: None,
            workflow_id: None,
            stage: None,
            project_id: project.map(str::to_owned),
        })
    }

    fn passes(filter: &Value, kind: EventKind) -> bool {
        let filter = Filter::read(filter).unwrap();
        filter.passes(&EventSubject::new(&event(kind), None, None))
    }

    #[test]
    fn document_b_s_filter_asks_for_urgent_tasks_of_a_project() {
        let filter = json!({"priority": ["high", "critical"], "project_id": "proj-456"});
        assert!(passes(&filter, task(8, Some("proj-456"))));
        assert!(!passes(&filter, task(5, Some("proj-456"))));
        assert!(!passes(&filter, task(8, Some("other"))));
        assert!(
            !passes(&filter, task(8, None)),
            "a task without the project is not of it"
        );
        let alert = EventKind::SystemAlert {
            severity: "warning".to_owned(),
            component: "store".to_owned(),
            message: String::new(),
            details: Fields::new(),
        };
        assert!(
            passes(&filter, alert.clone()),
            "an alert can't have a project"
        );
        assert!(!passes(&json!({"severity": "error"}), alert));
    }

    #[test]
    fn a_running_task_is_in_progress_too() {
        assert!(passes(&json!({"status": "in_progress"}), task(5, None)));
        assert!(passes(&json!({"status": "running"}), task(5, None)));
        assert!(!passes(&json!({"status": "completed"}), task(5, None)));
    }
}
