//! Opens one session: TCP, the HTTP upgrade, the handshake of the visualisation paths.
//!
//! Opening is blocking, with a time limit, because it is no part of what is measured; the caller
//! makes the socket non-blocking afterwards. The key of the upgrade is fixed, so that the answer
//! can be compared with a constant (the pair that RFC 6455, section 1.3, shows).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::credential::{Credential, field_of};
use crate::failure::{Context, Failure, Result};
use crate::stream::{Stream, Trust};
use crate::terms::Terms;
use crate::wire::{CLOSE, TEXT, parse_head, write_client_frame};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It only receives.
    Viewer,
    /// It only sends.
    Publisher,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Publisher => "publisher",
        }
    }
}

/// Who opens a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    /// What it is for.
    pub(crate) role: Role,
    /// Its name.
    pub(crate) id: &'a str,
    /// What it asks for.
    pub(crate) terms: Terms,
    /// The receive buffer of its socket, if not the system's own.
    pub(crate) rcvbuf_bytes: Option<usize>,
}

impl<'a> Client<'a> {
    /// A client that speaks plain frames.
    pub(crate) fn plain(role: Role, id: &'a str) -> Self {
        Self {
            role,
            id,
            terms: Terms::PLAIN,
            rcvbuf_bytes: None,
        }
    }
}

/// Where sessions are opened.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// The server's address.
    pub(crate) address: SocketAddr,
    /// Path and query of the upgrade.
    pub(crate) target: String,
    /// Whom to trust, over TLS.
    pub(crate) trust: Option<Trust>,
    /// What the server wants to be shown, if anything.
    pub(crate) credential: Option<Credential>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A session, its acknowledgement read.
    Open(Session),
    /// The server answered the upgrade with another status.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The head of the answer, as it came.
        head: String,
    },
}

/// One open session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The socket, still blocking.
    pub(crate) stream: Stream,
    /// What was read behind the acknowledgement.
    pub(crate) leftover: Vec<u8>,
}

/// Opens a session and fails on any other answer.
pub(crate) fn open(endpoint: &Endpoint, client: &Client<'_>) -> Result<Session> {
    match attempt(endpoint, client)? {
        Answer::Open(session) => Ok(session),
        Answer::Refused { status, .. } => Err(Failure::new(format!(
            "{} answered the upgrade of {} with HTTP {status}",
            endpoint.address, client.id
        ))),
    }
}

/// Tries to open a session.
pub(crate) fn attempt(endpoint: &Endpoint, client: &Client<'_>) -> Result<Answer> {
    let socket = dial(endpoint.address, client.rcvbuf_bytes).context(endpoint.address)?;
    let mut stream = Stream::over(socket, endpoint.trust.as_ref())?;
    let credential = field_of(endpoint.credential.as_ref());
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{credential}\r\n",
        endpoint.target, endpoint.address
    );
    stream
        .write_all(request.as_bytes())
        .context("sending the upgrade")?;
    let mut read = Vec::new();
    let head_bytes = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        more(&mut stream, &mut read).context("waiting for the answer to the upgrade")?;
    };
    let head = String::from_utf8_lossy(&read[..head_bytes]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    if status != 101 {
        return Ok(Answer::Refused { status, head });
    }
    if header(&head, "sec-websocket-accept") != Some(ACCEPT) {
        return Err(Failure::new("the server's Sec-WebSocket-Accept is wrong"));
    }
    read.drain(..head_bytes);
    shake_hands(&mut stream, &mut read, client)?;
    let socket = stream.socket();
    socket.set_read_timeout(None).context("socket")?;
    Ok(Answer::Open(Session {
        stream,
        leftover: read,
    }))
}

/// The value of a header in the head of an answer.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn dial(address: SocketAddr, rcvbuf_bytes: Option<usize>) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(bytes) = rcvbuf_bytes {
        // Before the connection is made, because it settles the window that is announced.
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect_timeout(&address.into(), ANSWER_TIMEOUT)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

fn shake_hands(stream: &mut Stream, read: &mut Vec<u8>, client: &Client<'_>) -> Result<()> {
    let mut handshake = json!({
        "type": "handshake",
        "version": "1.0.0",
        "capabilities": client.terms.capabilities(),
        "clientId": client.id,
        "timestamp": "2026-01-10T12:00:00Z",
        "role": client.role.name(),
    });
    if let Some(choice) = client.terms.choice() {
        handshake["compression"] = choice;
    }
    let mut frame = Vec::new();
    write_client_frame(TEXT, &[handshake.to_string().as_bytes()], &mut frame);
    stream.write_all(&frame).context("sending the handshake")?;
    loop {
        let head = parse_head(read).context("waiting for handshake_ack")?;
        let Some(head) = head.filter(|head| head.frame_bytes() <= read.len()) else {
            more(stream, read).context("waiting for handshake_ack")?;
            continue;
        };
        let payload = &read[head.head_bytes..head.frame_bytes()];
        if head.opcode == CLOSE {
            return Err(Failure::new(format!(
                "closed with {} at the handshake",
                code(payload)
            )));
        }
        let message: Option<Value> = (head.opcode == TEXT)
            .then(|| serde_json::from_slice(payload).ok())
            .flatten();
        let message = message.unwrap_or_default();
        match message["type"].as_str() {
            Some("handshake_ack") => {
                read.drain(..head.frame_bytes());
                return client.terms.check(&message);
            }
            Some("error") => {
                let text = String::from_utf8_lossy(payload);
                return Err(Failure::new(format!("the handshake was refused: {text}")));
            }
            _ => {
                read.drain(..head.frame_bytes());
            }
        }
    }
}

/// The code in the payload of a close frame; 1005 stands for none.
pub(crate) fn code(payload: &[u8]) -> u16 {
    payload
        .first_chunk()
        .map_or(1005, |code| u16::from_be_bytes(*code))
}

/// Reads a little: what follows the acknowledgement is better left to the measuring loop.
fn more(stream: &mut Stream, read: &mut Vec<u8>) -> std::io::Result<()> {
    let mut piece = [0; 1024];
    let got_bytes = stream.read(&mut piece)?;
    if got_bytes == 0 {
        return Err(std::io::Error::other("the server closed the connection"));
    }
    read.extend_from_slice(&piece[..got_bytes]);
    if read.len() > HEAD_BYTES_MAX {
        return Err(std::io::Error::other("no end of the answer after 16 kB"));
    }
    Ok(())
}
