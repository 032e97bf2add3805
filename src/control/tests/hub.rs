//! A hub's events: what sessions tell, as others read it in lanes.

use agnt_codec::{Emit, Flags, Frame, Metadata, Payload, StateBatchOut, StateCode, StateRecord};
use serde_json::{Value, json};

use super::super::members::SessionPath;
use super::super::rig::{Peer, Rig, message, message_with};
use crate::engine::{Lane, StateChange};

/// A frame of states as a publisher sends it, and what the stream says that it changed.
fn publish_states(rig: &Rig, peer: &Peer, records: &[StateRecord<'_>]) -> Vec<StateChange> {
    let batch = StateBatchOut { records };
    let mut bytes = vec![0; batch.encoded_bytes()];
    batch.emit(Flags::NONE, &mut bytes).expect("room");
    let frame = Frame::exactly(&bytes).expect("a frame");
    let Payload::States(states) = frame.payload() else {
        panic!("states");
    };
    let stream = rig.hub.stream();
    let changes = stream.publish_states(&peer.publisher, &frame, &states, rig.call());
    let changes = changes.expect("room");
    rig.hub
        .note_states(&changes, peer.publisher.number(), rig.call());
    changes
}

fn record(id: u32, state: StateCode, metadata: Option<&str>) -> StateRecord<'_> {
    StateRecord {
        id,
        state,
        metadata: metadata.map(Metadata::Json),
    }
}

#[test]
fn the_documents_state_change_goes_on_as_it_came() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let payload = r#"{ "agentId": "agent-001", "previousState": "IDLE", "newState": "EXECUTING",
        "reason": "Task assigned", "metadata": { "taskId": "task-456", "estimatedDuration": 5000 } }"#;
    rig.tell(&agent, &message("agent.state.changed", "msg-123", payload));
    let told = events.read(&rig);
    assert_eq!(told.len(), 1);
    let text = String::from_utf8(told[0].text.clone()).expect("text");
    assert_eq!(
        text,
        format!(
            r#"{{"id":"msg-123","type":"agent.state.changed","timestamp":"2024-01-10T12:00:00Z","payload":{payload},"sequence":1}}"#
        )
    );
    assert_eq!(
        told[0].own,
        Some(agent.publisher.number()),
        "its sender doesn't get it back"
    );
}

#[test]
fn what_an_agent_did_before_is_filled_in_and_told_in_frames_too() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let mut frames = rig.reader(Lane::Events);
    let agent = rig.join("a", SessionPath::Visualisation);
    let change = |id: &str, state: &str| {
        let payload = format!(r#"{{"agentId":"{id}","newState":"{state}"}}"#);
        rig.tell(
            &agent,
            &message("agent.state.changed", &format!("{id}{state}"), &payload),
        );
    };
    for (id, state) in [
        ("7", "IDLE"),
        ("7", "EXECUTING"),
        ("named", "PAUSED"),
        ("named", "custom-200"),
    ] {
        change(id, state);
    }
    let before: Vec<Value> = events
        .json(&rig)
        .iter()
        .map(|event| event["payload"]["previousState"].clone())
        .collect();
    assert_eq!(
        before,
        [Value::Null, json!("IDLE"), Value::Null, json!("PAUSED")]
    );
    let frames: Vec<Vec<u8>> = frames
        .read(&rig)
        .into_iter()
        .map(|told| told.text)
        .collect();
    let frame = |state: u8| {
        [
            b"AGNT\x02\x00\x0a\x00\x01\0\0\0\x07\0\0\0".as_slice(),
            &[state, 0],
        ]
        .concat()
    };
    assert_eq!(frames, [frame(2), frame(3)], "only number 7 has frames");
}

