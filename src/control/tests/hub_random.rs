//! A hub under messages made at random: nothing panics, and whatever goes out is JSON.

use fastrand::Rng;
use serde_json::{Map, Value};

use super::super::channel_kind::ChannelKind;
use super::super::envelope::Envelope;
use super::super::members::SessionPath;
use super::super::rig::{Peer, Rig};
use crate::engine::Lane;

const KINDS: [&str; 21] = [
    "agent.state.changed",
    "agent.performance.update",
    "agent.capability.update",
    "message.sent",
    "message.flow.stats",
    "graph.update",
    "coordination.initiated",
    "coordination.progress",
    "system.metrics",
    "control.multi-agent.configure",
    "control.execute",
    "control.result",
    "error",
    "rtc.offer",
    "rtc.ice",
    "ack",
    "channel.create",
    "channel.close",
    "stream.open",
    "stream.credit",
    "agent.dance",
];

/// Every key that some message knows.
const KEYS: [&str; 44] = [
    "agentId",
    "newState",
    "previousState",
    "reason",
    "metadata",
    "metrics",
    "successRate",
    "trends",
    "loadTrend",
    "action",
    "capability",
    "name",
    "level",
    "messageId",
    "from",
    "to",
    "id",
    "messageType",
    "content",
    "status",
    "expiry",
    "flowId",
    "statistics",
    "nodes",
    "edges",
    "removedNodes",
    "weight",
    "coordinationId",
    "pattern",
    "initiator",
    "participants",
    "role",
    "parameters",
    "timeout",
    "votes",
    "vote",
    "a",
    "multi-agentId",
    "configuration",
    "targetAgent",
    "command",
    "commandId",
    "details",
    "requestId",
];

const TEXTS: [&str; 18] = [
    "a",
    "b",
    "7",
    "agent-001",
    "IDLE",
    "EXECUTING",
    "custom-200",
    "add",
    "remove",
    "REQUEST",
    "RESPONSE",
    "error",
    "voter",
    "approve",
    "completed",
    "2999-01-01T00:00:00Z",
    "\u{0}\"\\é\n",
    "events",
];

fn value(random: &mut Rng, depth: usize) -> Value {
    match random.u8(..if depth > 3 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => Value::from(random.bool()),
        2 => Value::from(random.i64(-2..100)),
        3 => Value::from(random.f64() * 2.0),
        4 | 5 => Value::from(TEXTS[random.usize(..TEXTS.len())]),
        6 => (0..random.usize(..3))
            .map(|_| value(random, depth + 1))
            .collect(),
        _ => object(random, depth + 1),
    }
}

fn object(random: &mut Rng, depth: usize) -> Value {
    let mut members = Map::new();
    for _ in 0..random.usize(..8) {
        let key = KEYS[random.usize(..KEYS.len())];
        members.insert(key.to_owned(), value(random, depth));
    }
    Value::Object(members)
}

/// A payload that is nearly good: the keys that its type needs, with likely values.
fn payload(random: &mut Rng, kind: &str) -> Value {
    let text = match kind {
        "agent.state.changed" => r#"{"agentId":"a","newState":"IDLE"}"#,
        "agent.performance.update" => {
            r#"{"agentId":"7","metrics":{"successRate":0.5},"trends":{}}"#
        }
        "agent.capability.update" => r#"{"agentId":"a","action":"add","capability":{"name":"x"}}"#,
        "message.sent" => {
            r#"{"messageId":"m","from":{"id":"a"},"to":[{"id":"b"},{"id":"7"}],"messageType":"RESPONSE","content":{"status":"error"}}"#
        }
        "message.flow.stats" => r#"{"flowId":"a-b","statistics":{}}"#,
        "graph.update" => r#"{"nodes":[{"id":"1","x":"\u0001"}],"edges":[{"from":"1","to":"2"}]}"#,
        "coordination.initiated" => {
            r#"{"coordinationId":"1","pattern":"CONSENSUS","initiator":{"id":"7"},"participants":[{"id":"8"}],"parameters":{"timeout":50}}"#
        }
        "coordination.progress" => {
            r#"{"coordinationId":"1","votes":{"7":{"vote":"approve"},"a":{"vote":"reject"}}}"#
        }
        "control.multi-agent.configure" => {
            r#"{"swarmId":"s","configuration":{"faultTolerance":{"heartbeatInterval":100}}}"#
        }
        "control.execute" => r#"{"targetAgent":"a","command":"x","timeout":100}"#,
        "control.result" => r#"{"commandId":"a","status":"completed"}"#,
        "rtc.offer" | "rtc.ice" => r#"{"targetAgent":"7"}"#,
        "channel.create" | "channel.close" => r#"{"channelId":"a","content":"events"}"#,
        "stream.open" | "stream.credit" => r#"{"streamId":"b","content":"graph","credit":3}"#,
        _ => "{}",
    };
    let mut good: Value = serde_json::from_str(text).expect("JSON");
    let Value::Object(members) = &mut good else {
        return good;
    };
    match random.u8(..4) {
        0 => return object(random, 0),
        1 => {
            let keys: Vec<String> = members.keys().cloned().collect();
            if let Some(key) = random.choice(keys) {
                members.insert(key, value(random, 1));
            }
        }
        2 => {
            members.insert(
                KEYS[random.usize(..KEYS.len())].to_owned(),
                value(random, 1),
            );
        }
        _ => {}
    }
    good
}

