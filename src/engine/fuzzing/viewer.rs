//! A viewer as any program would write it: it keeps what messages tell it and knows nothing else.

use std::collections::BTreeMap;
use std::time::Instant;

use super::wire::{self, Record, State};
use crate::engine::ViewerKind;
use crate::engine::state_tick::StateTick;

/// What a viewer needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It reads its lanes.
    Nothing,
    /// A state tick with what changed behind this offset; `None`: everything.
    StateTick(Option<u64>),
}

/// The viewer; see the module.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) kind: ViewerKind,
    pub(super) need: Need,
    pub(super) served_at: Instant,
    /// Where it goes on in its lanes.
    pub(super) positions_at: u64,
    pub(super) events_at: u64,
    pub(super) agents: BTreeMap<u32, Record>,
    pub(super) states: BTreeMap<u32, State>,
    pub(super) metrics: BTreeMap<u32, Record>,
}

impl Viewer {
    pub(super) fn new(kind: ViewerKind, now: Instant) -> Self {
        Self {
            kind,
            need: Need::StateTick(None),
            served_at: now,
            positions_at: 0,
            events_at: 0,
            agents: BTreeMap::new(),
            states: BTreeMap::new(),
            metrics: BTreeMap::new(),
        }
    }

    /// It can't go on where it stands.
    pub(super) fn fall_behind(&mut self) {
        if self.need == Need::Nothing {
            self.need = Need::StateTick(Some(self.positions_at));
        }
    }

    /// It gets a state tick, and goes on where that says.
    pub(super) fn take_state_tick(&mut self, tick: &StateTick) {
        if self.need == Need::StateTick(None) {
            self.events_at = tick.events_at;
        }
        self.need = Need::Nothing;
        self.positions_at = tick.positions_at;
        self.take(&tick.bytes);
    }

    /// It gets messages.
    pub(super) fn take(&mut self, sealed: &[u8]) {
        for (is_text, body) in wire::messages(sealed) {
            assert_eq!(
                is_text,
                self.kind == ViewerKind::Json,
                "not its kind of message"
            );
            if is_text {
                self.take_records(&wire::records(body));
                continue;
            }
            match wire::open(body) {
                (wire::POSITIONS, _, payload) => self.take_records(&wire::counted(payload)),
                (wire::STATES, _, payload) => {
                    let states = wire::read_states(payload);
                    self.states
                        .extend(states.into_iter().map(|state| (state.id, state)));
                }
                (wire::METRICS, _, payload) => {
                    let has_count = payload.len() % size_of::<Record>() != 0;
                    let records = if has_count {
                        wire::counted(payload)
                    } else {
                        wire::records(payload)
                    };
                    let records = records
                        .into_iter()
                        .map(|record| (wire::id_of(&record), record));
                    self.metrics.extend(records);
                }
                (kind, ..) => assert_eq!(kind, wire::COORDINATION),
            }
        }
    }

    fn take_records(&mut self, records: &[Record]) {
        for record in records {
            let id = wire::id_of(record);
            if wire::is_gone(record) {
                self.agents.remove(&id);
            } else {
                self.agents.insert(id, *record);
            }
        }
    }
}
