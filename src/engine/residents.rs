//! Residents: agents that stay on their stream whether or not anybody publishes them, because
//! somebody beside the stream answers for them. Silence and the end of a publisher remove none of
//! them; they go when they are dismissed.
//!
//! A resident is seen from the first moment on: until it is published somewhere it stands at a place
//! that its number gives it.

use std::f64::consts::TAU;

use agnt_codec::{
    AgentPosition, Emit, Flags, Metadata, PositionUpdate, StateBatchOut, StateCode, StateRecord,
};

use super::agents::{AgentState, Heard, gone_record};
use super::grid;
use super::label::Label;
use super::lane::Lane;
use super::publisher::SERVER;
use super::publishing::Call;
use super::state_tick::state_batches;
use super::stream::{Core, Stream};

/// How far apart agents stand that were never published anywhere.
const SPACING: f64 = 10.0;

/// From one such agent to the next, as part of a turn: the golden angle, with which no two of them
/// ever stand behind each other.
const TURN: f64 = 0.381_966_011_250_105;

/// An agent that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Its number.
    pub id: u32,
    /// What it is doing; nothing leaves what is known of it.
    pub state: Option<StateCode>,
    /// What it is called.
    pub label: Label,
    /// The same and more, as JSON for those who asked for metadata.
    pub metadata: String,
}

/// What was known of a resident before it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether there was room for it.
    pub is_taken: bool,
    /// What it was doing.
    pub before: Option<StateCode>,
}

impl Stream {
    /// Takes residents in, or what became of them, and publishes what is different, many in a frame.
    /// One for which the stream has no room is left out. Returns what was known of each.
    pub fn settle(&self, residents: &[Resident], call: Call) -> Vec<Settled> {
        let mut guard = self.lock();
        let core = &mut *guard;
        let mut told = Vec::new();
        let mut placed = Vec::new();
        let mut settled = Vec::with_capacity(residents.len());
        for resident in residents {
            let id = resident.id;
            let before = core.table.states.get(&id).map(|held| &held.value);
            let known = before.map(|value| value.state);
            let is_full = core.table.states.len() >= self.limits.agents_per_stream_max;
            settled.push(Settled {
                is_taken: before.is_some() || !is_full,
                before: known,
            });
            if before.is_none() && is_full {
                continue;
            }
            let state = resident.state.or(known).unwrap_or(StateCode::IDLE);
            let is_named = before.and_then(|value| value.label.as_ref()) != Some(&resident.label);
            if is_named || known != Some(state) {
                let metadata = is_named.then_some(Metadata::Json(&resident.metadata));
                told.push(StateRecord {
                    id,
                    state,
                    metadata,
                });
                let value = AgentState {
                    state,
                    metadata: Some(resident.metadata.as_bytes().into()),
                    cbor: false,
                    label: Some(resident.label.clone()),
                };
                let heard = Heard {
                    value,
                    at: call.now,
                    publisher: SERVER,
                };
                core.table.keep_state(id, heard);
            }
            let has_room = core.table.known() + placed.len() < self.limits.agents_per_stream_max;
            if core.table.settle(id) && !core.table.is_live(id) && has_room {
                placed.push(self.placed(id));
            }
        }
        self.publish_own_states(core, &told, call);
        if !placed.is_empty() {
            self.publish_own_positions(core, &placed, call.now);
        }
        settled
    }

    /// These agents stay no longer: they are gone.
    pub fn dismiss(&self, ids: &[u32], call: Call) {
        let mut guard = self.lock();
        let core = &mut *guard;
        let mut gone = Vec::new();
        for &id in ids {
            let is_live = core.table.is_live(id);
            if core.table.dismiss(id, call.now) && is_live {
                gone.push(gone_record(id));
            }
        }
        if !gone.is_empty() {
            self.publish_own_positions(core, &gone, call.now);
        }
    }

    fn publish_own_states(&self, core: &mut Core, told: &[StateRecord<'_>], call: Call) {
        let bare: Vec<_> = told
            .iter()
            .map(|record| StateRecord {
                metadata: None,
                ..*record
            })
            .collect();
        let lanes = [
            (Lane::Events, bare.as_slice()),
            (Lane::EventsWithMetadata, told),
        ];
        for (lane, records) in lanes {
            for records in state_batches(records) {
                let batch = StateBatchOut { records };
                let mut frame = vec![0; batch.encoded_bytes()];
                let Ok(bytes) = batch.emit(Flags::NONE, &mut frame) else {
                    continue;
                };
                if let Some(log) = core.lane_if_read(lane, bytes) {
                    log.append(1, call.now, None, |out| {
                        (self.encoders.seal_frame)(&frame[..bytes], out);
                    });
                }
            }
            self.announce(core, &[lane], call.loop_id);
        }
    }

    /// Where an agent stands that was never published anywhere, on the stream's grid.
    fn placed(&self, id: u32) -> AgentPosition {
        let record = AgentPosition::new(id, place_of(id), [0.0; 3]);
        let update = PositionUpdate { records: &[record] };
        let mut frame = vec![0; update.encoded_bytes()];
        // One record always fits.
        let bytes = update.emit(Flags::NONE, &mut frame).unwrap_or(0);
        let rounded = grid::rounded(&frame[..bytes], self.grid_step);
        let rounded = rounded.as_deref().and_then(first_position);
        rounded.unwrap_or(record)
    }
}

fn first_position(tick: &[u8]) -> Option<AgentPosition> {
    let frame = agnt_codec::Frame::exactly(tick).ok()?;
    match frame.payload() {
        agnt_codec::Payload::Positions(records) => records.first().copied(),
        _ => None,
    }
}

/// A place of its own for each number: on a spiral in the plane z = 0, which grows as evenly as the
/// seeds of a sunflower.
fn place_of(id: u32) -> [f32; 3] {
    // The numbers of residents begin at a round one.
    let nth = f64::from(id & 0x0FFF_FFFF);
    let (sine, cosine) = ((nth * TURN).fract() * TAU).sin_cos();
    let radius = SPACING * nth.sqrt();
    [(radius * cosine) as f32, (radius * sine) as f32, 0.0]
}

#[cfg(test)]
#[path = "tests/residents.rs"]
mod tests;
