//! Channels of members: what comes into which, by example.

use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::control::channel_grant::closed_message;
use crate::control::channel_request::ChannelCommand;
use crate::control::member_channels::CHANNELS_MAX;
use crate::domain::Priority;
use crate::engine::mailbox::QueueId;

/// A member with its mailbox.
struct Peer {
    id: MemberId,
    mailbox: Arc<Mailbox>,
}

impl Peer {
    fn new(number: u64) -> Self {
        Self {
            id: MemberId::from_number(number),
            mailbox: Arc::new(Mailbox::new(1 << 20, Box::new(|| {}))),
        }
    }

    fn open(
        &self,
        channels: &mut Channels,
        message: &Value,
    ) -> Result<ChannelGrant, ChannelRefusal> {
        let kind = message["type"].as_str().expect("a type");
        let command = ChannelCommand::parse(kind, &message.to_string()).expect("of channels");
        let Ok(ChannelCommand::Open(request)) = command else {
            panic!("{command:?}");
        };
        channels.open(self.id, &self.mailbox, request)
    }

    /// Sends `{"n":n}` in a channel.
    fn send(
        &self,
        channels: &mut Channels,
        channel: &str,
        sequence: Option<u64>,
    ) -> Result<Sent, ChannelRefusal> {
        let text = json!({ "channel": channel, "sequence": sequence, "message": {} }).to_string();
        let message = ChannelMessage::parse(&text).expect("good");
        channels.send(self.id, &message, posting(&text))
    }

    /// What has come: queue and sequence of each letter.
    fn taken(&self) -> Vec<(u32, Option<u64>)> {
        let mut letters = Vec::new();
        self.mailbox.take(Instant::now(), usize::MAX, &mut letters);
        let seen = letters
            .iter()
            .map(|(queue, letter)| (queue.0, letter.sequence));
        seen.collect()
    }
}

fn posting(text: &str) -> Posting {
    Posting {
        body: Bytes::copy_from_slice(text.as_bytes()),
        priority: Priority::Normal,
        expires_at: None,
    }
}

fn publish(
    channels: &mut Channels,
    kind: &str,
    agents: &[&str],
    except: Option<&Peer>,
) -> Vec<MemberId> {
    channels.publish(&ContentEvent {
        kind,
        agents,
        body: &Bytes::from_static(b"{}"),
        priority: Priority::Normal,
        expires_at: None,
        except: except.map(|peer| peer.id),
    })
}

fn create(name: &str) -> Value {
    json!({ "type": "channel.create", "channelId": name })
}

fn with_content(name: &str, content: &str) -> Value {
    let has_frames = content == "positions";
    json!({
        "type": "channel.create", "channelId": name, "content": content, "binary": has_frames,
    })
}

fn name(text: &str) -> ChannelName {
    ChannelName::parse(text).expect("a name")
}

#[test]
fn events_come_into_the_channels_that_they_belong_to() {
    let (mut channels, a, b) = (Channels::default(), Peer::new(1), Peer::new(2));
    publish(&mut channels, "agent.state.changed", &["x"], None);
    a.open(&mut channels, &with_content("s", "states"))
        .expect("good");
    let grant = a
        .open(&mut channels, &with_content("e", "events"))
        .expect("good");
    assert_eq!(
        (grant.queue, grant.numeric_id, grant.sequence),
        (QueueId(2), Some(5), 1)
    );
    let filtered = json!({ "type": "channel.create", "channelId": "f", "content": "states",
        "filter": { "agentIds": ["y"] } });
    b.open(&mut channels, &filtered).expect("good");
    assert!(channels.has_json_content_channel(a.id) && channels.has_json_content_channel(b.id));

    let told = publish(&mut channels, "agent.state.changed", &["x"], None);
    assert_eq!(told, [a.id], "b's filter lets only y pass");
    assert_eq!(
        (a.taken(), b.taken()),
        (vec![(1, Some(2)), (2, Some(2))], vec![])
    );
    let told = publish(&mut channels, "agent.state.changed", &["y"], Some(&a));
    assert_eq!(told, [b.id], "who said it is not told");
    assert_eq!((a.taken(), b.taken()), (vec![], vec![(1, Some(3))]));
    let told = publish(&mut channels, "message.sent", &["y"], None);
    assert_eq!((told, a.taken()), (vec![a.id], vec![(2, Some(4))]));
    assert_eq!(publish(&mut channels, "graph.delta", &[], None), []);

    channels
        .close(a.id, ChannelKind::Channel, &name("e"))
        .expect("good");
    assert!(
        channels.has_json_content_channel(a.id),
        "it has the states still"
    );
    channels
        .close(a.id, ChannelKind::Channel, &name("s"))
        .expect("good");
    assert!(!channels.has_json_content_channel(a.id));
    channels.leave(b.id);
}

