//! Proves that the sockets of documents A and B bring each event once, in the words of the document,
//! to whom it concerns; that an agent gets its tasks and commands and is heard when it answers; and
//! that who subscribes from a number on misses nothing and gets nothing twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::ws::Client;

fn server() -> (TestServer, Rest) {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let rest = Rest::to(server.address);
    (server, rest)
}

fn register(rest: &mut Rest, id: &str) {
    let body = json!({"id": id, "type": "code_generation", "capabilities": ["python"]});
    rest.expect(201, "POST", "/api/v1/agents/register", Some(&body));
}

/// Says something and reads up to the message that `is_wanted`.
fn ask(client: &mut Client, message: &Value, is_wanted: impl Fn(&Value) -> bool) -> Value {
    client.send_text(&message.to_string());
    read(client, is_wanted)
}

fn read(client: &mut Client, is_wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = client.json();
        if is_wanted(&message) {
            return message;
        }
    }
}

#[test]
fn document_b_s_subscription_hears_what_its_topics_and_filters_name() {
    let (server, mut rest) = server();
    let mut listener = Client::connect(server.address, "/api/v1/ws");
    // Document B, Publish-Subscribe Pattern, as written.
    let subscription = json!({"subscription": {
        "agent_id": "orchestrator-001",
        "topics": ["task.*.completed", "workflow.stage_completed", "system.alerts"],
        "filters": {"priority": ["high", "critical"], "project_id": "proj-456"},
    }});
    ask(&mut listener, &subscription, |it| {
        it.get("subscribed").is_some()
    });
    for (id, priority, project) in [
        ("low", "low", "proj-456"),
        ("other", "high", "proj-1"),
        ("right", "critical", "proj-456"),
    ] {
        let body = json!({"id": id, "type": "code_generation", "priority": priority,
            "project_id": project});
        rest.expect(201, "POST", "/api/v1/tasks", Some(&body));
        let done = json!({"status": "completed", "output_data": {"files": 1}});
        rest.expect(200, "PATCH", &format!("/api/v1/tasks/{id}"), Some(&done));
    }
    let heard = listener.json();
    assert_eq!(heard["event_type"], "task.completed");
    assert_eq!(heard["topic"], "task.code_generation.completed");
    assert_eq!(heard["payload"]["task_id"], "right");
}

#[test]
fn an_agent_gets_its_task_and_is_heard_when_it_answers() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=agent-001");
    let mut viewer = Client::connect(server.address, "/v1/ws");
    // Both sockets stand once they answer.
    for client in [&mut agent, &mut viewer] {
        ask(
            client,
            &json!({"type": "heartbeat", "id": "h", "timestamp": "t"}),
            |it| it["type"] == "heartbeat",
        );
    }
    let body = json!({"id": "task-001", "type": "code_generation", "input_data": {"x": 1}});
    rest.expect(201, "POST", "/api/v1/tasks", Some(&body));
    let request = read(&mut agent, |it| it.get("request").is_some());
    assert_eq!(request["request"]["id"], "task-001");
    assert_eq!(request["request"]["data"], json!({"x": 1}));
    let answer = json!({"response": {"id": "resp-001", "request_id": "task-001",
        "status": "success", "data": {"files": 2}, "errors": []}});
    agent.send_text(&answer.to_string());
    // Document A's words for it, exactly the document's fields (ruling 51).
    let told = read(&mut viewer, |it| it["event_type"] == "task_completed");
    let mut fields: Vec<_> = told["payload"].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        ["agent_id", "execution_time_ms", "status", "task_id"]
    );
    let task = rest.expect(200, "GET", "/api/v1/tasks/task-001", None);
    assert_eq!(
        (&task["status"], &task["output_data"]),
        (&json!("completed"), &json!({"files": 2}))
    );
}

