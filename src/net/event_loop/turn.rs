//! The event loop itself: one turn after another.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::sync::oneshot;

use super::audience::Audience;
use super::connection::{Adoption, Connection, ReadOutcome};
use super::handle::{LoopSettings, Order, Waking};
use super::leaving::Leaving;
use super::mail::Post;
use super::patrol::{LastPatrol, PATROL_EVERY};
use super::pending::{self, WriteBounds, WriteOutcome, Written};
use crate::dialect::{SessionTally, Turn, Wish};
use crate::domain::DisconnectReason;
use crate::engine::Wake;
use crate::engine::queue::Receiver;
use crate::net::ws::OpCode;
use crate::telemetry::{DropReason, HandshakeResult, Metrics, Tally};

/// The token of the waker; connections have the tokens of their slots.
pub(super) const WAKE: Token = Token(usize::MAX);

/// One read; also what one connection may send in one turn before the others get theirs.
const SCRATCH_BYTES: usize = 256 * 1024;

/// How long a publisher waits before it is looked at again when another loop lags.
const HOLD_UP: Duration = Duration::from_millis(1);

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;

/// The loop; see the module.
pub(super) struct EventLoop {
    pub(super) id: usize,
    poll: Poll,
    orders: Receiver<Order>,
    waking: Arc<Waking>,
    pub(super) wake: Wake,
    connection_count: Arc<AtomicUsize>,
    pub(super) settings: LoopSettings,
    bounds: WriteBounds,
    metrics: Arc<Metrics>,
    pub(super) connections: Slab<Connection>,
    pub(super) audiences: Slab<Audience>,
    /// Connections that have more to read than one turn allows.
    to_read: Vec<usize>,
    /// Connections that have something to write beside their stream.
    to_write: Vec<usize>,
    /// Viewers that wait for a state tick that the encoder makes.
    waiting: Vec<usize>,
    /// Connections whose mailbox has something that there is room for.
    pub(super) to_deliver: Vec<usize>,
    pub(super) post: Arc<Post>,
    /// Whether any of them waits for another event loop.
    is_held_up: bool,
    scratch: Vec<u8>,
    pub(super) wishes: Vec<Wish>,
    pub(super) tally: Tally,
    pub(super) session_tally: SessionTally,
    pub(super) last_patrol: LastPatrol,
    /// Set by a drain: who is still to be told.
    pub(super) leaving: Option<Leaving>,
    /// Set by the order to end; dropped with the loop, which tells who waits for that.
    stopping: Option<oneshot::Sender<()>>,
}

