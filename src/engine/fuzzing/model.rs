//! What a stream should hold, kept as plainly as can be: its lanes, and the newest of each agent in
//! ordered maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::lanes::LaneModel;
use super::script::METADATA_KEPT_BYTES_MAX;
use super::wire::{self, Record, State};
use crate::domain::PositionGrid;
use crate::engine::limits::{TOMBSTONE_KEPT_AT_LEAST, TOMBSTONE_KEPT_FOR};
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

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author {
    pub(super) number: u32,
    pub(super) also_views: bool,
}

impl Author {
    /// Its number, if its frames are marked as its own.
    fn own(self) -> Option<u32> {
        self.also_views.then_some(self.number)
    }
}

/// Something besides a position, who said it and when.
#[derive(Clone, Debug)]
pub(super) struct Heard<T> {
    value: T,
    at: Instant,
    publisher: u32,
}

/// The model; see the module.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) limits: Limits,
    pub(super) lanes: [LaneModel; Lane::ALL.len()],
    pub(super) agents: BTreeMap<u32, Agent>,
    pub(super) states: BTreeMap<u32, Heard<State>>,
    pub(super) metrics: BTreeMap<u32, Heard<Record>>,
    /// Agents that were gone at some time. Lanes keep no order among each other, so a viewer may
    /// hear of a new state before it hears that the agent was gone in between.
    pub(super) ever_gone: BTreeSet<u32>,
    /// Agents that were forgotten before every viewer had to know that they are gone: one that
    /// lags at that time may keep them.
    pub(super) buried_early: BTreeSet<u32>,
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
            buried_early: BTreeSet::new(),
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
        records
            .filter(|(_, record)| !wire::is_gone(record))
            .collect()
    }

    /// The records that changed behind an offset, those of agents that are gone included.
    pub(super) fn changed_since(&self, offset: u64) -> BTreeMap<u32, Record> {
        let changed = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.changed > offset);
        changed.map(|(&id, agent)| (id, agent.record)).collect()
    }

    /// A whole tick of frames is taken over; KEYFRAME is not passed on.
    pub(super) fn commit(&mut self, tick: Vec<Vec<u8>>, who: Author, now: Instant) {
        let records: Vec<Record> = tick
            .iter()
            .flat_map(|frame| wire::counted(wire::open(frame).2))
            .collect();
        let mut shown = tick;
        for frame in &mut shown {
            frame[5] &= !wire::KEYFRAME;
        }
        self.lane(Lane::Positions)
            .append(shown, false, who.own(), now);
        self.apply(&records, who.number, now);
    }

    fn apply(&mut self, records: &[Record], publisher: u32, now: Instant) {
        let changed = self.positions_end();
        for record in records {
            let id = wire::id_of(record);
            let agent = Agent {
                record: *record,
                changed,
                heard_at: now,
                publisher,
            };
            self.agents.insert(id, agent);
            if wire::is_gone(record) {
                self.ever_gone.insert(id);
            }
        }
    }

    /// Which records of a frame bring another state than the one before them.
    pub(super) fn changes(&self, records: &[State]) -> impl Iterator<Item = (u32, u8)> {
        let held = self.states.iter().map(|(id, held)| (*id, held.value.state));
        let mut held: BTreeMap<u32, u8> = held.collect();
        let changed = records
            .iter()
            .map(|record| (record.id, record.state))
            .filter(move |(id, state)| held.insert(*id, *state) != Some(*state));
        changed.collect::<Vec<_>>().into_iter()
    }

    /// A frame of states is taken over.
    pub(super) fn take_states(&mut self, records: &[State], who: Author, now: Instant) {
        for record in records {
            let mut value = record.clone();
            if record.metadata.len() > METADATA_KEPT_BYTES_MAX {
                value = record.bare();
            } else if let Some(before) = self.states.get(&record.id).map(|held| &held.value)
                && record.flags & wire::HAS_METADATA == 0
            {
                // What was said once stays said.
                value = State {
                    state: record.state,
                    ..before.clone()
                };
            }
            self.states.insert(
                record.id,
                Heard {
                    value,
                    at: now,
                    publisher: who.number,
                },
            );
        }
        let bare: Vec<State> = records.iter().map(State::bare).collect();
        let frame = wire::states(0, &bare);
        self.lane(Lane::Events)
            .append(vec![frame], false, who.own(), now);
        let frame = wire::states(0, records);
        self.lane(Lane::EventsWithMetadata)
            .append(vec![frame], false, who.own(), now);
    }

    /// A frame of metrics is taken over.
    pub(super) fn take_metrics(
        &mut self,
        records: &[Record],
        frame: &[u8],
        who: Author,
        now: Instant,
    ) {
        for &value in records {
            let heard = Heard {
                value,
                at: now,
                publisher: who.number,
            };
            self.metrics.insert(wire::id_of(&value), heard);
        }
        self.take_event(frame, who, now);
    }

    /// A frame is passed on.
    pub(super) fn take_event(&mut self, frame: &[u8], who: Author, now: Instant) {
        for lane in [Lane::Events, Lane::EventsWithMetadata] {
            self.lane(lane)
                .append(vec![frame.to_vec()], false, who.own(), now);
        }
    }

    /// What a viewer that joins should be told of agents: nothing of those that are gone.
    pub(super) fn shown<T: Clone>(&self, held: &BTreeMap<u32, Heard<T>>) -> BTreeMap<u32, T> {
        let is_gone = |id: &u32| {
            self.agents
                .get(id)
                .is_some_and(|it| wire::is_gone(&it.record))
        };
        let shown = held.iter().filter(|(id, _)| !is_gone(id));
        shown.map(|(&id, held)| (id, held.value.clone())).collect()
    }

    /// A publisher leaves.
    pub(super) fn depart(&mut self, publisher: u32, now: Instant) {
        self.departed.insert(publisher, now);
    }

    /// Agents that are due go, and those that have been gone for long are forgotten.
    pub(super) fn sweep(&mut self, now: Instant) {
        let Limits {
            agent_ttl,
            publisher_linger,
            ..
        } = self.limits;
        let is_left = |left: &Instant| now - *left >= publisher_linger;
        let is_due = |heard_at: Instant, publisher: u32| {
            agent_ttl.is_some_and(|ttl| now - heard_at > ttl)
                || self.departed.get(&publisher).is_some_and(is_left)
        };
        let due = self.agents.iter().filter(|(_, agent)| {
            !wire::is_gone(&agent.record) && is_due(agent.heard_at, agent.publisher)
        });
        let due: Vec<Record> = due.map(|(&id, _)| wire::gone(id)).collect();
        let agents = &self.agents;
        let stays = |id: &u32, at, who| agents.contains_key(id) || !is_due(at, who);
        self.states
            .retain(|id, held| stays(id, held.at, held.publisher));
        self.metrics
            .retain(|id, held| stays(id, held.at, held.publisher));
        self.departed.retain(|_, left| !is_left(left));
        if !due.is_empty() {
            let frame = wire::positions(0, &due);
            self.lane(Lane::Positions)
                .append(vec![frame], true, None, now);
            self.apply(&due, SERVER, now);
        }
        let is_watched = self.lanes.iter().any(LaneModel::is_read);
        self.bury(
            now,
            if is_watched {
                TOMBSTONE_KEPT_FOR
            } else {
                Duration::ZERO
            },
        );
    }

    /// Agents that have been gone for longer are forgotten, with all that is known of them.
    fn bury(&mut self, now: Instant, kept_for: Duration) {
        let is_buried =
            |agent: &Agent| wire::is_gone(&agent.record) && now - agent.heard_at > kept_for;
        let buried = self.agents.extract_if(.., |_, agent| is_buried(agent));
        for (id, _) in buried {
            self.states.remove(&id);
            self.metrics.remove(&id);
            if kept_for < TOMBSTONE_KEPT_FOR {
                self.buried_early.insert(id);
            }
        }
    }

    /// Agents that are gone make room if the ones that are named would not fit beside them.
    pub(super) fn make_room(&mut self, named: &[u32], now: Instant) {
        let new = named
            .iter()
            .filter(|id| !self.agents.contains_key(id))
            .count();
        if new > 0 && self.agents.len() + new > self.limits.agents_per_stream_max {
            self.bury(now, TOMBSTONE_KEPT_AT_LEAST);
        }
    }

    /// What changed since the last time is written as JSON, if anybody reads it.
    pub(super) fn tick_json(&mut self, now: Instant) {
        let changed = self.changed_since(self.json_since);
        self.json_since = self.positions_end();
        let lane = self.lane(Lane::PositionsJson);
        if lane.is_read() && !changed.is_empty() {
            let body = changed.into_values().flatten().collect();
            lane.append(vec![body], true, None, now);
        }
    }
}

/// The bounds of the fuzzed engine: small, so that they are met.
pub(super) fn limits() -> Limits {
    Limits {
        resume_bytes_max: 4096,
        position_grid: PositionGrid::default(),
        log_bytes_max: 1500,
        events_bytes_max: 600,
        tick_bytes_max: 900,
        agents_per_stream_max: 24,
        streams_max: 1,
        staleness_max: Duration::from_millis(250),
        agent_ttl: Some(Duration::from_secs(30)),
        publisher_linger: Duration::from_secs(5),
        room: std::sync::Arc::default(),
    }
}
