//! What the clock brings to a hub, and how hubs come and go.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::members::SessionPath;
use super::super::rig::{Rig, message};
use super::super::settings::AlertSettings;
use crate::domain::StreamName;
use crate::engine::Lane;

const INITIATED: &str = r#"{"coordinationId":"coord-123","pattern":"CONSENSUS","initiator":{"id":"agent-001"},
    "participants":[{"id":"agent-002","role":"voter"},{"id":"agent-004","role":"observer"}],
    "parameters":{"consensusThreshold":0.66,"timeout":30000,"proposal":{"type":"resource_allocation"}}}"#;

fn vote(voter: &str) -> String {
    format!(r#"{{"coordinationId":"coord-123","votes":{{"{voter}":{{"vote":"approve"}}}}}}"#)
}

#[test]
fn votes_are_counted_and_told_to_everybody() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let one = rig.join("agent-001", SessionPath::Visualisation);
    let two = rig.join("agent-002", SessionPath::Control);
    rig.tell(
        &one,
        &message("coordination.initiated", "msg-128", INITIATED),
    );
    rig.tell(
        &one,
        &message("coordination.progress", "v-1", &vote("agent-001")),
    );
    rig.tell(
        &two,
        &message("coordination.progress", "v-2", &vote("agent-002")),
    );
    let told = events.read(&rig);
    let own: Vec<_> = told.iter().map(|one| one.own).collect();
    assert_eq!(
        own,
        [Some(one.publisher.number()), None, None],
        "the voter hears of its vote"
    );
    let told: Vec<Value> = told
        .iter()
        .map(|one| one.json()["payload"].clone())
        .collect();
    assert_eq!(
        told[0]["parameters"]["proposal"]["type"],
        "resource_allocation"
    );
    let seen: Vec<_> = told[1..]
        .iter()
        .map(|it| (&it["status"], &it["progress"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("VOTING"), &json!(0.5)),
            (&json!("APPROVED"), &json!(1.0))
        ]
    );
    let refusal = rig.refused(
        &two,
        &message("coordination.progress", "v-3", &vote("agent-002")),
    );
    assert_eq!(
        refusal,
        "COMMAND_FAILED: payload.coordinationId: 'coord-123' is not running"
    );
}

#[test]
fn time_ends_a_coordination() {
    let mut rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let one = rig.join("agent-001", SessionPath::Visualisation);
    rig.tell(
        &one,
        &message("coordination.initiated", "msg-128", INITIATED),
    );
    rig.advance_ms(30_000);
    rig.tick();
    assert_eq!(events.json(&rig)[1]["payload"]["status"], "TIMED_OUT");
}

#[test]
fn numbered_coordinations_are_told_in_frames_too() {
    let rig = Rig::new();
    let mut frames = rig.reader(Lane::Events);
    let one = rig.join("1", SessionPath::Visualisation);
    let numbered = INITIATED
        .replace("agent-00", "")
        .replace("coord-123", "123");
    rig.tell(&one, &message("coordination.initiated", "m", &numbered));
    let ballot = vote("1").replace("coord-123", "123");
    rig.tell(&one, &message("coordination.progress", "v", &ballot));
    let statuses: Vec<u8> = frames
        .read(&rig)
        .iter()
        .map(|told| told.text[8 + 5])
        .collect();
    assert_eq!(statuses, [0, 1], "initiated, voting");
}

#[test]
fn a_silent_agent_goes_offline_and_comes_back() {
    let mut rig = Rig::new();
    let operator = rig.join("operator", SessionPath::Control);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let payload = r#"{"agentId":"agent-001","newState":"EXECUTING"}"#;
    rig.tell(&agent, &message("agent.state.changed", "s", payload));
    let configure =
        r#"{"multi-agentId":"m","configuration":{"faultTolerance":{"heartbeatInterval":1000}}}"#;
    rig.say(
        &operator,
        &message("control.multi-agent.configure", "c", configure),
    )
    .expect("good");
    let mut events = rig.reader(Lane::EventsJson);
    events.json(&rig);
    rig.advance_ms(2500);
    rig.tick();
    assert_eq!(events.json(&rig).len(), 0);
    rig.advance_ms(1);
    rig.tick();
    rig.tick();
    let told = events.json(&rig);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0]["payload"],
        json!({"agentId":"agent-001","previousState":"EXECUTING","newState":"OFFLINE","reason":"no heartbeat"})
    );
    agent.heard.note(rig.now);
    rig.tick();
    assert_eq!(events.json(&rig)[0]["payload"]["newState"], "EXECUTING");
    rig.hub.leave(agent.id, rig.call());
    rig.advance_ms(2501);
    rig.tick();
    assert_eq!(
        events.json(&rig)[0]["payload"]["newState"],
        "OFFLINE",
        "who left is silent"
    );
}

