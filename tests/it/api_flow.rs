//! Proves the story that both documents tell, over plain HTTP: an agent registers, is given a task,
//! works on it and ends it; each dialect in its own words, both about the same agents and tasks.

use serde_json::{Value, json};

use crate::support::http::{self, request};
use crate::support::rest::Rest;
use crate::support::server::TestServer;

#[test]
fn document_a_tells_it_under_v1_and_bare() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    for prefix in ["/v1", ""] {
        let agent = format!("agent{}", prefix.len());
        let registration = json!({
            "agent_id": agent,
            "capabilities": [format!("analysis{}", prefix.len())],
            "max_tasks": 2,
            "metadata": {"zone": "eu"},
        });
        let target = format!("{prefix}/agents");
        let registered = rest.expect(201, "POST", &target, Some(&registration));
        assert_eq!(registered["agent_id"], *agent);
        assert_eq!(registered["heartbeat_interval"], 30);
        let again = rest.expect(409, "POST", &target, Some(&registration));
        assert_eq!(again["error_code"], "CONFLICT", "{again}");
        let task = json!({"type": "analysis", "priority": 7, "assigned_agent": agent});
        let task = rest.expect(201, "POST", &format!("{prefix}/tasks"), Some(&task));
        assert_eq!(
            (&task["status"], &task["priority"]),
            (&json!("pending"), &json!(7))
        );
        let target = format!("{prefix}/tasks/{}", task["task_id"].as_str().unwrap());
        let running = json!({"status": "running", "agent_id": agent, "progress": 40});
        let running = rest.expect(200, "PATCH", &target, Some(&running));
        assert_eq!(running["status"], "running");
        let busy = rest.expect(200, "GET", &format!("{prefix}/agents/{agent}/status"), None);
        assert_eq!(
            (&busy["status"], &busy["current_tasks"]),
            (&json!("busy"), &json!(1))
        );
        let done = json!({"status": "completed", "result": {"answer": 42}});
        let done = rest.expect(200, "PATCH", &target, Some(&done));
        assert_eq!(done["result"]["answer"], 42, "{done}");
        let late = rest.expect(409, "DELETE", &target, None);
        assert_eq!(late["error_code"], "CONFLICT");
        let gone = rest.exchange("DELETE", &format!("{prefix}/agents/{agent}"), "", None);
        assert_eq!((gone.status, gone.body.len()), (204, 0));
        let absent = rest.expect(404, "GET", &format!("{prefix}/agents/{agent}"), None);
        assert_eq!(absent["error_code"], "NOT_FOUND");
    }
}

#[test]
fn document_b_tells_it_under_api_v1() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let registration = json!({
        "id": "code-gen-001",
        "type": "code_generator",
        "name": "Code Generator",
        "version": "1.0.0",
        "capabilities": ["javascript", "python"],
        "configuration": {"max_concurrent_tasks": 3},
    });
    let target = "/api/v1/agents/register";
    let agent = rest.expect(201, "POST", target, Some(&registration));
    assert_eq!(agent["status"], "active");
    rest.expect(200, "POST", target, Some(&registration));
    let heartbeat = json!({
        "status": "active",
        "current_tasks": 0,
        "performance_metrics": {"cpu_usage": 45.2, "memory_usage": 67.8, "task_queue_size": 12},
    });
    let target = "/api/v1/agents/code-gen-001/heartbeat";
    let heard = rest.expect(200, "POST", target, Some(&heartbeat));
    assert!(heard["next_heartbeat"].is_string(), "{heard}");
    let workflow = json!({
        "id": "workflow-1",
        "stages": [
            {"name": "generate", "agent_type": "code_generator"},
            {"name": "test", "agent_type": "code_generator", "dependencies": ["generate"]},
        ],
    });
    rest.expect(201, "POST", "/api/v1/workflows", Some(&workflow));
    for stage in ["generate", "test"] {
        let target = "/api/v1/tasks?agent_id=code-gen-001&status=pending";
        let listed = rest.expect(200, "GET", target, None);
        assert_eq!(listed["pagination"]["total"], 1, "{listed}");
        let task = &listed["tasks"][0];
        assert_eq!(task["stage"], stage);
        let target = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        let claim = json!({"status": "in_progress", "agent_id": "code-gen-001"});
        rest.expect(200, "PATCH", &target, Some(&claim));
        let done = json!({"status": "completed", "output_data": {"stage": stage}});
        rest.expect(200, "PATCH", &target, Some(&done));
    }
    let workflow = rest.expect(200, "GET", "/api/v1/workflows/workflow-1", None);
    assert_eq!(
        (&workflow["status"], &workflow["progress"]),
        (&json!("completed"), &json!(100))
    );
    let metrics = rest.expect(200, "GET", "/api/v1/metrics", None);
    assert_eq!(
        metrics["agent_metrics"]["code-gen-001"]["tasks_completed"], 2,
        "{metrics}"
    );
    // The same agent in the other dialect.
    let agent = rest.expect(200, "GET", "/v1/agents/code-gen-001", None);
    assert_eq!(
        (&agent["max_tasks"], &agent["status"]),
        (&json!(3), &json!("idle"))
    );
    assert_eq!(agent["resource_usage"]["cpu_percent"], 45.2);
}