#[test]
fn a_command_reaches_its_agent_once_and_its_answer_comes_back() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = Client::connect(
        server.address,
        "/v1/ws?protocol=commands&agent_id=agent-001",
    );
    let mut client = Client::connect(server.address, "/v1/ws?protocol=commands");
    let beat = json!({"type": "heartbeat", "id": "h", "timestamp": "t"});
    ask(&mut agent, &beat, |it| it["type"] == "heartbeat");
    let id = "0190b0f0-0000-7000-8000-000000000001";
    let command = json!({"type": "command", "id": id, "timestamp": "2026-01-10T12:00:00Z",
        "payload": {"agent_id": "agent-001", "command_type": "execute", "payload": {"x": 1}}});
    let accepted = ask(&mut client, &command, |it| it["type"] == "response");
    assert_eq!(accepted["payload"]["status"], "accepted");
    let came = agent.json();
    assert_eq!(
        (&came["type"], &came["id"]),
        (&json!("command"), &json!(id))
    );
    assert_eq!(came["payload"]["payload"], json!({"x": 1}));
    let answer = json!({"type": "response", "id": "r", "timestamp": "2026-01-10T12:00:01Z",
        "correlation_id": id, "payload": {"status": "success", "result": {"ok": true}}});
    // The next thing that the agent hears is that it was heard: the command came once.
    agent.send_text(&answer.to_string());
    assert_eq!(agent.json()["payload"]["status"], "answered");
    let told = read(&mut client, |it| {
        it["correlation_id"] == id && it["payload"]["status"] == "completed"
    });
    assert_eq!(told["payload"]["result"], json!({"ok": true}));
}

#[test]
fn a_request_to_an_agent_that_is_away_is_refused_as_document_b_says() {
    let (server, mut rest) = server();
    register(&mut rest, "code-gen-001");
    let mut client = Client::connect(server.address, "/api/v1/ws");
    let request = json!({"request": {"id": "req-001", "type": "generate_code",
        "source": "orchestrator-001", "target": "code-gen-001",
        "correlation_id": "workflow-123", "data": {"template_id": "express-api"}, "timeout": 300}});
    let refused = ask(&mut client, &request, |it| it.get("error").is_some());
    assert_eq!(refused["error"]["code"], "AGENT_UNAVAILABLE");
    assert_eq!(refused["error"]["details"]["agent_id"], "code-gen-001");
    assert_eq!(refused["error"]["details"]["retry_after"], 60);
}

#[test]
fn who_subscribes_from_a_number_on_misses_nothing_and_gets_nothing_twice() {
    let (server, mut rest) = server();
    let mut publish = |number: u64| {
        let body = json!({"topic": "news.local", "data": {"number": number}});
        rest.expect(202, "POST", "/api/v1/events", Some(&body));
    };
    (0..700).for_each(&mut publish);
    let mut client = Client::connect(server.address, "/api/v1/ws");
    let subscription = json!({"subscription": {"topics": ["news.*"], "after": 100}});
    ask(&mut client, &subscription, |it| {
        it.get("subscribed").is_some()
    });
    (700..800).for_each(&mut publish);
    for number in 100..800 {
        let message = client.json();
        assert_eq!(
            message["publication"]["data"]["number"], number,
            "{message}"
        );
        assert_eq!(message["publication"]["sequence"], number + 1);
    }
}

#[test]
fn a_subscription_that_is_replaced_brings_nothing_more() {
    let (server, mut rest) = server();
    for number in 0..700 {
        let body = json!({"topic": "news.local", "data": {"number": number}});
        rest.expect(202, "POST", "/api/v1/events", Some(&body));
    }
    let mut client = Client::connect(server.address, "/api/v1/ws");
    let subscription = json!({"subscription": {"topics": ["news.*"], "after": 0}}).to_string();
    for _ in 0..5 {
        client.send_text(&subscription);
    }
    let mut last = 0;
    for _ in 0..5 {
        let is_subscribed = |it: &Value| it.get("subscribed").is_some();
        read(&mut client, is_subscribed);
    }
    while last < 700 {
        let sequence = client.json()["publication"]["sequence"].as_u64().unwrap();
        assert_eq!(sequence, last + 1);
        last = sequence;
    }
    assert!(client.settle().is_empty());
}

