//! A stream: one isolated swarm, its newest state and its lanes.
//!
//! Publishing validates nothing again (a [`Frame`] is proof), appends to the lanes that somebody
//! reads and updates the table, under one short lock. Event loops [`pull`](Stream::pull) the new
//! chunks into logs of their own and write from those without any lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use agnt_codec::{
    AgentMetrics, AgentPosition, Emit, Flags, Frame, Frames, Metadata, POSITIONS_PER_FRAME_MAX,
    Payload, PositionUpdate, StateBatch, StateBatchOut, StateRecord,
};
use bytes::BytesMut;

use super::agents::{AgentState, AgentTable, Origin};
use super::lane::{Encoders, Lane, ViewerKind};
use super::limits::{JSON_RECORDS_MAX, Limits, METADATA_KEPT_BYTES_MAX, STATE_TICK_SHARED_FOR};
use super::log::Log;
use super::publisher::Publisher;
use super::state_tick::{self, StateTick};
use crate::domain::StreamName;

/// The byte of an AGNT frame that holds the flags.
const FLAGS_OFFSET: usize = 5;

/// One log per lane.
pub type Lanes = [Log; Lane::ALL.len()];

/// Wakes an event loop that has something to pull.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Who publishes from where.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The event loop that publishes; it is not woken, it pulls at the end of its turn.
    pub loop_id: Option<usize>,
    /// Now.
    pub now: Instant,
}

/// What a publication led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Bytes that the slowest other event loop has not pulled yet.
    pub loop_lag_bytes: u64,
}

/// Why a frame was refused; nothing of its tick was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The stream holds as many agents as it may.
    #[error("agents: the stream may hold {agents_max} agents and the frame names {over} more")]
    TooManyAgents {
        /// The bound.
        agents_max: usize,
        /// How many agents would be beyond it.
        over: usize,
    },
    /// A tick grew beyond its bound without a frame that ends it.
    #[error("tick: {bytes} bytes without a frame that has MORE=0; allowed are {bytes_max}")]
    TickTooLarge {
        /// How large it was.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
}

/// The stream; see the module.
pub struct Stream {
    name: StreamName,
    limits: Arc<Limits>,
    encoders: Encoders,
    heads: [AtomicU64; Lane::ALL.len()],
    core: Mutex<Core>,
}

struct Core {
    table: AgentTable,
    lanes: Lanes,
    watchers: Vec<Watcher>,
    state_ticks: Vec<StateTick>,
    state_ticks_made: usize,
    departed: HashMap<u32, Instant>,
    json_since: u64,
}