#[test]
fn what_leads_nowhere_is_told_in_the_dialect_of_its_path() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let nowhere = rest.expect(404, "GET", "/v1/nothing", None);
    assert_eq!(nowhere["error_code"], "NOT_FOUND");
    let nowhere = rest.expect(404, "GET", "/api/v1/nothing", None);
    assert_eq!(nowhere["error"]["code"], "NOT_FOUND");
    for (method, target, allow) in [
        ("DELETE", "/v1/agents", "GET, POST, HEAD, OPTIONS"),
        ("PATCH", "/api/v1/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let answer = rest.exchange(method, target, "", None);
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow)),
            "{target}"
        );
    }
    let options = rest.exchange("OPTIONS", "/v1/tasks", "", None);
    assert_eq!(options.status, 204);
    let get = rest.exchange("GET", "/v1/agents", "", None);
    let head = rest.exchange("HEAD", "/v1/agents", "", None);
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    let problem = "Accept: application/problem+json\r\nX-Request-Id: my-request\r\n";
    let problem = rest.exchange("GET", "/v1/agents/nobody", problem, None);
    assert_eq!(
        problem.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(problem.header("x-request-id"), Some("my-request"));
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let traced = rest.exchange("GET", "/v1/agents/nobody", parent, None);
    let traced: Value = serde_json::from_slice(&traced.body).unwrap();
    assert_eq!(traced["trace_id"], "0af76519-16cd-43dd-8448-eb211c80319c");
}

#[test]
fn the_descriptions_name_this_server_and_are_found() {
    let server = TestServer::start();
    for (target, prefix) in [
        ("/openapi/v1.json", "/v1"),
        ("/openapi/api-v1.json", "/api/v1"),
    ] {
        let answer = http::get(server.address, target);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        let url = format!("http://{}{prefix}", server.address);
        assert_eq!(document["servers"][0]["url"], *url);
        assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    }
    for (target, to) in [("/openapi.json", "/openapi/v1.json"), ("/docs", "/docs/")] {
        let answer = request(server.address, "GET", target, "");
        assert_eq!((answer.status, answer.header("location")), (308, Some(to)));
    }
    let page = http::get(server.address, "/docs/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
}

#[test]
fn what_was_answered_is_counted_once_in_both_places() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    for _ in 0..7 {
        rest.expect(200, "GET", "/v1/agents", None);
    }
    for _ in 0..3 {
        rest.expect(404, "GET", "/api/v1/agents/nobody", None);
    }
    let sample = |route: &str, dialect: &str, status: &str| {
        let labels =
            format!("method=\"GET\",route=\"{route}\",dialect=\"{dialect}\",status=\"{status}\"");
        server.metric(&format!("agnt_requests_total{{{labels}}}")) as u32
    };
    assert_eq!(sample("/agents", "v1", "2xx"), 7);
    assert_eq!(sample("/agents/{agent_id}", "api_v1", "4xx"), 3);
    assert_eq!(server.metric("agnt_request_seconds_count") as u32, 10);
    let sum_s = server.metric("agnt_request_seconds_sum");
    let metrics = rest.expect(200, "GET", "/api/v1/metrics", None);
    let average_ms = metrics["system_metrics"]["average_response_time"]
        .as_f64()
        .unwrap();
    assert!(
        (average_ms - sum_s * 1000.0 / 10.0).abs() < 1e-6,
        "{average_ms} {sum_s}"
    );
}

#[test]
fn a_connection_goes_on_after_a_request_whose_body_nobody_wanted() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let body = json!({"text": "x".repeat(200_000)});
    for _ in 0..20 {
        rest.expect(404, "POST", "/v1/nothing", Some(&body));
        rest.expect(405, "PATCH", "/v1/agents", Some(&body));
        rest.expect(405, "POST", "/v1/ws", Some(&body));
        rest.expect(404, "DELETE", "/v1/agents/nobody", Some(&body));
        assert_eq!(
            rest.exchange("POST", "/healthz", "", Some(&body)).status,
            405
        );
    }
    rest.expect(200, "GET", "/v1/agents", None);
}
