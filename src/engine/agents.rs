//! The newest record of each agent of a stream.
//!
//! Memory grows with the number of agents seen, not with the largest id. A publisher's frames
//! usually name the same agents in the same order, so each publisher keeps the slots of its last
//! tick as a hint and the index is asked only when a hint is wrong.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use agnt_codec::order::F32;
use agnt_codec::{AgentMetrics, AgentPosition, StateCode};

/// The `changed` of a slot that no agent has.
const FREE: u64 = u64::MAX;

/// What is known of an agent besides its record.
#[derive(Clone, Copy, Debug)]
struct Trace {
    /// The offset of the positions lane behind the frame that brought the record.
    changed: u64,
    heard_at: Instant,
    publisher: u32,
}

/// The newest state of an agent.
#[derive(Clone, Debug)]
pub struct AgentState {
    /// The state byte.
    pub state: StateCode,
    /// Metadata as it came, with its kind bit, up to a bound.
    pub metadata: Option<Box<[u8]>>,
    /// Whether the metadata is CBOR rather than JSON.
    pub cbor: bool,
}

/// Something besides the position, and who said it when.
#[derive(Clone, Debug)]
pub struct Heard<T> {
    /// What was said.
    pub value: T,
    /// When.
    pub at: Instant,
    /// By which publisher.
    pub publisher: u32,
}

/// Which records of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those of agents that are not gone.
    Live,
    /// Those that changed behind an offset of the positions lane, removals included.
    ChangedSince(u64),
}

/// The table; see the module.
#[derive(Debug, Default)]
pub struct AgentTable {
    slots: HashMap<u32, u32>,
    records: Vec<AgentPosition>,
    traces: Vec<Trace>,
    free: Vec<u32>,
    live: usize,
    /// Newest states by agent id.
    pub states: HashMap<u32, Heard<AgentState>>,
    /// Newest metrics by agent id.
    pub metrics: HashMap<u32, Heard<AgentMetrics>>,
}

/// Who brought records, when, and to which offset of the positions lane they belong.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The publisher's number.
    pub publisher: u32,
    /// Now.
    pub now: Instant,
    /// The offset behind the frame.
    pub changed: u64,
}

