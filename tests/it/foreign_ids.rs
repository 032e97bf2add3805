//! Proves that nobody but a registered agent, or who may act as it, can publish under its number: a
//! frame with another's number is refused whole by an error that names the number and what is
//! allowed, nobody sees any of it, and the connection goes on.

use serde_json::{Value, json};

use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::{PATH, TestServer};
use crate::support::swarm::next_tick;
use crate::support::wire::{self, ERROR, Frame, MORE, Record};
use crate::support::ws::{Client, Message};

const AUTH_FAILED: u16 = 2;

fn register(rest: &mut Rest, agent: &str) -> u32 {
    let body = json!({"agent_id": agent, "capabilities": ["flying"]});
    rest.expect(201, "POST", "/v1/agents", Some(&body));
    let row = rest.expect(200, "GET", &format!("/v1/agents/{agent}"), None);
    u32::try_from(row["numeric_id"].as_u64().unwrap()).unwrap()
}

fn at(id: u32) -> Vec<u8> {
    wire::positions(0, &[Record::counted(id, 1)])
}

/// The event of a coordination that this agent began.
fn begun_by(initiator: u32) -> Vec<u8> {
    let mut frame = wire::coordination(5);
    frame[20..24].copy_from_slice(&initiator.to_le_bytes());
    frame
}

/// One of each kind that names an agent.
fn frames_of(id: u32) -> [Vec<u8>; 4] {
    [
        wire::positions(0, &[Record::counted(3, 1), Record::counted(id, 1)]),
        wire::states(&[(3, 2), (id, 3)]),
        wire::metrics(id, 1),
        begun_by(id),
    ]
}

/// Sends a message; the text of the one error that it earns, if it does.
fn refusal(client: &mut Client, message: &[u8]) -> Option<String> {
    client.send_binary(message);
    let mut answers = client.settle().into_iter();
    let told = answers.next().map(|answer| match answer {
        Message::Binary(bytes) => {
            let frame = Frame::read(&bytes);
            assert_eq!(frame.kind, ERROR);
            let (code, text) = frame.error();
            assert_eq!(code, AUTH_FAILED);
            text
        }
        other => panic!("no frame: {other:?}"),
    });
    assert_eq!(answers.next(), None);
    told
}

#[test]
fn a_foreign_number_is_refused_in_every_kind_of_frame_and_its_own_is_not() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let (own, foreign) = (register(&mut rest, "pilot"), register(&mut rest, "other"));
    assert!(own >= 0x1000_0000 && foreign <= 0x3FFF_FFFF);
    let mut viewer = server.viewer("main");
    viewer.settle();
    let mut pilot = server.connect("protocols=binary&role=publisher&agent_id=pilot");
    for frame in frames_of(foreign) {
        let told = refusal(&mut pilot, &frame).unwrap();
        assert!(told.starts_with(&format!("id: {foreign} ")), "{told}");
        assert!(told.ends_with(&format!("its own, {own}")), "{told}");
        assert_eq!(viewer.settle(), [], "nothing of it is published");
    }
    for frame in frames_of(own) {
        assert_eq!(refusal(&mut pilot, &frame), None);
        assert_eq!(viewer.settle(), [Message::Binary(frame)]);
    }
    // Frames before the one that is refused count.
    let message = [at(own), at(foreign), at(4)].concat();
    assert!(refusal(&mut pilot, &message).is_some());
    assert_eq!(viewer.settle(), [Message::Binary(at(own))]);
    // A tick is refused whole, with one error.
    for parts in [[own, foreign, 5], [foreign, own, 6], [foreign, foreign, 7]] {
        let [one, two, three] = parts.map(|id| [Record::counted(id, 2)]);
        let tick = [
            wire::positions(MORE, &one),
            wire::positions(MORE, &two),
            wire::positions(0, &three),
        ];
        let told = tick.map(|frame| refusal(&mut pilot, &frame));
        assert_eq!(told.iter().flatten().count(), 1, "{told:?}");
        assert_eq!(viewer.settle(), []);
    }
    assert_eq!(refusal(&mut pilot, &at(own)), None);
    assert_eq!(next_tick(&mut viewer).records, [Record::counted(own, 1)]);
    assert!(server.metric("agnt_dropped_total{reason=\"not_allowed\"}") > 0.0);
}

#[test]
fn who_is_no_registered_agent_has_all_other_numbers() {
    let server = TestServer::start();
    let mut publisher = server.publisher("main");
    for id in [0, 1, 0x0FFF_FFFF, 0x4000_0000, u32::MAX] {
        assert_eq!(refusal(&mut publisher, &at(id)), None, "{id:#x}");
    }
    for id in [0x1000_0000, 0x1000_0001, 0x3FFF_FFFF] {
        let told = refusal(&mut publisher, &at(id)).unwrap();
        let allowed = "allowed are 0 to 268435455, 1073741824 to 4294967295";
        assert!(told.ends_with(allowed), "{told}");
    }
}

#[test]
fn a_client_that_speaks_json_is_told_in_json() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let own = register(&mut rest, "it");
    let mut pilot = server.connect("");
    // Its handshake calls it `it`.
    pilot.shake_hands(&["binary"], Some("publisher"));
    pilot.send_binary(&at(own + 1));
    let error = pilot.json();
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(error["payload"]["code"], "AUTH_FAILED", "{error}");
    assert_eq!(error["payload"]["details"]["reason"], "scope", "{error}");
    pilot.send_binary(&at(own));
    assert_eq!(pilot.settle(), []);
}

#[test]
fn a_number_ends_with_its_agent_and_a_new_one_counts_at_once() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let mut pilot = server.connect("protocols=binary&role=publisher&agent_id=pilot");
    assert!(refusal(&mut pilot, &at(0x1000_0000)).is_some());
    let first = register(&mut rest, "pilot");
    assert_eq!(refusal(&mut pilot, &at(first)), None);
    rest.expect(204, "DELETE", "/v1/agents/pilot", None);
    let second = register(&mut rest, "pilot");
    assert_ne!(first, second);
    assert_eq!(refusal(&mut pilot, &at(second)), None);
    assert!(refusal(&mut pilot, &at(first)).is_some());
}

#[test]
fn a_key_that_allows_agents_speaks_for_all_of_them() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let (pilot, other) = (register(&mut rest, "pilot"), register(&mut rest, "other"));
    let mut key = |scopes: &[&str]| {
        let body = json!({"name": "test", "scopes": scopes});
        let made: Value = rest.expect(201, "POST", "/admin/keys", Some(&body));
        let key = made["key"].as_str().unwrap().to_owned();
        if scopes == ["admin"] {
            rest.headers = format!("X-API-Key: {key}\r\n");
        }
        key
    };
    let everything = ["read", "publish", "control", "tasks"];
    let cases = [
        (key(&["admin"]), [true, true]),
        (key(&["publish", "agents"]), [true, true]),
        (key(&everything), [true, false]),
        (key(&["publish"]), [false, false]),
    ];
    for (key, may) in cases {
        let target = format!("{PATH}?protocols=binary&role=publisher&agent_id=pilot");
        let header = format!("X-API-Key: {key}\r\n");
        let mut client = Client::upgrade(http::open(server.address), &target, &header, &[]);
        let told = [pilot, other].map(|id| refusal(&mut client, &at(id)).is_none());
        assert_eq!(told, may);
        assert_eq!(refusal(&mut client, &at(9)), None);
    }
}
