//! Document B's examples as written, answered in its own words.

use agnt_fleet::mutation::Answer as AgentAnswer;
use agnt_fleet::{Id, Mutation};
use serde_json::{Value, json};

use crate::rig::{Rig, holds, names};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn agent() -> Value {
    read(
        r#"{
  "id": "agent-001",
  "type": "code_generation",
  "name": "Code Generator",
  "version": "1.0.0",
  "capabilities": ["javascript", "python", "react"],
  "health_check_url": "http://agent-001:8080/health",
  "configuration": {
    "max_concurrent_tasks": 5,
    "supported_frameworks": ["express", "fastapi", "react"]
  }
}"#,
    )
}

fn heartbeat() -> Value {
    read(
        r#"{
  "status": "active",
  "current_tasks": 3,
  "performance_metrics": {
    "cpu_usage": 45.2,
    "memory_usage": 67.8,
    "task_queue_size": 12
  }
}"#,
    )
}

fn task() -> Value {
    read(
        r#"{
  "id": "task-001",
  "type": "code_generation",
  "priority": "high",
  "assigned_agent": "agent-001",
  "parent_workflow_id": "workflow-123",
  "input_data": {
    "template_id": "react-crud-template",
    "customizations": {
      "entities": ["User", "Product", "Order"],
      "authentication": "jwt",
      "database": "postgresql"
    }
  },
  "dependencies": ["task-002"],
  "timeout": 300,
  "retry_policy": {
    "max_attempts": 3,
    "backoff_strategy": "exponential"
  }
}"#,
    )
}

fn progress() -> Value {
    read(
        r#"{
  "status": "in_progress",
  "progress": 45,
  "output_data": {
    "files_generated": 12,
    "current_operation": "generating_api_routes"
  },
  "estimated_completion": "2025-01-15T14:30:00Z"
}"#,
    )
}

fn workflow() -> Value {
    read(
        r#"{
  "id": "workflow-123",
  "project_id": "proj-456",
  "name": "Full Stack App Generation",
  "stages": [
    {
      "name": "requirement_analysis",
      "agent_type": "requirement_analysis",
      "dependencies": [],
      "timeout": 120
    },
    {
      "name": "architecture_planning",
      "agent_type": "architecture_planning", 
      "dependencies": ["requirement_analysis"],
      "timeout": 180
    },
    {
      "name": "code_generation",
      "agent_type": "code_generation",
      "dependencies": ["architecture_planning"],
      "timeout": 600
    }
  ],
  "configuration": {
    "parallel_execution": false,
    "failure_strategy": "stop_on_error"
  }
}"#,
    )
}

#[test]
fn an_agent_registers_and_registers_again() {
    let rig = Rig::new();
    let answer = rig.post("/api/v1/agents/register", &agent()).expect(201);
    assert_eq!(answer.header("location"), Some("/api/v1/agents/agent-001"));
    assert!(holds(&answer.json, &agent()), "{}", answer.json);
    assert_eq!(answer.json["status"], "active");
    assert_eq!(answer.json["status_detail"], "idle");
    let again = rig.post("/api/v1/agents/register", &agent()).json(200);
    assert_eq!(again["numeric_id"], answer.json["numeric_id"]);
    rig.post("/api/v1/agents", &agent()).expect(200);
    rig.post("/v1/agents/register", &agent()).expect(200);
    rig.post("/v1/agents", &agent()).expect(409);
}

#[test]
fn an_agent_is_heard_of() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &agent()).expect(201);
    let heard = rig.post("/api/v1/agents/agent-001/heartbeat", &heartbeat());
    let heard = heard.json(200);
    assert_eq!(names(&heard), ["id", "next_heartbeat", "status"]);
    assert_eq!(heard["id"], "agent-001");
    assert_eq!(heard["status"], "active");
    let shown = rig.get("/api/v1/agents/agent-001").json(200);
    let mut expected = heartbeat();
    expected["status_detail"] = "busy".into();
    assert!(holds(&shown, &expected), "{shown}");
    let a = rig.get("/v1/agents/agent-001").json(200);
    assert_eq!(a["status"], "busy");
    assert_eq!(a["resource_usage"]["cpu_percent"], 45.2);
    rig.post("/api/v1/agents/agent-001/heartbeat", &Value::Null)
        .expect(200);
    rig.post("/api/v1/agents/nobody/heartbeat", &heartbeat())
        .expect(404);
}

