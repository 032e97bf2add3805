//! From an address to a session: TCP, the upgrade to a WebSocket, the handshake.

use std::io::Cursor;

use agnt_outbound::{Link, ReadHalf, WriteHalf};
use bytes::Bytes;
use fastwebsockets::{
    FragmentCollectorRead, Frame, OpCode, Role, WebSocketError, after_handshake_split, handshake,
};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{
    CONNECTION, HOST, RETRY_AFTER, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{
    Request, Response, StatusCode, body::Incoming, client::conn::http1, upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, Chain};

use super::client::Writer;
use super::client_error::{ClientError, Ending};
use super::endpoint::Endpoint;
use super::outgoing::Outgoing;
use crate::domain::HiddenText;
use crate::domain::time::iso_8601;

/// The longest message that a server may send to a publisher, in bytes.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The most of a refusal's body that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 4 * 1024;

/// The read half: what came with the answer to the upgrade, then the socket.
pub(super) type Reader = FragmentCollectorRead<Chain<Cursor<Bytes>, ReadHalf>>;

/// What the server's answer to the handshake says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ack {
    pub(super) session_id: String,
    /// How often a silent client is to give a sign of life, in milliseconds.
    #[serde(rename = "heartbeatInterval", default = "heartbeat_ms_default")]
    pub(super) heartbeat_ms: u64,
}

fn heartbeat_ms_default() -> u64 {
    30_000
}

/// Connects and upgrades; the halves are those of the connection beneath HTTP.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<(Reader, WriteHalf), ClientError> {
    let link = Link::connect(&endpoint.authority, endpoint.tls.as_ref())
        .await
        .map_err(|source| ClientError::Connect {
            authority: endpoint.authority.clone(),
            source,
        })?;
    let upgraded = upgrade(endpoint, link).await?;
    let parts = upgraded
        .downcast::<TokioIo<Link>>()
        .map_err(|_| ClientError::Http("the connection is another's".to_owned()))?;
    let (read, write) = parts.io.into_inner().into_halves();
    let read = Cursor::new(parts.read_buf).chain(read);
    let (mut reader, _) = after_handshake_split(read, tokio::io::sink(), Role::Client);
    // Pings and Close reach the caller, who owns the write half that answers them.
    reader.set_auto_pong(false);
    reader.set_auto_close(false);
    reader.set_max_message_size(MESSAGE_BYTES_MAX);
    Ok((FragmentCollectorRead::new(reader), write))
}

async fn upgrade(endpoint: &Endpoint, link: Link) -> Result<Upgraded, ClientError> {
    let http = |error: hyper::Error| ClientError::Http(error.to_string());
    let request = Request::get(&endpoint.target)
        .header(HOST, &endpoint.authority)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
        .body(Empty::<Bytes>::new())
        .map_err(|error| ClientError::Http(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(link)).await.map_err(http)?;
    tokio::spawn(async move {
        // Whatever goes wrong here also fails the request or the upgrade, which report it.
        let _ = connection.with_upgrades().await;
    });
    let response = sender.send_request(request).await.map_err(http)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(response).await);
    }
    hyper::upgrade::on(response).await.map_err(http)
}

async fn refused(response: Response<Incoming>) -> ClientError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).cloned();
    let body = Limited::new(response.into_body(), REFUSAL_BYTES_MAX)
        .collect()
        .await;
    let bytes = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if let Some(seconds) = retry_after.as_ref().and_then(|value| value.to_str().ok()) {
        text.push_str(" (try again after ");
        text.push_str(seconds);
        text.push_str(" s)");
    }
    ClientError::Refused { status, text }
}

/// Says the handshake and waits for its answer.
pub(super) async fn shake_hands(
    reader: &mut Reader,
    writer: &mut Writer,
    client_id: &str,
    credential: Option<&HiddenText>,
) -> Result<Ack, ClientError> {
    let mut hello = serde_json::json!({
        "type": "handshake",
        "version": "1.0.0",
        "capabilities": ["binary"],
        "clientId": client_id,
        "timestamp": iso_8601(),
        "role": "publisher",
    });
    if let Some(credential) = credential {
        hello["token"] = credential.reveal().into();
    }
    let mut outgoing = Outgoing::default();
    outgoing.push_message(OpCode::Text, hello.to_string().as_bytes());
    loop {
        writer
            .write(outgoing.bytes())
            .await
            .map_err(ClientError::Write)?;
        outgoing.clear();
        let frame = read_frame(reader).await?;
        match frame.opcode {
            OpCode::Ping => outgoing.push_message(OpCode::Pong, &frame.payload),
            OpCode::Close => {
                outgoing.push_message(OpCode::Close, &frame.payload);
                // The session is refused either way; the server's own code is the news.
                let _ = writer.write(outgoing.bytes()).await;
                return Err(ClientError::Ended(closed(&frame.payload)));
            }
            OpCode::Text => {
                let message: serde_json::Value = serde_json::from_slice(&frame.payload)
                    .map_err(|error| ClientError::Handshake(format!("not JSON: {error}")))?;
                match message["type"].as_str() {
                    Some("handshake_ack") => {
                        return Ack::deserialize(message)
                            .map_err(|error| ClientError::Handshake(error.to_string()));
                    }
                    Some("error") => return Err(ClientError::Handshake(message.to_string())),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// The next message or control frame; not to be dropped half-way.
pub(super) async fn read_frame(reader: &mut Reader) -> Result<Frame<'static>, Ending> {
    reader
        .read_frame(&mut |_| async { Ok::<(), WebSocketError>(()) })
        .await
        .map_err(|error| Ending::Lost(error.to_string()))
}

/// What the payload of a Close says (RFC 6455, section 7.1.5).
pub(super) fn closed(payload: &[u8]) -> Ending {
    match payload {
        [high, low, reason @ ..] => Ending::Closed {
            code: u16::from_be_bytes([*high, *low]),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        _ => Ending::Closed {
            code: 1005,
            reason: String::new(),
        },
    }
}

/// The text of a JSON heartbeat.
pub(super) fn heartbeat() -> String {
    serde_json::json!({"type": "heartbeat", "timestamp": iso_8601()}).to_string()
}
