//! A server for tests of publishers, made of the WebSocket library's server side: it accepts one
//! connection and does what the test says.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{Frame, OpCode, WebSocket};
use http_body_util::{Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming, server::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The server's end of a connection.
pub(super) type Socket = WebSocket<TokioIo<Upgraded>>;

/// A listening server.
pub(super) struct Peer {
    listener: TcpListener,
}

impl Peer {
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener }
    }

    pub(super) fn url(&self) -> String {
        format!(
            "ws://{}",
            self.listener.local_addr().expect("a bound listener")
        )
    }

    /// Accepts a WebSocket; returns the target it asked for as well.
    pub(super) async fn accept(&self) -> (String, Socket) {
        let (socket, _) = self.listener.accept().await.expect("a client");
        let (sender, upgraded) = oneshot::channel::<(String, UpgradeFut)>();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let service = service_fn(move |mut request: Request<Incoming>| {
            let sender = Arc::clone(&sender);
            async move {
                let (response, future) = upgrade(&mut request).expect("a WebSocket request");
                let sender = sender
                    .lock()
                    .expect("no panic")
                    .take()
                    .expect("one request");
                let sent = sender.send((request.uri().to_string(), future));
                assert!(sent.is_ok(), "the test waits for it");
                Ok::<Response<Empty<Bytes>>, Infallible>(response)
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        tokio::spawn(connection.with_upgrades());
        let (target, future) = upgraded.await.expect("an upgrade");
        (target, future.await.expect("an upgrade"))
    }

    /// Answers one request with a status and a text.
    pub(super) async fn refuse(&self, status: u16, text: &'static str) {
        let (socket, _) = self.listener.accept().await.expect("a client");
        let service = service_fn(move |_: Request<Incoming>| async move {
            Response::builder()
                .status(status)
                .header("Retry-After", "7")
                .body(Full::new(Bytes::from_static(text.as_bytes())))
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        connection.await.expect("an answer");
    }
}

/// Receives the handshake and acknowledges it.
pub(super) async fn shake_hands(socket: &mut Socket) -> Value {
    let hello = message(socket).await;
    assert_eq!(hello.0, OpCode::Text);
    say(
        socket,
        r#"{"type":"handshake_ack","sessionId":"s-1","heartbeatInterval":30000}"#,
    )
    .await;
    serde_json::from_slice(&hello.1).expect("the handshake is JSON")
}

pub(super) async fn say(socket: &mut Socket, text: &str) {
    socket
        .write_frame(Frame::text(text.as_bytes().into()))
        .await
        .expect("the client listens");
}

/// The next message, or control frame but ping.
pub(super) async fn message(socket: &mut Socket) -> (OpCode, Vec<u8>) {
    let frame = socket.read_frame().await.expect("a sound frame");
    (frame.opcode, frame.payload.to_vec())
}

/// The binary messages up to the Close, which is answered.
pub(super) async fn frames_to_the_end(socket: &mut Socket) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    loop {
        match message(socket).await {
            (OpCode::Binary, bytes) => frames.push(bytes),
            (OpCode::Close, payload) => {
                assert_eq!(payload, 1000_u16.to_be_bytes());
                return frames;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}
