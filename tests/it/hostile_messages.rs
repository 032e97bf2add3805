//! Proves that text which is no message of the protocol earns a clear error and nothing worse:
//! invalid JSON, unknown types, depth, wrong field types, text where binary belongs and the
//! reverse. The connection is kept and works afterwards.

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Frame, Record};
use crate::support::ws::Client;

/// Bad texts, and what the error must name.
fn bad_texts() -> Vec<(String, &'static str)> {
    let own = |text: &str| text.to_owned();
    vec![
        (own(""), "message"),
        (own("hello"), "message"),
        (own("{\"type\":\"heartbeat\""), "message"),
        (own("{}"), "type"),
        (own("{\"type\":7}"), "message"),
        (
            own("{\"type\":\"heartbeat\",\"type\":\"heartbeat\"}"),
            "duplicate",
        ),
        (own("[]"), "message"),
        (own("null"), "message"),
        (own("{\"type\":\"launch\"}"), "launch"),
        (own("{\"type\":\"heartbeat\"} {}"), "message"),
        (own("\u{feff}{\"type\":\"heartbeat\"}"), "message"),
        ("[".repeat(100_000), "message"),
        (
            format!("{{\"type\":\"x\",\"deep\":{}", "{\"a\":".repeat(50_000)),
            "message",
        ),
        (own("{\"type\":\"\\ud800\"}"), "message"),
        (
            format!("{{\"type\":\"{}\"}}", "long".repeat(10_000)),
            "long",
        ),
    ]
}

fn refusal(client: &mut Client, sent: &str) -> String {
    let error = client.json();
    let sent: String = sent.chars().take(40).collect();
    assert_eq!(error["type"], "error", "{sent}: {error}");
    assert_eq!(
        error["payload"]["code"], "INVALID_MESSAGE",
        "{sent}: {error}"
    );
    error["payload"]["message"].as_str().unwrap().to_owned()
}

fn prove_alive(client: &mut Client, beat: usize) {
    client.send_text(&format!("{{\"type\":\"heartbeat\",\"timestamp\":{beat}}}"));
    let answer = client.json();
    assert_eq!(
        (&answer["type"], &answer["timestamp"]),
        (&"heartbeat_ack".into(), &beat.into())
    );
}

#[test]
fn bad_text_after_the_handshake_is_an_error_and_the_connection_is_kept() {
    let server = TestServer::start();
    let mut client = server.connect("role=publisher");
    client.shake_hands(&["binary"], None);
    for (beat, (text, names)) in bad_texts().into_iter().enumerate() {
        client.send_text(&text);
        let message = refusal(&mut client, &text);
        assert!(message.contains(names), "{message}");
        assert!(
            message.len() < 500,
            "an error doesn't repeat what it was sent: {message}"
        );
        prove_alive(&mut client, beat);
    }
}

#[test]
fn bad_text_before_the_handshake_leaves_the_handshake_possible() {
    let server = TestServer::start();
    for (text, _) in bad_texts() {
        let mut client = server.connect("");
        client.send_text(&text);
        refusal(&mut client, &text);
        client.shake_hands(&["binary"], Some("publisher"));
    }
}

#[test]
fn an_error_names_the_message_that_it_answers() {
    let server = TestServer::start();
    let mut client = server.connect("role=publisher");
    client.shake_hands(&[], None);
    client.send_text("{\"id\":\"m-17\",\"type\":\"launch\"}");
    assert_eq!(client.json()["payload"]["details"]["requestId"], "m-17");
}

#[test]
fn a_peers_control_characters_are_not_repeated_raw() {
    let server = TestServer::start();
    let mut client = server.connect("role=publisher");
    client.shake_hands(&[], None);
    client.send_text("{\"type\":\"a\\u001b[31m\\nb\"}");
    let message = refusal(&mut client, "escapes");
    assert!(
        message.chars().all(|character| !character.is_control()),
        "{message:?}"
    );
}

#[test]
fn text_where_binary_belongs_and_the_reverse() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut binary = server.publisher("main");
    binary.send_text("AGNT as text");
    let (code, text) = Frame::read(&binary.binary()).error();
    assert_eq!((code, text.contains("message")), (3, true), "{text}");
    let mut json = server.connect("role=publisher");
    json.send_binary(&wire::positions(0, &[Record::counted(1, 1)]));
    assert!(refusal(&mut json, "a frame").contains("before the handshake"));
    for (client, id) in [(&mut binary, 2), (&mut json, 3)] {
        if id == 3 {
            client.shake_hands(&["binary"], None);
        }
        let record = Record::counted(id, 1);
        client.send_binary(&wire::positions(0, &[record]));
        assert_eq!(next_tick(&mut viewer).records, [record]);
    }
}

#[test]
fn ten_bad_texts_in_a_row_close_with_1008() {
    let server = TestServer::start();
    let mut client = server.connect("");
    for _ in 0..10 {
        client.send_text("{");
    }
    let (before, code, reason) = client.until_close();
    assert_eq!((before.len(), code), (10, 1008), "{reason}");
}
