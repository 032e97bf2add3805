//! Bodies, paths and queries that nobody means well with: each a clear 4xx, and nothing changes.

use http::Method;
use serde_json::{Value, json};

use crate::rig::{Asking, Rig};

/// Every route with a body, and a body that it takes, with the field that a wrong type is put in.
fn bodies() -> Vec<(Method, &'static str, Value)> {
    let stage =
        json!({"name": "s", "agent_type": "t", "dependencies": [], "timeout": 5, "input": {}});
    vec![
        (
            Method::POST,
            "/agents",
            json!({
                "agent_id": "new", "capabilities": ["c"], "max_tasks": 2, "metadata": {},
                "type": "t", "name": "n", "version": "1", "stream": "main",
                "health_check_url": "http://x/", "configuration": {"max_concurrent_tasks": 2},
            }),
        ),
        (
            Method::PUT,
            "/agents/known",
            json!({
                "capabilities": ["c"], "max_tasks": 2, "metadata": {}, "type": "t", "name": "n",
                "version": "1", "status": "idle", "configuration": {},
            }),
        ),
        (
            Method::POST,
            "/agents/known/heartbeat",
            json!({
                "status": "active", "current_tasks": 1,
                "performance_metrics": {"cpu_usage": 1.5, "memory_usage": 2, "task_queue_size": 3},
                "resource_usage": {"cpu_percent": 1, "memory_mb": 2, "disk_mb": 3},
            }),
        ),
        (
            Method::POST,
            "/agents/known/commands",
            json!({
                "command_type": "execute", "payload": {}, "priority": 5, "timeout_ms": 1000,
                "correlation_id": "c", "callback_url": "/v1/callbacks/x", "source": "s",
            }),
        ),
        (
            Method::POST,
            "/tasks",
            json!({
                "type": "t", "priority": "high", "assigned_agent": "other", "task_data": {},
                "dependencies": ["d"], "deadline": "2025-01-15T14:30:00Z", "timeout_ms": 5,
                "retry_policy": {"max_attempts": 3, "backoff_strategy": "fixed"},
                "workflow_id": "w", "metadata": {}, "project_id": "p",
            }),
        ),
        (
            Method::PATCH,
            "/tasks/held",
            json!({
                "status": "running", "progress": 5, "output_data": {},
                "estimated_completion": "2025-01-15T14:30:00Z", "priority": 3,
                "assigned_agent": "known", "metadata": {},
            }),
        ),
        (
            Method::PATCH,
            "/tasks/held",
            json!({"status": "failed", "error": "e"}),
        ),
        (
            Method::POST,
            "/workflows",
            json!({
                "id": "w", "project_id": "p", "name": "n", "priority": 5, "input": {},
                "timeout": 5, "metadata": {}, "stages": [stage],
                "configuration": {"parallel_execution": true, "failure_strategy": "retry"},
            }),
        ),
        (
            Method::PUT,
            "/templates/t",
            json!({"name": "n", "content": {}}),
        ),
    ]
}

fn rig() -> Rig {
    let rig = Rig::new();
    let agent = json!({"agent_id": "known", "capabilities": ["c"]});
    rig.post("/v1/agents", &agent).expect(201);
    let task = json!({"id": "held", "type": "nobody_does_it"});
    rig.post("/api/v1/tasks", &task).expect(201);
    rig
}