#[test]
fn the_stream_reports_on_itself() {
    let mut rig = Rig::with(AlertSettings {
        system_metrics_ms: 5000,
        alert_error_rate: 0.2,
        ..AlertSettings::default()
    });
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("a", SessionPath::Visualisation);
    let waiting = rig.join("b", SessionPath::Control);
    rig.tick();
    for id in 0..3 {
        let payload = r#"{"targetAgent":"b"}"#;
        rig.tell(&agent, &message("rtc.ice", &id.to_string(), payload));
    }
    rig.refused(&agent, &message("agent.dance", "d", "{}"));
    rig.advance_ms(5000);
    rig.tick();
    let told = events.json(&rig);
    assert_eq!(told.len(), 1);
    let report = &told[0]["payload"];
    assert_eq!(
        report["messageMetrics"],
        json!({"rate":0.8,"queueDepth":3,"averageLatency":0.0,"errorRate":0.25})
    );
    assert_eq!(
        (&report["activeAgents"], &report["systemLoad"]["gpu"]),
        (&json!(0), &json!(0))
    );
    let alerts = report["alerts"].as_array().expect("a list");
    let errors: Vec<_> = alerts
        .iter()
        .filter(|alert| alert["component"] == "message-bus")
        .collect();
    assert_eq!(
        errors[0]["message"],
        "High error rate detected: 0.25, alert_error_rate is 0.2"
    );
    rig.mail(&waiting);
}

#[test]
fn what_a_session_measures_itself_is_passed_on() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let session = rig.join("a", SessionPath::Visualisation);
    rig.tell(
        &session,
        &message("system.metrics", "msg-130", r#"{"activeAgents":42}"#),
    );
    let flow = r#"{"flowId":"agent-001-agent-002","statistics":{"messageCount":156}}"#;
    rig.tell(&session, &message("message.flow.stats", "msg-127", flow));
    let told = events.json(&rig);
    assert_eq!(
        (&told[0]["payload"]["activeAgents"], &told[1]["sequence"]),
        (&json!(42), &json!(2))
    );
    assert_eq!(rig.reader(Lane::GraphJson).json(&rig).len(), 1);
}

#[test]
fn agents_that_went_are_told_to_readers_of_the_index() {
    let mut rig = Rig::new();
    let viewer = rig.join("viewer", SessionPath::Visualisation);
    rig.hub.agent_index(rig.call());
    rig.tick();
    let update = agnt_codec::PositionUpdate {
        records: &[agnt_codec::AgentPosition {
            id: 7.into(),
            position: [1.0.into(); 3],
            velocity: [0.0.into(); 3],
        }],
    };
    let frame = super::super::round::frame_of(&update).expect("room");
    let frame = agnt_codec::Frame::exactly(&frame).expect("a frame");
    let mut publisher = crate::engine::Publisher::new(false);
    let stream = rig.hub.stream();
    stream
        .publish_positions(&mut publisher, &frame, rig.call())
        .expect("room");
    stream.depart(&publisher, rig.now);
    rig.advance_ms(5000);
    rig.hubs.sweep(rig.now);
    rig.tick();
    let told = rig.reader(Lane::AgentIndex).json(&rig);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["type"], &told[0]["payload"]),
        (
            &json!("agent.removed"),
            &json!({"agentId":"7","numericId":7})
        )
    );
    rig.hub.leave(viewer.id, rig.call());
}

#[test]
fn a_hub_goes_when_nobody_used_it_for_a_while_and_its_stream_is_empty() {
    let rig = Rig::new();
    let name = StreamName::parse("other").expect("a name");
    let hub = rig.hubs.open(&name, rig.now).expect("room");
    let epoch = hub.stream().epoch();
    assert!(std::sync::Arc::ptr_eq(
        &hub,
        &rig.hubs.open(&name, rig.now).expect("room")
    ));
    drop(hub);
    assert_eq!(rig.hubs.sweep(rig.now).streams, 2);
    assert_eq!(rig.hubs.sweep(rig.now + Duration::from_secs(29)).streams, 2);
    assert_eq!(
        rig.hubs.sweep(rig.now + Duration::from_secs(30)).streams,
        1,
        "the rig holds the other"
    );
    let hub = rig.hubs.open(&name, rig.now).expect("room");
    assert_ne!(hub.stream().epoch(), epoch);
    rig.hubs
        .open(&StreamName::parse("third").expect("a name"), rig.now)
        .expect("room");
    assert!(
        rig.hubs
            .open(&StreamName::parse("fourth").expect("a name"), rig.now)
            .is_err()
    );
}