#[test]
fn a_subscription_that_is_ended_brings_nothing_that_waited_while_events_go_on() {
    // Who reads slower than eight publish is not closed.
    let server = TestServer::with(|config| {
        config.rate_limit = 0;
        config.outbox_bytes_max = 64 << 20;
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..8)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            let mut rest = Rest::to(server.address);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let body = json!({"topic": "news.local", "data": 1});
                    rest.expect(202, "POST", "/api/v1/events", Some(&body));
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let mut client = Client::connect(server.address, "/v1/ws");
        let is_news = |it: &Value| it["event_type"] == "publication";
        let mut last = read(&mut client, is_news)["sequence"].as_u64().unwrap();
        // Document A's path begins with every event; from here on it is to be the news behind the first.
        let ended = json!({"type": "unsubscribe", "subscription_id": "protocol"});
        let wanted = json!({"type": "subscribe", "id": "own", "topics": ["news.*"], "after": last});
        client.send_text(&ended.to_string());
        client.send_text(&wanted.to_string());
        read(&mut client, |it| it["payload"]["status"] == "subscribed");
        for _ in 0..100 {
            let sequence = client.json()["sequence"].as_u64().unwrap();
            assert_eq!(sequence, last + 1);
            last = sequence;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.join().unwrap();
    }
}

#[test]
fn nonsense_is_answered_ten_times_and_then_ends_the_connection() {
    let (server, _) = server();
    let mut client = Client::connect(server.address, "/api/v1/ws");
    for _ in 0..10 {
        client.send_text(r#"{"type":"dance"}"#);
    }
    let (messages, code, _) = client.until_close();
    assert_eq!((messages.len(), code), (10, 1008));
}

#[test]
fn document_a_s_path_begins_with_every_event_and_without_commands() {
    let (server, mut rest) = server();
    let mut viewer = Client::connect(server.address, "/v1/ws");
    let mut all = Client::connect(server.address, "/ws?protocol=events,commands");
    let beat = json!({"type": "heartbeat", "id": "h", "timestamp": "t"});
    for client in [&mut viewer, &mut all] {
        ask(client, &beat, |it| it["type"] == "heartbeat");
    }
    register(&mut rest, "agent-001");
    let command = json!({"command_type": "execute"});
    rest.expect(202, "POST", "/v1/agents/agent-001/commands", Some(&command));
    let event = json!({"topic": "news.local", "data": 1});
    rest.expect(202, "POST", "/v1/events", Some(&event));
    let kinds = |client: &mut Client, count: usize| -> Vec<String> {
        let kind = |message: Value| {
            let kind = message.get("event_type").unwrap_or(&message["type"]);
            kind.as_str().unwrap().to_owned()
        };
        (0..count).map(|_| kind(client.json())).collect()
    };
    assert_eq!(kinds(&mut viewer, 2), ["agent_registered", "publication"]);
    let expected = ["agent_registered", "command", "publication"];
    assert_eq!(kinds(&mut all, 3), expected);
}

#[test]
fn an_agent_s_status_is_what_it_says_in_the_words_of_either_document() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=agent-001");
    for (kind, said, expected) in [
        ("agent.status_changed", "error", "error"),
        ("agent.status_changed", "active", "idle"),
        ("agent_status_changed", "stopping", "stopping"),
    ] {
        let payload = json!({"agent_id": "agent-001", "new_status": said});
        let event = json!({"event_type": kind, "payload": payload});
        agent.send_text(&event.to_string());
        crate::support::eventually(expected, || {
            let row = rest.expect(200, "GET", "/v1/agents/agent-001/status", None);
            (row["status"] == expected).then_some(())
        });
    }
    let event = json!({"id": "m", "event_type": "agent.status_changed",
        "payload": {"new_status": "asleep"}});
    let refused = ask(&mut agent, &event, |it| it.get("error").is_some());
    assert_eq!(
        refused["error"]["details"]["fields"][0]["field"],
        "new_status"
    );
}

#[test]
fn a_message_counts_once_and_another_one_of_its_id_is_another_one() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let task = |id: &str| json!({"id": id, "type": "code_generation"});
    rest.expect(201, "POST", "/api/v1/tasks", Some(&task("t1")));
    rest.expect(201, "POST", "/api/v1/tasks", Some(&task("t2")));
    // An agent that counts its messages from 1, and does so anew when it comes again.
    for id in ["t1", "t2"] {
        let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=agent-001");
        for kind in ["task.progress", "task.completed"] {
            let event = json!({"id": "1", "event_type": kind, "payload": {"task_id": id}});
            agent.send_text(&event.to_string());
        }
        let target = format!("/api/v1/tasks/{id}");
        crate::support::eventually("the task is completed", || {
            let task = rest.expect(200, "GET", &target, None);
            (task["status"] == "completed").then_some(())
        });
    }
    let mut client = Client::connect(server.address, "/api/v1/ws");
    let mut publish = |at: &str, number: u64| {
        let message = json!({"type": "publish", "id": "m", "timestamp": at, "topic": "news.local",
            "data": {"number": number}});
        let told = ask(&mut client, &message, |_| true);
        told["published"]["sequence"].as_u64().unwrap()
    };
    let first = publish("2026-01-10T12:00:00Z", 1);
    assert_eq!(
        publish("2026-01-10T12:00:05Z", 1),
        first,
        "it was sent again"
    );
    assert_eq!(publish("2026-01-10T12:00:05Z", 2), first + 1);
}

