//! Document A's operations with its own examples, answered in its own words.

use http::Method;
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, holds, names};

fn registered(rig: &Rig) -> Answer {
    let body = json!({
        "agent_id": "analyzer-001",
        "capabilities": ["text-analysis", "data-processing"],
        "max_tasks": 10,
        "metadata": {"rack": 4},
    });
    rig.post("/v1/agents", &body)
}

fn is_date_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or("");
    text.len() == 27 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

fn is_uuid(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| uuid::Uuid::parse_str(text).is_ok())
}

#[test]
fn an_agent_registers() {
    let rig = Rig::new();
    let answer = registered(&rig).expect(201);
    assert_eq!(answer.header("location"), Some("/v1/agents/analyzer-001"));
    let json = answer.json;
    assert!(is_date_time(&json["registered_at"]));
    assert!(json["numeric_id"].as_u64().unwrap() >= 0x1000_0000);
    assert!(holds(
        &json,
        &json!({"agent_id": "analyzer-001", "heartbeat_interval": 30})
    ));
    let conflict = registered(&rig).json(409);
    assert_eq!(conflict["error_code"], "CONFLICT");
    assert!(is_uuid(&conflict["trace_id"]));
    assert_eq!(
        rig.post(
            "/v1/agents?upsert=true",
            &json!({
                "agent_id": "analyzer-001", "capabilities": ["x"],
            })
        )
        .status,
        200
    );
}

#[test]
fn an_agent_that_can_do_nothing_is_told_so_in_the_documents_words() {
    let rig = Rig::new();
    let body = json!({"agent_id": "a", "capabilities": []});
    let error = rig.post("/v1/agents", &body).json(400);
    assert_eq!(error["error_code"], "BAD_REQUEST");
    assert_eq!(error["message"], "Agent must have at least one capability");
}

#[test]
fn agents_are_listed_and_shown() {
    let rig = Rig::new();
    registered(&rig).expect(201);
    let agent = rig.get("/v1/agents/analyzer-001").json(200);
    let expected = json!({
        "agent_id": "analyzer-001",
        "status": "idle",
        "capabilities": ["text-analysis", "data-processing"],
        "current_tasks": 0,
        "max_tasks": 10,
        "stream": "main",
        "metadata": {"rack": 4},
    });
    assert!(holds(&agent, &expected), "{agent}");
    assert!(is_date_time(&agent["registered_at"]));
    assert_eq!(agent.get("last_heartbeat"), None);
    for path in [
        "/agents",
        "/v1/agents",
        "/v1/agents?page=1&limit=20&status=idle&capability=text-analysis",
    ] {
        let list = rig.get(path).json(200);
        assert_eq!(list["agents"], json!([agent]), "{path}");
        assert_eq!(
            list["pagination"],
            json!({"page": 1, "limit": 20, "total": 1, "total_pages": 1})
        );
    }
    let past_the_end = rig.get("/v1/agents?page=9").json(200);
    assert_eq!(past_the_end["agents"], json!([]));
    let error = rig.get("/v1/agents/nobody").json(404);
    assert_eq!(error["error_code"], "NOT_FOUND");
}

#[test]
fn an_agent_is_updated() {
    let rig = Rig::new();
    registered(&rig).expect(201);
    let body = json!({"max_tasks": 3, "metadata": {"rack": null, "row": 2}, "colour": "red"});
    let agent = rig.put("/v1/agents/analyzer-001", &body).json(200);
    assert_eq!(agent["max_tasks"], 3);
    assert_eq!(agent["metadata"], json!({"row": 2, "colour": "red"}));
    assert_eq!(
        rig.put("/v1/agents/analyzer-001", &json!({})).json(200)["max_tasks"],
        3
    );
    let renamed = json!({"agent_id": "other"});
    let error = rig.put("/v1/agents/analyzer-001", &renamed).json(400);
    assert_eq!(error["details"][0]["field"], "agent_id");
    rig.put("/v1/agents/nobody", &json!({})).expect(404);
}

#[test]
fn an_agents_status_is_shown() {
    let rig = Rig::new();
    registered(&rig).expect(201);
    let usage = json!({"cpu_percent": 12.5, "memory_mb": 512, "disk_mb": 20});
    let beat = json!({"status": "busy", "current_tasks": 2, "resource_usage": usage});
    let heard = rig
        .post("/v1/agents/analyzer-001/heartbeat", &beat)
        .json(200);
    assert_eq!(names(&heard), ["agent_id", "next_heartbeat", "status"]);
    assert_eq!(heard["status"], "busy");
    let status = rig.get("/v1/agents/analyzer-001/status").json(200);
    let expected = json!({
        "agent_id": "analyzer-001",
        "status": "busy",
        "current_tasks": 2,
        "max_tasks": 10,
        "resource_usage": {"cpu_percent": 12.5, "memory_mb": 512.0, "disk_mb": 20.0},
    });
    assert!(holds(&status, &expected), "{status}");
    assert!(is_date_time(&status["last_heartbeat"]));
    assert_eq!(rig.get("/v1/agents/nobody/status").status, 404);
}

#[test]
fn an_agent_goes() {
    let rig = Rig::new();
    registered(&rig).expect(201);
    let gone = rig.delete("/v1/agents/analyzer-001").expect(204);
    assert_eq!(gone.json, Value::Null);
    assert_eq!(
        rig.delete("/v1/agents/analyzer-001").json(404)["error_code"],
        "NOT_FOUND"
    );
}