impl AgentTable {
    /// Agents that have a position and are not gone.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Whether nothing is known at all.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.states.is_empty() && self.metrics.is_empty()
    }

    /// How many of `records` name an agent that is not in the table; `hints` are the slots that
    /// they had last time, from the first record on.
    pub fn unknown(&self, records: &[AgentPosition], hints: &[u32]) -> usize {
        records
            .iter()
            .enumerate()
            .filter(|(at, record)| {
                !self.hint_holds(hints.get(*at).copied(), record.id.get())
                    && !self.slots.contains_key(&record.id.get())
            })
            .count()
    }

    /// Agents that have a slot, those that are gone included.
    pub fn known(&self) -> usize {
        self.slots.len()
    }

    /// Takes over the records of one frame. `hints` holds a slot per record of the publisher's
    /// tick and `first` is the place of this frame's first record in it.
    pub fn apply(
        &mut self,
        records: &[AgentPosition],
        origin: Origin,
        hints: &mut Vec<u32>,
        first: usize,
    ) {
        if hints.len() < first + records.len() {
            hints.resize(first + records.len(), u32::MAX);
        }
        let trace = Trace {
            changed: origin.changed,
            heard_at: origin.now,
            publisher: origin.publisher,
        };
        for (record, hint) in records.iter().zip(&mut hints[first..]) {
            let id = record.id.get();
            if !self.hint_holds(Some(*hint), id) {
                *hint = self.slot_of(id, trace);
            }
            let slot = *hint as usize;
            let (was_gone, is_gone) = (self.records[slot].is_gone(), record.is_gone());
            self.records[slot] = *record;
            self.traces[slot] = trace;
            match (was_gone, is_gone) {
                (true, false) => self.live += 1,
                (false, true) => self.live -= 1,
                _ => {}
            }
        }
    }

    fn hint_holds(&self, hint: Option<u32>, id: u32) -> bool {
        hint.map(|slot| slot as usize).is_some_and(|slot| {
            self.records
                .get(slot)
                .is_some_and(|held| held.id.get() == id)
                && self.traces[slot].changed != FREE
        })
    }

    /// The slot of an agent; a new one starts as gone, so that its first record counts it as live.
    fn slot_of(&mut self, id: u32, trace: Trace) -> u32 {
        if let Some(&slot) = self.slots.get(&id) {
            return slot;
        }
        let gone = gone_record(id);
        let slot = if let Some(slot) = self.free.pop() {
            self.records[slot as usize] = gone;
            self.traces[slot as usize] = trace;
            slot
        } else {
            self.records.push(gone);
            self.traces.push(trace);
            (self.records.len() - 1) as u32
        };
        self.slots.insert(id, slot);
        slot
    }

    /// The records of all agents that are not gone.
    pub fn all(&self) -> impl Iterator<Item = &AgentPosition> {
        self.select(Selection::Live, 0).map(|(_, record)| record)
    }

    /// The records that changed behind `offset`, removals included.
    pub fn changed_since(&self, offset: u64) -> impl Iterator<Item = &AgentPosition> {
        self.select(Selection::ChangedSince(offset), 0)
            .map(|(_, record)| record)
    }

    /// The selected records with their slots, from a slot on.
    pub fn select(
        &self,
        selection: Selection,
        from_slot: usize,
    ) -> impl Iterator<Item = (usize, &AgentPosition)> {
        let from = from_slot.min(self.records.len());
        let slots = self.records[from..].iter().zip(&self.traces[from..]);
        slots.enumerate().filter_map(move |(at, (record, trace))| {
            let is_selected = match selection {
                _ if trace.changed == FREE => false,
                Selection::Live => !record.is_gone(),
                Selection::ChangedSince(offset) => trace.changed > offset,
            };
            is_selected.then_some((from + at, record))
        })
    }

    /// The agents that are due for removal, as records that say so: silent since before
    /// `silent_before`, or of a publisher for which `has_left` holds.
    pub fn overdue(
        &self,
        silent_before: Option<Instant>,
        has_left: impl Fn(u32) -> bool,
    ) -> Vec<AgentPosition> {
        self.records
            .iter()
            .zip(&self.traces)
            .filter(|(record, trace)| {
                !record.is_gone()
                    && (silent_before.is_some_and(|limit| trace.heard_at < limit)
                        || has_left(trace.publisher))
            })
            .map(|(record, _)| gone_record(record.id.get()))
            .collect()
    }

    /// Whether the agent had a position and is gone.
    pub fn is_gone(&self, id: u32) -> bool {
        self.slots
            .get(&id)
            .is_some_and(|&slot| self.records[slot as usize].is_gone())
    }

    /// Forgets states and metrics of agents that have no slot, by the rule of [`Self::overdue`].
    /// An agent that is gone for a while keeps its name with its slot.
    pub fn forget_overdue(
        &mut self,
        silent_before: Option<Instant>,
        has_left: impl Fn(u32) -> bool,
    ) {
        let slots = &self.slots;
        let stays = |id: u32, at: Instant, publisher: u32| {
            slots.contains_key(&id)
                || !(silent_before.is_some_and(|limit| at < limit) || has_left(publisher))
        };
        self.states
            .retain(|&id, held| stays(id, held.at, held.publisher));
        self.metrics
            .retain(|&id, held| stays(id, held.at, held.publisher));
    }

    /// Frees the slots of agents that have been gone for longer than `kept_for`: no viewer needs to
    /// hear of it any more. What else is known of them goes with the slot.
    pub fn bury(&mut self, now: Instant, kept_for: Duration) {
        for slot in 0..self.records.len() {
            let id = self.records[slot].id.get();
            let trace = &mut self.traces[slot];
            let long_gone = self.records[slot].is_gone()
                && now.saturating_duration_since(trace.heard_at) > kept_for;
            if long_gone && trace.changed != FREE {
                trace.changed = FREE;
                self.slots.remove(&id);
                self.states.remove(&id);
                self.metrics.remove(&id);
                self.free.push(slot as u32);
            }
        }
    }
}

