//! A hub's mail: commands, signalling, announcements and channels, as they reach one session.

use serde_json::{Value, json};

use super::super::members::SessionPath;
use super::super::rig::{Peer, Rig, message, message_with};
use crate::engine::Lane;
use crate::engine::mailbox::QueueId;

const EXECUTE: &str = r#"{"targetAgent":"agent-001","command":"execute_tool",
    "parameters":{"tool":"web_search","maxResults":10},"timeout":30000}"#;

fn control(rig: &Rig, client: &str) -> Peer {
    rig.join(client, SessionPath::Control)
}

#[test]
fn a_command_reaches_the_agents_newest_session_and_its_answer_the_requester() {
    let rig = Rig::new();
    let older = control(&rig, "agent-001");
    let agent = control(&rig, "agent-001");
    let requester = control(&rig, "operator");
    rig.tell(
        &requester,
        &message_with(
            "control.execute",
            "msg-131",
            EXECUTE,
            r#"{"correlationId":"c-9","priority":"high"}"#,
        ),
    );
    assert_eq!(rig.mail(&older), Vec::<Value>::new());
    let mail = rig.mail(&agent);
    assert_eq!(mail.len(), 1);
    assert_eq!(
        mail[0],
        json!({
            "id": "msg-131", "type": "control.execute", "timestamp": "2024-01-10T12:00:00Z",
            "payload": {
                "targetAgent": "agent-001", "command": "execute_tool",
                "parameters": {"tool":"web_search","maxResults":10}, "timeout": 30000,
                "commandId": "msg-131"
            },
            "metadata": {"correlationId":"msg-131","priority":"high"}
        })
    );
    for (id, status) in [("r-1", "accepted"), ("r-2", "completed")] {
        let payload =
            format!(r#"{{"commandId":"msg-131","status":"{status}","result":{{"n":1.50}}}}"#);
        rig.tell(&agent, &message("control.result", id, &payload));
    }
    let answers = rig.mail(&requester);
    let seen: Vec<_> = answers
        .iter()
        .map(|it| {
            (
                it["type"].as_str(),
                it["payload"]["status"].as_str(),
                it["metadata"]["correlationId"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("control.result"), Some("accepted"), Some("msg-131")),
            (Some("control.result"), Some("completed"), Some("msg-131"))
        ]
    );
    let late = message(
        "control.result",
        "r-3",
        r#"{"commandId":"msg-131","status":"completed"}"#,
    );
    assert_eq!(
        rig.refused(&agent, &late),
        "COMMAND_FAILED: command 'msg-131' is unknown or finished"
    );
}

#[test]
fn who_is_not_there_is_told_apart_from_who_never_was() {
    let rig = Rig::new();
    let requester = control(&rig, "operator");
    let execute = |id: &str, agent: &str| {
        message("control.execute", id, &EXECUTE.replace("agent-001", agent))
    };
    assert_eq!(
        rig.refused(&requester, &execute("1", "agent-999")),
        "AGENT_NOT_FOUND: Agent with ID 'agent-999' not found"
    );
    let gone = control(&rig, "agent-001");
    rig.hub.leave(gone.id, rig.call());
    let viewer = rig.join_as(Some("agent-002"), SessionPath::Visualisation, false);
    let state = r#"{"agentId":"agent-003","newState":"IDLE"}"#;
    rig.tell(&viewer, &message("agent.state.changed", "s", state));
    for (id, agent, what) in [
        ("2", "agent-001", "has no session"),
        ("3", "agent-002", "has no session that reads JSON"),
        ("4", "agent-003", "has no session"),
    ] {
        let expected = format!("COMMAND_FAILED: agent '{agent}' {what}");
        assert_eq!(rig.refused(&requester, &execute(id, agent)), expected);
    }
}

#[test]
fn a_command_ends_by_the_agents_error_by_time_and_with_its_requester() {
    let mut rig = Rig::new();
    let agent = control(&rig, "agent-001");
    let other = control(&rig, "agent-002");
    let requester = control(&rig, "operator");
    for id in ["m-1", "m-2"] {
        rig.tell(&requester, &message("control.execute", id, EXECUTE));
    }
    let result = message(
        "control.result",
        "x",
        r#"{"commandId":"m-1","status":"completed"}"#,
    );
    assert_eq!(
        rig.refused(&other, &result),
        "COMMAND_FAILED: command 'm-1' was given to another agent"
    );
    let error =
        r#"{"code":"COMMAND_FAILED","message":"no such tool","details":{"requestId":"m-1"}}"#;
    rig.tell(&agent, &message("error", "e", error));
    rig.tell(
        &agent,
        &message("error", "f", r#"{"message":"nothing in particular"}"#),
    );
    let mail = rig.mail(&requester);
    assert_eq!(mail.len(), 1);
    assert_eq!(
        mail[0]["payload"]["message"],
        "agent 'agent-001' failed: no such tool"
    );
    assert_eq!(
        mail[0]["payload"]["details"],
        json!({"component":"control","requestId":"m-1","reason":"agent"})
    );
    rig.advance_ms(29_999);
    rig.tick();
    assert_eq!(rig.mail(&requester).len(), 0);
    rig.advance_ms(1);
    rig.tick();
    let mail = rig.mail(&requester);
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0]["payload"]["code"], "COMMAND_FAILED");
    assert_eq!(
        mail[0]["payload"]["message"],
        "agent 'agent-001': the command timed out after 30000 ms"
    );
    assert_eq!(mail[0]["payload"]["details"]["reason"], "timeout");
    assert_eq!(mail[0]["metadata"]["correlationId"], "m-2");
    rig.tell(&requester, &message("control.execute", "m-3", EXECUTE));
    rig.hub.leave(requester.id, rig.call());
    let late = message(
        "control.result",
        "y",
        r#"{"commandId":"m-3","status":"completed"}"#,
    );
    assert!(
        rig.refused(&agent, &late)
            .ends_with("is unknown or finished")
    );
}

#[test]
fn a_command_that_came_before_is_not_executed_again() {
    let rig = Rig::new();
    let agent = control(&rig, "agent-001");
    let requester = control(&rig, "operator");
    for _ in 0..3 {
        rig.tell(&requester, &message("control.execute", "m-1", EXECUTE));
    }
    assert_eq!(rig.mail(&agent).len(), 1);
}

#[test]
fn with_ack_a_command_comes_again_until_the_agent_has_it() {
    let mut rig = Rig::new();
    let agent = control(&rig, "agent-001");
    let requester = control(&rig, "operator");
    let answers = rig.say(
        &requester,
        &message_with("control.execute", "m-1", EXECUTE, r#"{"ack":true}"#),
    );
    assert_eq!(
        answers,
        Ok(vec![
            json!({"type":"ack","id":"m-1","metadata":{"correlationId":"m-1"}})
        ])
    );
    let first = rig.mail(&agent);
    assert_eq!(
        (first.len(), &first[0]["metadata"]["ack"]),
        (1, &json!(true))
    );
    rig.advance_ms(2000);
    rig.tick();
    assert_eq!(rig.mail(&agent), first, "the same again");
    rig.advance_ms(2000);
    rig.tick();
    rig.advance_ms(2000);
    rig.tick();
    assert_eq!(rig.mail(&agent).len(), 1, "no copy behind one that waits");
    rig.hub.leave(agent.id, rig.call());
    let agent = control(&rig, "agent-001");
    assert_eq!(
        rig.mail(&agent),
        first,
        "a new session of the client gets it at once"
    );
    rig.tell(&agent, r#"{"type":"ack","id":"m-1"}"#);
    rig.advance_ms(2000);
    rig.tick();
    assert_eq!(rig.mail(&agent).len(), 0);
    let result = message(
        "control.result",
        "r",
        r#"{"commandId":"m-1","status":"completed"}"#,
    );
    rig.tell(&agent, &result);
    assert_eq!(rig.mail(&requester).len(), 1);
}

#[test]
fn signalling_is_relayed_with_its_senders_name() {
    let rig = Rig::new();
    let one = control(&rig, "agent-001");
    let two = control(&rig, "agent-002");
    let nameless = rig.join_as(None, SessionPath::Control, true);
    for kind in ["rtc.offer", "rtc.answer", "rtc.ice"] {
        let payload = r#"{"targetAgent":"agent-002","sdp":"v=0\r\n","from":"agent-666"}"#;
        rig.tell(&one, &message(kind, kind, payload));
        let mail = rig.mail(&two);
        assert_eq!(
            mail,
            [json!({
                "id": kind, "type": kind, "timestamp": "2024-01-10T12:00:00Z",
                "payload": {"targetAgent":"agent-002","sdp":"v=0\r\n","from":"agent-001"}
            })]
        );
        assert!(
            rig.refused(&nameless, &message(kind, kind, payload))
                .contains("clientId")
        );
    }
    let refusal = rig.refused(
        &one,
        &message("rtc.offer", "o", r#"{"targetAgent":"agent-999"}"#),
    );
    assert_eq!(
        refusal,
        "AGENT_NOT_FOUND: Agent with ID 'agent-999' not found"
    );
}

#[test]
fn a_configuration_is_announced_to_every_session_and_answered() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let operator = control(&rig, "operator");
    let watcher = control(&rig, "watcher");
    let graph = rig.join("graph", SessionPath::Graph);
    let viewer = rig.join("viewer", SessionPath::Visualisation);
    let payload = r#"{"swarmId":"multi-agent-001","configuration":{"topology":"HIERARCHICAL"}}"#;
    let answers = rig
        .say(
            &operator,
            &message("control.multi-agent.configure", "msg-132", payload),
        )
        .expect("good");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["type"], "control.multi-agent.configured");
    assert_eq!(
        answers[0]["payload"],
        json!({"multi-agentId":"multi-agent-001","status":"applied"})
    );
    assert_eq!(answers[0]["metadata"]["correlationId"], "msg-132");
    let expected =
        json!({"multi-agentId":"multi-agent-001","configuration":{"topology":"HIERARCHICAL"}});
    assert_eq!(events.json(&rig)[0]["payload"], expected);
    for (peer, letters) in [(&operator, 0), (&watcher, 1), (&graph, 1), (&viewer, 0)] {
        let mail = rig.mail(peer);
        assert_eq!(mail.len(), letters, "viewers read the lane");
        assert!(mail.iter().all(|it| it["payload"] == expected));
    }
}

#[test]
fn who_has_a_channel_for_events_gets_them_there_and_all_others_bare_by_mail() {
    let rig = Rig::new();
    let _events = rig.reader(Lane::EventsJson);
    let viewer = rig.join("viewer", SessionPath::Visualisation);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let request = r#"{"type":"channel.create","channelId":"st","content":"states","id":"q"}"#;
    let answer = rig
        .hub
        .channel_request(viewer.id, "channel.create", request, rig.call())
        .reply;
    let answer: Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
    assert_eq!(
        (&answer["type"], &answer["metadata"]["correlationId"]),
        (&json!("channel.created"), &json!("q"))
    );
    assert!(rig.hub.has_content_channel(viewer.id) && !rig.hub.has_content_channel(agent.id));
    for peer in [&agent, &viewer] {
        let payload = r#"{"agentId":"agent-001","newState":"IDLE"}"#;
        rig.tell(peer, &message("agent.state.changed", "s", payload));
    }
    rig.tell(&agent, &message("system.metrics", "m", "{}"));
    let mail = rig.mail_by_queue(&viewer);
    let seen: Vec<_> = mail
        .iter()
        .map(|(queue, it)| (queue.0, it["type"].as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, Some("agent.state.changed")),
            (0, Some("system.metrics"))
        ]
    );
    assert_eq!(
        rig.hub
            .channel_name(viewer.id, QueueId(1))
            .map(|name| name.to_string()),
        Some("st".to_owned())
    );
    let close = r#"{"type":"channel.close","channelId":"st"}"#;
    let answer = rig
        .hub
        .channel_request(viewer.id, "channel.close", close, rig.call())
        .reply;
    assert!(answer.is_some_and(|text| text.contains("channel.closed")));
    assert!(!rig.hub.has_content_channel(viewer.id));
    assert_eq!(rig.hub.channel_name(viewer.id, QueueId(1)), None);
    rig.tell(&agent, &message("system.metrics", "n", "{}"));
    assert_eq!(rig.mail(&viewer).len(), 0);
}

#[test]
fn a_channel_of_the_graph_begins_with_all_of_it() {
    let rig = Rig::new();
    let viewer = rig.join("viewer", SessionPath::Visualisation);
    let edge = |from: &str| format!(r#"{{"edges":[{{"from":"{from}","to":"b"}}]}}"#);
    rig.tell(&viewer, &message("graph.update", "1", &edge("a")));
    rig.tick();
    let request = r#"{"type":"channel.create","channelId":"g","content":"graph"}"#;
    rig.hub
        .channel_request(viewer.id, "channel.create", request, rig.call());
    rig.tell(&viewer, &message("graph.update", "2", &edge("c")));
    rig.tick();
    let mail = rig.mail_by_queue(&viewer);
    let seen: Vec<_> = mail
        .iter()
        .map(|(queue, it)| {
            (
                queue.0,
                it["type"].as_str(),
                &it["payload"]["edges"][0]["from"],
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, Some("graph.snapshot"), &json!("a")),
            (1, Some("graph.delta"), &json!("c"))
        ]
    );
}

#[test]
fn commands_come_in_the_control_channel_of_who_has_one() {
    let rig = Rig::new();
    let agent = control(&rig, "agent-001");
    let requester = control(&rig, "operator");
    let request = r#"{"type":"channel.create","channelId":"c","content":"control"}"#;
    rig.hub
        .channel_request(agent.id, "channel.create", request, rig.call());
    rig.tell(&requester, &message("control.execute", "m-1", EXECUTE));
    let mail = rig.mail_by_queue(&agent);
    assert_eq!(
        (mail.len(), mail[0].0, &mail[0].1["id"]),
        (1, QueueId(1), &json!("m-1"))
    );
}

#[test]
fn members_of_an_applications_channel_hear_each_other() {
    let mut rig = Rig::new();
    let peers = ["a", "b", "c"].map(|client| rig.join(client, SessionPath::Control));
    for peer in &peers[..2] {
        let request = r#"{"type":"channel.create","channelId":"chat"}"#;
        rig.hub
            .channel_request(peer.id, "channel.create", request, rig.call());
    }
    let [a, b, c] = &peers;
    let say = |rig: &Rig, peer: &Peer, text: &str| {
        rig.hub
            .channel_message(peer.id, text, &peer.publisher, rig.call())
    };
    assert_eq!(
        say(&rig, a, r#"{"channel":"chat","message":{"free":[1, 2]}}"#),
        Ok(Vec::new())
    );
    assert_eq!(rig.mail_by_queue(b), [(QueueId(1), json!({"free":[1,2]}))]);
    assert_eq!((rig.mail(a).len(), rig.mail(c).len()), (0, 0));
    let wanting = r#"{"channel":"chat","message":{"type":"x","id":"i","metadata":{"ack":true}}}"#;
    let answers = say(&rig, a, wanting).expect("taken");
    assert!(
        answers.len() == 1 && answers[0].contains(r#""type":"ack""#),
        "{answers:?}"
    );
    assert_eq!(rig.mail(b).len(), 1);
    rig.advance_ms(2000);
    rig.tick();
    assert_eq!(
        rig.mail_by_queue(b)[0].0,
        QueueId(1),
        "again, in the channel"
    );
    rig.tell(b, r#"{"type":"ack","id":"i"}"#);
    rig.advance_ms(2000);
    rig.tick();
    assert_eq!(rig.mail(b).len(), 0);
    for (peer, text, expected) in [
        (c, r#"{"channel":"chat","message":{}}"#, "NOT_FOUND"),
        (a, r#"{"channel":"chat","message":[]}"#, "INVALID_MESSAGE"),
        (
            a,
            r#"{"channel":"chat","message":{"type":"x","metadata":{"ttl":-1}}}"#,
            "metadata.ttl: -1",
        ),
    ] {
        let error = say(&rig, peer, text).unwrap_err();
        assert!(
            error.contains("channel.error") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn what_comes_in_a_content_channel_counts_as_bare() {
    let rig = Rig::new();
    let mut events = rig.reader(Lane::EventsJson);
    let agent = rig.join("agent-001", SessionPath::Visualisation);
    let request = r#"{"type":"channel.create","channelId":"ev","content":"events"}"#;
    rig.hub
        .channel_request(agent.id, "channel.create", request, rig.call());
    let state = message(
        "agent.state.changed",
        "s",
        r#"{"agentId":"a","newState":"IDLE"}"#,
    );
    let say = |message: &str| {
        let text = format!(r#"{{"channel":"ev","message":{message}}}"#);
        rig.hub
            .channel_message(agent.id, &text, &agent.publisher, rig.call())
    };
    assert_eq!(say(&state), Ok(Vec::new()));
    assert_eq!(events.json(&rig)[0]["id"], "s");
    let error = say(&state.replace("IDLE", "ASLEEP").replace(r#""s""#, r#""t""#)).unwrap_err();
    assert!(
        error.contains(r#""type":"error""#) && error.contains(r#""requestId":"t""#),
        "{error}"
    );
}