#[test]
fn an_agent_that_was_silent_is_back_with_a_heartbeat() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &agent()).expect(201);
    rig.pass_ms(91_000);
    let shown = rig.get("/api/v1/agents/agent-001").json(200);
    assert_eq!(shown["status"], "offline");
    let heard = rig.post("/api/v1/agents/agent-001/heartbeat", &json!({}));
    assert_eq!(heard.json(200)["status"], "active");
    assert_eq!(rig.get("/v1/agents/agent-001").json(200)["status"], "idle");
}

#[test]
fn available_agents_are_found() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &agent()).expect(201);
    let found = rig
        .get("/api/v1/agents?type=code_generation&status=active")
        .json(200);
    assert_eq!(found["agents"][0]["id"], "agent-001");
    assert_eq!(found["pagination"]["total"], 1);
    let none = rig
        .get("/api/v1/agents?type=testing&status=active")
        .json(200);
    assert_eq!(none["pagination"]["total"], 0);
}

#[test]
fn a_task_is_made_and_held() {
    let rig = Rig::new();
    let made = rig.post("/api/v1/tasks", &task()).json(201);
    assert!(holds(&made, &task()), "{made}");
    assert_eq!(made["status"], "pending");
    assert_eq!(made["priority_level"], 8);
    let error = rig.patch("/api/v1/tasks/task-001", &progress()).json(412);
    assert_eq!(error["error"]["code"], "DEPENDENCY_NOT_MET");
    assert_eq!(error["error"]["details"]["unmet"], json!(["task-002"]));
    let error = rig.post("/api/v1/tasks", &task()).json(409);
    assert_eq!(error["error"]["code"], "CONFLICT");
    let a = rig.get("/v1/tasks/task-001").json(200);
    assert_eq!(a["timeout_ms"], 300_000);
}

#[test]
fn a_task_goes_on_and_ends() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &agent()).expect(201);
    let before = json!({"id": "task-002", "type": "code_generation"});
    rig.post("/api/v1/tasks", &before).expect(201);
    rig.patch("/api/v1/tasks/task-002", &json!({"status": "completed"}))
        .expect(200);
    rig.post("/api/v1/tasks", &task()).expect(201);
    let mut running = rig.patch("/api/v1/tasks/task-001", &progress()).json(200);
    assert_eq!(
        running["estimated_completion"],
        "2025-01-15T14:30:00.000000Z"
    );
    running["estimated_completion"] = progress()["estimated_completion"].clone();
    assert!(holds(&running, &progress()), "{running}");
    assert_eq!(rig.get("/v1/tasks/task-001").json(200)["status"], "running");
    let all = rig
        .get("/api/v1/tasks?status=in_progress&priority=high")
        .json(200);
    assert_eq!(all["tasks"][0]["id"], "task-001");
    let done = json!({"status": "completed", "output_data": {"files": 20}});
    let done = rig.patch("/api/v1/tasks/task-001", &done).json(200);
    assert_eq!(done["progress"], 100);
    assert_eq!(done["output_data"], json!({"files": 20}));
    assert!(done["completed_at"].is_string());
}

#[test]
fn a_workflow_is_made_shown_listed_and_called_off() {
    let rig = Rig::new();
    let made = rig.post("/api/v1/workflows", &workflow()).json(201);
    let stages = made["stages"].as_array().unwrap();
    for (stage, asked) in stages.iter().zip(workflow()["stages"].as_array().unwrap()) {
        assert!(holds(stage, asked), "{stage}");
    }
    assert_eq!(stages[0]["status"], "running");
    let mut rest = workflow();
    rest.as_object_mut().unwrap().remove("stages");
    assert!(holds(&made, &rest), "{made}");
    assert_eq!(made["status"], "running");
    assert_eq!(rig.get("/v1/workflows/workflow-123").json(200), made);
    let list = rig
        .get("/api/v1/workflows?status=running&project_id=proj-456")
        .json(200);
    assert_eq!(list["workflows"], json!([made]));
    let cancelled = rig.delete("/api/v1/workflows/workflow-123").json(200);
    assert_eq!(cancelled["id"], "workflow-123");
    assert_eq!(cancelled["status"], "cancelled");
    rig.delete("/api/v1/workflows/workflow-123").expect(409);
    rig.get("/api/v1/workflows/none").expect(404);
}

