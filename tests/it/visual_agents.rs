//! Proves that a session of the visualisation protocol which acts as a registered agent gets the
//! fleet's commands and tasks, also those that were open when it came, as far as they fit; that its
//! answers end them; and that what it tells of itself is in the registry.

use serde_json::{Value, json};

use crate::support::commanding::{
    CONTROL, ask, execute, of_type, read, register, result, say, server, visual, waiting,
};
use crate::support::eventually;
use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::PATH;
use crate::support::ws::Client;

#[test]
fn what_is_open_waits_for_its_agent_across_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let args = ["--data-dir", path, "--rate-limit", "0", "--log", "error"];
    let (program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    register(&mut rest, "agent-001");
    let mut asker = visual(address, CONTROL, "asker");
    let mut command = execute("msg-131", "agent-001");
    command["metadata"] = json!({"ack": true, "priority": "high"});
    ask(&mut asker, &command, of_type("ack"));
    let task = json!({"id": "task-001", "type": "code_generation", "input_data": {"x": 1}});
    rest.expect(201, "POST", "/api/v1/tasks", Some(&task));
    program.crash();
    let (_program, address) = Program::serve(&args);
    let mut agent = visual(address, PATH, "agent-001");
    let opened = [0, 1].map(|_| read(&mut agent, of_type("control.execute")));
    let [command, task] = opened;
    assert_eq!(
        (
            &command["payload"]["command"],
            &command["metadata"]["priority"]
        ),
        (&json!("execute_tool"), &json!("high"))
    );
    assert_eq!(
        (
            &task["payload"]["commandId"],
            &task["payload"]["parameters"]
        ),
        (&json!("task-001"), &json!({"x": 1}))
    );
    assert_eq!(task["payload"]["task"]["type"], "code_generation");
    say(&mut agent, &result(&command, "success", &json!("done")));
    say(
        &mut agent,
        &result(&task, "completed", &json!({"files": 2})),
    );
    let mut rest = Rest::to(address);
    let id = command["payload"]["commandId"].as_str().unwrap();
    let kept = eventually("the command is answered", || {
        let path = format!("/v1/agents/agent-001/commands/{id}");
        let kept = rest.expect(200, "GET", &path, None);
        (kept["status"] == "completed").then_some(kept)
    });
    assert_eq!(kept["result"], "done");
    let kept = eventually("the task is done", || {
        let kept = rest.expect(200, "GET", "/api/v1/tasks/task-001", None);
        (kept["status"] == "completed").then_some(kept)
    });
    assert_eq!(kept["output_data"], json!({"files": 2}));
}

#[test]
fn a_task_is_begun_goes_on_fails_and_is_tried_again() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = visual(server.address, PATH, "agent-001");
    let task = json!({"id": "task-001", "type": "code_generation",
        "retry_policy": {"max_attempts": 2, "backoff_strategy": "fixed"}});
    rest.expect(201, "POST", "/api/v1/tasks", Some(&task));
    let order = read(&mut agent, of_type("control.execute"));
    let mut progress = result(&order, "progress", &Value::Null);
    progress["payload"]["progress"] = 0.5.into();
    say(&mut agent, &progress);
    eventually("the task is half done", || {
        let task = rest.expect(200, "GET", "/api/v1/tasks/task-001", None);
        (task["status"] == "in_progress" && task["progress"] == 50).then_some(())
    });
    say(&mut agent, &result(&order, "failed", &Value::Null));
    let order = read(&mut agent, of_type("control.execute"));
    assert_eq!(order["payload"]["commandId"], "task-001");
    say(&mut agent, &result(&order, "completed", &json!({})));
    eventually("the task is done", || {
        let task = rest.expect(200, "GET", "/api/v1/tasks/task-001", None);
        (task["status"] == "completed" && task["attempt"] == 2).then_some(())
    });
}

#[test]
fn commands_and_messages_of_the_agent_api_reach_a_visual_session() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = Client::connect(
        server.address,
        &format!("{CONTROL}?protocols=json&agent_id=agent-001"),
    );
    read(&mut agent, of_type("handshake_ack"));
    // Who watches only is no agent, whatever it calls itself.
    let mut viewer = Client::connect(server.address, &format!("{CONTROL}?role=viewer"));
    let handshake = json!({"type": "handshake", "clientId": "agent-001"});
    ask(&mut viewer, &handshake, of_type("handshake_ack"));
    let command = json!({"command_type": "pause", "payload": {"why": "lunch"}, "priority": 9});
    let path = "/v1/agents/agent-001/commands";
    let accepted = rest.expect(202, "POST", path, Some(&command));
    let got = read(&mut agent, of_type("control.execute"));
    assert_eq!(
        (&got["payload"]["commandId"], &got["payload"]["parameters"]),
        (&accepted["command_id"], &json!({"why": "lunch"}))
    );
    let path = "/v1/agents/agent-001/message";
    rest.expect(202, "POST", path, Some(&json!({"text": "hello"})));
    let got = read(&mut agent, of_type("message.sent"));
    assert_eq!(got["payload"]["content"], json!({"text": "hello"}));
    assert_eq!(got["payload"]["to"], json!([{"id": "agent-001"}]));
    assert_eq!(waiting(&mut viewer, "control.execute"), [] as [Value; 0]);
    drop(agent);
    // Its presence ended with it.
    let request = json!({"type": "x", "data": {}, "timeout": 5});
    eventually("the agent is away", || {
        let path = "/api/v1/agents/agent-001/requests";
        let (status, _) = rest.ask("POST", path, Some(&request));
        (status == 503).then_some(())
    });
}

