//! One WebSocket connection: its socket, its session, and what waits to be written.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::outbox::{Outbox, OutboxFull};
use super::socket::Socket;
use super::view::View;
use crate::dialect::{Session, Traffic, Turn, Wish};
use crate::domain::DisconnectReason;
use crate::engine::mailbox::Mailbox;
use crate::guard::allowance::Excess;
use crate::guard::{Allowance, Consequence, Patience};
use crate::net::tls::Taken;
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
    /// The socket.
    pub socket: Socket,
    /// Bytes that came behind the upgrade request.
    pub early: Bytes,
    /// Who speaks on it.
    pub session: Box<dyn Session>,
    /// What it may do.
    pub limits: Arc<ConnectionLimits>,
    /// What may come over it within a second, if that is bounded.
    pub allowance: Option<Arc<Allowance>>,
    /// Its place among the sessions.
    pub permit: Box<dyn SessionPermit>,
}

/// The connection; see the module.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) session: Box<dyn Session>,
    pub(super) reader: Reader,
    pub(super) limits: Arc<ConnectionLimits>,
    allowance: Option<Arc<Allowance>>,
    patience: Patience,
    pub(super) view: Option<Box<View>>,
    /// The rest of a message of which the socket took only a part; goes out before all else.
    pub(super) partial: Bytes,
    /// Whole messages for this peer alone.
    pub(super) outbox: Outbox,
    /// What other threads leave for the session.
    pub(super) mailbox: Arc<Mailbox>,
    /// Whether something may wait there that there was no room for.
    pub(super) has_mail: bool,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    messages_in: u64,
    pub(super) messages_out: u64,
    round_trip: Option<Duration>,
    /// The same, until it was counted.
    pub(super) round_trip_new: Option<Duration>,
    connected_at: Instant,
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
    pub(super) fn new(adoption: Adoption, mailbox: Arc<Mailbox>, now: Instant) -> Self {
        Self {
            socket: adoption.socket,
            session: adoption.session,
            reader: Reader::default(),
            limits: adoption.limits,
            allowance: adoption.allowance,
            patience: Patience::default(),
            view: None,
            partial: Bytes::new(),
            outbox: Outbox::default(),
            mailbox,
            has_mail: false,
            bytes_in: 0,
            bytes_out: 0,
            messages_in: 0,
            messages_out: 0,
            round_trip: None,
            round_trip_new: None,
            connected_at: now,
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

    /// What went over it, and what waits.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            messages_in: self.messages_in,
            messages_out: self.messages_out,
            queue_bytes: self.outbox.len_bytes() + self.partial.len(),
            round_trip: self.round_trip,
            connected_at: Some(self.connected_at),
        }
    }

    /// What it holds of its own in memory, as far as that may be much.
    pub(super) fn held_bytes(&self) -> usize {
        let waiting = self.outbox.len_bytes() + self.partial.len();
        let mail = self.mailbox.usage().bytes;
        waiting + mail + self.reader.held_bytes() + self.session.held_bytes()
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
                Ok(Taken::All(bytes)) => {
                    self.hear(&mut scratch[..bytes], turn, bytes_in);
                    return match to_end {
                        true => ReadOutcome::More,
                        false => ReadOutcome::Drained,
                    };
                }
                Ok(Taken::Part(bytes)) => {
                    self.hear(&mut scratch[..bytes], turn, bytes_in);
                    return ReadOutcome::More;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return ReadOutcome::Drained;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Taken::End) | Err(_) => return ReadOutcome::Gone,
            }
        }
    }

    fn hear(&mut self, input: &mut [u8], turn: &mut Turn<'_>, bytes_in: &mut u64) {
        if input.is_empty() {
            return;
        }
        *bytes_in += input.len() as u64;
        self.heard_at = turn.now;
        if self.is_open() {
            self.take_in(input, turn);
        }
    }

    /// What comes from now on is counted in this allowance.
    pub(super) fn count_in(&mut self, allowance: Option<Arc<Allowance>>) {
        self.allowance = allowance;
    }

    /// Hands messages to the session; what it wishes is in the turn afterwards.
    pub(super) fn take_in(&mut self, input: &mut [u8], turn: &mut Turn<'_>) {
        let Self {
            reader,
            session,
            limits,
            allowance,
            patience,
            messages_in,
            round_trip,
            round_trip_new,
            pinged_at,
            ..
        } = self;
        turn.traffic.bytes_in += input.len() as u64;
        let allowance = allowance.as_deref();
        let too_many_bytes = allowance.and_then(|it| it.book_bytes(input.len(), turn.now).err());
        let mut is_over = false;
        let outcome = reader.feed(input, limits.read, &mut |incoming| match incoming {
            _ if is_over => {}
            Incoming::Text(text) => {
                turn.tally.messages_in += 1;
                *messages_in += 1;
                turn.traffic.messages_in = *messages_in;
                let book_text = || allowance.and_then(|it| it.book_text(turn.now).err());
                match too_many_bytes.or_else(book_text) {
                    None => session.on_text(text, turn),
                    Some(excess) => is_over = refuse(&mut **session, patience, excess, turn),
                }
            }
            Incoming::Binary(message) => {
                turn.tally.messages_in += 1;
                *messages_in += 1;
                turn.traffic.messages_in = *messages_in;
                match too_many_bytes {
                    None => session.on_binary(message, turn),
                    Some(excess) => is_over = refuse(&mut **session, patience, excess, turn),
                }
            }
            Incoming::Ping(payload) => {
                turn.wishes
                    .push(Wish::Pong(Bytes::copy_from_slice(payload)));
            }
            Incoming::Pong => {
                *round_trip = Some(turn.now.saturating_duration_since(*pinged_at));
                *round_trip_new = *round_trip;
            }
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
        self.messages_out += u64::from(!opcode.is_control());
        self.outbox.push(opcode, payload, bytes_max)
    }

    /// Begins the close: nothing but a half-written message goes out before the close frame.
    pub(super) fn begin_close(&mut self, reason: DisconnectReason, text: &str, now: Instant) {
        if !self.is_open() {
            return;
        }
        if matches!(
            reason,
            DisconnectReason::TooSlow | DisconnectReason::NoMemory
        ) {
            self.outbox.clear();
        }
        if reason == DisconnectReason::NoMemory {
            self.reader = Reader::default();
        }
        // The close frame is exempt from the outbox's bound.
        let _ = self.enqueue(OpCode::Close, &close::payload(reason.code(), text));
        self.phase = Phase::Closing {
            reason,
            until: now + CLOSING_FOR,
            is_shut: false,
        };
    }

    /// Once the close frame is out, the sending side is shut, so that the peer reads to the end. Where
    /// the socket has no room for that, it counts as blocked and this is called again.
    pub(super) fn shut_if_done(&mut self, now: Instant) {
        let is_empty = self.partial.is_empty() && self.outbox.is_empty();
        if let Phase::Closing { is_shut, .. } = &mut self.phase
            && is_empty
            && !*is_shut
        {
            // The peer may have gone already; there is nothing left to tell it.
            *is_shut = self.socket.shut().unwrap_or(true);
            if !*is_shut {
                self.blocked_since = Some(now);
            }
        }
    }
}

/// Refuses a message beyond what may come within a second; returns whether the connection is over.
#[cold]
fn refuse(
    session: &mut dyn Session,
    patience: &mut Patience,
    excess: Excess,
    turn: &mut Turn<'_>,
) -> bool {
    turn.tally.messages_over_rate += 1;
    match patience.note(turn.now) {
        Consequence::Nothing => false,
        Consequence::Tell => {
            session.on_excess(&excess.to_string(), turn);
            false
        }
        Consequence::Close => {
            turn.wishes
                .push(Wish::Close(DisconnectReason::RateLimit, excess.to_string()));
            true
        }
    }
}