#[test]
fn a_command_is_accepted_shown_and_answered() {
    let rig = Rig::new();
    registered(&rig).expect(201);
    let commands = "/v1/agents/analyzer-001/commands";
    let body = json!({
        "command_type": "execute",
        "payload": {"script": "report"},
        "priority": 5,
        "timeout_ms": 30000,
    });
    let accepted = rig.post(commands, &body).expect(202);
    let id = accepted.json["command_id"].as_str().unwrap().to_owned();
    assert_eq!(
        accepted.header("location"),
        Some(&*format!("{commands}/{id}"))
    );
    assert_eq!(accepted.json["agent_id"], "analyzer-001");
    assert_eq!(accepted.json["status"], "accepted");
    assert!(is_date_time(&accepted.json["accepted_at"]));
    let shown = rig.get(&format!("{commands}/{id}")).json(200);
    assert!(holds(&shown, &body), "{shown}");
    let answer = json!({"status": "success", "result": {"pages": 3}});
    let answered = rig
        .post(&format!("/v1/commands/{id}/response"), &answer)
        .json(200);
    assert_eq!(answered["status"], "completed");
    assert_eq!(answered["result"], json!({"pages": 3}));
    let list = rig.get(&format!("{commands}?status=completed")).json(200);
    assert_eq!(list["commands"], json!([answered]));
    rig.post("/v1/agents/nobody/commands", &body).expect(404);
    for verb in ["stop", "pause", "resume", "configure", "shutdown"] {
        rig.post(commands, &json!({"command_type": verb}))
            .expect(202);
    }
    let error = rig
        .post(commands, &json!({"command_type": "dance"}))
        .json(400);
    assert_eq!(error["error_code"], "VALIDATION_ERROR");
    assert_eq!(error["message"], "Request validation failed");
    assert_eq!(error["details"][0]["field"], "command_type");
    let short = json!({"command_type": "stop", "timeout_ms": 999});
    rig.post(commands, &short).expect(400);
    rig.post("/v1/agents/analyzer-001/message", &json!({"text": "hello"}))
        .expect(202);
}

#[test]
fn a_task_is_made_shown_listed_and_called_off() {
    let rig = Rig::new();
    let body = json!({
        "task_type": "analysis",
        "priority": 7,
        "deadline": "2025-01-15T14:30:00Z",
        "assigned_agent": "analyzer-001",
        "task_data": {"text": "lorem"},
    });
    let task = rig.post("/v1/tasks", &body).json(201);
    let id = task["task_id"].as_str().unwrap().to_owned();
    assert!(is_uuid(&task["task_id"]));
    let expected = json!({
        "type": "analysis",
        "status": "pending",
        "assigned_agent": "analyzer-001",
        "deadline": "2025-01-15T14:30:00.000000Z",
        "priority": 7,
        "task_data": {"text": "lorem"},
    });
    assert!(holds(&task, &expected), "{task}");
    assert_eq!(rig.get(&format!("/v1/tasks/{id}")).json(200), task);
    let query = "/v1/tasks?page=1&limit=20&status=pending&type=analysis&agent_id=analyzer-001";
    assert_eq!(rig.get(query).json(200)["tasks"], json!([task]));
    let cancelled = rig
        .delete(&format!("/v1/tasks/{id}?reason=enough"))
        .json(200);
    let expected = json!({"task_id": id, "status": "cancelled", "reason": "enough"});
    assert!(holds(&cancelled, &expected), "{cancelled}");
    assert!(is_date_time(&cancelled["cancelled_at"]));
    let error = rig.delete(&format!("/v1/tasks/{id}")).json(409);
    assert_eq!(error["error_code"], "CONFLICT");
    rig.delete("/v1/tasks/00000000-0000-0000-0000-000000000000")
        .expect(404);
    for empty in [json!({}), json!({"type": ""}), json!({"task_type": ""})] {
        let error = rig.post("/v1/tasks", &empty).json(400);
        assert_eq!(error["error_code"], "BAD_REQUEST");
        assert_eq!(error["message"], "Task type is required");
    }
}

#[test]
fn a_task_of_another_type_has_a_type_and_a_uuid_for_clients_of_the_document() {
    let rig = Rig::new();
    let made = json!({"id": "task-001", "type": "code_generation"});
    rig.post("/api/v1/tasks", &made).expect(201);
    let task = rig.get("/v1/tasks/task-001").json(200);
    assert!(is_uuid(&task["task_id"]));
    let expected = json!({
        "type": "execution",
        "task_type": "code_generation",
        "external_id": "task-001",
    });
    assert!(holds(&task, &expected), "{task}");
    let path = format!("/v1/tasks/{}", task["task_id"].as_str().unwrap());
    assert_eq!(rig.get(&path).json(200), task);
    let found = rig.get("/v1/tasks?task_type=code_generation").json(200);
    assert_eq!(found["tasks"], json!([task]));
}

#[test]
fn the_bare_paths_speak_document_a() {
    let rig = Rig::new();
    let body = json!({"agent_id": "analyzer-001", "capabilities": ["x"]});
    assert_eq!(
        rig.post("/agents", &body).json(201)["agent_id"],
        "analyzer-001"
    );
    assert_eq!(
        rig.get("/agents/analyzer-001").json(200)["agent_id"],
        "analyzer-001"
    );
    assert_eq!(rig.get("/tasks").json(200)["tasks"], json!([]));
    assert_eq!(
        rig.send(Method::HEAD, "/tasks", &Value::Null)
            .expect(200)
            .json,
        Value::Null
    );
}