/// An event loop that has viewers of this stream.
struct Watcher {
    loop_id: usize,
    wake: Wake,
    /// Viewers per lane.
    viewers: [usize; Lane::ALL.len()],
    /// Where the loop's own copy of each lane ends.
    pulled: [u64; Lane::ALL.len()],
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stream {
    /// An empty stream.
    pub fn new(name: StreamName, limits: Arc<Limits>, encoders: Encoders) -> Self {
        let core = Core {
            table: AgentTable::default(),
            lanes: Lanes::default(),
            watchers: Vec::new(),
            state_ticks: Vec::new(),
            state_ticks_made: 0,
            departed: HashMap::new(),
            json_since: 0,
        };
        Self { name, limits, encoders, heads: Default::default(), core: Mutex::new(core) }
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The end of a lane, read without the lock.
    pub fn head(&self, lane: Lane) -> u64 {
        self.heads[lane.index()].load(Ordering::Acquire)
    }

    /// Whether it holds nothing and nobody watches.
    pub fn is_empty(&self) -> bool {
        let core = self.lock();
        core.table.is_empty() && core.watchers.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic while the lock was held ended one connection; the table stays usable.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes a frame that carries positions. Frames with MORE wait for the tick's last frame,
    /// so that a tick is contiguous in the log.
    pub fn publish_positions(
        &self,
        publisher: &mut Publisher,
        frame: &Frame<'_>,
        call: Call,
    ) -> Result<Published, PublishError> {
        if publisher.tick.is_empty() && !frame.flags().contains(Flags::MORE) {
            return self.commit(publisher, frame.bytes(), 1, call);
        }
        let bytes = publisher.tick.len() + frame.bytes().len();
        let bytes_max = self.limits.tick_bytes_max;
        if bytes > bytes_max {
            publisher.tick = Vec::new();
            publisher.tick_frames = 0;
            return Err(PublishError::TickTooLarge { bytes, bytes_max });
        }
        publisher.tick.extend_from_slice(frame.bytes());
        publisher.tick_frames += 1;
        if frame.flags().contains(Flags::MORE) {
            return Ok(Published::default());
        }
        let mut tick = std::mem::take(&mut publisher.tick);
        let frames = std::mem::take(&mut publisher.tick_frames);
        let outcome = self.commit(publisher, &tick, frames, call);
        tick.clear();
        publisher.tick = tick;
        outcome
    }

    /// Appends a whole tick and takes its records over.
    fn commit(
        &self,
        publisher: &mut Publisher,
        tick: &[u8],
        frames: u32,
        call: Call,
    ) -> Result<Published, PublishError> {
        let mut core = self.lock();
        self.check_room(&core.table, publisher, tick)?;
        let lane = Lane::Positions;
        let seal = self.encoders.seal_frame;
        let write = |out: &mut BytesMut| {
            for frame in Frames::new(tick).flatten() {
                let bytes = frame.bytes();
                seal(bytes, out);
                // KEYFRAME is the server's word to a viewer; a publisher's is not passed on.
                let flags = out.len() - bytes.len() + FLAGS_OFFSET;
                out[flags] &= !Flags::KEYFRAME.0;
            }
        };
        if !core.is_read(lane) {
            core.lanes[lane.index()].skip(tick.len());
        } else if publisher.also_views {
            core.lanes[lane.index()].append_own(frames, call.now, publisher.number, write);
        } else {
            core.lanes[lane.index()].append(frames, call.now, write);
        }
        let changed = core.lanes[lane.index()].end();
        let origin = Origin { publisher: publisher.number, now: call.now, changed };
        let mut first = 0;
        for records in position_frames(tick) {
            core.table.apply(records, origin, &mut publisher.hints, first);
            first += records.len();
        }
        publisher.hints.truncate(first);
        Ok(self.announce(&mut core, &[lane], call))
    }

    fn check_room(
        &self,
        table: &AgentTable,
        publisher: &Publisher,
        tick: &[u8],
    ) -> Result<(), PublishError> {
        let agents_max = self.limits.agents_per_stream_max;
        let mut first = 0;
        let mut unknown = 0;
        for records in position_frames(tick) {
            let hints = publisher.hints.get(first..).unwrap_or_default();
            unknown += table.unknown(records, hints);
            first += records.len();
        }
        match table.has_room(unknown, agents_max) {
            Ok(()) => Ok(()),
            Err(_) => Err(PublishError::TooManyAgents { agents_max, over: unknown }),
        }
    }

    /// Publishes a STATE_BATCH: viewers that asked for metadata get it as it came, the others
    /// get the bare records.
    pub fn publish_states(
        &self,
        frame: &Frame<'_>,
        states: &StateBatch<'_>,
        call: Call,
    ) -> Result<Published, PublishError> {
        let mut core = self.lock();
        let unknown = states.records().filter(|s| !core.table.states.contains_key(&s.id)).count();
        self.check_events_room(core.table.states.len(), unknown)?;
        for record in states.records() {
            core.table.states.insert(record.id, kept_state(&record));
        }
        let bare;
        let plain = if states.records().any(|record| record.metadata.is_some()) {
            bare = without_metadata(frame.flags(), states);
            &bare[..]
        } else {
            frame.bytes()
        };
        self.append_event(&mut core, Lane::Events, plain, call.now);
        self.append_event(&mut core, Lane::EventsWithMetadata, frame.bytes(), call.now);
        Ok(self.announce(&mut core, &[Lane::Events, Lane::EventsWithMetadata], call))
    }

    /// Publishes PERFORMANCE_METRICS.
    pub fn publish_metrics(
        &self,
        frame: &Frame<'_>,
        metrics: &[AgentMetrics],
        call: Call,
    ) -> Result<Published, PublishError> {
        let mut core = self.lock();
        let unknown =
            metrics.iter().filter(|m| !core.table.metrics.contains_key(&m.id.get())).count();
        self.check_events_room(core.table.metrics.len(), unknown)?;
        for record in metrics {
            core.table.metrics.insert(record.id.get(), *record);
        }
        Ok(self.publish_to_events(&mut core, frame, call))
    }

    /// Publishes a frame that is an event only: COORDINATION_EVENT.
    pub fn publish_event(&self, frame: &Frame<'_>, call: Call) -> Published {
        let mut core = self.lock();
        self.publish_to_events(&mut core, frame, call)
    }

    fn publish_to_events(&self, core: &mut Core, frame: &Frame<'_>, call: Call) -> Published {
        self.append_event(core, Lane::Events, frame.bytes(), call.now);
        self.append_event(core, Lane::EventsWithMetadata, frame.bytes(), call.now);
        self.announce(core, &[Lane::Events, Lane::EventsWithMetadata], call)
    }

    fn check_events_room(&self, held: usize, unknown: usize) -> Result<(), PublishError> {
        let agents_max = self.limits.agents_per_stream_max;
        if unknown > 0 && held + unknown > agents_max {
            return Err(PublishError::TooManyAgents { agents_max, over: unknown });
        }
        Ok(())
    }

    fn append_event(&self, core: &mut Core, lane: Lane, frame: &[u8], now: Instant) {
        if core.is_read(lane) {
            core.lanes[lane.index()].append(1, now, |out| (self.encoders.seal_frame)(frame, out));
        } else {
            core.lanes[lane.index()].skip(frame.len());
        }
    }

    /// Shows the new ends and wakes the loops that have to pull.
    fn announce(&self, core: &mut Core, lanes: &[Lane], call: Call) -> Published {
        let mut lag = 0;
        for &lane in lanes {
            let end = core.lanes[lane.index()].end();
            self.heads[lane.index()].store(end, Ordering::Release);
            for watcher in &core.watchers {
                if watcher.viewers[lane.index()] > 0 && Some(watcher.loop_id) != call.loop_id {
                    lag = lag.max(end - watcher.pulled[lane.index()]);
                    (watcher.wake)();
                }
            }
        }
        Published { loop_lag_bytes: lag }
    }

    /// Bytes of positions that the slowest loop other than `loop_id` has not pulled yet.
    pub fn loop_lag_bytes(&self, loop_id: usize) -> u64 {
        let core = self.lock();
        let end = core.lanes[Lane::Positions.index()].end();
        let others = core.watchers.iter().filter(|watcher| {
            watcher.loop_id != loop_id && watcher.viewers[Lane::Positions.index()] > 0
        });
        others.map(|watcher| end - watcher.pulled[Lane::Positions.index()]).max().unwrap_or(0)
    }

    /// A publisher left: its agents are removed when its time is over, unless others publish them.
    pub fn depart(&self, publisher: &Publisher, now: Instant) {
        self.lock().departed.insert(publisher.number, now);
    }

    /// A viewer of the loop begins to read a lane.
    pub fn watch(&self, loop_id: usize, wake: &Wake, lane: Lane) {
        let mut core = self.lock();
        let ends = core.lanes.each_ref().map(Log::end);
        let at = core.watchers.iter().position(|watcher| watcher.loop_id == loop_id);
        let at = at.unwrap_or_else(|| {
            let wake = Arc::clone(wake);
            core.watchers.push(Watcher { loop_id, wake, viewers: Default::default(), pulled: ends });
            core.watchers.len() - 1
        });
        let watcher = &mut core.watchers[at];
        if watcher.viewers[lane.index()] == 0 {
            watcher.pulled[lane.index()] = ends[lane.index()];
        }
        watcher.viewers[lane.index()] += 1;
    }

    /// A viewer of the loop no longer reads a lane.
    pub fn unwatch(&self, loop_id: usize, lane: Lane) {
        let mut core = self.lock();
        if let Some(watcher) = core.watchers.iter_mut().find(|watcher| watcher.loop_id == loop_id) {
            watcher.viewers[lane.index()] = watcher.viewers[lane.index()].saturating_sub(1);
        }
        core.watchers.retain(|watcher| watcher.viewers.iter().any(|&viewers| viewers > 0));
    }

    /// Brings the loop's own copy of each lane that its viewers read up to date.
    pub fn pull(&self, loop_id: usize, copy: &mut Lanes) {
        let mut guard = self.lock();
        let core = &mut *guard;
        let Some(at) = core.watchers.iter().position(|watcher| watcher.loop_id == loop_id) else {
            return;
        };
        for lane in Lane::ALL.map(Lane::index) {
            if core.watchers[at].viewers[lane] == 0 {
                continue;
            }
            core.lanes[lane].seal();
            let from = core.watchers[at].pulled[lane];
            if copy[lane].end() != from {
                copy[lane] = Log::starting_at(from);
            }
            for chunk in core.lanes[lane].since(from) {
                copy[lane].push(chunk.clone());
            }
            core.watchers[at].pulled[lane] = core.lanes[lane].end();
            let readers = core.watchers.iter().filter(|watcher| watcher.viewers[lane] > 0);
            let slowest = readers.map(|watcher| watcher.pulled[lane]).min().unwrap_or(u64::MAX);
            core.lanes[lane].forget_before(slowest);
            core.lanes[lane].forget_beyond(self.limits.log_bytes_max);
        }
    }

    /// The state tick for a viewer of this kind that has everything up to the offset `since` of
    /// the positions lane (`None`: nothing). Shared among those who ask alike in a short time;
    /// one whose lanes begin behind `positions_from` and `events_from` is not used.
    pub fn state_tick(
        &self,
        kind: ViewerKind,
        since: Option<u64>,
        from: (u64, u64),
        now: Instant,
    ) -> StateTick {
        let since = if kind == ViewerKind::Json { None } else { since };
        let mut guard = self.lock();
        let core = &mut *guard;
        core.state_ticks.retain(|tick| {
            now.saturating_duration_since(tick.made_at) <= STATE_TICK_SHARED_FOR
        });
        let fits = |tick: &&StateTick| {
            let covers = match (tick.since, since) {
                (None, None) => true,
                (Some(made), Some(asked)) => made <= asked,
                _ => false,
            };
            tick.kind == kind && covers && tick.positions_at >= from.0 && tick.events_at >= from.1
        };
        if let Some(tick) = core.state_ticks.iter().find(fits) {
            return tick.clone();
        }
        core.state_ticks_made += 1;
        // Lagging viewers whose state tick is cut short again and again must not see the same
        // agents each time, so theirs begin at another slot each time.
        let first_slot = since.map_or(0, |_| core.state_ticks_made.wrapping_mul(40_503));
        let (bytes, messages) =
            state_tick::write(&core.table, kind, since, first_slot, &self.encoders);
        let tick = StateTick {
            bytes,
            messages,
            kind,
            since,
            positions_at: core.lanes[kind.positions().index()].end(),
            events_at: kind.events().map_or(0, |lane| core.lanes[lane.index()].end()),
            changed_at: core.lanes[Lane::Positions.index()].end(),
            made_at: now,
        };
        core.state_ticks.push(tick.clone());
        tick
    }

    /// Removes agents that are silent or whose publisher left. Returns the live agents and the
    /// bytes held in the logs.
    pub fn sweep(&self, now: Instant) -> (usize, usize) {
        let mut guard = self.lock();
        let core = &mut *guard;
        let linger = self.limits.publisher_linger;
        let is_over = |left: &Instant| now.saturating_duration_since(*left) >= linger;
        let silent_before = self.limits.agent_ttl.and_then(|ttl| now.checked_sub(ttl));
        let overdue = core.table.overdue(silent_before, |publisher| {
            core.departed.get(&publisher).is_some_and(is_over)
        });
        core.departed.retain(|_, left| !is_over(left));
        if !overdue.is_empty() {
            self.remove(core, &overdue, now);
        }
        core.table.bury(now);
        core.state_ticks.retain(|tick| {
            now.saturating_duration_since(tick.made_at) <= STATE_TICK_SHARED_FOR
        });
        (core.table.live(), core.lanes.iter().map(Log::len_bytes).sum())
    }

    fn remove(&self, core: &mut Core, gone: &[AgentPosition], now: Instant) {
        let lane = Lane::Positions.index();
        let mut frame = Vec::new();
        let parts = gone.chunks(POSITIONS_PER_FRAME_MAX);
        let last = parts.len() - 1;
        for (at, records) in parts.enumerate() {
            let update = PositionUpdate { records };
            frame.resize(update.encoded_bytes(), 0);
            let flags = if at == last { Flags::NONE } else { Flags::MORE };
            let Ok(bytes) = update.emit(flags, &mut frame) else { continue };
            let frame = &frame[..bytes];
            if core.is_read(Lane::Positions) {
                core.lanes[lane].append(1, now, |out| (self.encoders.seal_frame)(frame, out));
            } else {
                core.lanes[lane].skip(frame.len());
            }
        }
        let origin = Origin { publisher: 0, now, changed: core.lanes[lane].end() };
        core.table.apply(gone, origin, &mut Vec::new(), 0);
        self.announce(core, &[Lane::Positions], Call { loop_id: None, now });
    }

    /// Appends what changed since the last time to the JSON lane, if anybody reads it.
    pub fn tick_json(&self, now: Instant) {
        let mut guard = self.lock();
        let core = &mut *guard;
        let end = core.lanes[Lane::Positions.index()].end();
        if core.is_read(Lane::PositionsJson) && end > core.json_since {
            let changed: Vec<_> = core.table.changed_since(core.json_since, 0).copied().collect();
            for records in changed.chunks(JSON_RECORDS_MAX) {
                core.lanes[Lane::PositionsJson.index()]
                    .append(1, now, |out| (self.encoders.seal_positions_json)(records, out));
            }
            self.announce(core, &[Lane::PositionsJson], Call { loop_id: None, now });
        }
        core.json_since = end;
    }
}

impl Core {
    fn is_read(&self, lane: Lane) -> bool {
        self.watchers.iter().any(|watcher| watcher.viewers[lane.index()] > 0)
    }
}

/// The records of each frame of a tick.
fn position_frames(tick: &[u8]) -> impl Iterator<Item = &[AgentPosition]> {
    Frames::new(tick).flatten().filter_map(|frame| match frame.payload() {
        Payload::Positions(records) => Some(records),
        _ => None,
    })
}

fn kept_state(record: &StateRecord<'_>) -> AgentState {
    let (bytes, cbor) = match record.metadata {
        Some(Metadata::Json(text)) => (Some(text.as_bytes()), false),
        Some(Metadata::Cbor(bytes)) => (Some(bytes), true),
        None => (None, false),
    };
    let kept = bytes.filter(|bytes| bytes.len() <= METADATA_KEPT_BYTES_MAX);
    AgentState { state: record.state, metadata: kept.map(Box::from), cbor }
}

/// The batch as clients know it that did not ask for metadata.
fn without_metadata(flags: Flags, states: &StateBatch<'_>) -> Vec<u8> {
    let records: Vec<_> =
        states.records().map(|record| StateRecord { metadata: None, ..record }).collect();
    let batch = StateBatchOut { records: &records };
    let mut frame = vec![0; batch.encoded_bytes()];
    // The bare records are never longer than those that came in a frame.
    let bytes = batch.emit(flags, &mut frame).unwrap_or(0);
    frame.truncate(bytes);
    frame
}
