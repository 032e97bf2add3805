//! What a hub does with any message, whatever it says: told apart from those that came before,
//! acknowledged, refused.

use serde_json::json;

use super::super::members::SessionPath;
use super::super::rig::{Rig, message, message_with};
use crate::engine::Lane;

#[test]
fn a_message_that_came_before_is_not_applied_again() {
    let mut rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let payload = r#"{"agentId":"agent-001","newState":"IDLE"}"#;
    let text = message_with(
        "agent.state.changed",
        "msg-1",
        payload,
        r#"{"ack":true,"correlationId":"c"}"#,
    );
    let ack = json!({"type":"ack","id":"msg-1","metadata":{"correlationId":"c"}});
    assert_eq!(rig.say(&agent, &text), Ok(vec![ack]));
    let again = rig.join("agent-001", SessionPath::Visualisation);
    let ack = json!({"type":"ack","id":"msg-1","duplicate":true,"metadata":{"correlationId":"c"}});
    assert_eq!(
        rig.say(&again, &text),
        Ok(vec![ack]),
        "it is the client that counts"
    );
    rig.tell(&again, &message("agent.state.changed", "msg-1", payload));
    let other = rig.join("agent-002", SessionPath::Visualisation);
    rig.tell(&other, &message("agent.state.changed", "msg-1", payload));
    for _ in 0..2 {
        rig.tell(
            &agent,
            r#"{"type":"agent.state.changed","payload":{"agentId":"a","newState":"IDLE"}}"#,
        );
    }
    assert_eq!(
        events.json(&rig).len(),
        4,
        "those without an id are not told apart"
    );
    assert_eq!(rig.hubs.tick(rig.now).duplicates, 2);
    rig.advance_ms(120_000);
    assert_eq!(rig.say(&agent, &text).map(|answers| answers.len()), Ok(1));
    assert_eq!(events.json(&rig).len(), 1);
}

#[test]
fn what_was_refused_may_come_again_under_its_id() {
    let rig = Rig::new();
    let agent = rig.join("a", SessionPath::Visualisation);
    let text = |state: &str| {
        message(
            "agent.state.changed",
            "m",
            &format!(r#"{{"agentId":"a","newState":"{state}"}}"#),
        )
    };
    assert!(
        rig.refused(&agent, &text("ASLEEP"))
            .contains("payload.newState: 'ASLEEP'")
    );
    let _events = rig.reader(Lane::EventsJson);
    rig.tell(&agent, &text("IDLE"));
    assert_eq!(rig.hub.stream().last_sequence(Lane::EventsJson), 1);
}

#[test]
fn an_unknown_type_and_an_ack_without_an_id_are_refused() {
    let rig = Rig::new();
    let agent = rig.join("a", SessionPath::Visualisation);
    assert_eq!(
        rig.refused(&agent, r#"{"type":"agent.dance"}"#),
        "INVALID_MESSAGE: type: 'agent.dance' is not known here"
    );
    let refusal = rig.refused(
        &agent,
        r#"{"type":"system.metrics","payload":{},"metadata":{"ack":true}}"#,
    );
    assert!(
        refusal.starts_with("INVALID_MESSAGE: id: missing"),
        "{refusal}"
    );
    assert!(
        rig.refused(&agent, r#"{"type":"ack"}"#)
            .starts_with("INVALID_MESSAGE: id: missing")
    );
}