fn text(random: &mut Rng, kind: &str) -> String {
    let mut message = Map::new();
    message.insert("type".to_owned(), kind.into());
    message.insert("payload".to_owned(), payload(random, kind));
    if random.u8(..4) > 0 {
        let id = TEXTS[random.usize(..TEXTS.len())].to_owned();
        message.insert("id".to_owned(), format!("{id}{}", random.u8(..40)).into());
    }
    if random.bool() {
        let metadata = serde_json::json!({
            "ack": random.bool(),
            "priority": random.i8(1..=10),
            "ttl": random.u32(..1000),
        });
        message.insert("metadata".to_owned(), metadata);
    }
    if random.u8(..20) == 0 {
        message.insert(
            KEYS[random.usize(..KEYS.len())].to_owned(),
            value(random, 1),
        );
    }
    Value::Object(message).to_string()
}

/// Sends a message as the dialect would, and reads what it is answered.
fn send(rig: &Rig, peer: &Peer, kind: &str, text: &str) {
    let json = |text: &str| -> Value { serde_json::from_str(text).expect("an answer in JSON") };
    if kind.starts_with("channel.") || kind.starts_with("stream.") {
        let answer = rig
            .hub
            .channel_request(peer.id, kind, text, rig.call())
            .reply;
        if let Some(answer) = answer {
            let kind = json(&answer)["type"].as_str().map(str::to_owned);
            let known = [ChannelKind::Channel, ChannelKind::Stream]
                .map(|kind| [kind.opened(), kind.closed(), kind.error()]);
            assert!(
                known
                    .as_flattened()
                    .contains(&kind.expect("a type").as_str())
            );
        }
        return;
    }
    let Ok(envelope) = Envelope::parse(text, 1 << 16) else {
        return;
    };
    let answers = rig
        .hub
        .receive(peer.id, &envelope, &peer.publisher, rig.call());
    match answers {
        Ok(answers) => answers.iter().for_each(|answer| drop(json(answer))),
        Err(refusal) => assert!(!refusal.text.is_empty()),
    }
}

#[test]
fn nothing_panics_and_whatever_goes_out_is_json() {
    const LANES: [Lane; 4] = [
        Lane::EventsJson,
        Lane::CriticalJson,
        Lane::AgentIndex,
        Lane::GraphJson,
    ];
    const PATHS: [SessionPath; 3] = [
        SessionPath::Visualisation,
        SessionPath::Graph,
        SessionPath::Control,
    ];
    let mut random = Rng::with_seed(11);
    let mut rig = Rig::new();
    let mut readers = LANES.map(|lane| rig.reader(lane));
    let join = |rig: &Rig, random: &mut Rng| {
        let client = [Some("a"), Some("7"), Some("8"), None][random.usize(..4)];
        rig.join_as(client, PATHS[random.usize(..3)], random.u8(..8) > 0)
    };
    let mut peers: Vec<Peer> = (0..6).map(|_| join(&rig, &mut random)).collect();
    let (mut events, mut letters) = ([0; LANES.len()], 0);
    for round in 0..6_000 {
        let at = random.usize(..peers.len());
        let kind = KINDS[random.usize(..KINDS.len())];
        send(&rig, &peers[at], kind, &text(&mut random, kind));
        if random.u8(..10) == 0 {
            rig.advance_ms(random.u64(..300));
            rig.tick();
        }
        if random.u8(..50) == 0 {
            rig.hub.leave(peers[at].id, rig.call());
            peers[at] = join(&rig, &mut random);
        }
        if round % 100 == 0 {
            letters += peers.iter().map(|peer| rig.mail(peer).len()).sum::<usize>();
            for (reader, events) in readers.iter_mut().zip(&mut events) {
                for message in reader.json(&rig) {
                    *events += 1;
                    let sequence = message.get("sequence").and_then(Value::as_u64);
                    assert!(
                        sequence.is_none_or(|sequence| sequence == *events),
                        "{message}"
                    );
                }
            }
        }
    }
    assert!(
        events.iter().all(|count| *count > 10) && letters > 100,
        "{events:?} {letters}"
    );
}
