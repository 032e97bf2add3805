//! A stream: one isolated swarm, its newest state and its lanes.
//!
//! Publishers append to the lanes that somebody reads and update the table, under one short lock.
//! Event loops [`pull`](Stream::pull) the new chunks into logs of their own and write from those
//! without any lock. What publishers call is in [`super::publishing`], what the clock brings in
//! [`super::upkeep`].

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::agents::AgentTable;
use super::encoding::{Bell, Registry, Workshop};
use super::lane::{Encoders, Lane, ViewerKind};
use super::limits::{
    JSON_RECORDS_MAX, Limits, RESUME_KEPT_FOR, STATE_PART_RECORDS_MAX, STATE_TICK_SHARED_FOR,
};
use super::log::Log;
use super::publisher::Publisher;
use super::state_tick::{self, StateTick, Wanted};
use super::watchers::{Wake, Watchers};
use crate::domain::StreamName;

/// One log per lane.
pub type Lanes = [Log; Lane::ALL.len()];

/// The stream; see the module.
pub struct Stream {
    name: StreamName,
    pub(super) limits: Arc<Limits>,
    pub(super) encoders: Encoders,
    heads: [AtomicU64; Lane::ALL.len()],
    epoch: u32,
    /// Positions are rounded to multiples of this; 0 leaves them alone.
    pub(super) grid_step: f32,
    core: Mutex<Core>,
    /// What makes positions in other encodings; locked before the core, never behind it.
    pub(super) workshop: Mutex<Workshop>,
    pub(super) bell: Arc<Bell>,
}

/// What the lock guards.
#[derive(Debug, Default)]
pub(super) struct Core {
    pub(super) table: AgentTable,
    lanes: Lanes,
    pub(super) watchers: Watchers,
    /// State ticks young enough to be shared.
    pub(super) state_ticks: Vec<StateTick>,
    /// When publishers left whose agents are still here.
    pub(super) departed: HashMap<u32, Instant>,
    /// Up to where the JSON lane tells of the positions lane.
    pub(super) json_since: u64,
    /// Ticks published so far.
    pub(super) ticks: u64,
    /// The encodings that are in use, and what viewers of them wait for.
    pub(super) encodings: Registry,
    /// When a session last read JSON events or said that it may come back for them.
    pub(super) json_events_wanted_at: Option<Instant>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// An empty stream.
    pub fn new(name: StreamName, limits: Arc<Limits>, encoders: Encoders) -> Self {
        Self::with_bell(name, limits, encoders, Arc::default())
    }

