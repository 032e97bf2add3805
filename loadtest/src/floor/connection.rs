//! One connection of the floor: an HTTP request, then a handshake, then a viewer or a publisher.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::log::Log;
use super::stats::Stats;
use crate::inbox::{Filled, Inbox};
use crate::serving::{acknowledgement, empty_state, is_publisher};
use crate::wire::{BINARY, CLOSE, PING, PONG, TEXT, write_server_head};

/// The answer to the key that this program's clients send (RFC 6455, section 1.3).
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                         Upgrade: websocket\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const REQUEST_BYTES_MAX: usize = 8 << 10;

#[derive(Debug)]
enum Phase {
    /// Reading the HTTP request.
    Request(Vec<u8>),
    /// Waiting for the handshake message.
    Handshake,
    /// Sends frames.
    Publisher,
    /// Receives the log from a position on.
    Viewer { position: u64 },
}

/// A connection and where it stands.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    inbox: Inbox,
    phase: Phase,
    /// Answers that go out before the log goes on; empty while frames flow.
    answers: Vec<u8>,
    /// The socket was full; it is left alone until it says that it has room.
    blocked: bool,
    ends: bool,
    messages_seen: u64,
}

impl Connection {
    /// A connection that has just been accepted.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            inbox: Inbox::default(),
            phase: Phase::Request(Vec::new()),
            answers: Vec::new(),
            blocked: false,
            ends: false,
            messages_seen: 0,
        }
    }

    /// The socket has room again.
    pub(super) fn writable(&mut self) {
        self.blocked = false;
    }

    /// Reads once; frames of a publisher are appended to the log.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        log: &mut Log,
        stats: &mut Stats,
    ) -> io::Result<Filled> {
        if let Phase::Request(request) = &mut self.phase {
            let got_bytes = match self.stream.read(scratch) {
                Ok(0) => return Ok(Filled::Closed),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Filled::Drained);
                }
                Err(error) => return Err(error),
            };
            request.extend_from_slice(&scratch[..got_bytes]);
            let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
                let too_long = request.len() > REQUEST_BYTES_MAX;
                return Ok(if too_long {
                    Filled::Closed
                } else {
                    Filled::Full
                });
            };
            let frames = request.split_off(end + 4);
            let request = String::from_utf8_lossy(request).into_owned();
            self.answer_request(&request, stats);
            self.frames(scratch, log, stats, Some(&frames))
        } else {
            self.frames(scratch, log, stats, None)
        }
    }

    fn answer_request(&mut self, request: &str, stats: &Stats) {
        if request.contains(KEY) {
            self.answers.extend_from_slice(SWITCHING.as_bytes());
            self.phase = Phase::Handshake;
            return;
        }
        let (code, body) = if request.starts_with("GET /floor-stats ") {
            ("200 OK", stats.json())
        } else {
            (
                "404 Not Found",
                "the floor serves agnt-load and /floor-stats only".to_owned(),
            )
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {code}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.answers.extend_from_slice(answer.as_bytes());
        self.ends = true;
    }

    fn frames(
        &mut self,
        scratch: &mut [u8],
        log: &mut Log,
        stats: &mut Stats,
        fed: Option<&[u8]>,
    ) -> io::Result<Filled> {
        let (phase, answers, ends) = (&mut self.phase, &mut self.answers, &mut self.ends);
        let messages_seen = &mut self.messages_seen;
        let on_frame = |head: crate::wire::Head, payload: &[u8]| match head.opcode {
            BINARY if matches!(phase, Phase::Publisher) => {
                stats.received += 1;
                log.append(payload);
            }
            TEXT if matches!(phase, Phase::Handshake) => {
                let acknowledgement = acknowledgement();
                write_server_head(TEXT, acknowledgement.len(), answers);
                answers.extend_from_slice(acknowledgement.as_bytes());
                if is_publisher(payload) {
                    *phase = Phase::Publisher;
                } else {
                    let empty = empty_state();
                    write_server_head(BINARY, empty.len(), answers);
                    answers.extend_from_slice(&empty);
                    *phase = Phase::Viewer {
                        position: log.end(),
                    };
                    *messages_seen = stats.received;
                }
            }
            PING => {
                write_server_head(PONG, payload.len(), answers);
                answers.extend_from_slice(payload);
            }
            CLOSE => *ends = true,
            _ => {}
        };
        match fed {
            Some(bytes) => self
                .inbox
                .feed(bytes, scratch, on_frame)
                .map(|()| Filled::Full),
            None => self.inbox.read(&mut self.stream, scratch, on_frame),
        }
    }

    /// Sends what waits, in one call if the socket takes it, and returns a viewer's position.
    pub(super) fn send(&mut self, log: &Log, stats: &mut Stats) -> io::Result<Option<u64>> {
        // An answer may only go between frames, which is where a position that is not blocked is.
        if !self.answers.is_empty() && !self.blocked {
            let sent_bytes = write(&mut self.stream, &self.answers, &mut self.blocked)?;
            self.answers.drain(..sent_bytes);
        }
        if self.ends && self.answers.is_empty() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let Phase::Viewer { position } = &mut self.phase else {
            return Ok(None);
        };
        if *position < log.end() && !self.blocked && self.answers.is_empty() {
            let sent_bytes = write(&mut self.stream, log.from(*position), &mut self.blocked)?;
            *position += sent_bytes as u64;
            stats.sends += 1;
            stats.bytes += sent_bytes as u64;
            if *position == log.end() {
                stats.messages += stats.received - self.messages_seen;
                self.messages_seen = stats.received;
            }
        }
        Ok(Some(*position))
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8], blocked: &mut bool) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Ok(sent_bytes) => {
                *blocked = sent_bytes < bytes.len();
                return Ok(sent_bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *blocked = true;
                return Ok(0);
            }
            Err(error) => return Err(error),
        }
    }
}
