//! Proves that sessions of the visualisation protocol and the agent API share one bus of commands: a
//! `control.execute` for a registered agent reaches it once, wherever it is, and its end comes back
//! to whoever asked, within what credentials allow; and that every path understands every document.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::commanding::{
    CONTROL, ask, execute, of_type, read, register, result, say, server, visual, waiting,
};
use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::{PATH, TestServer};
use crate::support::ws::Client;

#[test]
fn a_command_reaches_a_registered_agent_on_the_socket_of_another_document() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=agent-001");
    ask(
        &mut agent,
        &json!({"type": "heartbeat", "id": "h"}),
        of_type("heartbeat"),
    );
    let mut asker = visual(server.address, CONTROL, "asker");
    say(&mut asker, &execute("msg-131", "agent-001"));
    let request = read(&mut agent, |it| it.get("request").is_some());
    let request = &request["request"];
    assert_eq!(
        (
            &request["type"],
            &request["source"],
            &request["correlation_id"]
        ),
        (&json!("execute_tool"), &json!("asker"), &json!("msg-131"))
    );
    assert_eq!(request["data"]["maxResults"], 10);
    let answer = json!({"response": {"request_id": request["id"], "status": "success",
        "data": {"papers": 3}}});
    say(&mut agent, &answer);
    let told = read(&mut asker, of_type("control.result"));
    assert_eq!(told["metadata"]["correlationId"], "msg-131");
    assert_eq!(
        told["payload"],
        json!({"commandId": request["id"], "agentId": "agent-001", "status": "completed",
            "result": {"papers": 3}})
    );
    let id = request["id"].as_str().unwrap();
    let kept = rest.expect(
        200,
        "GET",
        &format!("/v1/agents/agent-001/commands/{id}"),
        None,
    );
    assert_eq!(
        (
            &kept["status"],
            &kept["command_type"],
            &kept["correlation_id"]
        ),
        (
            &json!("completed"),
            &json!("execute_tool"),
            &json!("msg-131")
        )
    );
}

#[test]
fn two_askers_that_count_alike_get_each_their_own_answer() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = visual(server.address, CONTROL, "agent-001");
    let mut askers = ["a", "b"].map(|name| visual(server.address, CONTROL, name));
    for asker in &mut askers {
        say(asker, &execute("1", "agent-001"));
    }
    let commands = [0, 1].map(|_| read(&mut agent, of_type("control.execute")));
    assert_ne!(
        commands[0]["payload"]["commandId"],
        commands[1]["payload"]["commandId"]
    );
    for command in &commands {
        let from = command["payload"]["from"].clone();
        say(
            &mut agent,
            &result(command, "completed", &json!({"for": from})),
        );
    }
    for (asker, name) in askers.iter_mut().zip(["a", "b"]) {
        let told = read(asker, of_type("control.result"));
        assert_eq!(told["metadata"]["correlationId"], "1");
        assert_eq!(told["payload"]["result"], json!({"for": name}));
        assert_eq!(waiting(asker, "control.result"), [] as [Value; 0]);
    }
    assert_eq!(waiting(&mut agent, "control.execute"), [] as [Value; 0]);
}

#[test]
fn a_message_that_comes_twice_is_one_command() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut agent = visual(server.address, CONTROL, "agent-001");
    let mut asker = visual(server.address, CONTROL, "asker");
    let mut command = execute("msg-131", "agent-001");
    command["metadata"] = json!({"ack": true});
    let first = ask(&mut asker, &command, of_type("ack"));
    assert_eq!(
        (&first["id"], first.get("duplicate")),
        (&json!("msg-131"), None)
    );
    let again = ask(&mut asker, &command, of_type("ack"));
    assert_eq!(again["duplicate"], true);
    // Who lost its connection asks anew, and hears the answer there.
    drop(asker);
    let mut asker = visual(server.address, CONTROL, "asker");
    assert_eq!(ask(&mut asker, &command, of_type("ack"))["duplicate"], true);
    let got = read(&mut agent, of_type("control.execute"));
    assert_eq!(waiting(&mut agent, "control.execute"), [] as [Value; 0]);
    say(&mut agent, &result(&got, "completed", &json!(7)));
    let told = read(&mut asker, of_type("control.result"));
    assert_eq!(told["payload"]["result"], 7);
}

