//! Proves that a session keeps nothing of a token that it was renewed from: what the new one doesn't
//! allow ends at once, on the sockets of every document, and the client is told.

use serde_json::{Value, json};

use crate::support::commanding::{CONTROL, of_type, read, register, say, waiting};
use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::tokens::{Signed, bearer, claims, good, server, sign};
use crate::support::ws::{Client, Message};

const WIDE: &[&str] = &["read", "publish", "control", "agents", "tasks"];

/// A server with the agent `a1`, and who may do everything there.
fn with_agent() -> (TestServer, Rest) {
    let server = server();
    let mut operator = Rest::to(server.address);
    operator.headers = bearer(&good("operator", &["admin"]));
    register(&mut operator, "a1");
    (server, operator)
}

/// A token of `u1` that may act as the agent.
fn wide() -> String {
    let mut claims = claims("u1", WIDE);
    claims["act_as"] = json!(["a1"]);
    sign(&claims, Signed::Es256)
}

fn open(server: &TestServer, target: &str, token: &str) -> Client {
    let socket = http::open(server.address);
    Client::try_upgrade(socket, target, &bearer(token), &[]).unwrap()
}

fn renewal(token: &str) -> Value {
    json!({"type": "auth.renew", "id": "renewal", "token": token})
}

fn texts(client: &mut Client) -> String {
    let heard = client.settle().into_iter();
    let texts = heard.filter_map(|message| match message {
        Message::Text(text) => Some(text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Gives the agent a command that has this word in it.
fn command(operator: &mut Rest, word: &str) {
    let body = json!({"command_type": "execute", "payload": {"word": word}});
    operator.expect(202, "POST", "/v1/agents/a1/commands", Some(&body));
}

#[test]
fn subscriptions_end_with_the_right_to_read_and_with_their_stream() {
    let (server, mut operator) = with_agent();
    let mut elsewhere = claims("u1", &["read"]);
    elsewhere["agnt_streams"] = json!(["other"]);
    for narrow in [
        good("u1", &["agents"]),
        sign(&elsewhere, Signed::Es256),
        good("u1", &["publish"]),
    ] {
        for (path, subscribe) in [
            (
                "/api/v1/ws",
                json!({"subscription": {"id": "all", "topics": ["**"]}}),
            ),
            (
                "/v1/ws",
                json!({"type": "subscribe", "id": "all", "topics": ["**"]}),
            ),
        ] {
            let mut client = open(&server, path, &wide());
            say(&mut client, &subscribe);
            let told = texts(&mut client);
            assert!(told.contains("subscribed"), "{path}: {told}");
            say(&mut client, &renewal(&narrow));
            let told = texts(&mut client);
            assert!(told.contains("renewed"), "{path}: {told}");
            assert!(
                told.contains("unsubscribed") && told.contains("\"all\""),
                "{path}: {told}"
            );
            operator.expect(
                200,
                "PUT",
                "/v1/agents/a1",
                Some(&json!({"name": "changed"})),
            );
            let told = texts(&mut client);
            assert!(!told.contains("agent."), "{path}: {told}");
        }
    }
}

#[test]
fn an_agent_is_left_by_who_may_not_act_as_it_any_more() {
    let (server, mut operator) = with_agent();
    let mut client = open(&server, "/api/v1/ws?agent_id=a1", &wide());
    client.settle();
    command(&mut operator, "before");
    assert!(texts(&mut client).contains("before"));
    say(&mut client, &renewal(&good("u1", &["read", "agents"])));
    let told = texts(&mut client);
    assert!(told.contains("renewed"), "{told}");
    assert!(
        told.contains("FORBIDDEN") && told.contains("\"a1\""),
        "{told}"
    );
    command(&mut operator, "after");
    say(
        &mut client,
        &json!({"type": "event", "event_type": "agent.status_changed", "id": "s",
            "data": {"agent_id": "a1", "new_status": "error"}}),
    );
    let told = texts(&mut client);
    assert!(!told.contains("after"), "{told}");
    assert!(told.contains("FORBIDDEN"), "{told}");
    let agent = operator.expect(200, "GET", "/v1/agents/a1", None);
    assert_ne!(agent["status"], "error");
}

#[test]
fn a_visual_session_keeps_its_name_or_its_token() {
    let (server, mut operator) = with_agent();
    let mut client = open(&server, CONTROL, &wide());
    say(
        &mut client,
        &json!({"type": "handshake", "version": "1.0.0", "clientId": "a1"}),
    );
    read(&mut client, of_type("handshake_ack"));
    command(&mut operator, "first");
    read(&mut client, of_type("control.execute"));
    // Another's name can't be kept by it: the session goes on by the old one, as long as that is good.
    say(&mut client, &renewal(&good("u1", WIDE)));
    let refused = read(&mut client, of_type("error"));
    assert_eq!(refused["payload"]["code"], "AUTH_FAILED", "{refused}");
    assert_eq!(
        refused["payload"]["details"]["reason"], "scope",
        "{refused}"
    );
    // Who may not answer gets no orders.
    let mut mute = claims("u1", &["read", "publish"]);
    mute["act_as"] = json!(["a1"]);
    say(&mut client, &renewal(&sign(&mute, Signed::Es256)));
    read(&mut client, of_type("auth.renewed"));
    command(&mut operator, "second");
    assert_eq!(waiting(&mut client, "control.execute"), [] as [Value; 0]);
    // Who may again gets what is open.
    say(&mut client, &renewal(&wide()));
    read(&mut client, of_type("auth.renewed"));
    let commands: Vec<_> = waiting(&mut client, "control.execute")
        .iter()
        .map(ToString::to_string)
        .collect();
    let has_second = commands.iter().any(|it| it.contains("second"));
    assert!(has_second, "{commands:?}");
}

#[test]
fn a_handshake_by_another_token_takes_the_place_of_what_the_request_showed() {
    let (server, mut operator) = with_agent();
    let target = format!("{CONTROL}?protocols=json&agent_id=a1");
    let mut client = open(&server, &target, &wide());
    read(&mut client, of_type("handshake_ack"));
    say(
        &mut client,
        &json!({"type": "handshake", "version": "1.0.0", "clientId": "somebody",
            "token": good("u2", WIDE)}),
    );
    read(&mut client, of_type("handshake_ack"));
    command(&mut operator, "secret");
    assert_eq!(waiting(&mut client, "control.execute"), [] as [Value; 0]);
}