#[test]
fn what_an_agent_tells_of_itself_is_in_the_registry() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    register(&mut rest, "agent-002");
    let mut agent = visual(server.address, PATH, "agent-001");
    // Document C's examples: the first is about the agent itself.
    let state = |agent: &str| {
        json!({"type": "agent.state.changed", "payload": {"agentId": agent,
            "previousState": "IDLE", "newState": "EXECUTING", "reason": "Task assigned",
            "metadata": {"taskId": "task-456", "estimatedDuration": 5000}}})
    };
    let capability = |action: &str, name: &str| {
        json!({"type": "agent.capability.update", "payload": {"agentId": "agent-001",
            "action": action, "capability": {"name": name, "category": "analysis", "level": 4}}})
    };
    let figures = json!({"type": "agent.performance.update", "payload": {"agentId": "agent-001",
        "metrics": {"tasksCompleted": 156, "successRate": 0.98, "resourceUtilization": 0.65,
            "messageQueueSize": 12, "memoryUsage": 104_857_600}}});
    say(&mut agent, &state("agent-002"));
    say(&mut agent, &state("agent-001"));
    for (action, name) in [
        ("add", "advanced_analysis"),
        ("add", "x"),
        ("remove", "python"),
    ] {
        say(&mut agent, &capability(action, name));
    }
    say(&mut agent, &figures);
    let own = eventually("all of it is in the registry", || {
        let own = rest.expect(200, "GET", "/v1/agents/agent-001", None);
        let is_there = own["status"] == "busy"
            && own["capabilities"] == json!(["advanced_analysis", "x"])
            && own["resource_usage"]["cpu_percent"] == 65.0;
        is_there.then_some(own)
    });
    assert!(own["last_heartbeat"].is_string(), "{own}");
    let events = rest.expect(
        200,
        "GET",
        "/api/v1/events?topic=agent.status_changed",
        None,
    );
    assert_eq!(events["events"].as_array().unwrap().len(), 1, "{events}");
    let other = rest.expect(200, "GET", "/v1/agents/agent-002", None);
    assert_eq!(other["status"], "idle");
    // The registry keeps an agent that can do something.
    say(&mut agent, &capability("remove", "x"));
    say(&mut agent, &capability("remove", "advanced_analysis"));
    let refused = read(&mut agent, of_type("error"));
    assert_eq!(refused["payload"]["code"], "INVALID_MESSAGE");
}

#[test]
fn work_that_no_queue_has_room_for_comes_without_its_content() {
    let (server, mut rest) = server();
    for id in ["visual", "a", "b"] {
        let body = json!({"id": id, "type": id, "capabilities": ["x"],
            "configuration": {"max_concurrent_tasks": 9}});
        rest.expect(201, "POST", "/api/v1/agents/register", Some(&body));
        for number in 0..3 {
            let body = json!({"id": format!("{id}-{number}"), "type": id, "agent_id": id,
                "input_data": {"text": "x".repeat(600_000)}});
            rest.expect(201, "POST", "/api/v1/tasks", Some(&body));
        }
    }
    let mut agent = visual(server.address, CONTROL, "visual");
    let orders = [0, 1, 2].map(|_| read(&mut agent, of_type("control.execute")));
    for order in &orders {
        assert_eq!(order["payload"]["isLeftOut"], true);
        assert_eq!(order["payload"]["parameters"], json!({}));
        let id = order["payload"]["commandId"].as_str().unwrap();
        let task = rest.expect(200, "GET", &format!("/api/v1/tasks/{id}"), None);
        let text = task["input_data"]["text"].as_str().unwrap();
        assert_eq!(text.len(), 600_000);
        say(&mut agent, &result(order, "completed", &json!({})));
    }
    // One alone, to a session that waits for it, comes whole.
    let body = json!({"id": "alone", "type": "visual", "agent_id": "visual",
        "input_data": {"text": "x".repeat(600_000)}});
    rest.expect(201, "POST", "/api/v1/tasks", Some(&body));
    let order = read(&mut agent, of_type("control.execute"));
    let text = order["payload"]["parameters"]["text"].as_str().unwrap();
    assert_eq!(
        (text.len(), order["payload"].get("isLeftOut")),
        (600_000, None)
    );
    let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=b");
    let request = read(&mut agent, |it| it.get("request").is_some());
    let request = &request["request"];
    assert_eq!(
        (&request["is_left_out"], &request["data"]),
        (&json!(true), &json!({}))
    );
    assert_eq!(request["task"].get("input_data"), None);
    let mut agent = Client::connect(server.address, "/v1/ws?protocol=commands&agent_id=a");
    let command = read(&mut agent, of_type("command"));
    let payload = &command["payload"];
    assert_eq!(payload["is_left_out"], true);
    assert_eq!(payload["payload"]["task"].get("task_data"), None);
}