#[test]
fn a_workflow_is_waited_for() {
    let rig = Rig::new();
    let mut short = workflow();
    short["timeout"] = 2.into();
    let error = rig.post("/api/v1/workflows?wait=true", &short).json(408);
    let error = &error["error"];
    assert_eq!(error["code"], "TASK_TIMEOUT");
    assert_eq!(error["correlation_id"], "workflow-123");
    assert_eq!(error["details"]["workflow"]["status"], "timeout");

    let one = json!({"id": "w2", "stages": [{"name": "a", "agent_type": "tester"}]});
    let worker = json!({"id": "t1", "type": "tester", "capabilities": ["tests"]});
    rig.post("/api/v1/agents/register", &worker).expect(201);
    let waited = rig.post("/v1/workflows?wait=true", &one).json(408);
    assert_eq!(waited["error_code"], "TASK_TIMEOUT");
    let stage = rig.get("/v1/workflows/w2").json(200);
    let path = format!(
        "/v1/tasks/{}",
        stage["stages"][0]["task_id"].as_str().unwrap()
    );
    rig.patch(&path, &json!({"status": "running"})).expect(200);
    rig.patch(&path, &json!({"status": "completed"}))
        .expect(200);
    let ended = rig.get("/v1/workflows/w2").json(200);
    assert_eq!(
        (&ended["status"], &ended["progress"]),
        (&json!("completed"), &json!(100))
    );
}

#[test]
fn a_cycle_is_named() {
    let rig = Rig::new();
    let stage = |name: &str, before: &str| json!({"name": name, "agent_type": "x", "dependencies": [before]});
    let cycle = json!({"stages": [stage("a", "b"), stage("b", "a")]});
    let error = rig.post("/api/v1/workflows", &cycle).json(422);
    assert_eq!(error["error"]["code"], "UNPROCESSABLE");
    assert!(
        error["error"]["message"].as_str().unwrap().contains("->"),
        "{error}"
    );
}

fn request() -> Value {
    read(
        r#"{
  "request": {
    "id": "req-001",
    "type": "generate_code",
    "source": "orchestrator-001",
    "target": "code-gen-001",
    "correlation_id": "workflow-123",
    "data": {
      "template_id": "express-api",
      "parameters": {}
    },
    "timeout": 300,
    "callback_url": "/api/v1/callbacks/req-001"
  }
}"#,
    )
}

fn response() -> Value {
    read(
        r#"{
  "response": {
    "id": "resp-001",
    "request_id": "req-001",
    "status": "success",
    "data": {
      "generated_files": [],
      "execution_time": 45.2
    },
    "errors": []
  }
}"#,
    )
}

fn code_generator() -> Value {
    json!({"id": "code-gen-001", "capabilities": ["generate_code"]})
}

#[test]
fn a_request_is_answered() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &code_generator())
        .expect(201);
    rig.attach("code-gen-001");
    rig.meanwhile(Mutation::Answer {
        command: Id::new("req-001").unwrap(),
        answer: AgentAnswer {
            agent: None,
            is_success: true,
            data: Some(response()["response"]["data"].clone()),
            errors: Vec::new(),
        },
    });
    let answer = rig.post("/api/v1/agents/code-gen-001/requests", &request());
    let answer = answer.json(200);
    let mut expected = response();
    expected["response"]["id"] = "resp-req-001".into();
    assert_eq!(answer, expected);
    let stored = rig.get("/api/v1/callbacks/req-001").json(200);
    assert!(holds(&stored, &json!({})), "{stored}");
}

#[test]
fn an_agent_that_polls_answers_by_itself() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &code_generator())
        .expect(201);
    let command = json!({"id": "req-001", "command_type": "generate_code"});
    rig.post("/api/v1/agents/code-gen-001/commands", &command)
        .expect(202);
    let answered = rig
        .post("/api/v1/commands/req-001/response", &response())
        .json(200);
    assert_eq!(answered["status"], "completed");
    assert_eq!(answered["result"], response()["response"]["data"]);
    rig.post("/api/v1/commands/req-001/response", &response())
        .expect(409);
}

