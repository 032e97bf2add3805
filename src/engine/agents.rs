//! The newest record of each agent of a stream.
//!
//! Memory grows with the number of agents seen, not with the largest id. A publisher's frames
//! usually name the same agents in the same order, so each publisher keeps the slots of its last
//! tick as a hint and the index is asked only when a hint is wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::label::Label;
use super::publisher::SERVER;
use agnt_codec::order::F32;
use agnt_codec::{AgentMetrics, AgentPosition, StateCode};

/// Most agents that went and wait to be told of.
const REMOVED_MAX: usize = 1_000_000;

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
    /// Name and type, as metadata gave them.
    pub label: Option<Label>,
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
    by_name: HashMap<Arc<str>, u32>,
    /// Agents that went since somebody looked, if anybody does.
    removed: Option<Vec<u32>>,
    /// Agents that stay, whoever is silent; each has a state.
    residents: HashSet<u32>,
    /// Agents that stayed until lately, and when they were dismissed.
    dismissed: HashMap<u32, Instant>,
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

    /// Whether nothing is known that nobody could tell again: at most of residents, whose records
    /// are older than `silent_before` or were never published.
    pub fn is_expendable(&self, silent_before: Option<Instant>) -> bool {
        let is_resident = |id: &u32| self.residents.contains(id);
        let is_old = |slot: &u32| {
            let trace = &self.traces[*slot as usize];
            trace.publisher == SERVER || silent_before.is_some_and(|limit| trace.heard_at < limit)
        };
        self.slots
            .iter()
            .all(|(id, slot)| is_resident(id) && is_old(slot))
            && self.states.keys().all(is_resident)
            && self.metrics.keys().all(is_resident)
    }

    /// An agent stays from now on, whoever is silent; whether it did not before. What is kept of it
    /// from then on is its state at least.
    pub(super) fn settle(&mut self, id: u32) -> bool {
        self.dismissed.remove(&id);
        self.residents.insert(id)
    }

    /// An agent no longer stays; whether it did. Without a record nothing of it is left.
    pub(super) fn dismiss(&mut self, id: u32, now: Instant) -> bool {
        let was_resident = self.residents.remove(&id);
        if was_resident {
            self.dismissed.insert(id, now);
        }
        if was_resident && !self.slots.contains_key(&id) {
            self.states.remove(&id);
            self.metrics.remove(&id);
            self.forget_names();
        }
        was_resident
    }

    /// Whether an agent stays.
    pub fn is_resident(&self, id: u32) -> bool {
        self.residents.contains(&id)
    }

    /// Whether an agent has a position.
    pub fn is_live(&self, id: u32) -> bool {
        let slot = self.slots.get(&id);
        slot.is_some_and(|&slot| !self.records[slot as usize].is_gone())
    }

    /// What is kept of a state that a publisher said. What a resident is called is not a
    /// publisher's to say, nor may it call another like one.
    pub(super) fn proper(&self, id: u32, said: AgentState) -> AgentState {
        let before = self.states.get(&id).map(|held| &held.value);
        match before.filter(|_| self.is_resident(id)) {
            Some(before) => AgentState {
                state: said.state,
                ..before.clone()
            },
            None => AgentState {
                label: said.label.filter(|label| !self.is_taken(label, id)),
                ..said
            },
        }
    }

    /// Whether a resident other than `id` is called so.
    fn is_taken(&self, label: &Label, id: u32) -> bool {
        let held = self.by_name.get(label.agent());
        held.is_some_and(|&held| held != id && self.is_resident(held))
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
                (false, true) => {
                    self.live -= 1;
                    if let Some(removed) = self.removed.as_mut().filter(|it| it.len() < REMOVED_MAX)
                    {
                        removed.push(id);
                    }
                }
                _ => {}
            }
        }
    }

    /// Keeps the newest state of an agent, and its name.
    pub fn keep_state(&mut self, id: u32, heard: Heard<AgentState>) {
        let before = self
            .states
            .get(&id)
            .and_then(|held| held.value.label.as_ref());
        if before != heard.value.label.as_ref() {
            if let Some(before) = before
                && self.by_name.get(before.agent()) == Some(&id)
            {
                self.by_name.remove(before.agent());
            }
            if let Some(label) = &heard.value.label {
                self.by_name.insert(Arc::clone(label.agent()), id);
            }
        }
        self.states.insert(id, heard);
    }

    /// Whether anything is known of an agent.
    pub fn knows(&self, id: u32) -> bool {
        self.slots.contains_key(&id)
            || self.states.contains_key(&id)
            || self.metrics.contains_key(&id)
    }

    /// The agent that is called so: a resident, or else the agent of that number or name.
    pub fn id_of(&self, agent: &str) -> Option<u32> {
        let named = self.by_name.get(agent).copied();
        let resident = named.filter(|id| self.is_resident(*id));
        resident.or_else(|| agent.parse().ok()).or(named)
    }

    /// Who went since the last call; from the first call on it is noted.
    pub fn take_removed(&mut self) -> Vec<u32> {
        std::mem::take(self.removed.get_or_insert_default())
    }

    /// Agents heard of since an instant, and all that are not gone.
    pub fn active_since(&self, instant: Instant) -> usize {
        let held = self.records.iter().zip(&self.traces);
        let is_active = |(record, trace): &(&AgentPosition, &Trace)| {
            trace.changed != FREE && !record.is_gone() && trace.heard_at >= instant
        };
        held.filter(is_active).count()
    }

    fn forget_names(&mut self) {
        let states = &self.states;
        self.by_name.retain(|name, id| {
            let held = states.get(id).and_then(|held| held.value.label.as_ref());
            held.is_some_and(|label| label.agent() == name)
        });
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

    /// The agents that were dismissed and are here again, as records that say that they are gone: who
    /// publishes an agent may be a moment late to learn that it went. Those that were dismissed
    /// before `forgotten_before` are looked at for the last time.
    pub(super) fn lingering(&mut self, forgotten_before: Option<Instant>) -> Vec<AgentPosition> {
        let dismissed = std::mem::take(&mut self.dismissed);
        let lingering = dismissed.keys().filter(|id| self.is_live(**id));
        let lingering = lingering.map(|id| gone_record(*id)).collect();
        self.dismissed = dismissed;
        self.dismissed
            .retain(|_, at| forgotten_before.is_none_or(|limit| *at >= limit));
        lingering
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
                    && !self.residents.contains(&record.id.get())
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
        let (slots, residents) = (&self.slots, &self.residents);
        let stays = |id: u32, at: Instant, publisher: u32| {
            slots.contains_key(&id)
                || residents.contains(&id)
                || !(silent_before.is_some_and(|limit| at < limit) || has_left(publisher))
        };
        self.states
            .retain(|&id, held| stays(id, held.at, held.publisher));
        self.metrics
            .retain(|&id, held| stays(id, held.at, held.publisher));
        if self.states.len() < self.by_name.len() {
            self.forget_names();
        }
    }

    /// Frees the slots of agents that have been gone for longer than `kept_for`: no viewer needs to
    /// hear of it any more. What else is known of them goes with the slot, but for residents.
    pub fn bury(&mut self, now: Instant, kept_for: Duration) {
        let named = self.states.len();
        for slot in 0..self.records.len() {
            let id = self.records[slot].id.get();
            let trace = &mut self.traces[slot];
            let long_gone = self.records[slot].is_gone()
                && now.saturating_duration_since(trace.heard_at) > kept_for;
            if long_gone && trace.changed != FREE {
                trace.changed = FREE;
                self.slots.remove(&id);
                if !self.residents.contains(&id) {
                    self.states.remove(&id);
                    self.metrics.remove(&id);
                }
                self.free.push(slot as u32);
            }
        }
        if self.states.len() < named {
            self.forget_names();
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
#[path = "tests/agents.rs"]
mod tests;