/// Each field of a body, nested ones too, as a path of keys.
fn fields(body: &Value, before: &str) -> Vec<String> {
    let mut found = Vec::new();
    match body {
        Value::Object(object) => {
            for (key, value) in object {
                let here = format!("{before}/{key}");
                found.extend(fields(value, &here));
                found.push(here);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                let here = format!("{before}/{place}");
                found.extend(fields(value, &here));
                found.push(here);
            }
        }
        _ => {}
    }
    found
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[test]
fn a_wrong_type_in_any_field_is_400_and_names_the_field() {
    let wrong = [
        json!(null),
        json!(true),
        json!(-1.5),
        json!("\u{1}"),
        json!([[]]),
        json!({"x": 1}),
    ];
    for (method, path, body) in bodies() {
        rig().send(method.clone(), &format!("/api/v1{path}"), &body);
        for field in fields(&body, "") {
            for value in &wrong {
                let before = body.pointer(&field).unwrap();
                // A priority may be a word or a number; what is of the same type may be allowed.
                if type_of(before) == type_of(value) && !value.is_string() && !value.is_number() {
                    continue;
                }
                // Any text is an error, and a URL is judged by who calls it.
                let is_any_text = field == "/error" || field.ends_with("_url");
                if is_any_text && value.is_string() {
                    continue;
                }
                let mut hostile = body.clone();
                *hostile.pointer_mut(&field).unwrap() = value.clone();
                let rig = rig();
                let events = rig.events().len();
                let answer = rig.send(method.clone(), &format!("/v1{path}"), &hostile);
                assert_eq!(
                    answer.status, 400,
                    "{method} {path} {field} {value}: {}",
                    answer.json
                );
                let named: String = field.split('/').nth(1).unwrap().to_owned();
                let told = answer.json.to_string();
                let is_type = ["type", "task_type"].contains(&&*named);
                assert!(told.contains(&named) || is_type, "{field}: {told}");
                assert_eq!(
                    rig.events().len(),
                    events,
                    "{method} {path} {field} {value}"
                );
            }
        }
    }
}

#[test]
fn the_bodies_themselves_are_taken() {
    for (method, path, body) in bodies() {
        for prefix in ["", "/v1", "/api/v1"] {
            let answer = rig().send(method.clone(), &format!("{prefix}{path}"), &body);
            let is_taken = (200..300).contains(&answer.status);
            assert!(
                is_taken,
                "{method} {prefix}{path}: {} {}",
                answer.status, answer.json
            );
        }
    }
}

#[test]
fn what_is_no_json_object_is_400() {
    let rig = rig();
    let deep = format!("{}{}", "{\"a\":".repeat(10_000), "1").into_bytes();
    let many = "[".repeat(1_000_000).into_bytes();
    let bodies: [&[u8]; 14] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"5",
        b"\"x\"",
        b"{",
        b"{}}",
        b"{\"agent_id\":\"a\",}",
        b"{\"agent_id\":\"\\ud800\",\"capabilities\":[\"c\"]}",
        b"{\"agent_id\":\"\xff\"}",
        b"{\"agent_id\":\"a\",\"capabilities\":[\"c\"],\"max_tasks\":1e400}",
        &deep,
        &many,
    ];
    for body in bodies {
        for path in [
            "/v1/agents",
            "/api/v1/tasks",
            "/api/v1/workflows",
            "/v1/events",
        ] {
            let answer = rig.send_bytes(Method::POST, path, body);
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.json);
            assert!(answer.json.to_string().len() < 1000);
        }
    }
    let error = rig.send_bytes(Method::POST, "/v1/agents", b"{").json;
    assert_eq!(error["error_code"], "INVALID_REQUEST");
}

#[test]
fn numbers_beyond_all_range_are_told_with_their_field() {
    let rig = rig();
    for number in [
        "0",
        "-1",
        "1.5",
        "100001",
        "18446744073709551616",
        "1e300",
        "-1e300",
    ] {
        let body = format!(r#"{{"agent_id":"a","capabilities":["c"],"max_tasks":{number}}}"#);
        let error = rig
            .send_bytes(Method::POST, "/v1/agents", body.as_bytes())
            .json(400);
        assert_eq!(error["details"][0]["field"], "max_tasks", "{number}");
    }
}

#[test]
fn bodies_that_are_too_long_or_of_another_type_are_told_so() {
    let rig = rig();
    let long = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        rig.send_bytes(Method::POST, "/v1/agents", &long).json(413)["error_code"],
        "PAYLOAD_TOO_LARGE"
    );
    let mut asking = Asking::new(Method::POST, "/v1/agents", b"agent_id=a");
    asking.content_type = Some("application/x-www-form-urlencoded");
    let error = rig.ask(&asking).json(415);
    assert_eq!(error["error_code"], "UNSUPPORTED_MEDIA_TYPE");
}

