//! Requests as clients write them, and what is wrong with others.

use super::*;

fn parse(kind: &str, text: &str) -> Result<ChannelCommand, ChannelRefusal> {
    ChannelCommand::parse(kind, text).expect("a type of channels")
}

fn name(text: &str) -> ChannelName {
    ChannelName::parse(text).expect("a name")
}

fn plain(kind: ChannelKind, name_text: &str) -> ChannelRequest {
    ChannelRequest {
        kind,
        name: name(name_text),
        priority: Priority::Normal,
        is_dedicated: false,
        messages_max: 100,
        overflow: Overflow::DropOldest,
        content: None,
        filter: ChannelFilter::default(),
        is_binary: false,
        credit: None,
    }
}

#[test]
fn the_documents_request_is_understood_with_and_without_a_payload() {
    let expected = ChannelRequest {
        priority: Priority::High,
        is_dedicated: true,
        messages_max: 1000,
        ..plain(ChannelKind::Channel, "perf-metrics")
    };
    for text in [
        r#"{"type":"channel.create","channelId":"perf-metrics","priority":"high",
            "dedicated":true,"bufferSize":1000}"#,
        r#"{"type":"channel.create","id":"m","payload":{"channelId":"perf-metrics",
            "priority":"HIGH","dedicated":true,"bufferSize":1000}}"#,
        r#"{"type":"channel.create","channelId":"perf-metrics","dedicated":true,
            "payload":{"priority":8,"bufferSize":1000}}"#,
    ] {
        let open = ChannelCommand::Open(expected.clone());
        assert_eq!(parse("channel.create", text), Ok(open), "{text}");
    }
}

#[test]
fn every_field_is_read() {
    let text = r#"{"channelId":"a","priority":"low","bufferSize":1,"overflow":"latest",
        "content":"states","filter":{"agentIds":["x"],"types":["t"]},"binary":false,"credit":7}"#;
    let Ok(ChannelCommand::Open(request)) = parse("channel.create", text) else {
        panic!("refused");
    };
    let expected = ChannelRequest {
        priority: Priority::Low,
        messages_max: 1,
        overflow: Overflow::Latest,
        content: Some(Content::States),
        filter: request.filter.clone(),
        ..plain(ChannelKind::Channel, "a")
    };
    assert_eq!(request, expected, "and credit is a stream's only");
    assert!(request.filter.passes("t", &["x"]) && !request.filter.passes("t", &["y"]));
    assert!(request.has_json_content());
    for (policy, overflow) in [
        ("latest", Overflow::Latest),
        ("drop-oldest", Overflow::DropOldest),
        ("drop-newest", Overflow::DropNewest),
        ("disconnect", Overflow::Disconnect),
    ] {
        let text = format!(r#"{{"channelId":"a","overflow":"{policy}"}}"#);
        let expected = ChannelRequest {
            overflow,
            ..plain(ChannelKind::Channel, "a")
        };
        assert_eq!(
            parse("channel.create", &text),
            Ok(ChannelCommand::Open(expected))
        );
    }
}