#[test]
fn what_becomes_of_a_command_is_told_in_the_words_of_document_c() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let mut asker = visual(server.address, CONTROL, "asker");
    let is_error = of_type("error");
    // Nobody is there, and nobody comes.
    let mut command = execute("late", "agent-001");
    command["payload"]["timeout"] = 50.into();
    let told = ask(&mut asker, &command, &is_error)["payload"].clone();
    assert_eq!(told["code"], "COMMAND_FAILED");
    assert_eq!(
        told["details"],
        json!({"component": "control", "requestId": "late", "reason": "timeout"})
    );
    let mut agent = visual(server.address, CONTROL, "agent-001");
    // The agent says so itself.
    say(&mut asker, &execute("broken", "agent-001"));
    let got = read(&mut agent, of_type("control.execute"));
    let error = json!({"type": "error", "payload": {"code": "COMMAND_FAILED", "message": "no such tool",
        "details": {"requestId": got["payload"]["commandId"]}}});
    say(&mut agent, &error);
    let told = read(&mut asker, &is_error)["payload"].clone();
    assert_eq!(
        (
            &told["message"],
            &told["details"]["requestId"],
            &told["details"]["reason"]
        ),
        (
            &json!("agent 'agent-001' failed: no such tool"),
            &json!("broken"),
            &json!("agent")
        )
    );
    // A failure with something to show is a result.
    say(&mut asker, &execute("half", "agent-001"));
    let got = read(&mut agent, of_type("control.execute"));
    say(&mut agent, &result(&got, "failed", &json!({"done": 0.5})));
    let told = read(&mut asker, of_type("control.result"));
    assert_eq!(
        (&told["payload"]["status"], &told["payload"]["result"]),
        (&json!("failed"), &json!({"done": 0.5}))
    );
    // An answer that comes too late, or to what nobody asked.
    say(&mut agent, &result(&got, "completed", &Value::Null));
    assert_eq!(
        read(&mut agent, &is_error)["payload"]["code"],
        "COMMAND_FAILED"
    );
    // The agent goes for good.
    say(&mut asker, &execute("gone", "agent-001"));
    read(&mut agent, of_type("control.execute"));
    rest.expect(204, "DELETE", "/v1/agents/agent-001", None);
    let told = read(&mut asker, &is_error)["payload"].clone();
    assert_eq!(told["details"]["reason"], "cancelled");
    // From then on it is a client of the stream, and no more.
    say(&mut asker, &execute("direct", "agent-001"));
    let got = read(&mut agent, of_type("control.execute"));
    assert_eq!(got["id"], "direct");
}

#[test]
fn the_documents_webhook_is_called_and_a_path_of_this_server_keeps_the_answer() {
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = hook.local_addr().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "0123456789abcdef0123456789abcdef\n").unwrap();
    let server = TestServer::with(|config| {
        config.rate_limit = 0;
        config.outbound_allow = vec![at.to_string().parse().unwrap()];
        config.outbound_allow_private = true;
        config.outbound_hmac_secret_file = Some(secret.path().to_owned());
    });
    let mut rest = Rest::to(server.address);
    register(&mut rest, "agent-001");
    let mut agent = visual(server.address, CONTROL, "agent-001");
    let mut asker = visual(server.address, CONTROL, "asker");
    let mut answered = |url: &str| {
        let mut command = execute(url, "agent-001");
        command["payload"]["callback"] = json!({"type": "webhook", "url": url});
        say(&mut asker, &command);
        let got = read(&mut agent, of_type("control.execute"));
        assert_eq!(got["payload"].get("callback"), None);
        say(&mut agent, &result(&got, "completed", &json!("done")));
        read(&mut asker, of_type("control.result"));
        got["payload"]["commandId"].as_str().unwrap().to_owned()
    };
    let id = answered(&format!("http://{at}/callbacks/cmd-131"));
    let (mut called, _) = hook.accept().unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("\"data\":\"done\"") {
        let mut part = [0; 4096];
        let len = called.read(&mut part).unwrap();
        assert!(len > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..len]);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.starts_with("POST /callbacks/cmd-131 HTTP/1.1\r\n"),
        "{text}"
    );
    assert!(text.contains(&id), "{text}");
    called
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let id = answered("/api/v1/callbacks/cmd-131");
    let kept = rest.expect(200, "GET", "/api/v1/callbacks/cmd-131", None);
    assert_eq!(kept["response"]["request_id"], json!(id));
    // One that is not allowed is not called, and the command goes on.
    let id = answered("https://api.example.com/callbacks/cmd-131");
    let path = format!("/v1/agents/agent-001/commands/{id}");
    let kept = rest.expect(200, "GET", &path, None);
    assert_eq!(kept["callback"]["status"], "refused");
    // What is no webhook, and who is not registered.
    let mut refused = |target: &str, kind: &str| {
        let mut command = execute(kind, target);
        command["payload"]["callback"] = json!({"type": kind, "url": "/callbacks/x"});
        ask(&mut asker, &command, of_type("error"))["payload"]["message"].clone()
    };
    assert_eq!(
        refused("agent-001", "pigeon"),
        "callback.type: 'pigeon' is not served; webhook is"
    );
    let message = refused("client-7", "webhook");
    let message = message.as_str().unwrap();
    assert!(
        message.starts_with("callback.type: 'webhook' is served for registered agents"),
        "{message}"
    );
}