#[test]
fn ids_of_control_characters_name_nothing() {
    let rig = rig();
    for id in [
        "%00",
        "%0A",
        "a%20b",
        "%2e%2e",
        "..%2f..",
        "%ff",
        &"a".repeat(129),
        "a.b",
        "%F0%9F%98%80",
    ] {
        for path in [
            format!("/v1/agents/{id}"),
            format!("/v1/tasks/{id}"),
            format!("/v1/templates/{id}"),
        ] {
            let answer = rig.get(&path);
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.json.to_string().len() < 700);
        }
        assert_eq!(rig.delete(&format!("/v1/agents/{id}")).status, 404);
        let body = json!({"command_type": "stop"});
        assert_eq!(
            rig.post(&format!("/v1/agents/{id}/commands"), &body).status,
            404
        );
    }
    for id in ["", "a b", "ä", "a/b", "\u{0}", &"a".repeat(129)] {
        let body = json!({"agent_id": id, "capabilities": ["c"]});
        assert_eq!(rig.post("/v1/agents", &body).status, 400, "{id:?}");
    }
    for id in ["ws", "register"] {
        let body = json!({"agent_id": id, "capabilities": ["c"]});
        assert_eq!(rig.post("/v1/agents", &body).status, 409, "{id:?}");
    }
}

#[test]
fn every_wrong_field_is_told_at_once_up_to_a_bound() {
    let rig = rig();
    let body = json!({"agent_id": 5, "capabilities": "c", "max_tasks": "x", "stream": "a b"});
    let error = rig.post("/v1/agents", &body).json(400);
    let fields: Vec<_> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["field"])
        .collect();
    assert_eq!(fields.len(), 4, "{error}");
    let stages: Vec<_> = (0..1000)
        .map(|_| json!({"name": 1, "agent_type": 2}))
        .collect();
    let error = rig
        .post("/v1/workflows", &json!({"stages": stages}))
        .json(400);
    assert_eq!(error["details"].as_array().unwrap().len(), 64);
    assert_eq!(error["details"][3]["field"], "stages[1].agent_type");
    let many = vec![json!({"name": "a", "agent_type": "t"}); 1001];
    rig.post("/v1/workflows", &json!({"stages": many}))
        .expect(400);
}

#[test]
fn an_idempotency_key_is_checked_and_covers_the_whole_request() {
    let rig = rig();
    let body = br#"{"type":"t"}"#;
    let fingerprint = |path, body: &[u8]| {
        let mut asking = Asking::new(Method::POST, path, body);
        asking.idempotency_key = Some("key-1");
        rig.ask(&asking).expect(201);
        rig.fingerprint.take().unwrap()
    };
    let first = fingerprint("/v1/tasks", body);
    assert_eq!(fingerprint("/v1/tasks", body), first);
    assert_ne!(fingerprint("/api/v1/tasks", body), first);
    assert_ne!(fingerprint("/v1/tasks?x=1", body), first);
    assert_ne!(fingerprint("/v1/tasks", br#"{"type":"u"}"#), first);
    for key in ["", "a b", &"k".repeat(256)] {
        let mut asking = Asking::new(Method::POST, "/v1/tasks", body);
        asking.idempotency_key = Some(key);
        let error = rig.ask(&asking).json(400);
        assert_eq!(error["details"][0]["field"], "Idempotency-Key");
    }
}

#[test]
fn a_query_is_bounded_and_checked() {
    let rig = rig();
    for query in [
        "page=0",
        "page=",
        "page=x",
        "page=4294967296",
        "limit=0",
        "limit=101",
        "limit=-1",
        "status=",
        "status=asleep",
        "status=idle,,busy",
        "capability=",
        "stream=a%20b",
        "type=%FF",
        &format!("x={}", "y".repeat(8192)),
    ] {
        let answer = rig.get(&format!("/v1/agents?{query}"));
        assert_eq!(answer.status, 400, "{query}");
    }
    for query in [
        "type=code_generation",
        "agent_id=a%2Fb",
        "priority=9",
        "workflow_id=",
    ] {
        assert_eq!(
            rig.get(&format!("/v1/tasks?{query}")).status,
            400,
            "{query}"
        );
    }
    assert_eq!(rig.get("/api/v1/tasks?type=code_generation").status, 200);
    assert_eq!(
        rig.get("/v1/agents?unknown=%00&page=4294967295").status,
        200
    );
}
