//! What a stream should hold, kept as plainly as can be: every message ever appended, and the
//! newest of each agent in ordered maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::script::{LOOPS, METADATA_KEPT_BYTES_MAX};
use super::wire::{self, Record, SEAL_BYTES, State};
use crate::engine::limits::TOMBSTONE_KEPT_FOR;
use crate::engine::{Lane, Limits};

/// The publisher of what the server itself publishes.
const SERVER: u32 = 0;

/// An agent that has, or had, a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent {
    pub(super) record: Record,
    /// The offset of the positions lane behind the message that brought the record.
    pub(super) changed: u64,
    heard_at: Instant,
    publisher: u32,
}

/// A message of a lane.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) start: u64,
    pub(super) body: Vec<u8>,
    /// Whether the records of the body may stand in any order.
    pub(super) any_order: bool,
    /// Whether it begins a tick, so that a lane may begin here.
    pub(super) begins_tick: bool,
    /// The publisher, if it views too.
    pub(super) own: Option<u32>,
    pub(super) at: Instant,
}

impl Message {
    pub(super) fn end(&self) -> u64 {
        self.start + (SEAL_BYTES + self.body.len()) as u64
    }
}

/// How far an event loop is in a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    pub(super) viewers: usize,
    pub(super) pulled: u64,
    /// Whether the bound was passed while the loop did not pull.
    pub(super) may_lack: bool,
}

/// One lane: what was appended while somebody read it.
#[derive(Debug, Default)]
pub(super) struct LaneModel {
    pub(super) end: u64,
    pub(super) messages: Vec<Message>,
    pub(super) watches: [Watch; LOOPS],
    /// At most so many bytes may be held.
    pub(super) held_bytes_max: u64,
    unsealed_bytes: u64,
    /// What was appended between the last two pulls that found something: it stays, whatever the
    /// bound.
    newest_bytes: u64,
}

impl LaneModel {
    pub(super) fn is_read(&self) -> bool {
        self.watches.iter().any(|watch| watch.viewers > 0)
    }

    /// The messages from `offset` on, at which one begins.
    pub(super) fn since(&self, offset: u64) -> &[Message] {
        &self.messages[self.messages.partition_point(|message| message.start < offset)..]
    }

    fn append(&mut self, tick: Vec<Vec<u8>>, any_order: bool, own: Option<u32>, at: Instant) {
        let is_read = self.is_read();
        for (nth, body) in tick.into_iter().enumerate() {
            let begins_tick = nth == 0;
            let start = self.end;
            let message = Message { start, body, any_order, begins_tick, own, at };
            if is_read {
                self.end = message.end();
                self.held_bytes_max += message.end() - message.start;
                self.unsealed_bytes += message.end() - message.start;
                self.messages.push(message);
            } else {
                self.end += message.body.len() as u64;
                self.hold_nothing();
            }
        }
    }

    fn hold_nothing(&mut self) {
        (self.held_bytes_max, self.unsealed_bytes, self.newest_bytes) = (0, 0, 0);
    }

    /// A viewer of a loop begins to read.
    pub(super) fn watch(&mut self, at: usize) {
        let (end, watch) = (self.end, &mut self.watches[at]);
        if watch.viewers == 0 {
            *watch = Watch { viewers: 0, pulled: end, may_lack: false };
        }
        watch.viewers += 1;
    }

    /// A viewer of a loop reads no longer.
    pub(super) fn unwatch(&mut self, at: usize) {
        self.watches[at].viewers -= 1;
        if !self.is_read() {
            self.hold_nothing();
        }
    }

    /// A loop pulls: from where it continues.
    pub(super) fn pull(&mut self, at: usize, bytes_max: u64) -> Option<u64> {
        let Watch { viewers: 1.., pulled, .. } = self.watches[at] else { return None };
        self.watches[at].pulled = self.end;
        self.watches[at].may_lack = false;
        let mut slowest = self.end;
        for watch in self.watches.iter_mut().filter(|watch| watch.viewers > 0) {
            slowest = slowest.min(watch.pulled);
            // What lies before a loop's place in the same chunk counts for the bound too.
            watch.may_lack |= watch.pulled < self.end && self.held_bytes_max > bytes_max;
        }
        if self.unsealed_bytes > 0 {
            self.newest_bytes = std::mem::take(&mut self.unsealed_bytes);
        }
        self.held_bytes_max = match slowest == self.end {
            true => 0,
            false => self.held_bytes_max.min(self.newest_bytes.max(bytes_max)),
        };
        Some(pulled)
    }
}

