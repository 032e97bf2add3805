//! One viewer: reads, has every frame taken out and verified, answers pings.

use std::io::{self, Write};
use std::time::Instant;

use mio::net::TcpStream;

use crate::batches::Batches;
use crate::connect::code;
use crate::inbox::{Filled, Inbox};
use crate::published::Published;
use crate::stream::Polled;
use crate::swarm::FLAG_KEYFRAME;
use crate::terms::Terms;
use crate::tick_numbers::TickNumbers;
use crate::unpack::{BatchTally, Unpacker};
use crate::verify::{Step, Verifier};
use crate::wire::{BINARY, CLOSE, Head, PING, PONG, write_client_frame};

/// A viewer's connection and what it has proved.
#[derive(Debug)]
pub(crate) struct Viewer {
    stream: Polled,
    inbox: Inbox,
    proof: Proof,
}

#[derive(Debug)]
struct Proof {
    verifier: Verifier,
    unpacker: Unpacker,
    tick_numbers: TickNumbers,
    pongs: Vec<u8>,
    closed: Option<String>,
    received_bytes: u64,
    /// Bytes of live frames before the second state tick began.
    older_bytes: u64,
    conflated: bool,
}

/// What all viewers of a run are checked with.
#[derive(Debug)]
pub(crate) struct Reference {
    /// What was published.
    pub(crate) published: Published,
    /// The batches that have come.
    pub(crate) batches: Batches,
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
    /// A viewer on an open session of these terms, who may insist on inflating for itself.
    pub(crate) fn new(
        stream: Polled,
        publishers: usize,
        terms: Terms,
        inflates_itself: bool,
    ) -> Self {
        let proof = Proof {
            verifier: Verifier::new(publishers),
            unpacker: Unpacker::new(terms, inflates_itself),
            tick_numbers: TickNumbers::new(terms.has_tick_info),
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
    pub(crate) fn source(&mut self) -> &mut TcpStream {
        self.stream.source()
    }

    /// What it has verified.
    pub(crate) fn verifier(&self) -> &Verifier {
        &self.proof.verifier
    }

    /// What came in batches.
    pub(crate) fn batch_tally(&self) -> BatchTally {
        self.proof.unpacker.tally()
    }

    /// The numbers of its ticks.
    pub(crate) fn tick_numbers(&self) -> &TickNumbers {
        &self.proof.tick_numbers
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
        reference: &mut Reference,
        steps: &mut Vec<Step>,
    ) {
        let proof = &mut self.proof;
        let on_frame = |head: Head, payload: &[u8]| proof.frame(head, payload, reference, steps);
        if let Err(error) = self.inbox.feed(leftover, scratch, on_frame) {
            self.proof.closed = Some(error.to_string());
        }
    }

    /// Reads once; the ticks that it completes or skips are appended to `steps`.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        reference: &mut Reference,
        steps: &mut Vec<Step>,
    ) -> Read {
        let mut at = None;
        let proof = &mut self.proof;
        let filled = self.inbox.read(&mut self.stream, scratch, |head, payload| {
            at.get_or_insert_with(Instant::now);
            proof.frame(head, payload, reference, steps);
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
        reference: &mut Reference,
        steps: &mut Vec<Step>,
    ) {
        match head.opcode {
            BINARY => self.message(payload, reference, steps),
            PING => write_client_frame(PONG, &[payload], &mut self.pongs),
            CLOSE => self.closed = Some(format!("close {}", code(payload))),
            _ => {}
        }
    }

    fn message(&mut self, message: &[u8], reference: &mut Reference, steps: &mut Vec<Step>) {
        let Reference { published, batches } = reference;
        let had_joined = self.verifier.joined();
        let mut is_state = false;
        let (verifier, tick_numbers) = (&mut self.verifier, &mut self.tick_numbers);
        let unpacked = self.unpacker.unpack(message, batches, |frame| {
            is_state |= frame.get(5).is_some_and(|flags| flags & FLAG_KEYFRAME != 0);
            if let Err(violation) = tick_numbers.frame(frame) {
                verifier.note(violation);
            }
            verifier.message(frame, published, steps);
        });
        if let Err(violation) = unpacked {
            self.verifier.note(violation);
        }
        self.received_bytes += message.len() as u64;
        if had_joined && !self.conflated {
            self.conflated = is_state;
            if !is_state {
                self.older_bytes += message.len() as u64;
            }
        }
    }
}