#[test]
fn large_events_of_the_past_come_as_fast_as_they_are_taken_and_too_large_ones_are_told_of() {
    let (server, mut rest) = server();
    let mut publish = |bytes: usize| {
        let body = json!({"topic": "news.local", "data": "x".repeat(bytes)});
        rest.expect(202, "POST", "/api/v1/events", Some(&body));
    };
    (0..12).for_each(|_| publish(300_000));
    // With its envelope it is larger than all that may wait for a session.
    publish(1_048_500);
    publish(1);
    let subscription = json!({"subscription": {"topics": ["news.*"], "after": 0}});
    let mut client = Client::connect(server.address, "/api/v1/ws");
    ask(&mut client, &subscription, |it| {
        it.get("subscribed").is_some()
    });
    let mut tell = |sequence: u64| {
        let told = client.json();
        match sequence {
            13 | 15 => {
                let gap = json!({"from": sequence, "to": sequence, "reason": "size"});
                assert_eq!(told, json!({ "gap": gap }));
            }
            _ => assert_eq!(told["publication"]["sequence"], sequence),
        }
    };
    (1..=14).for_each(&mut tell);
    // So it is for what comes from now on.
    publish(1_048_500);
    publish(1);
    (15..=16).for_each(&mut tell);
}

#[test]
fn what_the_newest_session_was_given_goes_to_the_one_before_when_it_is_gone() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let command = |rest: &mut Rest, number: u32| {
        let body = json!({"command_type": "execute", "payload": {"number": number}});
        rest.expect(202, "POST", "/v1/agents/agent-001/commands", Some(&body));
    };
    let beat = json!({"type": "heartbeat", "id": "h", "timestamp": "t"});
    let number = |it: &Value| it["payload"]["payload"]["number"].as_u64();
    for last in [
        "/v1/ws?protocol=status&agent_id=agent-001",
        "/agents/ws?protocols=json&agent_id=agent-001",
    ] {
        let target = "/v1/ws?protocol=commands&agent_id=agent-001";
        let mut older = Client::connect(server.address, target);
        ask(&mut older, &beat, |it| it["type"] == "heartbeat");
        let mut newest = Client::connect(server.address, last);
        ask(&mut newest, &beat, |it| {
            it["type"] == "heartbeat" || it["type"] == "heartbeat_ack"
        });
        command(&mut rest, 1);
        read(&mut newest, |it| {
            it["type"] == "command" || it["type"] == "control.execute"
        });
        ask(&mut older, &beat, |it| {
            assert_eq!(number(it), None, "the newest has it");
            it["type"] == "heartbeat"
        });
        drop(newest);
        let handed_on = read(&mut older, |it| it["type"] == "command");
        assert_eq!(number(&handed_on), Some(1));
        let answer = json!({"type": "response", "id": "r", "timestamp": "2026-01-10T12:00:01Z",
            "correlation_id": handed_on["id"], "payload": {"status": "success", "result": {}}});
        ask(&mut older, &answer, |it| {
            it["payload"]["status"] == "answered"
        });
    }
}