#[test]
fn states_in_frames_become_json_under_the_name_that_the_agent_was_given() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let mut index = rig.reader(Lane::AgentIndex);
    let publisher = rig.join("p", SessionPath::Visualisation);
    let label = r#"{"name":"agent-001","type":"worker"}"#;
    publish_states(
        &rig,
        &publisher,
        &[
            record(7, StateCode::IDLE, Some(label)),
            record(8, StateCode::BUSY, None),
        ],
    );
    publish_states(
        &rig,
        &publisher,
        &[
            record(7, StateCode::BUSY, None),
            record(8, StateCode::BUSY, None),
        ],
    );
    let told = events.read(&rig);
    assert!(
        told.iter()
            .all(|one| one.own == Some(publisher.publisher.number()))
    );
    let payloads: Vec<Value> = told
        .iter()
        .map(|one| one.json()["payload"].clone())
        .collect();
    assert_eq!(
        payloads,
        [
            json!({"agentId":"agent-001","newState":"IDLE","numericId":7}),
            json!({"agentId":"8","newState":"EXECUTING","numericId":8}),
            json!({"agentId":"agent-001","previousState":"IDLE","newState":"EXECUTING","numericId":7}),
        ]
    );
    let entry = json!({"agentId":"agent-001","numericId":7,"name":"agent-001","type":"worker"});
    let deltas: Vec<Value> = index
        .json(&rig)
        .iter()
        .map(|it| it["payload"].clone())
        .collect();
    assert_eq!(deltas, [json!({"agents":[entry],"delta":true})]);
    // From now on JSON about the name is about the number.
    let mut frames = rig.reader(Lane::Events);
    let payload = r#"{"agentId":"agent-001","newState":"ERROR"}"#;
    rig.tell(&publisher, &message("agent.state.changed", "m", payload));
    assert_eq!(
        events.json(&rig)[0]["payload"]["previousState"],
        "EXECUTING"
    );
    assert_eq!(frames.read(&rig).len(), 1);
}

#[test]
fn nothing_is_written_while_nobody_reads_json() {
    let rig = Rig::new();
    let publisher = rig.join("p", SessionPath::Visualisation);
    publish_states(&rig, &publisher, &[record(7, StateCode::IDLE, None)]);
    assert_eq!(rig.hub.stream().last_sequence(Lane::EventsJson), 0);
    let _reader = rig.reader(Lane::EventsJson);
    publish_states(&rig, &publisher, &[record(7, StateCode::BUSY, None)]);
    assert_eq!(rig.hub.stream().last_sequence(Lane::EventsJson), 1);
}

#[test]
fn performance_gets_trends_and_goes_out_in_both_forms() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let mut frames = rig.reader(Lane::Events);
    let agent = rig.join("a", SessionPath::Visualisation);
    for (id, rate) in [("1", 0.5), ("2", 0.9)] {
        let payload = format!(
            r#"{{"agentId":"7","metrics":{{"successRate":{rate},"averageResponseTime":200}}}}"#
        );
        rig.tell(&agent, &message("agent.performance.update", id, &payload));
    }
    let told = events.json(&rig);
    assert_eq!(
        told[1]["payload"]["trends"],
        json!({"successRateTrend":"improving","responseTrend":"stable","loadTrend":"stable"})
    );
    assert_eq!(
        told[1]["payload"]["metrics"],
        json!({"successRate":0.9,"averageResponseTime":200})
    );
    let frames = frames.read(&rig);
    // id 7, no tasks, 0.9, 200 ms, nothing known of processor and memory.
    let mut expected = b"AGNT\x03\x00\x1c\x00\x07\0\0\0\0\0\0\0".to_vec();
    expected.extend(0.9_f32.to_le_bytes());
    expected.extend(200.0_f32.to_le_bytes());
    expected.extend([0; 12]);
    assert_eq!((frames.len(), &frames[1].text), (2, &expected));
}