#[test]
fn what_is_addressed_to_a_member_comes_into_its_channel_of_control() {
    let (mut channels, a, b) = (Channels::default(), Peer::new(1), Peer::new(2));
    a.open(&mut channels, &with_content("c", "control"))
        .expect("good");
    b.open(&mut channels, &with_content("e", "events"))
        .expect("good");
    let body = Bytes::from_static(b"{}");
    let event = ContentEvent {
        kind: "control.execute",
        agents: &[],
        body: &body,
        priority: Priority::High,
        expires_at: None,
        except: None,
    };
    assert!(channels.publish_to(a.id, &event));
    assert!(
        !channels.publish_to(b.id, &event),
        "no log of events holds it"
    );
    assert_eq!((a.taken(), b.taken()), (vec![(1, Some(1))], vec![]));
}

#[test]
fn positions_and_frames_are_not_mail() {
    let (mut channels, a) = (Channels::default(), Peer::new(1));
    a.open(&mut channels, &with_content("p", "positions"))
        .expect("good");
    assert_eq!(
        publish(&mut channels, "agent.state.changed", &["x"], None),
        []
    );
    a.open(&mut channels, &with_content("e", "events"))
        .expect("good");
    let told = publish(&mut channels, "agent.state.changed", &["x"], None);
    assert_eq!(
        (told, a.taken()),
        (vec![a.id], vec![(2, Some(2))]),
        "in the channel of text alone"
    );
}

#[test]
fn what_a_member_sends_goes_to_the_others_of_its_channel() {
    let (mut channels, a, b, c) = (
        Channels::default(),
        Peer::new(1),
        Peer::new(2),
        Peer::new(3),
    );
    for peer in [&a, &b] {
        let grant = peer.open(&mut channels, &create("chat")).expect("good");
        assert_eq!((grant.numeric_id, grant.sequence), (Some(256), 0));
    }
    c.open(&mut channels, &create("other")).expect("good");
    let sent = a.send(&mut channels, "chat", None);
    let receivers = vec![(b.id, QueueId(1))];
    assert_eq!(
        sent,
        Ok(Sent::ToMembers {
            sequence: 1,
            receivers
        })
    );
    b.send(&mut channels, "chat", None).expect("good");
    assert_eq!(
        (a.taken(), b.taken()),
        (vec![(1, Some(2))], vec![(1, Some(1))])
    );
    assert_eq!(c.taken(), []);
    let refusal = c
        .send(&mut channels, "chat", None)
        .expect_err("not a member");
    assert_eq!(refusal.code, ChannelErrorCode::NotFound);

    // The number and the sequence outlive the members.
    channels.leave(a.id);
    channels
        .close(b.id, ChannelKind::Channel, &name("chat"))
        .expect("good");
    let grant = c.open(&mut channels, &create("chat")).expect("good");
    assert_eq!((grant.numeric_id, grant.sequence), (Some(256), 2));
}

#[test]
fn frames_go_to_the_members_whose_channel_carries_frames() {
    let (mut channels, a, b, c) = (
        Channels::default(),
        Peer::new(1),
        Peer::new(2),
        Peer::new(3),
    );
    let frames = json!({ "type": "channel.create", "channelId": "raw", "binary": true });
    for peer in [&a, &b] {
        peer.open(&mut channels, &frames).expect("good");
    }
    c.open(&mut channels, &create("raw")).expect("good");
    let sent = channels.send_frame(a.id, 256, posting("AGNT"));
    let receivers = vec![(b.id, QueueId(1))];
    assert_eq!(
        sent,
        Ok(Sent::ToMembers {
            sequence: 1,
            receivers
        })
    );
    let mut letters = Vec::new();
    b.mailbox.take(Instant::now(), usize::MAX, &mut letters);
    let letter = &letters[0].1;
    assert!(letter.is_binary && &letter.text[..] == b"AGNT");
    c.send(&mut channels, "raw", None).expect("good");
    assert_eq!(b.taken(), [(1, Some(2))], "text goes to all");
    assert_eq!(c.taken(), []);

    a.open(&mut channels, &with_content("p", "positions"))
        .expect("good");
    assert_eq!(
        channels.send_frame(a.id, 1, posting("AGNT")),
        Ok(Sent::AsBare)
    );
    let refusal = channels
        .send_frame(a.id, 257, posting("AGNT"))
        .expect_err("no such");
    assert!(refusal.text.contains("257"), "{refusal}");
}