/// A record that says that an agent is gone: NaN in x, the rest zero.
pub fn gone_record(id: u32) -> AgentPosition {
    let mut record = AgentPosition::new(id, [0.0; 3], [0.0; 3]);
    record.position[0] = F32::new(f32::NAN);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(id: u32, x: f32) -> AgentPosition {
        AgentPosition::new(id, [x, 0.0, 0.0], [0.0; 3])
    }

    fn origin(publisher: u32, changed: u64) -> Origin {
        Origin {
            publisher,
            now: Instant::now(),
            changed,
        }
    }

    fn ids<'a>(records: impl Iterator<Item = &'a AgentPosition>) -> Vec<u32> {
        let mut ids: Vec<u32> = records.map(|record| record.id.get()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn the_last_writer_wins_whatever_the_hints_say() {
        let mut table = AgentTable::default();
        let (mut one, mut two) = (Vec::new(), Vec::new());
        table.apply(
            &[at(1, 1.0), at(4_000_000_000, 2.0)],
            origin(1, 10),
            &mut one,
            0,
        );
        table.apply(
            &[at(4_000_000_000, 3.0), at(1, 4.0)],
            origin(2, 20),
            &mut two,
            0,
        );
        table.apply(&[at(4_000_000_000, 5.0)], origin(1, 30), &mut one, 0);
        let mut held: Vec<(u32, f32)> = table
            .all()
            .map(|r| (r.id.get(), r.position[0].get()))
            .collect();
        held.sort_by_key(|(id, _)| *id);
        assert_eq!(held, [(1, 4.0), (4_000_000_000, 5.0)]);
    }

    #[test]
    fn changed_since_is_by_agent_and_tells_of_removals() {
        let mut table = AgentTable::default();
        let mut hints = Vec::new();
        table.apply(
            &[at(1, 0.0), at(2, 0.0), at(3, 0.0)],
            origin(1, 100),
            &mut hints,
            0,
        );
        table.apply(&[at(2, 1.0)], origin(1, 200), &mut Vec::new(), 0);
        table.apply(&[gone_record(3)], origin(1, 300), &mut Vec::new(), 0);
        assert_eq!(ids(table.changed_since(100)), [2, 3]);
        assert_eq!(ids(table.changed_since(200)), [3]);
        assert_eq!(ids(table.all()), [1, 2]);
        assert_eq!(table.live(), 2);
    }

    #[test]
    fn an_agent_comes_back_after_it_was_gone() {
        let mut table = AgentTable::default();
        let mut hints = Vec::new();
        for (record, live) in [
            (at(9, 1.0), 1),
            (gone_record(9), 0),
            (gone_record(9), 0),
            (at(9, 2.0), 1),
        ] {
            table.apply(&[record], origin(1, 1), &mut hints, 0);
            assert_eq!(table.live(), live);
        }
    }

    #[test]
    fn unknown_agents_are_counted_before_anything_changes() {
        let mut table = AgentTable::default();
        let mut hints = Vec::new();
        table.apply(&[at(1, 0.0), at(2, 0.0)], origin(1, 1), &mut hints, 0);
        assert_eq!(
            table.unknown(&[at(2, 0.0), at(3, 0.0), at(4, 0.0)], &hints),
            2
        );
        assert_eq!(table.known(), 2);
    }

    #[test]
    fn silence_and_departure_make_agents_overdue() {
        let mut table = AgentTable::default();
        table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
        table.apply(&[at(2, 0.0)], origin(2, 1), &mut Vec::new(), 0);
        assert_eq!(
            ids(table.overdue(None, |publisher| publisher == 2).iter()),
            [2]
        );
        let later = Instant::now() + Duration::from_secs(1);
        assert_eq!(ids(table.overdue(Some(later), |_| false).iter()), [1, 2]);
    }

    #[test]
    fn states_stay_with_the_slot_and_go_by_the_rule_without_one() {
        let mut table = AgentTable::default();
        let now = Instant::now();
        let state = AgentState {
            state: StateCode::IDLE,
            metadata: None,
            cbor: false,
        };
        for (id, publisher) in [(1, 1), (2, 1), (3, 2)] {
            table.states.insert(
                id,
                Heard {
                    value: state.clone(),
                    at: now,
                    publisher,
                },
            );
        }
        table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
        table.apply(&[gone_record(1)], origin(1, 2), &mut Vec::new(), 0);
        assert!(table.is_gone(1) && !table.is_gone(2));
        table.forget_overdue(None, |publisher| publisher == 1);
        let mut held: Vec<u32> = table.states.keys().copied().collect();
        held.sort_unstable();
        assert_eq!(held, [1, 3]);
        table.forget_overdue(Some(now + Duration::from_secs(1)), |_| false);
        assert_eq!(table.states.keys().copied().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_buried_agent_frees_its_slot_for_another() {
        let mut table = AgentTable::default();
        table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
        table.apply(&[gone_record(1)], origin(1, 2), &mut Vec::new(), 0);
        table.bury(
            Instant::now() + Duration::from_secs(2),
            Duration::from_secs(1),
        );
        assert!(table.is_empty());
        let mut stale_hint = vec![0];
        table.apply(&[at(1, 2.0)], origin(1, 3), &mut stale_hint, 0);
        table.apply(&[at(5, 1.0)], origin(1, 4), &mut Vec::new(), 0);
        assert_eq!(ids(table.all()), [1, 5]);
        assert_eq!(ids(table.changed_since(2)), [1, 5]);
        assert_eq!(table.records.len(), 2);
    }
}
