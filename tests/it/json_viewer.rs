//! Proves what a viewer without `binary` gets: positions as JSON, each float exactly, null for
//! what JSON can't say, far fewer messages than ticks, and never an agent forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::support::server::{PATH, TestServer};
use crate::support::wire::{self, Record};
use crate::support::ws::{Client, Message};

/// The agents of the next message, by their number.
fn batch(message: &Value) -> BTreeMap<u32, [Option<f64>; 6]> {
    assert_eq!(message["type"], "agent.position.batch", "{message}");
    assert!(
        message["id"].is_string() && message["timestamp"].is_string(),
        "{message}"
    );
    let agents = message["payload"]["agents"].as_array().unwrap();
    let read = |agent: &Value| {
        let id = u32::try_from(agent["numericId"].as_u64().unwrap()).unwrap();
        assert_eq!(agent["agentId"], id.to_string());
        let value = |name| match &agent[name] {
            Value::Null => None,
            value => Some(value.as_f64().unwrap()),
        };
        (id, ["x", "y", "z", "vx", "vy", "vz"].map(value))
    };
    agents.iter().map(read).collect()
}

fn viewer(server: &TestServer) -> Client {
    let mut client = server.connect("protocols=json&role=viewer");
    assert_eq!(client.json()["type"], "handshake_ack");
    client
}

#[test]
fn floats_are_exact_and_null_says_what_json_cannot() {
    let server = TestServer::start();
    let mut viewer = viewer(&server);
    assert_eq!(
        batch(&viewer.json()),
        BTreeMap::new(),
        "an empty stream has a state as well"
    );
    let values = [0.1, -2.5, f32::MAX, f32::MIN_POSITIVE, 1e-45, 16_777_216.0];
    let mut publisher = server.publisher("main");
    publisher.send_binary(&wire::positions(
        0,
        &[
            Record::new(7, values),
            Record::new(
                u32::MAX,
                [1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, 0.0],
            ),
        ],
    ));
    let agents = batch(&viewer.json());
    let narrowed = agents[&7].map(|value| (value.unwrap() as f32).to_bits());
    assert_eq!(narrowed, values.map(f32::to_bits));
    assert_eq!(
        agents[&u32::MAX],
        [Some(1.0), None, None, None, Some(0.0), Some(0.0)]
    );
    publisher.send_binary(&wire::positions(0, &[Record::new(7, [f32::NAN; 6])]));
    assert_eq!(
        batch(&viewer.json()),
        BTreeMap::from([(7, [None; 6])]),
        "gone"
    );
    let mut late = self::viewer(&server);
    let keys: Vec<u32> = batch(&late.json()).into_keys().collect();
    assert_eq!(keys, [u32::MAX], "who is gone isn't in the state");
}

#[test]
fn many_ticks_are_few_messages_of_the_newest_state() {
    let server = TestServer::start();
    let mut viewer = viewer(&server);
    batch(&viewer.json());
    let mut publisher = server.publisher("main");
    let (sent, newest) = std::thread::scope(|threads| {
        let reading = threads.spawn(|| {
            let mut newest = -1.0;
            for _ in 0..6 {
                let x = batch(&viewer.json())[&1][0].unwrap();
                assert!(x > newest, "each message is newer than the one before");
                newest = x;
            }
            newest as u32
        });
        let mut sent = 0;
        while !reading.is_finished() {
            for _ in 0..20 {
                publisher.send_binary(&wire::positions(0, &[Record::counted(1, sent)]));
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        (sent, reading.join().unwrap())
    });
    assert!(
        newest < sent && sent > 5 * 6,
        "{sent} ticks made six messages"
    );
}

#[test]
fn a_json_viewer_gets_no_frame() {
    let server = TestServer::start();
    let mut viewer = viewer(&server);
    let mut publisher = server.publisher("main");
    for frame in [
        wire::states(&[(1, 2)]),
        wire::metrics(1, 2),
        wire::coordination(3),
    ] {
        publisher.send_binary(&frame);
    }
    publisher.send_binary(&wire::positions(0, &[Record::counted(1, 1)]));
    let mut told = BTreeSet::new();
    loop {
        let Message::Text(text) = viewer.message() else {
            panic!("a frame came")
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        let kind = message["type"].as_str().unwrap();
        if kind != "agent.position.batch" {
            told.insert(kind.to_owned());
        } else if batch(&message).contains_key(&1) {
            break;
        }
    }
    assert!(
        told.contains("agent.state.changed"),
        "states are told as events: {told:?}"
    );
    assert!(
        viewer
            .settle()
            .iter()
            .all(|message| matches!(message, Message::Text(_)))
    );
}

#[test]
fn a_stalled_json_viewer_ends_at_the_newest_state_of_all_agents() {
    const AGENTS: u32 = 3000;
    const TICKS: u32 = 60;
    let server = TestServer::with(|config| config.staleness_max_ms = 250);
    let target = format!("{PATH}?protocols=json&role=viewer");
    let mut stalled = Client::connect_narrow(server.address, &target, 4096);
    assert_eq!(stalled.json()["type"], "handshake_ack");
    let mut publisher = server.publisher("main");
    for count in 1..=TICKS {
        let records: Vec<Record> = (0..AGENTS).map(|id| Record::counted(id, count)).collect();
        publisher.send_tick(&records);
        std::thread::sleep(Duration::from_millis(50));
    }
    let removal = [Record::new(17, [f32::NAN; 6])];
    publisher.send_binary(&wire::positions(0, &removal));
    publisher.settle();
    std::thread::sleep(Duration::from_millis(500));
    let mut newest = BTreeMap::new();
    let is_done = |newest: &BTreeMap<u32, Option<f64>>| {
        newest.len() == AGENTS as usize
            && newest.iter().all(|(id, x)| match x {
                Some(x) => *id != 17 && *x >= f64::from(TICKS),
                None => *id == 17,
            })
    };
    while !is_done(&newest) {
        for (id, [x, ..]) in batch(&stalled.json()) {
            newest.insert(id, x);
        }
    }
}
