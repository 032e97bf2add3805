//! One WebSocket connection: its socket, its session, and what waits to be written.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, OutboxFull};
use super::view::View;
use crate::dialect::{Session, Turn, Wish};
use crate::domain::DisconnectReason;
use crate::net::ws::{Incoming, OpCode, ReadError, ReadLimits, Reader, close};

/// After a close frame the peer gets this long to close as well.
const CLOSING_FOR: Duration = Duration::from_secs(1);

/// What one connection may hold and send.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Limits of inbound messages.
    pub read: ReadLimits,
    /// Bytes of control messages and replies that may wait.
    pub outbox_bytes_max: usize,
}

/// Held while a session is counted; giving it back is its drop.
pub trait SessionPermit: Send + std::fmt::Debug {}

/// An upgraded socket on its way to an event loop.
pub struct Adoption {
    /// The socket, non-blocking.
    pub socket: TcpStream,
    /// Bytes that came behind the upgrade request.
    pub early: Bytes,
    /// Who speaks on it.
    pub session: Box<dyn Session>,
    /// What it may do.
    pub limits: Arc<ConnectionLimits>,
    /// Its place among the sessions.
    pub permit: Box<dyn SessionPermit>,
}

/// The connection; see the module.
pub(super) struct Connection {
    pub(super) socket: mio::net::TcpStream,
    pub(super) session: Box<dyn Session>,
    pub(super) reader: Reader,
    pub(super) limits: Arc<ConnectionLimits>,
    pub(super) view: Option<Box<View>>,
    /// The rest of a message of which the socket took only a part; goes out before all else.
    pub(super) partial: Bytes,
    /// Whole messages for this peer alone.
    pub(super) outbox: Outbox,
    pub(super) heard_at: Instant,
    pub(super) pinged_at: Instant,
    /// Since when the socket takes nothing more.
    pub(super) blocked_since: Option<Instant>,
    /// Whether the token waits in the loop's list of connections with something to write.
    pub(super) is_queued: bool,
    /// Whether the token waits in the loop's list of connections with something to read.
    pub(super) is_unread: bool,
    /// Whether the peer has ended its side: no further readiness will tell.
    pub(super) is_ended: bool,
    pub(super) phase: Phase,
    _permit: Box<dyn SessionPermit>,
}

/// How far a connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// The close frame is written or waits in the outbox.
    Closing {
        reason: DisconnectReason,
        until: Instant,
        is_shut: bool,
    },
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// The socket is empty.
    Drained,
    /// There may be more.
    More,
    /// The peer is gone.
    Gone,
}

impl Connection {
    pub(super) fn new(adoption: Adoption, now: Instant) -> Self {
        Self {
            socket: mio::net::TcpStream::from_std(adoption.socket),
            session: adoption.session,
            reader: Reader::default(),
            limits: adoption.limits,
            view: None,
            partial: Bytes::new(),
            outbox: Outbox::default(),
            heard_at: now,
            pinged_at: now,
            blocked_since: None,
            is_queued: false,
            is_unread: false,
            is_ended: false,
            phase: Phase::Open,
            _permit: adoption.permit,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// One read of at most `scratch` bytes, taken in. A short read means that the socket is
    /// empty, as epoll's edge triggering allows for streams, unless the peer has ended it: then
    /// it is read until the end shows.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        turn: &mut Turn<'_>,
        bytes_in: &mut u64,
    ) -> ReadOutcome {
        let to_end = self.is_ended;
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return ReadOutcome::Gone,
                Ok(bytes) => {
                    *bytes_in += bytes as u64;
                    self.heard_at = turn.now;
                    if self.is_open() {
                        self.take_in(&mut scratch[..bytes], turn);
                    }
                    return match bytes == scratch.len() || to_end {
                        true => ReadOutcome::More,
                        false => ReadOutcome::Drained,
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return ReadOutcome::Drained;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return ReadOutcome::Gone,
            }
        }
    }

    /// Hands messages to the session; what it wishes is in the turn afterwards.
    pub(super) fn take_in(&mut self, input: &mut [u8], turn: &mut Turn<'_>) {
        let Self {
            reader,
            session,
            limits,
            ..
        } = self;
        let mut is_over = false;
        let outcome = reader.feed(input, limits.read, &mut |incoming| match incoming {
            _ if is_over => {}
            Incoming::Text(text) => {
                turn.tally.messages_in += 1;
                session.on_text(text, turn);
            }
            Incoming::Binary(message) => {
                turn.tally.messages_in += 1;
                session.on_binary(message, turn);
            }
            Incoming::Ping(payload) => {
                turn.wishes
                    .push(Wish::Pong(Bytes::copy_from_slice(payload)));
            }
            Incoming::Pong => {}
            Incoming::Close(_) => {
                is_over = true;
                turn.wishes
                    .push(Wish::Close(DisconnectReason::PeerClosed, String::new()));
            }
        });
        if let Err(error) = outcome {
            let reason = match error {
                ReadError::TooBig { .. } => DisconnectReason::MessageTooBig,
                ReadError::NotUtf8 => DisconnectReason::NotUtf8,
                ReadError::TooManyFragments { .. } => DisconnectReason::PolicyViolation,
                _ => DisconnectReason::ProtocolError,
            };
            turn.wishes.push(Wish::Close(reason, error.to_string()));
        }
    }

    /// Puts a message into the outbox. Fails when the outbox outgrows its bound, from which only
    /// the close frame is exempt.
    pub(super) fn enqueue(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), OutboxFull> {
        let bytes_max = match opcode {
            OpCode::Close => usize::MAX,
            _ => self.limits.outbox_bytes_max,
        };
        self.outbox.push(opcode, payload, bytes_max)
    }

    /// Begins the close: nothing but a half-written message goes out before the close frame.
    pub(super) fn begin_close(&mut self, reason: DisconnectReason, text: &str, now: Instant) {
        if !self.is_open() {
            return;
        }
        if reason == DisconnectReason::TooSlow {
            self.outbox.clear();
        }
        // The close frame is exempt from the outbox's bound.
        let _ = self.enqueue(OpCode::Close, &close::payload(reason.code(), text));
        self.phase = Phase::Closing {
            reason,
            until: now + CLOSING_FOR,
            is_shut: false,
        };
    }

    /// Once the close frame is out, the sending side is shut, so that the peer reads to the end.
    pub(super) fn shut_if_done(&mut self) {
        let is_empty = self.partial.is_empty() && self.outbox.is_empty();
        if let Phase::Closing { is_shut, .. } = &mut self.phase
            && is_empty
            && !*is_shut
        {
            *is_shut = true;
            // The peer may have gone already; there is nothing left to tell it.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }
}