/// The model; see the module.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) limits: Limits,
    pub(super) lanes: [LaneModel; Lane::ALL.len()],
    pub(super) agents: BTreeMap<u32, Agent>,
    pub(super) states: BTreeMap<u32, State>,
    pub(super) metrics: BTreeMap<u32, Record>,
    /// Agents that were gone at some time. Lanes keep no order among each other, so a viewer may
    /// hear of a new state before it hears that the agent was gone in between.
    pub(super) ever_gone: BTreeSet<u32>,
    departed: BTreeMap<u32, Instant>,
    pub(super) json_since: u64,
}

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: <[LaneModel; Lane::ALL.len()]>::default(),
            agents: BTreeMap::new(),
            states: BTreeMap::new(),
            metrics: BTreeMap::new(),
            ever_gone: BTreeSet::new(),
            departed: BTreeMap::new(),
            json_since: 0,
        }
    }

    pub(super) fn lane(&mut self, lane: Lane) -> &mut LaneModel {
        &mut self.lanes[lane.index()]
    }

    /// The end of the positions lane.
    pub(super) fn positions_end(&self) -> u64 {
        self.lanes[Lane::Positions.index()].end
    }

    /// The agents that are there, as viewers should see them.
    pub(super) fn live(&self) -> BTreeMap<u32, Record> {
        let records = self.agents.iter().map(|(&id, agent)| (id, agent.record));
        records.filter(|(_, record)| !wire::is_gone(record)).collect()
    }

    /// The records that changed behind an offset, those of agents that are gone included.
    pub(super) fn changed_since(&self, offset: u64) -> BTreeMap<u32, Record> {
        let changed = self.agents.iter().filter(|(_, agent)| agent.changed > offset);
        changed.map(|(&id, agent)| (id, agent.record)).collect()
    }

    /// A whole tick of frames is taken over; KEYFRAME is not passed on.
    pub(super) fn commit(
        &mut self,
        tick: Vec<Vec<u8>>,
        (publisher, own): (u32, Option<u32>),
        now: Instant,
    ) {
        let records: Vec<Record> =
            tick.iter().flat_map(|frame| wire::counted(wire::open(frame).2)).collect();
        let mut shown = tick;
        for frame in &mut shown {
            frame[5] &= !wire::KEYFRAME;
        }
        self.lane(Lane::Positions).append(shown, false, own, now);
        self.apply(&records, publisher, now);
    }

    fn apply(&mut self, records: &[Record], publisher: u32, now: Instant) {
        let changed = self.positions_end();
        for record in records {
            let id = wire::id_of(record);
            let agent = Agent { record: *record, changed, heard_at: now, publisher };
            let before = self.agents.insert(id, agent);
            let was_live = before.is_some_and(|agent| !wire::is_gone(&agent.record));
            if wire::is_gone(record) {
                self.ever_gone.insert(id);
                if was_live {
                    self.states.remove(&id);
                    self.metrics.remove(&id);
                }
            }
        }
    }

    /// A frame of states is taken over.
    pub(super) fn take_states(&mut self, records: &[State], own: Option<u32>, now: Instant) {
        for record in records {
            let kept = record.metadata.len() <= METADATA_KEPT_BYTES_MAX;
            let record = if kept { record.clone() } else { record.bare() };
            self.states.insert(record.id, record);
        }
        let bare: Vec<State> = records.iter().map(State::bare).collect();
        self.lane(Lane::Events).append(vec![wire::states(0, &bare)], false, own, now);
        let whole = vec![wire::states(0, records)];
        self.lane(Lane::EventsWithMetadata).append(whole, false, own, now);
    }

    /// A frame of metrics is taken over.
    pub(super) fn take_metrics(
        &mut self,
        records: &[Record],
        frame: &[u8],
        own: Option<u32>,
        now: Instant,
    ) {
        self.metrics.extend(records.iter().map(|record| (wire::id_of(record), *record)));
        self.take_event(frame, own, now);
    }

    /// A frame is passed on.
    pub(super) fn take_event(&mut self, frame: &[u8], own: Option<u32>, now: Instant) {
        for lane in [Lane::Events, Lane::EventsWithMetadata] {
            self.lane(lane).append(vec![frame.to_vec()], false, own, now);
        }
    }

    /// A publisher leaves.
    pub(super) fn depart(&mut self, publisher: u32, now: Instant) {
        self.departed.insert(publisher, now);
    }

    /// Agents that are due go, and those that have been gone for long are forgotten.
    pub(super) fn sweep(&mut self, now: Instant) {
        let Limits { agent_ttl, publisher_linger, .. } = self.limits;
        let age = |instant: Instant| now - instant;
        let is_silent = |agent: &Agent| agent_ttl.is_some_and(|ttl| age(agent.heard_at) > ttl);
        let is_left = |left: &Instant| age(*left) >= publisher_linger;
        let due = self.agents.iter().filter(|(_, agent)| {
            let left = self.departed.get(&agent.publisher);
            !wire::is_gone(&agent.record) && (is_silent(agent) || left.is_some_and(is_left))
        });
        let due: Vec<Record> = due.map(|(&id, _)| wire::gone(id)).collect();
        self.departed.retain(|_, left| !is_left(left));
        if !due.is_empty() {
            let frame = wire::positions(0, &due);
            self.lane(Lane::Positions).append(vec![frame], true, None, now);
            self.apply(&due, SERVER, now);
        }
        let is_buried = |agent: &Agent| {
            wire::is_gone(&agent.record) && age(agent.heard_at) > TOMBSTONE_KEPT_FOR
        };
        self.agents.retain(|_, agent| !is_buried(agent));
    }

    /// What changed since the last time is written as JSON, if anybody reads it.
    pub(super) fn tick_json(&mut self, now: Instant) {
        let changed = self.changed_since(self.json_since);
        let end = self.positions_end();
        if self.lane(Lane::PositionsJson).is_read() && !changed.is_empty() {
            let body = changed.into_values().flatten().collect();
            self.lane(Lane::PositionsJson).append(vec![body], true, None, now);
        }
        self.json_since = end;
    }
}

/// The bounds of the fuzzed engine: small, so that they are met.
pub(super) fn limits() -> Limits {
    Limits {
        log_bytes_max: 1500,
        events_bytes_max: 600,
        tick_bytes_max: 900,
        agents_per_stream_max: 24,
        streams_max: 1,
        staleness_max: Duration::from_millis(250),
        agent_ttl: Some(Duration::from_secs(30)),
        publisher_linger: Duration::from_secs(5),
    }
}
