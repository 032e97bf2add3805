//! Sessions of the visualisation protocol that command agents, and answer as one.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};

use super::PATIENCE;
use super::rest::Rest;
use super::server::TestServer;
use super::ws::{Client, Message};

pub(crate) const CONTROL: &str = "/api/control/ws";

pub(crate) fn server() -> (TestServer, Rest) {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let rest = Rest::to(server.address);
    (server, rest)
}

pub(crate) fn register(rest: &mut Rest, id: &str) {
    let body = json!({"id": id, "type": "code_generation", "capabilities": ["python"]});
    rest.expect(201, "POST", "/api/v1/agents/register", Some(&body));
}

/// A session that has said who it is.
pub(crate) fn visual(address: SocketAddr, target: &str, name: &str) -> Client {
    let mut client = Client::connect(address, target);
    let handshake = json!({"type": "handshake", "version": "1.0.0", "clientId": name});
    ask(&mut client, &handshake, |it| it["type"] == "handshake_ack");
    client
}

pub(crate) fn say(client: &mut Client, message: &Value) {
    client.send_text(&message.to_string());
}

/// Says something and reads up to the message that `is_wanted`.
pub(crate) fn ask(
    client: &mut Client,
    message: &Value,
    is_wanted: impl Fn(&Value) -> bool,
) -> Value {
    say(client, message);
    read(client, is_wanted)
}

pub(crate) fn read(client: &mut Client, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(
            Instant::now() < deadline,
            "other messages came, but not this one"
        );
        let message = client.json();
        if is_wanted(&message) {
            return message;
        }
    }
}

pub(crate) fn of_type(kind: &str) -> impl Fn(&Value) -> bool {
    move |message| message["type"] == kind
}

/// What has come by now of that type.
pub(crate) fn waiting(client: &mut Client, kind: &str) -> Vec<Value> {
    let texts = client.settle().into_iter().filter_map(|it| match it {
        Message::Text(text) => Some(serde_json::from_str::<Value>(&text).unwrap()),
        _ => None,
    });
    texts.filter(of_type(kind)).collect()
}

/// Document C, Execute Command, without its webhook.
pub(crate) fn execute(id: &str, target: &str) -> Value {
    json!({"id": id, "type": "control.execute", "timestamp": "2024-01-10T12:00:00Z", "payload": {
        "targetAgent": target, "command": "execute_tool",
        "parameters": {"tool": "web_search", "query": "latest AI research papers", "maxResults": 10},
        "timeout": 30000}})
}

pub(crate) fn result(command: &Value, status: &str, result: &Value) -> Value {
    json!({"type": "control.result", "payload": {
        "commandId": command["payload"]["commandId"], "status": status, "result": result}})
}
