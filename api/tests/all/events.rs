//! Events in both documents' envelopes.

use agnt_api::{Dialect, EventView, event_type};
use agnt_fleet::event::{EventKind, TaskBrief};
use agnt_fleet::task::TaskStatus;
use agnt_fleet::{Event, Fields, Id, Priority, Timestamp};
use http::Method;
use serde_json::{Value, json};

use crate::rig::{Asking, NOON, Rig, holds, names};

fn brief(status: TaskStatus) -> TaskBrief {
    TaskBrief {
        task_id: Id::new("task-001").unwrap(),
        task_uuid: Id::new("0190b1b0-0000-7000-8000-000000000001").unwrap(),
        task_type: Id::new("code_generation").unwrap(),
        priority: Priority::new(8).unwrap(),
        status,
        agent_id: Some(Id::new("agent-001").unwrap()),
        workflow_id: Some(Id::new("workflow-123").unwrap()),
        stage: None,
        project_id: Some("proj-456".to_owned()),
    }
}

fn event(kind: EventKind) -> Event {
    Event {
        sequence: 7,
        id: Id::new("0190b1b0-0000-7000-8000-000000000002").unwrap(),
        at: NOON,
        source: Some("agent-001".to_owned()),
        target: Some(Id::new("orchestrator-001").unwrap()),
        correlation_id: Some("workflow-123".to_owned()),
        kind,
    }
}

fn shown(dialect: Dialect, kind: EventKind) -> Value {
    serde_json::to_value(EventView::new(dialect, &event(kind))).unwrap()
}

#[test]
fn document_bs_message_has_its_fields() {
    let details = json!({
        "current_operation": "generating_tests",
        "files_processed": 45,
        "estimated_remaining_time": 120,
    });
    let progress = EventKind::TaskProgress {
        task: brief(TaskStatus::Running),
        progress: 75,
        details: details.as_object().cloned(),
        estimated_completion: None,
    };
    let expected = json!({
        "timestamp": "2025-01-15T12:00:00.000000Z",
        "event_type": "task.progress",
        "source_agent": "agent-001",
        "target_agent": "orchestrator-001",
        "correlation_id": "workflow-123",
        "payload": {
            "task_id": "task-001",
            "progress": 75,
            "status": "in_progress",
            "details": details,
        },
        "topic": "task.code_generation.progress",
        "sequence": 7,
    });
    let shown = shown(Dialect::B, progress);
    assert!(holds(&shown, &expected), "{shown}");
}

#[test]
fn document_as_four_events_have_exactly_its_fields() {
    let changed = EventKind::AgentStatusChanged {
        agent_id: Id::new("agent-001").unwrap(),
        old_status: agnt_fleet::agent::AgentStatus::Idle,
        new_status: agnt_fleet::agent::AgentStatus::Busy,
        reason: "work".to_owned(),
    };
    let finished = |status| EventKind::TaskFinished {
        task: brief(status),
        execution_ms: 45_200,
        output: None,
        error: None,
    };
    let alert = EventKind::SystemAlert {
        severity: "warning".to_owned(),
        component: "store".to_owned(),
        message: "slow".to_owned(),
        details: Fields::new(),
    };
    let assigned = EventKind::TaskAssigned(brief(TaskStatus::Pending));
    for (kind, name, payload) in [
        (
            changed,
            "agent_status_changed",
            json!({
                "agent_id": "agent-001", "old_status": "idle", "new_status": "busy",
                "timestamp": "2025-01-15T12:00:00.000000Z",
            }),
        ),
        (
            assigned,
            "task_assigned",
            json!({
                "task_id": "0190b1b0-0000-7000-8000-000000000001", "agent_id": "agent-001",
                "task_type": "code_generation", "priority": 8,
            }),
        ),
        (
            finished(TaskStatus::Timeout),
            "task_completed",
            json!({
                "task_id": "0190b1b0-0000-7000-8000-000000000001", "agent_id": "agent-001",
                "status": "timeout", "execution_time_ms": 45_200,
            }),
        ),
        (
            alert,
            "system_alert",
            json!({"severity": "warning", "component": "store", "message": "slow", "details": {}}),
        ),
    ] {
        let shown = shown(Dialect::A, kind);
        assert_eq!(
            names(&shown),
            ["event_type", "id", "payload", "timestamp", "type"]
        );
        assert_eq!(shown["type"], "event");
        assert_eq!(shown["event_type"], name);
        assert_eq!(shown["payload"], payload);
    }
    let failed = finished(TaskStatus::Cancelled);
    assert_eq!(event_type(Dialect::B, &failed), "task.failed");
    assert_eq!(
        event_type(
            Dialect::A,
            &EventKind::TaskStarted(brief(TaskStatus::Running))
        ),
        "task_started"
    );
}