#[test]
fn a_senders_own_sequence_has_no_holes() {
    let (mut channels, a) = (Channels::default(), Peer::new(1));
    a.open(&mut channels, &create("chat")).expect("good");
    a.open(&mut channels, &with_content("e", "events"))
        .expect("good");
    let mut send = |sequence| a.send(&mut channels, "chat", sequence).map(|_| ());
    assert_eq!(send(Some(12_345)), Ok(()));
    assert_eq!((send(None), send(Some(12_346))), (Ok(()), Ok(())));
    for wrong in [12_346, 12_348, 0] {
        let refusal = send(Some(wrong)).expect_err("a hole");
        assert_eq!(refusal.code, ChannelErrorCode::Sequence);
        assert_eq!(
            refusal.text,
            format!("sequence: {wrong} is not allowed; the last was 12346")
        );
    }
    assert_eq!(send(Some(12_347)), Ok(()));
    let mut send = |sequence| a.send(&mut channels, "e", sequence);
    assert_eq!(send(Some(u64::MAX)), Ok(Sent::AsBare));
    assert!(send(Some(0)).is_err(), "there is none behind the last");
}

#[test]
fn a_stream_sends_while_it_has_credit() {
    let (mut channels, a) = (Channels::default(), Peer::new(1));
    let open = json!({ "type": "stream.open", "streamId": "s", "content": "events", "credit": 2 });
    a.open(&mut channels, &open).expect("good");
    for _ in 0..5 {
        publish(&mut channels, "message.sent", &["x"], None);
    }
    assert_eq!(a.taken(), [(1, Some(1)), (1, Some(2))]);
    assert_eq!(channels.add_credit(a.id, &name("s"), 1), Ok(1));
    assert_eq!(a.taken(), [(1, Some(3))]);
    let unknown = channels
        .add_credit(a.id, &name("t"), 1)
        .expect_err("no such");
    assert_eq!(
        (unknown.kind, unknown.code),
        (ChannelKind::Stream, ChannelErrorCode::NotFound)
    );
    let as_channel = channels.close(a.id, ChannelKind::Channel, &name("s"));
    assert!(as_channel.is_err(), "a stream is closed as one");
    channels
        .close(a.id, ChannelKind::Stream, &name("s"))
        .expect("good");
    assert_eq!(a.taken(), [], "what waited went with it");
}

#[test]
fn bounds_are_held_and_named() {
    let (mut channels, a, b) = (Channels::default(), Peer::new(1), Peer::new(2));
    for number in 0..CHANNELS_MAX {
        a.open(&mut channels, &create(&format!("n{number}")))
            .expect("room");
    }
    let refusal = a
        .open(&mut channels, &create("n0"))
        .expect_err("it is open");
    assert_eq!(refusal.code, ChannelErrorCode::Exists);
    let refusal = a
        .open(&mut channels, &create("more"))
        .expect_err("64 are open");
    assert_eq!(
        (refusal.code.name(), refusal.text.as_str()),
        (
            "RATE_LIMIT_EXCEEDED",
            "channelId: a session may have 64 channels"
        )
    );
    channels
        .close(a.id, ChannelKind::Channel, &name("n0"))
        .expect("good");
    a.open(&mut channels, &create("more")).expect("room again");
    let exists = b
        .open(&mut channels, &create("more"))
        .expect("another session's");
    assert_eq!(exists.numeric_id, Some(256 + 64));
}

#[test]
fn the_answers_are_those_of_the_contract() {
    let (mut channels, a) = (Channels::default(), Peer::new(1));
    let asked = json!({ "type": "channel.create", "channelId": "perf-metrics", "priority": "high",
        "dedicated": true, "bufferSize": 1000 });
    let grant = a.open(&mut channels, &asked).expect("good");
    let answer: Value = serde_json::from_str(&grant.message(7, Some("m-1"))).expect("JSON");
    assert_eq!(
        answer,
        json!({ "type": "channel.created", "channelId": "perf-metrics", "numericId": 256,
            "priority": "high", "dedicated": true, "bufferSize": 1000, "overflow": "drop-oldest",
            "binary": false, "epoch": "7", "sequence": 0,
            "metadata": { "correlationId": "m-1" } })
    );
    let asked = json!({ "type": "stream.open", "streamId": "s", "content": "graph", "credit": 9 });
    let grant = a.open(&mut channels, &asked).expect("good");
    let answer: Value = serde_json::from_str(&grant.message(7, None)).expect("JSON");
    assert_eq!(
        answer,
        json!({ "type": "stream.opened", "streamId": "s", "numericId": 6, "content": "graph",
            "credit": 9, "priority": "normal", "dedicated": false, "bufferSize": 100,
            "overflow": "drop-oldest", "binary": false, "epoch": "7", "sequence": 0 })
    );
    let closed = closed_message(ChannelKind::Channel, &name("a"), Some("m-2"));
    let answer: Value = serde_json::from_str(&closed).expect("JSON");
    assert_eq!(
        answer,
        json!({ "type": "channel.closed", "channelId": "a", "reason": "closed",
            "metadata": { "correlationId": "m-2" } })
    );
}