#[test]
fn metrics_in_frames_become_json_once_a_second() {
    let mut rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let publisher = rig.join("p", SessionPath::Visualisation);
    let record = |tasks: u32| agnt_codec::AgentMetrics {
        id: 7.into(),
        tasks: tasks.into(),
        success: 0.5.into(),
        average_ms: f32::NAN.into(),
        cpu_percent: 25.0.into(),
        memory_bytes: 1024.into(),
    };
    for tasks in 1..=3 {
        rig.hub
            .note_metrics(&[record(tasks)], publisher.publisher.number(), rig.call());
    }
    rig.tick();
    let told = events.json(&rig);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0]["payload"],
        json!({
            "agentId": "7", "numericId": 7,
            "metrics": {"tasksCompleted":3,"successRate":0.5,"resourceUtilization":0.25,"memoryUsage":1024},
            "trends": {"successRateTrend":"stable","responseTrend":"stable","loadTrend":"stable"}
        })
    );
    rig.hub
        .note_metrics(&[record(4)], publisher.publisher.number(), rig.call());
    rig.advance_ms(900);
    rig.tick();
    assert_eq!(events.json(&rig).len(), 0);
    rig.advance_ms(100);
    rig.tick();
    assert_eq!(
        events.json(&rig)[0]["payload"]["metrics"]["tasksCompleted"],
        4
    );
}

#[test]
fn capabilities_are_told_and_shown_in_the_index() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let mut index = rig.reader(Lane::AgentIndex);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    assert_eq!(rig.hub.agent_index(rig.call()).0.len(), 1, "an empty one");
    let payload = r#"{"agentId":"agent-001","action":"add","capability":{"name":"advanced_analysis","level":4}}"#;
    rig.tell(
        &agent,
        &message("agent.capability.update", "msg-125", payload),
    );
    let list = json!([{"name":"advanced_analysis","level":4}]);
    assert_eq!(events.json(&rig)[0]["type"], "agent.capability.update");
    let entry = json!({"agentId":"agent-001","capabilities":list});
    assert_eq!(
        index.json(&rig)[0]["payload"],
        json!({"agents":[entry],"delta":true})
    );
    let label = r#"{"name":"agent-001"}"#;
    publish_states(&rig, &agent, &[record(7, StateCode::IDLE, Some(label))]);
    let (messages, after) = rig.hub.agent_index(rig.call());
    let whole: Value = serde_json::from_str(&messages[0]).expect("JSON");
    let entry = json!({"agentId":"agent-001","numericId":7,"name":"agent-001","capabilities":list});
    assert_eq!((&whole["payload"], after), (&json!({"agents":[entry]}), 2));
}

#[test]
fn an_agent_that_lost_its_last_capability_is_told_to_have_none() {
    let rig = Rig::new();
    let mut index = rig.reader(Lane::AgentIndex);
    let agent = rig.join("a", SessionPath::Visualisation);
    for action in ["add", "remove"] {
        let payload =
            format!(r#"{{"agentId":"a","action":"{action}","capability":{{"name":"x"}}}}"#);
        rig.tell(
            &agent,
            &message("agent.capability.update", action, &payload),
        );
    }
    let entry = json!({"agentId":"a","capabilities":[]});
    assert_eq!(index.json(&rig)[1]["payload"]["agents"], json!([entry]));
}

#[test]
fn a_message_ends_with_its_ttl_or_its_expiry_whichever_is_first() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("a", SessionPath::Visualisation);
    let payload = r#"{"messageId":"m","from":{"id":"a"},"to":[{"id":"b"}],"messageType":"NOTE",
        "expiry":"2999-01-01T00:00:00Z"}"#;
    let ttl = r#"{"ttl":5000}"#;
    rig.tell(&agent, &message_with("message.sent", "1", payload, ttl));
    rig.tell(&agent, &message("message.sent", "2", payload));
    let told = events.read(&rig);
    let at = rig.now + std::time::Duration::from_secs(5);
    assert_eq!(told[0].expires_at, Some(at));
    assert!(told[1].expires_at.is_some_and(|expiry| expiry > at));
}