    /// An empty stream whose encodings are made by whoever listens to the bell.
    pub(super) fn with_bell(
        name: StreamName,
        limits: Arc<Limits>,
        encoders: Encoders,
        bell: Arc<Bell>,
    ) -> Self {
        Self {
            grid_step: limits.position_grid.step_of(&name),
            name,
            limits,
            encoders,
            heads: Default::default(),
            epoch: fastrand::u32(1..),
            core: Mutex::default(),
            workshop: Mutex::default(),
            bell,
        }
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// A number that changes when the stream begins anew: sequences count within it.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The end of a lane, read without the lock.
    pub fn head(&self, lane: Lane) -> u64 {
        self.heads[lane.index()].load(Ordering::Acquire)
    }

    /// Whether it holds nothing that could not be told again, nobody watches, and nobody may come
    /// back for its events.
    pub fn is_empty(&self, now: Instant) -> bool {
        let core = self.lock();
        let is_kept = |lane: &Lane| {
            let newest = core.lane(*lane).newest_at();
            newest.is_some_and(|at| now.saturating_duration_since(at) < RESUME_KEPT_FOR)
        };
        let silent_before = self.limits.agent_ttl.and_then(|ttl| now.checked_sub(ttl));
        core.watchers.is_empty()
            && core.table.is_expendable(silent_before)
            && !Lane::RETAINED.iter().any(is_kept)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic while the lock was held ended one connection; the table stays usable.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the new ends of lanes and wakes the loops that have to pull; `awake` pulls anyway.
    pub(super) fn announce(&self, core: &Core, lanes: &[Lane], awake: Option<usize>) {
        for &lane in lanes {
            self.heads[lane.index()].store(core.lane(lane).end(), Ordering::Release);
            core.watchers.wake(lane, awake);
        }
    }

    /// Bytes that the slowest loop other than `loop_id` has not pulled yet.
    pub fn loop_lag_bytes(&self, loop_id: usize) -> u64 {
        let core = self.lock();
        let lag = |lane: Lane| {
            let slowest = core.watchers.slowest(lane, Some(loop_id));
            slowest.map_or(0, |pulled| core.lane(lane).end() - pulled)
        };
        // The encoder conflates when it lags; nobody waits for it.
        let lanes = Lane::ALL.into_iter().filter(|lane| *lane != Lane::Frames);
        lanes.map(lag).max().unwrap_or(0)
    }

    /// A publisher left: its agents are removed when its time is over, unless others publish them.
    pub fn depart(&self, publisher: &Publisher, now: Instant) {
        self.lock().departed.insert(publisher.number(), now);
    }

    /// A viewer of the loop begins to read a lane.
    pub fn watch(&self, loop_id: usize, wake: &Wake, lane: Lane) {
        let mut core = self.lock();
        let end = core.lane(lane).end();
        core.watchers.add(loop_id, wake, lane, end);
    }

    /// A viewer of the loop no longer reads a lane.
    pub fn unwatch(&self, loop_id: usize, lane: Lane) {
        self.lock().unwatch(loop_id, lane);
    }

    /// Brings the loop's own copy of each lane that its viewers read up to date.
    pub fn pull(&self, loop_id: usize, copy: &mut Lanes) {
        let mut guard = self.lock();
        let core = &mut *guard;
        for lane in core.watchers.lanes_of(loop_id) {
            let Some(from) = core.watchers.pulled(loop_id, lane) else {
                continue;
            };
            let (log, copy) = (&mut core.lanes[lane.index()], &mut copy[lane.index()]);
            log.seal();
            if copy.end() != from {
                *copy = Log::starting_at(from);
            }
            for chunk in log.since(from) {
                copy.push(chunk.clone());
            }
            core.watchers.note_pulled(loop_id, lane, log.end());
            if lane.is_retained() {
                log.forget_beyond(self.limits.room.fitted(self.limits.resume_bytes_max));
                continue;
            }
            if let Some(slowest) = core.watchers.slowest(lane, None) {
                log.forget_before(slowest);
            }
            log.forget_beyond(match lane.is_lossy() {
                true => self.limits.room.fitted(self.limits.log_bytes_max),
                false => self.limits.events_bytes_max,
            });
        }
    }

    /// The state tick for a viewer of this kind that has everything up to the offset `since` of
    /// the positions lane (`None`: nothing). Shared among those who ask alike within a short
    /// time. The viewer goes on from it in lanes that begin at `from` (positions, events), so one
    /// made before that is of no use.
    pub fn state_tick(
        &self,
        kind: ViewerKind,
        lane: Lane,
        since: Option<u64>,
        from: (u64, u64),
        now: Instant,
    ) -> StateTick {
        let since = since.map(|offset| offset_for(kind, offset));
        let mut core = self.lock();
        core.forget_old_state_ticks(now);
        let serves = |tick: &&StateTick| {
            let covers = match (tick.since, since) {
                (None, None) => true,
                (Some(made), Some(asked)) => made <= asked,
                _ => false,
            };
            tick.kind == kind
                && tick.lane == lane
                && covers
                && tick.positions_at >= from.0
                && tick.events_at >= from.1
        };
        if let Some(tick) = core.state_ticks.iter().find(serves) {
            return tick.clone();
        }
        // Writing JSON takes its time, so a state in JSON comes in parts.
        let records_max = match kind {
            ViewerKind::Json => JSON_RECORDS_MAX,
            _ => usize::MAX,
        };
        let tick = self.make(
            &core,
            Wanted {
                kind,
                since,
                from_slot: 0,
                records_max,
            },
            lane,
            now,
        );
        core.state_ticks.push(tick.clone());
        tick
    }

    /// The next part of a state tick that a viewer began, made anew from a slot on.
    pub fn state_part(
        &self,
        kind: ViewerKind,
        lane: Lane,
        since: Option<u64>,
        from_slot: usize,
        now: Instant,
    ) -> StateTick {
        let since = since.map(|offset| offset_for(kind, offset));
        let records_max = match kind {
            ViewerKind::Json => JSON_RECORDS_MAX,
            _ => STATE_PART_RECORDS_MAX,
        };
        self.make(
            &self.lock(),
            Wanted {
                kind,
                since,
                from_slot,
                records_max,
            },
            lane,
            now,
        )
    }

    fn make(&self, core: &Core, wanted: Wanted, lane: Lane, now: Instant) -> StateTick {
        let made = state_tick::write(&core.table, wanted, &self.encoders);
        let Wanted { kind, since, .. } = wanted;
        StateTick {
            bytes: made.bytes.freeze(),
            messages: made.messages,
            kind,
            lane,
            since,
            stops: made.stops.into(),
            next_slot: made.next_slot,
            positions_at: core.lane(lane).end(),
            events_at: kind.events().map_or(0, |lane| core.lane(lane).end()),
            made_at: now,
        }
    }
}

/// A JSON viewer's place is one of another lane: if it lags, it gets everything, and who is gone.
fn offset_for(kind: ViewerKind, offset: u64) -> u64 {
    match kind {
        ViewerKind::Json => 0,
        _ => offset,
    }
}

impl Core {
    pub(super) fn unwatch(&mut self, loop_id: usize, lane: Lane) {
        self.watchers.remove(loop_id, lane);
        if !self.watchers.read(lane) && !lane.is_retained() {
            let end = self.lane(lane).end();
            self.lanes[lane.index()] = Log::starting_at(end);
        }
    }

    pub(super) fn lane(&self, lane: Lane) -> &Log {
        &self.lanes[lane.index()]
    }

    pub(super) fn lane_mut(&mut self, lane: Lane) -> &mut Log {
        &mut self.lanes[lane.index()]
    }

    /// The lane, if anybody reads it; otherwise `bytes` are only counted.
    pub(super) fn lane_if_read(&mut self, lane: Lane, bytes: usize) -> Option<&mut Log> {
        let log = &mut self.lanes[lane.index()];
        if self.watchers.read(lane) {
            return Some(log);
        }
        log.skip(bytes);
        None
    }

    pub(super) fn log_bytes(&self) -> usize {
        self.lanes.iter().map(Log::len_bytes).sum()
    }

    pub(super) fn forget_old_state_ticks(&mut self, now: Instant) {
        self.state_ticks
            .retain(|tick| now.saturating_duration_since(tick.made_at) <= STATE_TICK_SHARED_FOR);
    }
}
