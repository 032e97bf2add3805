//! Publishers over a real socket, against a server made of another implementation.

use agnt_codec::{EncodeErrorKind, Frame, Payload};
use serde_json::{Value, json};

use super::*;
use crate::publish::peer::{self, Peer, Socket};

async fn connected(peer: &Peer) -> (Publisher, Socket) {
    let endpoint = Endpoint::parse(&peer.url(), None).expect("a good URL");
    let accept = async {
        let (_, mut socket) = peer.accept().await;
        peer::shake_hands(&mut socket).await;
        socket
    };
    let (publisher, socket) = tokio::join!(Publisher::connect(&endpoint, "test"), accept);
    (publisher.expect("a session"), socket)
}

async fn refused(peer: Peer, answer: impl AsyncFnOnce(&Peer)) -> ClientError {
    let endpoint = Endpoint::parse(&peer.url(), None).expect("a good URL");
    let (publisher, ()) = tokio::join!(Publisher::connect(&endpoint, "test"), answer(&peer));
    publisher.expect_err("it was refused")
}

#[tokio::test]
async fn the_handshake_says_what_the_protocol_wants() {
    let peer = Peer::bind().await;
    let url = format!("{}/?stream=swarm_1", peer.url());
    let endpoint = Endpoint::parse(&url, None).expect("a good URL");
    let accept = async {
        let (target, mut socket) = peer.accept().await;
        assert_eq!(target, "/api/visualisation/agents/ws?stream=swarm_1");
        let mut hello = peer::shake_hands(&mut socket).await;
        let timestamp = hello["timestamp"].take();
        assert!(
            timestamp.as_str().is_some_and(|text| text.ends_with('Z')),
            "{timestamp}"
        );
        assert_eq!(
            hello,
            json!({"type": "handshake", "version": "1.0.0", "capabilities": ["binary"],
                   "clientId": "me", "timestamp": Value::Null, "role": "publisher"})
        );
        socket
    };
    let (publisher, _socket) = tokio::join!(Publisher::connect(&endpoint, "me"), accept);
    assert_eq!(publisher.expect("a session").session_id(), "s-1");
}