#[test]
fn streams_have_credit() {
    let open = parse(
        "stream.open",
        r#"{"streamId":"s","content":"events","credit":5}"#,
    );
    let expected = ChannelRequest {
        content: Some(Content::Events),
        credit: Some(5),
        ..plain(ChannelKind::Stream, "s")
    };
    assert_eq!(open, Ok(ChannelCommand::Open(expected)));
    let open = parse("stream.open", r#"{"streamId":"s","payload":null}"#);
    let expected = ChannelRequest {
        credit: Some(0),
        ..plain(ChannelKind::Stream, "s")
    };
    assert_eq!(open, Ok(ChannelCommand::Open(expected)));
    assert_eq!(
        parse(
            "stream.credit",
            r#"{"payload":{"streamId":"s","credit":3}}"#
        ),
        Ok(ChannelCommand::Credit(name("s"), 3))
    );
    assert_eq!(
        parse("stream.close", r#"{"streamId":"s"}"#),
        Ok(ChannelCommand::Close(ChannelKind::Stream, name("s")))
    );
    assert_eq!(
        parse("channel.close", r#"{"channelId":"s"}"#),
        Ok(ChannelCommand::Close(ChannelKind::Channel, name("s")))
    );
    assert_eq!(ChannelCommand::parse("channel.message", "{}"), None);
}

#[test]
fn what_is_wrong_is_named_with_its_value_and_what_is_allowed() {
    for (kind, text, expected) in [
        (
            "channel.create",
            r"{}",
            "channelId: missing; 1 to 64 characters of A-Z a-z 0-9 _ . : -",
        ),
        (
            "channel.create",
            r#"{"channelId":"a b"}"#,
            "channelId: 'a b' is not allowed; 1 to 64 characters of A-Z a-z 0-9 _ . : -",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","payload":{"priority":"urgent"}}"#,
            "payload.priority: 'urgent' is not allowed; low, normal, high, critical or a whole \
             number from 1 to 10",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","bufferSize":10001}"#,
            "bufferSize: 10001 is not allowed; a whole number from 1 to 10000",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","overflow":"block"}"#,
            "overflow: 'block' is not allowed; latest, drop-oldest, drop-newest, disconnect",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","content":"logs"}"#,
            "content: 'logs' is not allowed; positions, states, metrics, coordination, events, \
             graph, control",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","dedicated":1}"#,
            "dedicated: 1 is not allowed; true or false",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","payload":7}"#,
            "payload: 7 is not allowed; an object is",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","content":"states","filter":{"agentIds":["?"]}}"#,
            r#"filter.agentIds: ["?"] is not allowed; a list of the ids of agents"#,
        ),
        (
            "channel.create",
            r#"{"channelId":"a","filter":{"types":["t"]}}"#,
            "filter: is not allowed without content; a channel of an application carries what its \
             members send",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","content":"positions","filter":{"types":["t"]}}"#,
            "filter: is not allowed with content 'positions'; positions are the same bytes for \
             everybody",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","content":"events","binary":true}"#,
            "binary: true is not allowed with content 'events'; of what the stream tells, \
             positions alone go as frames in a channel",
        ),
        (
            "channel.create",
            r#"{"channelId":"a","content":"positions"}"#,
            "binary: must be true with content 'positions'; as JSON they come bare",
        ),
        (
            "stream.open",
            r#"{"streamId":"a","content":"positions","binary":true}"#,
            "content: 'positions' is not allowed with credit; a slow viewer gets the newest anyway",
        ),
    ] {
        let refusal = parse(kind, text).expect_err(text);
        assert_eq!(refusal.text, expected);
        assert_eq!(refusal.code, ChannelErrorCode::InvalidMessage);
    }
}

#[test]
fn wrong_credit_is_named_too() {
    for (kind, text, expected) in [
        (
            "stream.open",
            r#"{"streamId":"a","credit":1000001}"#,
            "credit: 1000001 is not allowed; a whole number from 0 to 1000000",
        ),
        (
            "stream.credit",
            r#"{"streamId":"a"}"#,
            "credit: missing; a whole number from 1 to 1000000",
        ),
        (
            "stream.credit",
            r#"{"streamId":"a","credit":0}"#,
            "credit: 0 is not allowed; a whole number from 1 to 1000000",
        ),
    ] {
        let refusal = parse(kind, text).expect_err(text);
        assert_eq!(refusal.text, expected);
        assert_eq!(refusal.code, ChannelErrorCode::InvalidMessage);
    }
}

#[test]
fn a_refusal_knows_the_channel_if_it_was_said() {
    let refusal = parse("channel.create", r#"{"channelId":"a b\n","bufferSize":0}"#);
    assert_eq!(
        refusal.expect_err("a bad name").name.as_deref(),
        Some(r"a b\n")
    );
    let refusal = parse("stream.close", r#"{"streamId":7}"#).expect_err("a bad name");
    assert_eq!((refusal.kind, refusal.name), (ChannelKind::Stream, None));
    let refusal = parse("channel.create", "[").expect_err("no JSON");
    assert!(refusal.text.starts_with("message: "), "{}", refusal.text);
}