#[test]
fn critical_events_have_their_own_log_and_ttl_ends_them() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("a", SessionPath::Visualisation);
    let payload = r#"{"agentId":"a","newState":"ERROR"}"#;
    for (id, metadata) in [
        ("1", r#"{"priority":"critical"}"#),
        ("2", r#"{"ttl":5000}"#),
        ("3", r#"{"priority":9}"#),
    ] {
        rig.tell(
            &agent,
            &message_with("agent.state.changed", id, payload, metadata),
        );
    }
    let told = events.read(&rig);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0].json()["id"], &told[0].json()["sequence"]),
        (&json!("2"), &json!(1))
    );
    assert_eq!(
        told[0].expires_at,
        Some(rig.now + std::time::Duration::from_secs(5))
    );
    let critical = rig.reader(Lane::CriticalJson).json(&rig);
    let places: Vec<_> = critical
        .iter()
        .map(|it| (&it["sequence"], &it["log"]))
        .collect();
    assert_eq!(
        places,
        [
            (&json!(1), &json!("critical")),
            (&json!(2), &json!("critical"))
        ]
    );
}

#[test]
fn a_message_makes_an_edge_and_a_flow() {
    let mut rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let payload = r#"{"messageId":"msg-789","from":{"id":"agent-001"},"to":[{"id":"agent-002"},{"id":"agent-003"}],
        "messageType":"REQUEST","priority":"CRITICAL","expiry":"2999-01-01T00:00:00Z"}"#;
    rig.tell(&agent, &message("message.sent", "msg-126", payload));
    assert_eq!(rig.hub.stream().last_sequence(Lane::CriticalJson), 1);
    rig.advance_ms(100);
    rig.tick();
    let flows = events.json(&rig);
    let ids: Vec<_> = flows
        .iter()
        .map(|flow| &flow["payload"]["flowId"])
        .collect();
    assert_eq!(ids, ["agent-001-agent-002", "agent-001-agent-003"]);
    assert_eq!(flows[0]["payload"]["statistics"]["messageCount"], 1);
    let mut graph = rig.reader(Lane::GraphJson);
    let told = graph.json(&rig);
    let kinds: Vec<_> = told
        .iter()
        .map(|it| (it["type"].as_str(), it["log"].as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some("message.flow.stats"), Some("graph")),
            (Some("message.flow.stats"), Some("graph")),
            (Some("graph.delta"), None)
        ]
    );
    assert_eq!(
        told[2]["payload"]["edges"].as_array().map(Vec::len),
        Some(2)
    );
    let snapshot = rig.hub.graph_snapshot(rig.call());
    assert_eq!(
        (
            snapshot.sequence_json,
            snapshot.texts.len(),
            snapshot.frames.len()
        ),
        (3, 1, 1)
    );
    let snapshot: Value = serde_json::from_str(&snapshot.texts[0]).expect("JSON");
    assert_eq!(snapshot["payload"]["edges"], told[2]["payload"]["edges"]);
    let old = payload.replace("2999", "2024");
    let refusal = rig.refused(&agent, &message("message.sent", "msg-127", &old));
    assert!(
        refusal.starts_with("INVALID_MESSAGE: payload.expiry: '2024-01-01T00:00:00Z' has passed"),
        "{refusal}"
    );
}

#[test]
fn the_graph_is_changed_by_hand_too() {
    let rig = Rig::new();
    let session = rig.join("a", SessionPath::Graph);
    let payload = r#"{"nodes":[{"id":"1"}],"edges":[{"from":"1","to":"2","weight":3}]}"#;
    rig.tell(&session, &message("graph.update", "g", payload));
    rig.tick();
    let delta = &rig.reader(Lane::GraphJson).json(&rig)[0];
    assert_eq!(
        delta["payload"]["edges"],
        json!([{"from":"1","to":"2","weight":3,"rate":0}])
    );
    let frames = rig.reader(Lane::GraphBinary).read(&rig);
    assert_eq!(
        (frames.len(), &frames[0].text[..5]),
        (1, b"AGNT\x11".as_slice())
    );
    let refusal = rig.refused(&session, &message("graph.update", "h", r#"{"nodes":[{}]}"#));
    assert!(
        refusal.starts_with("INVALID_MESSAGE: payload.nodes[0].id"),
        "{refusal}"
    );
}
