//! One viewer: reads, has every frame verified, answers pings.

use std::io::{self, Write};
use std::time::Instant;

use mio::net::TcpStream;

use crate::connect::code;
use crate::inbox::{Filled, Inbox};
use crate::published::Published;
use crate::swarm::FLAG_KEYFRAME;
use crate::verify::{Step, Verifier};
use crate::wire::{BINARY, CLOSE, Head, PING, PONG, write_client_frame};

/// A viewer's connection and what it has proved.
#[derive(Debug)]
pub(crate) struct Viewer {
    stream: TcpStream,
    inbox: Inbox,
    proof: Proof,
}

#[derive(Debug)]
struct Proof {
    verifier: Verifier,
    pongs: Vec<u8>,
    closed: Option<String>,
    received_bytes: u64,
    /// Bytes of live frames before the second state tick began.
    older_bytes: u64,
    conflated: bool,
}

/// What one read of a viewer brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    /// Whether there may be more.
    pub(crate) filled: Filled,
    /// When the bytes of its first whole frame were there.
    pub(crate) at: Option<Instant>,
}

impl Viewer {
    /// A viewer on an open session.
    pub(crate) fn new(stream: TcpStream, publishers: usize) -> Self {
        let proof = Proof {
            verifier: Verifier::new(publishers),
            pongs: Vec::new(),
            closed: None,
            received_bytes: 0,
            older_bytes: 0,
            conflated: false,
        };
        Self {
            stream,
            inbox: Inbox::default(),
            proof,
        }
    }

    /// The socket, to register it.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// What it has verified.
    pub(crate) fn verifier(&self) -> &Verifier {
        &self.proof.verifier
    }

    /// Why the connection ended, if it did.
    pub(crate) fn closed(&self) -> Option<&str> {
        self.proof.closed.as_deref()
    }

    /// Bytes of binary messages.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.proof.received_bytes
    }

    /// Bytes of live frames that came before the first state tick after the one at the start;
    /// `None` while there was no such state tick.
    pub(crate) fn older_bytes(&self) -> Option<u64> {
        self.proof.conflated.then_some(self.proof.older_bytes)
    }

    /// Takes what was read together with the handshake.
    pub(crate) fn feed(
        &mut self,
        leftover: &[u8],
        scratch: &mut [u8],
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) {
        let proof = &mut self.proof;
        let on_frame = |head: Head, payload: &[u8]| proof.frame(head, payload, published, steps);
        if let Err(error) = self.inbox.feed(leftover, scratch, on_frame) {
            self.proof.closed = Some(error.to_string());
        }
    }

    /// Reads once; the ticks that it completes or skips are appended to `steps`.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) -> Read {
        let mut at = None;
        let proof = &mut self.proof;
        let filled = self.inbox.read(&mut self.stream, scratch, |head, payload| {
            at.get_or_insert_with(Instant::now);
            proof.frame(head, payload, published, steps);
        });
        let filled = filled.unwrap_or_else(|error| {
            self.proof.closed.get_or_insert_with(|| error.to_string());
            Filled::Closed
        });
        if filled == Filled::Closed {
            self.proof
                .closed
                .get_or_insert_with(|| "end of stream".to_owned());
        }
        self.answer();
        Read { filled, at }
    }

    /// Sends the pongs that wait. One that finds the socket full goes with the next.
    fn answer(&mut self) {
        if self.proof.pongs.is_empty() {
            return;
        }
        match self.stream.write(&self.proof.pongs) {
            Ok(bytes) => drop(self.proof.pongs.drain(..bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                self.proof.closed.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

impl Proof {
    fn frame(
        &mut self,
        head: Head,
        payload: &[u8],
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) {
        match head.opcode {
            BINARY => {
                self.received_bytes += payload.len() as u64;
                if self.verifier.joined() && !self.conflated {
                    if payload
                        .get(5)
                        .is_some_and(|flags| flags & FLAG_KEYFRAME != 0)
                    {
                        self.conflated = true;
                    } else {
                        self.older_bytes += payload.len() as u64;
                    }
                }
                self.verifier.message(payload, published, steps);
            }
            PING => write_client_frame(PONG, &[payload], &mut self.pongs),
            CLOSE => self.closed = Some(format!("close {}", code(payload))),
            _ => {}
        }
    }
}