#[test]
fn every_path_understands_every_document() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    for path in [PATH, "/agents/ws", "/api/graph/ws", CONTROL] {
        // A heartbeat is a word of all documents, and decides nothing.
        let mut client = Client::connect(server.address, path);
        ask(&mut client, &json!({"type": "heartbeat"}), |it| {
            it["type"] != Value::Null
        });
        let subscription = json!({"subscription": {"topics": ["news.*"]}});
        ask(&mut client, &subscription, |it| {
            it.get("subscribed").is_some()
        });
        let mut other = Client::connect(server.address, path);
        let publish = json!({"type": "event", "id": "e", "timestamp": "t",
            "payload": {"event_type": "news.local", "n": 1}});
        say(&mut other, &publish);
        let heard = read(&mut client, |it| it.get("publication").is_some());
        assert_eq!(heard["publication"]["topic"], "news.local", "{path}");
        // What it is, it stays.
        let handshake = json!({"type": "handshake", "clientId": "x"});
        let refused = ask(&mut client, &handshake, |it| it.get("error").is_some());
        assert_eq!(refused["error"]["code"], "CONFLICT", "{path}");
    }
    for path in ["/ws", "/v1/ws", "/api/v1/ws"] {
        let mut agent = Client::connect(server.address, path);
        say(&mut agent, &json!({"type": "heartbeat"}));
        let handshake = json!({"type": "handshake", "clientId": "agent-001"});
        ask(&mut agent, &handshake, of_type("handshake_ack"));
        let mut asker = visual(server.address, path, "asker");
        say(&mut asker, &execute(path, "agent-001"));
        let got = read(&mut agent, of_type("control.execute"));
        say(&mut agent, &result(&got, "completed", &json!(path)));
        let told = read(&mut asker, of_type("control.result"));
        assert_eq!(told["payload"]["result"], path);
    }
}

#[test]
fn credentials_bound_what_a_visual_session_may_do() {
    let (server, mut rest) = server();
    register(&mut rest, "agent-001");
    let key = |rest: &mut Rest, scopes: &[&str]| {
        let body = json!({"name": "test", "scopes": scopes});
        let made = rest.expect(201, "POST", "/admin/keys", Some(&body));
        made["key"].as_str().unwrap().to_owned()
    };
    let mut rest = Rest::with_key(server.address, &key(&mut rest, &["admin"]));
    let connect = |headers: &str, name: &str| {
        let socket = http::open(server.address);
        let mut client = Client::upgrade(socket, CONTROL, headers, &[]);
        let handshake = json!({"type": "handshake", "clientId": name});
        ask(&mut client, &handshake, of_type("handshake_ack"));
        client
    };
    let header = |key: &str| format!("X-API-Key: {key}\r\n");
    let reader = header(&key(&mut rest, &["read"]));
    let worker = header(&key(&mut rest, &["tasks"]));
    let operator = header(&key(&mut rest, &["control"]));
    let mut agent = connect(&worker, "agent-001");
    // A later session of that name that may not act as the agent gets nothing of it.
    let mut impostors = [
        connect(&reader, "agent-001"),
        connect(&operator, "agent-001"),
    ];
    let mut nobody = Client::upgrade(http::open(server.address), CONTROL, "", &[]);
    let handshake = json!({"type": "handshake", "clientId": "agent-001"});
    let refused = ask(&mut nobody, &handshake, of_type("error"));
    assert_eq!(refused["payload"]["details"]["reason"], "credentials");
    for headers in [&reader, &worker] {
        let mut client = connect(headers, "asker");
        let refused = ask(&mut client, &execute("1", "agent-001"), of_type("error"));
        assert_eq!(refused["payload"]["code"], "AUTH_FAILED");
        assert_eq!(refused["payload"]["details"]["reason"], "scope");
    }
    let mut asker = connect(&operator, "asker");
    say(&mut asker, &execute("2", "agent-001"));
    let got = read(&mut agent, of_type("control.execute"));
    for impostor in &mut impostors {
        assert_eq!(waiting(impostor, "control.execute"), [] as [Value; 0]);
        let answer = result(&got, "completed", &json!("stolen"));
        ask(impostor, &answer, of_type("error"));
    }
    say(&mut agent, &result(&got, "completed", &json!("own")));
    let told = read(&mut asker, of_type("control.result"));
    assert_eq!(told["payload"]["result"], "own");
}