#[test]
fn what_is_published_comes_back_in_the_documents_envelope() {
    let rig = Rig::new();
    let publication = json!({
        "publication": {
            "topic": "task.code_generation.completed",
            "data": {"task_id": "task-001", "result": "success", "artifacts": []},
        }
    });
    let sequence = rig.post("/api/v1/events", &publication).json(202);
    assert_eq!(sequence, json!({"sequence": 1}));
    let bare = json!({"topic": "x.y", "data": null});
    assert_eq!(
        rig.post("/v1/events", &bare).json(202),
        json!({"sequence": 2})
    );
    let page = rig.get("/api/v1/events?topic=task.*.completed").json(200);
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    let shown = &page["events"][0];
    assert!(holds(shown, &publication), "{shown}");
    assert_eq!(shown["publication"]["sequence"], 1);
    assert_eq!(page["head"], 2);
    let a = rig.get("/v1/events?after=1").json(200);
    let expected = json!({
        "type": "event",
        "event_type": "publication",
        "payload": {"topic": "x.y", "data": null},
        "topic": "x.y",
        "sequence": 2,
    });
    assert!(holds(&a["events"][0], &expected), "{a}");
    for bad in [
        json!({"topic": "a b", "data": 1}),
        json!({"data": 1}),
        json!({"topic": 5}),
    ] {
        let error = rig.post("/api/v1/events", &bad).json(400);
        assert_eq!(error["error"]["code"], "VALIDATION_ERROR");
        assert_eq!(error["error"]["details"]["fields"][0]["field"], "topic");
    }
}

#[test]
fn a_stream_begins_behind_what_the_client_had() {
    let rig = Rig::new();
    let mut asking = Asking::new(Method::GET, "/api/v1/events?after=3&topic=task.>", b"");
    asking.accept = Some("text/event-stream");
    rig.ask(&asking).expect(200);
    let query = rig.streamed.take().unwrap();
    assert_eq!(query.after, Some(3));
    assert_eq!(query.pattern.unwrap().as_str(), "task.>");
    asking.last_event_id = Some("17");
    rig.ask(&asking).expect(200);
    assert_eq!(rig.streamed.take().unwrap().after, Some(17));
    asking.last_event_id = Some("x");
    rig.ask(&asking).expect(400);
    asking.last_event_id = None;
    asking.query = Some("topic=a..b");
    rig.ask(&asking).expect(400);
}

#[test]
fn every_event_of_a_story_is_shown_in_both_dialects() {
    let rig = Rig::new();
    let agent = json!({"id": "a1", "type": "t", "capabilities": ["t"]});
    rig.post("/api/v1/agents/register", &agent).expect(201);
    rig.put("/api/v1/agents/a1", &json!({"capabilities": ["t", "u"]}))
        .expect(200);
    let flow = json!({"id": "w", "stages": [{"name": "s", "agent_type": "t"}]});
    rig.post("/api/v1/workflows", &flow).expect(201);
    let task = rig.get("/api/v1/workflows/w").json(200)["stages"][0]["task_id"].clone();
    let path = format!("/api/v1/tasks/{}", task.as_str().unwrap());
    rig.patch(&path, &json!({"status": "in_progress", "progress": 5}))
        .expect(200);
    rig.patch(&path, &json!({"status": "failed", "error": "no"}))
        .expect(200);
    rig.post(
        "/api/v1/agents/a1/commands",
        &json!({"command_type": "stop"}),
    )
    .expect(202);
    rig.delete("/api/v1/agents/a1").expect(204);
    let events = rig.events();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.event_type()).collect();
    for kind in [
        "agent.registered",
        "agent.updated",
        "task.created",
        "task.assigned",
        "task.started",
        "task.progress",
        "task.failed",
        "workflow.started",
        "workflow.stage_completed",
        "workflow.failed",
        "command.issued",
        "command.finished",
        "agent.status_changed",
        "agent.removed",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let mut last = Timestamp::default();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, place as u64 + 1);
        assert!(event.at > last);
        last = event.at;
    }
    let page = rig.get("/api/v1/events?limit=1000").json(200);
    for (shown, event) in page["events"].as_array().unwrap().iter().zip(&events) {
        assert_eq!(shown["event_type"], event.kind.event_type());
        assert_eq!(shown["topic"], event.topic());
        assert!(!names(&shown["payload"]).is_empty());
    }
    let a = rig.get("/v1/events?limit=1000").json(200);
    for (shown, event) in a["events"].as_array().unwrap().iter().zip(&events) {
        let expected = event_type(Dialect::A, &event.kind);
        assert_eq!(shown["event_type"], expected.as_ref());
        assert!(!expected.contains('.'));
    }
}
