//! Proves that an agent changes what is its own work alone: it begins a task that waits, as itself, but
//! ends or reorders none that it doesn't have, and writes over no other agent's kept answer.

use serde_json::{Value, json};

use crate::support::commanding::register;
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::tokens::{bearer, good, server};

/// Somebody who shows such a token.
fn client(server: &TestServer, name: &str, scopes: &[&str]) -> Rest {
    let mut rest = Rest::to(server.address);
    rest.headers = bearer(&good(name, scopes));
    rest
}

fn waiting_task(operator: &mut Rest) -> String {
    let body = json!({"type": "analysis", "task_data": {}});
    let task = operator.expect(201, "POST", "/v1/tasks", Some(&body));
    let id = task["task_id"].as_str().or(task["id"].as_str());
    format!("/v1/tasks/{}", id.unwrap())
}

#[test]
fn a_waiting_task_is_begun_by_an_agent_and_changed_by_who_plans() {
    let server = server();
    let mut operator = client(&server, "operator", &["admin"]);
    register(&mut operator, "a1");
    let mut agent = client(&server, "a1", &["agents"]);
    let mut nobody = client(&server, "u1", &["agents"]);
    let mut planner = client(&server, "p1", &["tasks"]);
    let task = waiting_task(&mut operator);
    let changes = [
        json!({"status": "completed", "output_data": {"forged": true}}),
        json!({"status": "failed", "error": "no"}),
        json!({"status": "cancelled"}),
        json!({"priority": "low"}),
        json!({"metadata": {"a": 1}}),
    ];
    for change in &changes {
        for client in [&mut agent, &mut nobody] {
            let refused = client.expect(403, "PATCH", &task, Some(change));
            assert!(refused.to_string().contains("FORBIDDEN"), "{refused}");
        }
    }
    let begun = json!({"status": "running"});
    nobody.expect(403, "PATCH", &task, Some(&begun));
    agent.expect(200, "PATCH", &task, Some(&begun));
    agent.expect(200, "PATCH", &task, Some(&changes[0]));
    let task = waiting_task(&mut operator);
    planner.expect(200, "PATCH", &task, Some(&changes[3]));
    planner.expect(200, "PATCH", &task, Some(&changes[2]));
}

#[test]
fn an_answer_that_is_kept_for_an_agents_command_is_that_agents() {
    let server = server();
    let mut operator = client(&server, "operator", &["admin"]);
    for agent in ["a1", "a2"] {
        register(&mut operator, agent);
    }
    let mut own = client(&server, "a1", &["agents"]);
    let mut other = client(&server, "a2", &["agents"]);
    let forged = json!({"forged": true});
    for (path, is_answered) in [
        ("/v1/callbacks/res/1", true),
        ("/v1/callbacks/res/2", false),
    ] {
        let command = json!({"command_type": "execute", "payload": {}, "callback_url": path});
        let issued = operator.expect(202, "POST", "/v1/agents/a1/commands", Some(&command));
        let id = issued["command_id"].as_str().unwrap();
        let real = json!({"status": "success", "data": {"real": 1}});
        if is_answered {
            let target = format!("/v1/commands/{id}/response");
            own.expect(200, "POST", &target, Some(&real));
        }
        other.expect(403, "POST", path, Some(&forged));
        let stands = operator.ask("GET", path, None);
        match is_answered {
            true => assert!(stands.1.to_string().contains("real"), "{stands:?}"),
            false => assert_eq!((stands.0, &stands.1["forged"]), (404, &Value::Null)),
        }
        own.expect(201, "POST", path, Some(&json!({"own": 1})));
    }
    // What nobody was asked for is anybody's.
    other.expect(201, "POST", "/v1/callbacks/free", Some(&forged));
}