#[tokio::test]
async fn a_tick_is_split_with_more_on_all_but_its_last_frame() {
    let peer = Peer::bind().await;
    let (mut publisher, mut socket) = connected(&peer).await;
    let records: Vec<AgentPosition> = (0..4_681)
        .map(|id| AgentPosition::new(id, [id as f32; 3], [1.0; 3]))
        .collect();
    let publish = async {
        assert_eq!(
            publisher.publish_tick(&records).await.expect("published"),
            3
        );
        assert_eq!(
            publisher
                .publish_tick(&records[..2_340])
                .await
                .expect("published"),
            1
        );
        assert_eq!(publisher.publish_tick(&[]).await.expect("nothing to do"), 0);
        let bytes_sent = publisher.bytes_sent();
        publisher.close().await.expect("closed with 1000");
        bytes_sent
    };
    let (bytes_sent, messages) = tokio::join!(publish, peer::frames_to_the_end(&mut socket));
    let mut received = Vec::new();
    let mut shapes = Vec::new();
    for message in &messages {
        let frame = Frame::exactly(message).expect("one sound frame a message");
        let Payload::Positions(positions) = frame.payload() else {
            panic!("only positions")
        };
        shapes.push((frame.flags(), positions.len()));
        received.extend_from_slice(positions);
    }
    let more = Flags::MORE;
    let expected = [
        (more, 2_340),
        (more, 2_340),
        (Flags::NONE, 1),
        (Flags::NONE, 2_340),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(received[..4_681], records);
    assert_eq!(received[4_681..], records[..2_340]);
    // A client's head is 2 bytes, a mask of 4 and, from 126 bytes on, a length of 2.
    let payload_bytes: usize = messages.iter().map(Vec::len).sum();
    assert_eq!(bytes_sent as usize, payload_bytes + 3 * 8 + 6);
}

#[tokio::test]
async fn agents_are_introduced_in_as_many_frames_as_they_need() {
    let peer = Peer::bind().await;
    let (mut publisher, mut socket) = connected(&peer).await;
    let names: Vec<String> = (0..3_000).map(|id| format!("agent \"{id}\"")).collect();
    let publish = async {
        let agents = (0..).zip(names.iter().map(String::as_str));
        publisher
            .introduce(agents, "drone")
            .await
            .expect("published");
        publisher.close().await.expect("closed with 1000");
    };
    let ((), messages) = tokio::join!(publish, peer::frames_to_the_end(&mut socket));
    assert!(
        messages.len() > 1,
        "3000 introductions are more than a frame holds"
    );
    let mut next = 0;
    for message in &messages {
        let frame = Frame::exactly(message).expect("one sound frame a message");
        assert_eq!(frame.flags(), Flags::NONE);
        let Payload::States(states) = frame.payload() else {
            panic!("only states")
        };
        for record in states {
            let metadata = record.metadata.expect("metadata");
            let metadata: Value = serde_json::from_slice(metadata.as_bytes()).expect("JSON");
            assert_eq!(record.id, next);
            assert_eq!(
                metadata,
                json!({"name": names[next as usize], "type": "drone"})
            );
            next += 1;
        }
    }
    assert_eq!(next, 3_000);
}

#[tokio::test]
async fn a_state_that_fits_no_frame_is_an_error_and_the_session_goes_on() {
    let peer = Peer::bind().await;
    let (mut publisher, mut socket) = connected(&peer).await;
    let long = "x".repeat(PAYLOAD_BYTES_MAX);
    let publish = async {
        let error = publisher
            .introduce([(1, long.as_str())], "t")
            .await
            .expect_err("too long");
        let ClientError::Encode(error) = error else {
            panic!("{error}")
        };
        assert_eq!(error.kind, EncodeErrorKind::PayloadTooLong);
        publisher
            .publish_tick(&[AgentPosition::gone(1)])
            .await
            .expect("published");
        publisher.close().await.expect("closed with 1000");
    };
    let ((), messages) = tokio::join!(publish, peer::frames_to_the_end(&mut socket));
    assert_eq!(messages.len(), 1);
}

#[tokio::test]
async fn pings_are_answered_and_errors_counted_while_the_publisher_rests() {
    let peer = Peer::bind().await;
    let (mut publisher, mut socket) = connected(&peer).await;
    let talk = async {
        peer::say(
            &mut socket,
            r#"{"type":"error","payload":{"code":"INVALID_MESSAGE"}}"#,
        )
        .await;
        let ping = fastwebsockets::Frame::new(true, OpCode::Ping, None, b"are you?"[..].into());
        socket.write_frame(ping).await.expect("the client listens");
        assert_eq!(
            peer::message(&mut socket).await,
            (OpCode::Pong, b"are you?".to_vec())
        );
        socket
            .write_frame(fastwebsockets::Frame::close(4409, b"too slow"))
            .await
            .expect("sent");
        assert_eq!(peer::message(&mut socket).await.0, OpCode::Close);
    };
    let far = Instant::now() + Duration::from_mins(10);
    let (rested, ()) = tokio::join!(publisher.rest_until(far), talk);
    let ended = rested.expect_err("the server closed").to_string();
    assert_eq!(
        ended,
        "the server closed the connection with code 4409 \"too slow\""
    );
    assert_eq!(publisher.errors(), 1);
}

#[tokio::test]
async fn refusals_say_why() {
    let error = refused(Peer::bind().await, async |peer| {
        peer.refuse(503, "full\n").await;
    })
    .await;
    let expected = "the server refused the WebSocket with status 503: full (try again after 7 s)";
    assert_eq!(error.to_string(), expected);

    let error = refused(Peer::bind().await, async |peer| {
        let (_, mut socket) = peer.accept().await;
        peer::message(&mut socket).await;
        peer::say(
            &mut socket,
            r#"{"type":"error","payload":{"code":"AUTH_FAILED"}}"#,
        )
        .await;
    })
    .await;
    assert!(error.to_string().contains("AUTH_FAILED"), "{error}");

    let error = refused(Peer::bind().await, async |peer| {
        let (_, mut socket) = peer.accept().await;
        peer::message(&mut socket).await;
        socket
            .write_frame(fastwebsockets::Frame::close(4403, b"no"))
            .await
            .expect("sent");
        peer::message(&mut socket).await;
    })
    .await;
    let closed = Ending::Closed {
        code: 4403,
        reason: "no".to_owned(),
    };
    assert!(matches!(error, ClientError::Ended(ending) if ending == closed));
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_the_address() {
    let peer = Peer::bind().await;
    let endpoint = Endpoint::parse(&peer.url(), None).expect("a good URL");
    drop(peer);
    let error = Publisher::connect(&endpoint, "test")
        .await
        .expect_err("nobody listens");
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot connect to {}", endpoint.authority))
    );
}
