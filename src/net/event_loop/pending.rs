//! What waits for one connection, gathered into one vectored write, and what the write did to it.
//!
//! Order: the rest of a half-sent message, the outbox, events, a state tick, positions. When the
//! socket takes a part of a message, the rest of that message is set aside, so that every position
//! stays at the beginning of a message and the next write may begin with something newer.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use bytes::Bytes;

use super::audience::Audience;
use super::connection::Connection;
use super::socket::Socket;
use super::view::{CatchingUp, Pass, StateCursor, StateLeft, View};
use crate::engine::log::Chunk;
use crate::engine::state_tick::StateTick;
use crate::engine::{Lane, ViewerKind};
use crate::net::ws::head;

/// Slices of one write; far below the kernel's 1024.
const SLICES_MAX: usize = 64;

/// A state tick that only counts as a whole is finished up to this age once it has begun: begun anew
/// again and again it would never reach a weak viewer.
const WHOLE_STATE_AGE_MAX: Duration = Duration::from_secs(5);

/// What writing is bound by.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteBounds {
    /// Most bytes of one write.
    pub(super) write_bytes_max: usize,
    /// A viewer further behind continues at a state tick.
    pub(super) staleness_max: Duration,
    /// How old a state tick may be when its first byte is written.
    pub(super) state_tick_age_max: Duration,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteOutcome {
    /// Nothing waits any more.
    Empty,
    /// The socket took all it was given, and there is more.
    More,
    /// The socket takes nothing more for now.
    Blocked,
    /// The peer is gone.
    Gone,
    /// The viewer needs events that are not kept any more.
    CutOff,
}

/// What writes amounted to, for the metrics.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) writes: u64,
    pub(super) bytes: u64,
    pub(super) frames: u64,
    pub(super) conflations: u64,
    /// When the oldest of the positions just written was published.
    pub(super) published_at: Option<Instant>,
}

/// Where a slice came from.
#[derive(Clone, Copy)]
enum Source {
    Partial,
    Outbox,
    Lane(Lane),
    State,
}

/// A gathered slice of a log: from where to where.
#[derive(Clone, Copy)]
struct Piece<'a> {
    source: Source,
    chunk: Option<&'a Chunk>,
    start: u64,
    bytes: usize,
}

/// The slices of one write and where they came from.
struct Gathered<'a> {
    now: Instant,
    slices: ArrayVec<IoSlice<'a>, SLICES_MAX>,
    pieces: ArrayVec<Piece<'a>, SLICES_MAX>,
    bytes: usize,
    bytes_max: usize,
}

impl<'a> Gathered<'a> {
    fn new(bytes_max: usize, now: Instant) -> Self {
        Self {
            now,
            slices: ArrayVec::new(),
            pieces: ArrayVec::new(),
            bytes: 0,
            bytes_max,
        }
    }

    fn is_full(&self) -> bool {
        self.slices.is_full() || self.bytes >= self.bytes_max
    }

    fn add(&mut self, source: Source, chunk: Option<&'a Chunk>, start: u64, bytes: &'a [u8]) {
        let bytes = &bytes[..bytes.len().min(self.bytes_max - self.bytes)];
        if !self.slices.is_full() && !bytes.is_empty() {
            self.slices.push(IoSlice::new(bytes));
            self.pieces.push(Piece {
                source,
                chunk,
                start,
                bytes: bytes.len(),
            });
            self.bytes += bytes.len();
        }
    }

    fn add_lane(&mut self, lane: Lane, audience: &'a Audience, from: u64, own_number: Option<u32>) {
        let source = Source::Lane(lane);
        for chunk in audience.lanes[lane.index()].since(from) {
            if self.is_full() {
                return;
            }
            if chunk.is_expired(self.now) {
                continue;
            }
            let mut at = from.max(chunk.start);
            if let (Some(number), Some(own)) = (own_number, &chunk.own) {
                for range in own.iter().filter(|range| range.publisher == number) {
                    if range.end > at {
                        self.add_range(source, chunk, at, range.start.max(at));
                        at = range.end;
                    }
                }
            }
            self.add_range(source, chunk, at, chunk.end());
        }
    }

    /// Adds what a viewer has not got: events, the rest of a state tick, positions.
    /// Returns whether something is held back for the next write, which looks at it anew.
    fn add_view(
        &mut self,
        view: &View,
        audience: &'a Audience,
        state: Option<&'a StateLeft>,
    ) -> bool {
        for (lane, at) in &view.retained {
            self.add_lane(*lane, audience, *at, view.own_number);
        }
        // Nothing overtakes the state of who joins; who lags hears of events first.
        let is_joining = view.is_joining();
        if !is_joining {
            self.add_events(view, audience);
        }
        let Some(positions) = view.feed.positions else {
            return false;
        };
        let log = &audience.lanes[positions.index()];
        if matches!(view.catching_up, CatchingUp::Due(_)) {
            // The encoder is still making its state tick.
            return false;
        }
        if let Some(state) = state {
            let StateLeft {
                bytes,
                sent,
                is_last,
            } = state;
            self.add(Source::State, None, *sent as u64, &bytes[*sent..]);
            // While the state was under way, what comes behind it may have been forgotten.
            let lacks_events = view.feed.events().is_some_and(|lane| {
                is_joining && view.events_at < audience.lanes[lane.index()].start()
            });
            if !is_last || lacks_events || view.positions_at < log.start() {
                return true;
            }
        }
        if is_joining {
            self.add_events(view, audience);
        }
        self.add_lane(positions, audience, view.positions_at, view.own_number);
        false
    }

