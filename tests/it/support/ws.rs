//! A WebSocket client written from RFC 6455 alone. It can send any bytes at all, and holds every
//! frame of the server to the rules: unmasked, unfragmented, no reserved bit, shortest length,
//! control frames short.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::PATIENCE;
use super::http::{self, Answer};
use super::wire::{self, Record};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
/// Set in the first byte of a message's last frame.
pub(crate) const FIN: u8 = 0x80;

/// Set in the second byte of a masked frame.
const MASKED: u8 = 0x80;

/// The key of RFC 6455's example, and its answer from there.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code and the reason; no code where the payload is empty.
    Close(Option<u16>, String),
    /// The server has ended its side.
    End,
    /// The connection was reset.
    Reset,
}

/// One connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// What was read and not yet handed out, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    mask: u32,
    /// The answer to the upgrade.
    pub(crate) upgrade: Answer,
}

/// The request for an upgrade; `headers` are whole lines, each with its end.
pub(crate) fn upgrade_request(target: &str, headers: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    )
}

/// A client's frame: `first` is its first byte, and the payload is masked with `mask`.
pub(crate) fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend_from_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A client's frame head up to its mask, the length in its shortest form.
pub(crate) fn head(first: u8, payload_bytes: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload_bytes {
        0..126 => bytes.push(MASKED | payload_bytes as u8),
        126..0x1_0000 => {
            bytes.push(MASKED | 0x7E);
            bytes.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 0x7F);
            bytes.extend_from_slice(&payload_bytes.to_be_bytes());
        }
    }
    bytes
}

impl Client {
    /// An upgraded connection.
    pub(crate) fn connect(address: SocketAddr, target: &str) -> Self {
        Self::upgrade(http::open(address), target, "", &[])
    }

    /// The same with a receive buffer of `rcvbuf_bytes`, which the kernel doubles.
    pub(crate) fn connect_narrow(address: SocketAddr, target: &str, rcvbuf_bytes: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(rcvbuf_bytes).unwrap();
        socket.connect(&address.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::upgrade(socket.into(), target, "", &[])
    }

    /// Upgrades a socket. `early` are WebSocket bytes sent in one piece with the request.
    pub(crate) fn upgrade(socket: TcpStream, target: &str, headers: &str, early: &[u8]) -> Self {
        match Self::try_upgrade(socket, target, headers, early) {
            Ok(client) => client,
            Err(answer) => panic!("no upgrade: {} {}", answer.status, answer.text()),
        }
    }

    /// Upgrades a socket, or gives the refusal.
    pub(crate) fn try_upgrade(
        mut socket: TcpStream,
        target: &str,
        headers: &str,
        early: &[u8],
    ) -> Result<Self, Answer> {
        socket.set_nodelay(true).unwrap();
        let mut request = upgrade_request(target, headers).into_bytes();
        request.extend_from_slice(early);
        socket.write_all(&request).unwrap();
        let (upgrade, bytes) = http::read_answer(&mut socket, false);
        if upgrade.status != 101 {
            return Err(upgrade);
        }
        assert_eq!(upgrade.header("sec-websocket-accept"), Some(ACCEPT));
        Ok(Self {
            socket,
            bytes,
            at: 0,
            mask: 0x9E37_79B9,
            upgrade,
        })
    }

    /// Sends any bytes.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends one frame; `first` is its first byte.
    pub(crate) fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.mask = self
            .mask
            .wrapping_mul(0x0019_660D)
            .wrapping_add(0x3C6E_F35F);
        let bytes = frame(first, payload, self.mask.to_be_bytes());
        self.send_raw(&bytes);
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.send_frame(FIN | TEXT, text.as_bytes());
    }

    pub(crate) fn send_binary(&mut self, payload: &[u8]) {
        self.send_frame(FIN | BINARY, payload);
    }

    /// Publishes one tick in as many frames as its records need.
    pub(crate) fn send_tick(&mut self, records: &[Record]) {
        for frame in wire::tick(records) {
            self.send_binary(&frame);
        }
    }