impl EventLoop {
    pub(super) fn new(
        id: usize,
        poll: Poll,
        orders: Receiver<Order>,
        (waking, wake): (Arc<Waking>, Wake),
        connection_count: Arc<AtomicUsize>,
        settings: LoopSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            id,
            poll,
            orders,
            waking,
            wake,
            connection_count,
            bounds: settings.write_bounds(),
            settings,
            metrics,
            connections: Slab::new(),
            audiences: Slab::new(),
            to_read: Vec::new(),
            to_write: Vec::new(),
            waiting: Vec::new(),
            to_deliver: Vec::new(),
            post: Arc::default(),
            is_held_up: false,
            scratch: vec![0; SCRATCH_BYTES],
            wishes: Vec::new(),
            tally: Tally::default(),
            session_tally: SessionTally::default(),
            last_patrol: LastPatrol::new(Instant::now()),
            leaving: None,
            stopping: None,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut next_patrol = Instant::now() + PATROL_EVERY;
        while self.stopping.is_none() {
            let wait = match std::mem::take(&mut self.is_held_up) {
                true => HOLD_UP,
                false
                    if self.to_read.is_empty()
                        && self.to_write.is_empty()
                        && self.to_deliver.is_empty() =>
                {
                    next_patrol.saturating_duration_since(Instant::now())
                }
                false => Duration::ZERO,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "event loop can't wait for its sockets");
                    break;
                }
                Ok(()) => {}
            }
            let now = Instant::now();
            self.waking.seen();
            self.take_orders(now);
            for token in std::mem::take(&mut self.to_read) {
                self.read(token, now);
            }
            for event in &events {
                let Token(token) = event.token();
                if event.token() == WAKE {
                    continue;
                }
                let is_ended = event.is_read_closed() || event.is_error();
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.is_ended |= is_ended;
                }
                if event.is_readable() || is_ended {
                    self.read(token, now);
                }
                if event.is_writable() {
                    self.unblock(token);
                }
            }
            self.flush(now);
            let end = Instant::now();
            if end >= next_patrol {
                // As of the turn's beginning: what came since then has not been read.
                self.patrol(now);
                next_patrol = end + PATROL_EVERY;
            }
            self.tally.loop_turn.record(nanos(end - now));
            self.count_sessions();
            self.tally.flush(&self.metrics);
        }
    }

    fn count_sessions(&mut self) {
        let counted = std::mem::take(&mut self.session_tally);
        if counted == SessionTally::default() {
            return;
        }
        self.tally.messages_in += counted.messages_in;
        self.tally.frames_in += counted.frames_in;
        self.tally.decode_errors += counted.decode_errors;
        self.tally.ticks_incomplete += counted.ticks_incomplete;
        let Metrics {
            dropped,
            handshakes,
            inflated_bytes,
            inflate_errors,
            ..
        } = &*self.metrics;
        inflated_bytes.add(counted.inflated_bytes);
        inflate_errors.add(counted.inflate_errors);
        dropped.add(DropReason::UnknownType, counted.frames_unknown);
        dropped.add(DropReason::NotAllowed, counted.frames_not_allowed);
        dropped.add(DropReason::OverBound, counted.frames_over_bound);
        dropped.add(DropReason::OverRate, counted.messages_over_rate);
        handshakes.add(HandshakeResult::Accepted, counted.handshakes_accepted);
        handshakes.add(HandshakeResult::Rejected, counted.handshakes_refused);
    }

    fn take_orders(&mut self, now: Instant) {
        while let Some(order) = self.orders.try_recv() {
            match order {
                Order::Adopt(adoption) => self.adopt(*adoption, now),
                Order::Drain(window) => self.drain(window, now),
                // Whoever asked may have gone.
                Order::Describe(tell) => drop(tell.send(self.roster(now))),
                Order::Answer(tell) => drop(tell.send(())),
                Order::Stop(tell) => {
                    self.send_all_away(now);
                    self.stopping = Some(tell);
                }
            }
        }
    }

    fn adopt(&mut self, adoption: Adoption, now: Instant) {
        let early = adoption.early.clone();
        let slot = self.connections.vacant_entry();
        let token = slot.key();
        let mailbox = self
            .post
            .mailbox(token, &self.wake, adoption.limits.outbox_bytes_max);
        let mut connection = Connection::new(adoption, mailbox, now);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(connection.socket.source(), Token(token), interest) {
            tracing::warn!(%error, "socket can't be watched; connection dropped");
            self.connection_count.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        slot.insert(connection);
        self.call(token, now, |connection, turn| {
            connection.session.begin(turn);
            if !early.is_empty() {
                connection.take_in(&mut early.to_vec(), turn);
            }
        });
        if self.leaving.is_some() {
            self.send_away(token, now);
        }
        // Bytes may lie in the socket since before it was registered.
        self.queue_read(token);
    }

    /// Lets a connection's session act, then does what it wishes.
    pub(super) fn call(
        &mut self,
        token: usize,
        now: Instant,
        act: impl FnOnce(&mut Connection, &mut Turn<'_>),
    ) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let mut wishes = std::mem::take(&mut self.wishes);
        let tally = &mut self.session_tally;
        let mailbox = Arc::clone(&connection.mailbox);
        let mut turn = Turn {
            now,
            loop_id: self.id,
            mailbox: &mailbox,
            traffic: connection.traffic(),
            wishes: &mut wishes,
            tally,
        };
        // Our own mistake with one peer's message ends that peer's connection and no other.
        let acted = panic::catch_unwind(AssertUnwindSafe(|| act(connection, &mut turn)));
        if acted.is_err() {
            let text = "the server failed to serve this message".to_owned();
            wishes.clear();
            wishes.extend(connection.session.apology());
            wishes.push(Wish::Close(DisconnectReason::InternalError, text));
        }
        if let (Some(view), own) = (&mut connection.view, connection.session.own_number()) {
            view.own_number = own;
        }
        for wish in wishes.drain(..) {
            self.grant(token, wish, now);
        }
        self.wishes = wishes;
    }

    fn grant(&mut self, token: usize, wish: Wish, now: Instant) {
        let Some(connection) = self
            .connections
            .get_mut(token)
            .filter(|held| held.is_open())
        else {
            return;
        };
        let outcome = match wish {
            Wish::Text(text) => connection.enqueue(OpCode::Text, text.as_bytes()),
            Wish::Binary(bytes) => connection.enqueue(OpCode::Binary, &bytes),
            Wish::Pong(payload) => connection.enqueue(OpCode::Pong, &payload),
            Wish::CountIn(allowance) => return connection.count_in(allowance),
            Wish::Watch(feed, entries) => return self.watch(token, feed, &entries),
            Wish::Unwatch => return self.unwatch(token),
            Wish::Close(reason, text) => return self.close(token, reason, &text, now),
        };
        if outcome.is_err() {
            let text = "more replies wait than outbox_bytes_max allows";
            return self.close(token, DisconnectReason::TooSlow, text, now);
        }
        self.queue_write(token);
    }

    /// Notes that the connection has more to read.
    fn queue_read(&mut self, token: usize) {
        if let Some(connection) = self.connections.get_mut(token)
            && !connection.is_unread
        {
            connection.is_unread = true;
            self.to_read.push(token);
        }
    }

    /// Notes that the connection has something to write beside its stream.
    pub(super) fn queue_write(&mut self, token: usize) {
        if let Some(connection) = self.connections.get_mut(token)
            && !connection.is_queued
        {
            connection.is_queued = true;
            self.to_write.push(token);
        }
    }

    /// Begins to close a connection.
    pub(super) fn close(
        &mut self,
        token: usize,
        reason: DisconnectReason,
        text: &str,
        now: Instant,
    ) {
        if let Some(connection) = self.connections.get_mut(token)
            && connection.is_open()
        {
            tracing::debug!(reason = reason.label(), text, "closing");
            connection.begin_close(reason, text, now);
            self.metrics.disconnects.increment(reason);
            if reason == DisconnectReason::HandshakeTimeout {
                self.metrics.handshakes.increment(HandshakeResult::TimedOut);
            }
            self.unwatch(token);
            self.queue_write(token);
        }
    }

    /// Forgets a connection whose socket is of no more use.
    pub(super) fn forget(&mut self, token: usize, now: Instant) {
        self.unwatch(token);
        let Some(mut connection) = self.connections.try_remove(token) else {
            return;
        };
        // The socket leaves the poll with its file descriptor.
        let _ = self.poll.registry().deregister(connection.socket.source());
        if connection.is_open() {
            self.metrics
                .disconnects
                .increment(DisconnectReason::PeerGone);
        }
        let mut wishes = Vec::new();
        let tally = &mut self.session_tally;
        let mailbox = Arc::clone(&connection.mailbox);
        connection.session.end(&mut Turn {
            now,
            loop_id: self.id,
            mailbox: &mailbox,
            traffic: connection.traffic(),
            wishes: &mut wishes,
            tally,
        });
        self.connection_count.fetch_sub(1, Ordering::Relaxed);
    }

    fn read(&mut self, token: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        connection.is_unread = false;
        if connection.session.must_wait(self.id) {
            // The socket's buffer fills and TCP slows the publisher down.
            self.is_held_up = true;
            self.queue_read(token);
            return;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut outcome = ReadOutcome::Drained;
        let mut bytes_in = 0;
        self.call(token, now, |connection, turn| {
            outcome = connection.read(&mut scratch, turn, &mut bytes_in);
        });
        self.tally.bytes_in += bytes_in;
        self.scratch = scratch;
        if let Some(connection) = self.connections.get_mut(token) {
            connection.bytes_in += bytes_in;
            if let Some(round_trip) = connection.round_trip_new.take() {
                self.metrics.round_trip.record(nanos(round_trip));
            }
        }
        match outcome {
            ReadOutcome::Drained => {}
            ReadOutcome::More => self.to_read.push(token),
            ReadOutcome::Gone => {
                // A peer that closes its side may still read our close frame.
                self.write(token, now);
                self.forget(token, now);
            }
        }
    }

    fn unblock(&mut self, token: usize) {
        if let Some(connection) = self.connections.get_mut(token)
            && connection.blocked_since.take().is_some()
        {
            if let Some(view) = connection.view.as_deref_mut() {
                view.has_let_go = false;
            }
            self.queue_write(token);
        }
    }

    /// Writes what waits: first what belongs to single connections, then what streams have new.
    fn flush(&mut self, now: Instant) {
        self.deliver_mail(now);
        for token in std::mem::take(&mut self.waiting) {
            if let Some(view) = self
                .connections
                .get_mut(token)
                .and_then(|held| held.view.as_mut())
            {
                view.is_waiting = false;
            }
            self.write(token, now);
        }
        for token in std::mem::take(&mut self.to_write) {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.is_queued = false;
            }
            self.write(token, now);
        }
        for at in self.audiences.iter().map(|(at, _)| at).collect::<Vec<_>>() {
            if let Some(audience) = self.audiences.get_mut(at).filter(|it| it.is_behind()) {
                audience.stream.pull(self.id, &mut audience.lanes);
                self.walk(at, now);
            }
        }
    }

    pub(super) fn write(&mut self, token: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        if connection.blocked_since.is_some() {
            return;
        }
        let audience = connection
            .view
            .as_ref()
            .and_then(|view| self.audiences.get(view.audience));
        let mut written = Written::default();
        let outcome = pending::write(connection, audience, &self.bounds, now, &mut written);
        connection.bytes_out += written.bytes;
        connection.messages_out += written.frames;
        if let Some(view) = connection.view.as_mut()
            && view.waits_for_encoder()
            && !view.is_waiting
        {
            view.is_waiting = true;
            self.waiting.push(token);
        }
        let has_mail = connection.has_mail;
        self.tally.writes += written.writes;
        self.tally.bytes_out += written.bytes;
        self.tally.frames_out += written.frames;
        self.tally.conflations += written.conflations;
        if let Some(published_at) = written.published_at {
            self.tally
                .publish_to_write
                .record(nanos(published_at.elapsed()));
        }
        match outcome {
            WriteOutcome::Empty if has_mail => self.queue_mail(token),
            WriteOutcome::Empty => connection.shut_if_done(now),
            WriteOutcome::More => self.queue_write(token),
            WriteOutcome::Blocked => connection.blocked_since = Some(now),
            WriteOutcome::Gone => self.forget(token, now),
            WriteOutcome::CutOff => {
                let text = "more events wait than events_bytes_max allows";
                self.close(token, DisconnectReason::TooSlow, text, now);
            }
        }
    }

    /// The shared numbers.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// Nanoseconds, as the histograms take them.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