    fn add_events(&mut self, view: &View, audience: &'a Audience) {
        if let Some(lane) = view.feed.events() {
            self.add_lane(lane, audience, view.events_at, view.own_number);
        }
    }

    fn add_range(&mut self, source: Source, chunk: &'a Chunk, start: u64, end: u64) {
        let range = (start - chunk.start) as usize..(end - chunk.start) as usize;
        self.add(source, Some(chunk), start, &chunk.bytes[range]);
    }
}

/// Writes what waits for the connection, once. `audience` is that of its view.
pub(super) fn write(
    connection: &mut Connection,
    audience: Option<&Audience>,
    bounds: &WriteBounds,
    now: Instant,
    written: &mut Written,
) -> WriteOutcome {
    let Connection {
        view,
        partial,
        outbox,
        socket,
        ..
    } = connection;
    let mut viewing = view.as_deref_mut().zip(audience);
    if let Some((view, audience)) = &mut viewing {
        if is_cut_off(view, audience) {
            return WriteOutcome::CutOff;
        }
        written.conflations += u64::from(refresh(view, audience, bounds, now));
    }
    // Taken out while the slices borrow them; reference counts, not copies.
    let half_sent = std::mem::take(partial);
    let state = viewing.as_ref().and_then(|(view, _)| view.state_left());
    let mut gathered = Gathered::new(bounds.write_bytes_max, now);
    gathered.add(Source::Partial, None, 0, &half_sent);
    for piece in outbox.pieces() {
        gathered.add(Source::Outbox, None, 0, piece);
    }
    let is_held_back = viewing
        .as_ref()
        .is_some_and(|(view, audience)| gathered.add_view(view, audience, state.as_ref()));
    if gathered.slices.is_empty() {
        skip_rest(viewing, now);
        return match socket.flush() {
            Ok(true) => WriteOutcome::Empty,
            Ok(false) => WriteOutcome::Blocked,
            Err(_) => WriteOutcome::Gone,
        };
    }
    let taken = match send(socket, &mut gathered.slices) {
        Ok(taken) => taken,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => return WriteOutcome::Gone,
    };
    let outcome = match taken == gathered.bytes && socket.is_clear() {
        true if gathered.is_full() || is_held_back => WriteOutcome::More,
        true => WriteOutcome::Empty,
        false => WriteOutcome::Blocked,
    };
    written.writes += 1;
    written.bytes += taken as u64;
    let mut left = taken;
    let mut rest = Bytes::new();
    let mut outbox_taken = 0;
    for piece in &gathered.pieces {
        let taken = left.min(piece.bytes);
        left -= taken;
        match piece.source {
            Source::Partial if taken < half_sent.len() => rest = half_sent.slice(taken..),
            Source::Partial => written.frames += 1,
            Source::Outbox => outbox_taken += taken,
            Source::Lane(_) | Source::State if taken > 0 => {
                if let Some((view, _)) = &mut viewing {
                    rest = advance(view, piece, taken, written);
                }
            }
            _ => {}
        }
    }
    drop(gathered);
    if outbox_taken > 0 {
        let cut = outbox.take(outbox_taken);
        rest = if cut.is_empty() { rest } else { cut };
    }
    *partial = rest;
    if outcome == WriteOutcome::Empty {
        skip_rest(viewing, now);
    }
    outcome
}