    /// The server's next frame, whatever it is.
    pub(crate) fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.parse() {
                return message;
            }
            match self.fill(64 * 1024) {
                Ok(0) => {
                    assert_eq!(self.at, self.bytes.len(), "the end came within a frame");
                    return Message::End;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Message::Reset,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// Reads at most `bytes_max` bytes from the socket into the buffer.
    pub(crate) fn fill(&mut self, bytes_max: usize) -> std::io::Result<usize> {
        self.bytes.drain(..std::mem::take(&mut self.at));
        let end = self.bytes.len();
        self.bytes.resize(end + bytes_max, 0);
        let outcome = loop {
            match self.socket.read(&mut self.bytes[end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        self.bytes.truncate(end + *outcome.as_ref().unwrap_or(&0));
        outcome
    }

    /// The next message out of what was read.
    pub(crate) fn parse(&mut self) -> Option<Message> {
        let bytes = &self.bytes[self.at..];
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        assert_eq!(
            first & 0xF0,
            FIN,
            "fragmented, or a reserved bit: {first:#04x}"
        );
        assert_eq!(second & MASKED, 0, "the server masked a frame");
        let (head_bytes, length) = match second {
            126 => (
                4,
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())),
            ),
            127 => (
                10,
                u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()),
            ),
            short => (2, u64::from(short)),
        };
        let shortest = match length {
            0..126 => 2,
            126..0x1_0000 => 4,
            _ => 10,
        };
        assert_eq!(
            head_bytes, shortest,
            "the length is not in its shortest form"
        );
        let payload = bytes
            .get(head_bytes..head_bytes + length as usize)?
            .to_vec();
        self.at += head_bytes + payload.len();
        assert!(
            first & 0x08 == 0 || payload.len() <= 125,
            "a long control frame"
        );
        Some(match first & 0x0F {
            TEXT => Message::Text(String::from_utf8(payload).unwrap()),
            BINARY => Message::Binary(payload),
            PING => Message::Ping(payload),
            PONG => Message::Pong(payload),
            CLOSE => {
                let (code, reason) = payload.split_at(payload.len().min(2));
                let code = code.try_into().ok().map(u16::from_be_bytes);
                Message::Close(code, String::from_utf8(reason.to_vec()).unwrap())
            }
            other => panic!("opcode {other}"),
        })
    }

    /// The next message that is no ping; pings are answered.
    pub(crate) fn message(&mut self) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nothing but pings came");
            match self.next() {
                Message::Ping(payload) => self.send_frame(FIN | PONG, &payload),
                message => return message,
            }
        }
    }

    /// The next message, which must be text, as JSON.
    pub(crate) fn json(&mut self) -> serde_json::Value {
        match self.message() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("text was due, but there came {other:?}"),
        }
    }

    /// The next message that is no event in JSON, and must be binary.
    pub(crate) fn binary(&mut self) -> Vec<u8> {
        loop {
            match self.message() {
                Message::Binary(bytes) => return bytes,
                Message::Text(text) if text.contains("\"sequence\":") => {}
                other => panic!("a binary message was due, but there came {other:?}"),
            }
        }
    }

    /// Reads to the close frame and the end behind it; returns what came before, the code and
    /// the reason. A bare end or a reset is a failure.
    pub(crate) fn until_close(&mut self) -> (Vec<Message>, u16, String) {
        let mut before = Vec::new();
        let (code, reason) = loop {
            match self.message() {
                Message::Close(code, reason) => break (code.unwrap(), reason),
                gone @ (Message::End | Message::Reset) => {
                    panic!("{gone:?} without a close frame after {before:?}")
                }
                message => before.push(message),
            }
        };
        assert_eq!(self.next(), Message::End, "nothing follows a close frame");
        (before, code, reason)
    }

    /// Everything that the server has for this client now: it answers pings in order, and after
    /// the second answer whatever waited before the first has come too.
    pub(crate) fn settle(&mut self) -> Vec<Message> {
        let mut before = Vec::new();
        for round in [b"first", b"later"] {
            self.send_frame(FIN | PING, round);
            loop {
                match self.message() {
                    Message::Pong(payload) if payload == round => break,
                    gone @ (Message::End | Message::Reset | Message::Close(..)) => {
                        panic!("{gone:?} after {before:?}")
                    }
                    message => before.push(message),
                }
            }
        }
        before
    }

    /// Shakes hands with these capabilities and this role; returns the answer.
    pub(crate) fn shake_hands(
        &mut self,
        capabilities: &[&str],
        role: Option<&str>,
    ) -> serde_json::Value {
        let mut handshake = serde_json::json!({
            "type": "handshake", "version": "1.0.0", "capabilities": capabilities,
            "clientId": "it", "timestamp": "2026-01-10T12:00:00Z",
        });
        if let Some(role) = role {
            handshake["role"] = role.into();
        }
        self.send_text(&handshake.to_string());
        let answer = self.json();
        assert_eq!(answer["type"], "handshake_ack", "{answer}");
        answer
    }
}