#[test]
fn a_request_to_who_is_away_is_refused_in_the_documents_words() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &code_generator())
        .expect(201);
    rig.post("/api/v1/agents/code-gen-001/heartbeat", &json!({}))
        .expect(200);
    let answer = rig.post("/api/v1/agents/code-gen-001/requests", &request());
    assert_eq!(answer.header("retry-after"), Some("60"));
    let error = answer.json(503);
    let error = &error["error"];
    assert_eq!(
        names(&error["details"]),
        ["agent_id", "last_seen", "retry_after"]
    );
    let expected = json!({
        "code": "AGENT_UNAVAILABLE",
        "message": "The requested agent is currently unavailable",
        "details": {"agent_id": "code-gen-001", "retry_after": 60},
    });
    assert!(holds(error, &expected), "{error}");
}

#[test]
fn a_request_that_nobody_answers_times_out() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &code_generator())
        .expect(201);
    rig.attach("code-gen-001");
    let error = rig
        .post("/api/v1/agents/code-gen-001/requests", &request())
        .json(408);
    let error = &error["error"];
    assert_eq!(error["code"], "TASK_TIMEOUT");
    assert_eq!(error["correlation_id"], "workflow-123");
}

#[test]
fn callbacks_are_kept_or_called_or_refused() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &code_generator())
        .expect(201);
    for (url, status) in [
        ("/api/v1/callbacks/x", "pending"),
        ("https://allowed.example/hook", "pending"),
        ("https://other.example/hook", "refused"),
        ("/api/v1/agents", "refused"),
        ("//allowed.example/", "refused"),
    ] {
        let body = json!({"command_type": "execute", "callback_url": url});
        let accepted = rig
            .post("/api/v1/agents/code-gen-001/commands", &body)
            .json(202);
        assert_eq!(accepted["callback"], json!({"url": url, "status": status}));
    }
    rig.get("/api/v1/callbacks/y").expect(404);
    let kept = rig
        .post("/api/v1/callbacks/y", &json!({"a": [1]}))
        .json(201);
    assert_eq!(kept["callback_id"], "y");
    assert_eq!(rig.get("/api/v1/callbacks/y").json(200), json!({"a": [1]}));
}

#[test]
fn a_template_that_nobody_knows_is_refused_once_one_is_known() {
    let rig = Rig::new();
    rig.post("/api/v1/tasks", &task()).expect(201);
    let put = json!({"name": "CRUD", "content": {"files": []}});
    assert_eq!(
        rig.put("/api/v1/templates/crud", &put).json(201)["id"],
        "crud"
    );
    let a = rig.put("/v1/templates/crud", &put).json(200);
    assert_eq!(a["template_id"], "crud");
    let list = rig.get("/v1/templates").json(200);
    assert_eq!(list["templates"], json!([a]));
    let mut other = task();
    other["id"] = "task-003".into();
    let error = rig.post("/api/v1/tasks", &other).json(400);
    assert_eq!(error["error"]["code"], "INVALID_TEMPLATE");
    rig.delete("/api/v1/templates/crud").expect(204);
    rig.post("/api/v1/tasks", &other).expect(201);
}

#[test]
fn metrics_are_counted() {
    let rig = Rig::new();
    rig.post("/api/v1/agents/register", &agent()).expect(201);
    let one = json!({"id": "t", "type": "code_generation", "assigned_agent": "agent-001"});
    rig.post("/api/v1/tasks", &one).expect(201);
    rig.patch("/api/v1/tasks/t", &json!({"status": "running"}))
        .expect(200);
    rig.pass_ms(89_400);
    rig.patch("/api/v1/tasks/t", &json!({"status": "completed"}))
        .expect(200);
    rig.post("/api/v1/tasks", &json!({"type": "unknown_kind"}))
        .expect(201);
    let metrics = rig.get("/api/v1/metrics").json(200);
    let expected = json!({
        "active_agents": 1,
        "pending_tasks": 1,
        "completed_workflows": 0,
        "average_response_time": 145.2,
        "error_rate": 0.02,
    });
    assert_eq!(metrics["system_metrics"], expected);
    let of_agent = &metrics["agent_metrics"]["agent-001"];
    assert_eq!(of_agent["tasks_completed"], 1);
    assert_eq!(of_agent["success_rate"], 1.0);
    let execution = of_agent["average_execution_time"].as_f64().unwrap();
    assert!((89.4..89.5).contains(&execution), "{execution}");
    let one = rig.get("/api/v1/metrics?agent_id=agent-001").json(200);
    assert_eq!(one["agent_metrics"], metrics["agent_metrics"]);
    rig.get("/api/v1/metrics?agent_id=nobody").expect(404);
}