fn send(socket: &mut Socket, slices: &mut [IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match socket.write(slices) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Whether events that the viewer has not got are not kept any more.
pub(super) fn is_cut_off(view: &View, audience: &Audience) -> bool {
    let is_lost = |lane: Lane, at: u64| at < audience.lanes[lane.index()].start();
    let events = view.feed.events().filter(|_| !view.is_joining());
    events.is_some_and(|lane| is_lost(lane, view.events_at))
        || view.retained.iter().any(|(lane, at)| is_lost(*lane, *at))
}

/// Moves a viewer that lags too far to a state tick. Returns whether positions were conflated.
fn refresh(view: &mut View, audience: &Audience, bounds: &WriteBounds, now: Instant) -> bool {
    let is_old = |at: Instant, limit| now.saturating_duration_since(at) > limit;
    let mut has_conflated = false;
    let Some(lane) = view.feed.positions else {
        return false;
    };
    match &view.catching_up {
        CatchingUp::Live => {
            let log = &audience.lanes[lane.index()];
            let is_lapped = view.positions_at < log.start();
            let is_stale = log
                .since(view.positions_at)
                .next()
                .is_some_and(|chunk| is_old(chunk.published_at, bounds.staleness_max));
            if is_lapped || is_stale {
                view.fall_behind();
                has_conflated = true;
            }
        }
        CatchingUp::With(cursor) => {
            let limit = match cursor.sent {
                0 => bounds.state_tick_age_max,
                _ if view.feed.slot().is_some() => WHOLE_STATE_AGE_MAX,
                _ => bounds.staleness_max,
            };
            if is_old(cursor.tick.made_at, limit) {
                view.fall_behind();
            }
        }
        CatchingUp::Due(_) => {}
    }
    if let CatchingUp::Due(pass) = view.catching_up
        && let Some(tick) = next_state(view, pass, audience, now)
    {
        view.catching_up = CatchingUp::With(Box::new(StateCursor {
            tick,
            sent: 0,
            pass,
        }));
    }
    has_conflated
}

/// The state tick that a viewer needs, or the next part of it; `None`: it is being made.
fn next_state(view: &mut View, pass: Pass, audience: &Audience, now: Instant) -> Option<StateTick> {
    let lane = view.feed.positions?;
    let (stream, kind) = (&audience.stream, view.feed.kind);
    let is_joining = pass.since.is_none();
    if pass.next_slot > 0 {
        return Some(stream.state_part(kind, lane, pass.since, pass.next_slot, now));
    }
    let start = |lane: Lane| audience.lanes[lane.index()].start();
    let events = view.feed.events().filter(|_| is_joining);
    let from = (start(lane), events.map_or(0, start));
    let tick = match view.feed.slot().filter(|_| kind != ViewerKind::Json) {
        Some(slot) => stream.encoded_state(slot, kind, is_joining, from, now)?,
        None => stream.state_tick(kind, lane, pass.since, from, now),
    };
    // Where the way begins is where the viewer goes on behind its end. Events of meanwhile
    // wait: those that are states too only say again what the state's end says.
    view.positions_at = tick.positions_at;
    if is_joining {
        view.events_at = tick.events_at;
    }
    Some(tick)
}

/// Moves the view behind what was taken of a piece. Returns the rest of a message cut in two.
fn advance(view: &mut View, piece: &Piece<'_>, taken: usize, written: &mut Written) -> Bytes {
    if let Some(chunk) = piece.chunk {
        let from = (piece.start - chunk.start) as usize;
        let (to, rest, messages) = settle(&chunk.bytes, from, taken, Some(chunk));
        written.frames += messages;
        let at = chunk.start + to as u64;
        if let Source::Lane(lane) = piece.source {
            if view.feed.positions == Some(lane) {
                written.published_at.get_or_insert(chunk.published_at);
            }
            view.stand_at(lane, at);
        }
        return rest;
    }
    let Some(StateLeft { bytes, sent, .. }) = view.state_left() else {
        return Bytes::new();
    };
    let (to, rest, messages) = settle(&bytes, sent, taken, None);
    written.frames += messages;
    view.note_state_sent(to);
    rest
}

/// Of messages back to back, `taken` bytes from the message at `from` on were sent. Returns where
/// the next unsent message begins, the rest of one that was cut, and how many went out whole.
fn settle(bytes: &Bytes, from: usize, taken: usize, chunk: Option<&Chunk>) -> (usize, Bytes, u64) {
    let end = from + taken;
    if let Some(chunk) = chunk.filter(|_| from == 0 && end == bytes.len()) {
        return (end, Bytes::new(), u64::from(chunk.messages));
    }
    let mut at = from;
    let mut whole = 0;
    while at < end {
        let Some(length) = head::sealed_bytes(&bytes[at..]) else {
            break;
        };
        let next = (at + length).min(bytes.len());
        if next > end {
            return (next, bytes.slice(end..next), whole);
        }
        whole += 1;
        at = next;
    }
    (end, Bytes::new(), whole)
}

/// A viewer that has all but its own frames, and what nobody wants any more, stands behind them.
fn skip_rest(viewing: Option<(&mut View, &Audience)>, now: Instant) {
    let Some((view, audience)) = viewing else {
        return;
    };
    let is_own = view.own_number.is_some();
    for (lane, at) in &mut view.retained {
        let log = &audience.lanes[lane.index()];
        let is_over = |chunk: &Chunk| is_own || chunk.is_expired(now);
        if *at < log.end() && log.since(*at).all(is_over) {
            *at = log.end();
        }
    }
    if is_own && matches!(view.catching_up, CatchingUp::Live) {
        let end = |lane: Lane| audience.lanes[lane.index()].end();
        view.positions_at = view.positions_at.max(view.feed.positions.map_or(0, end));
        if let Some(lane) = view.feed.events() {
            view.events_at = view.events_at.max(end(lane));
        }
    }
}
