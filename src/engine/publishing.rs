//! What publishers bring to a stream.
//!
//! Nothing is validated again: a [`Frame`] is proof. A frame becomes a finished message once, for
//! all viewers of a lane.

use std::time::Instant;

use agnt_codec::{
    AgentMetrics, AgentPosition, Emit, Flags, Frame, Frames, Metadata, MetricsBatch, Payload,
    StateBatch, StateBatchOut, StateCode, StateRecord,
};
use bytes::BytesMut;

use super::agents::{AgentState, AgentTable, Heard, Origin};
use super::encoding::push;
use super::grid;
use super::label::Label;
use super::lane::Lane;
use super::limits::{METADATA_KEPT_BYTES_MAX, TOMBSTONE_KEPT_AT_LEAST};
use super::mandate::Mandate;
use super::publisher::Publisher;
use super::stream::{Core, Stream};
use crate::domain::Room;

/// The byte of an AGNT frame that holds the flags.
const FLAGS_OFFSET: usize = 5;

/// The lanes of everything but positions.
const EVENT_LANES: [Lane; 2] = [Lane::Events, Lane::EventsWithMetadata];

/// From where a publication comes.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The event loop that publishes; it is not woken, it pulls at the end of its turn.
    pub loop_id: Option<usize>,
    /// Now.
    pub now: Instant,
}

/// An agent that is in another state or has another name than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The agent.
    pub id: u32,
    /// Its state until now, if one was known.
    pub before: Option<StateCode>,
    /// Its state from now on.
    pub after: StateCode,
    /// Its name and type, if they are known.
    pub label: Option<Label>,
    /// Whether these are new.
    pub is_named: bool,
}

/// Why a frame was refused; nothing of its tick was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The stream holds as many agents as it may.
    #[error("agents: the stream may hold {agents_max} agents and the frame names {over} more")]
    TooManyAgents {
        /// The bound.
        agents_max: usize,
        /// How many agents the frame would add.
        over: usize,
    },
    /// There is no memory for further agents.
    #[error("agents: the server has no memory for further ones now")]
    NoMemory,
    /// A tick grew beyond its bound without a frame that ends it.
    #[error("tick: {bytes} bytes without a frame that has MORE=0; allowed are {bytes_max}")]
    TickTooLarge {
        /// How large it was.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The frame says something of a registered agent for which the publisher may not speak.
    #[error(
        "id: {id} is for a registered agent, and this session may not speak for that one; allowed are {mandate}"
    )]
    ForeignAgent {
        /// The agent's id.
        id: u32,
        /// For whom the publisher may speak.
        mandate: Mandate,
    },
}

impl Stream {
    /// Publishes a frame that carries positions. Frames with MORE wait for the tick's last frame,
    /// so that a tick is contiguous in the log.
    pub fn publish_positions(
        &self,
        publisher: &mut Publisher,
        frame: &Frame<'_>,
        call: Call,
    ) -> Result<(), PublishError> {
        let has_more = frame.flags().contains(Flags::MORE);
        if publisher.is_skipping {
            // The rest of a tick that was refused is no tick of its own.
            publisher.is_skipping = has_more;
            return Ok(());
        }
        if publisher.tick.is_empty() && !has_more {
            return self.commit(publisher, frame.bytes(), 1, call);
        }
        let bytes = publisher.tick.len() + frame.bytes().len();
        let bytes_max = self.limits.room.fitted(self.limits.tick_bytes_max);
        if bytes > bytes_max {
            publisher.drop_tick();
            publisher.is_skipping = has_more;
            return Err(PublishError::TickTooLarge { bytes, bytes_max });
        }
        publisher.tick.extend_from_slice(frame.bytes());
        publisher.tick_frames += 1;
        if has_more {
            return Ok(());
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
    ) -> Result<(), PublishError> {
        let rounded = grid::rounded(tick, self.grid_step);
        let tick = rounded.as_deref().unwrap_or(tick);
        let mut guard = self.lock();
        let core = &mut *guard;
        if self.check_room(&core.table, publisher, tick).is_err() {
            // Agents that are gone make room before others are refused.
            core.table.bury(call.now, TOMBSTONE_KEPT_AT_LEAST);
            self.check_room(&core.table, publisher, tick)?;
        }
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
        if let Some(log) = core.lane_if_read(Lane::Positions, tick.len()) {
            log.append(frames, call.now, publisher.echo_to(), write);
        }
        self.append_frames(core, publisher.echo_to(), call.now, frames, |out| {
            out.extend_from_slice(tick);
        });
        let changed = core.lane(Lane::Positions).end();
        let origin = Origin {
            publisher: publisher.number(),
            now: call.now,
            changed,
        };
        let mut first = 0;
        for records in position_frames(tick) {
            core.table
                .apply(records, origin, &mut publisher.hints, first);
            first += records.len();
        }
        publisher.hints.truncate(first);
        self.announce(core, &[Lane::Positions, Lane::Frames], call.loop_id);
        Ok(())
    }

    /// Counts a tick, and appends its bare frames for the encoder if anybody wants an encoding.
    pub(super) fn append_frames(
        &self,
        core: &mut Core,
        publisher: Option<u32>,
        now: Instant,
        frames: u32,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        core.ticks += 1;
        if !core.watchers.read(Lane::Frames) {
            return;
        }
        let info = self.tick_info(core.ticks, now);
        let mut bytes = Vec::new();
        push(&info, Flags::NONE, &mut bytes);
        write(&mut bytes);
        let log = core.lane_mut(Lane::Frames);
        log.append(frames, now, publisher, |out| out.extend_from_slice(&bytes));
        let ends = (log.end(), core.lane(Lane::Positions).end());
        core.encodings.mark(ends);
    }

    fn check_room(
        &self,
        table: &AgentTable,
        publisher: &Publisher,
        tick: &[u8],
    ) -> Result<(), PublishError> {
        let mut first = 0;
        let mut unknown = 0;
        for records in position_frames(tick) {
            let hints = publisher.hints.get(first..).unwrap_or_default();
            unknown += table.unknown(records, hints);
            first += records.len();
        }
        self.check_count(table.known(), unknown)
    }

    fn check_count(&self, held: usize, unknown: usize) -> Result<(), PublishError> {
        if unknown > 0 && self.limits.room.now() != Room::Ample {
            return Err(PublishError::NoMemory);
        }
        let agents_max = self.limits.agents_per_stream_max;
        if unknown > 0 && held + unknown > agents_max {
            return Err(PublishError::TooManyAgents {
                agents_max,
                over: unknown,
            });
        }
        Ok(())
    }

    /// Publishes a `STATE_BATCH`: viewers that asked for metadata get it as it came, the others
    /// get the bare records. Returns which agents are in another state or have another name than
    /// before.
    pub fn publish_states(
        &self,
        publisher: &Publisher,
        frame: &Frame<'_>,
        states: &StateBatch<'_>,
        call: Call,
    ) -> Result<Vec<StateChange>, PublishError> {
        let mut guard = self.lock();
        let core = &mut *guard;
        let held = &core.table.states;
        let unknown = states
            .records()
            .filter(|record| !held.contains_key(&record.id))
            .count();
        self.check_count(held.len(), unknown)?;
        let mut changes = Vec::new();
        for record in states.records() {
            let before = core.table.states.get(&record.id);
            let heard = Heard {
                value: core
                    .table
                    .proper(record.id, self.kept_state(&record, before)),
                at: call.now,
                publisher: publisher.number(),
            };
            let before_state = before.map(|held| held.value.state);
            let is_named = heard.value.label != before.and_then(|held| held.value.label.clone());
            if before_state != Some(record.state) || is_named {
                changes.push(StateChange {
                    id: record.id,
                    before: before_state,
                    after: record.state,
                    label: heard.value.label.clone(),
                    is_named,
                });
            }
            core.table.keep_state(record.id, heard);
        }
        let has_metadata = states.records().any(|record| record.metadata.is_some());
        let bare = has_metadata.then(|| without_metadata(frame.flags(), states));
        let bare = bare.as_deref().unwrap_or(frame.bytes());
        self.append_event(core, Lane::Events, publisher, bare, call);
        self.append_event(
            core,
            Lane::EventsWithMetadata,
            publisher,
            frame.bytes(),
            call,
        );
        self.announce(core, &EVENT_LANES, call.loop_id);
        Ok(changes)
    }

    /// Publishes `PERFORMANCE_METRICS`.
    pub fn publish_metrics(
        &self,
        publisher: &Publisher,
        frame: &Frame<'_>,
        metrics: &[AgentMetrics],
        call: Call,
    ) -> Result<(), PublishError> {
        let mut guard = self.lock();
        let core = &mut *guard;
        let held = &core.table.metrics;
        let unknown = metrics
            .iter()
            .filter(|record| !held.contains_key(&record.id.get()))
            .count();
        self.check_count(held.len(), unknown)?;
        for record in metrics {
            core.table.metrics.insert(
                record.id.get(),
                Heard {
                    value: *record,
                    at: call.now,
                    publisher: publisher.number(),
                },
            );
        }
        // Document C knows no count before the records, so none is passed on.
        let batch = MetricsBatch { records: metrics };
        let mut bare = vec![0; batch.encoded_bytes()];
        let bytes = batch.emit(frame.flags(), &mut bare).unwrap_or(0);
        self.append_events(core, publisher, &bare[..bytes], call);
        Ok(())
    }

    /// Publishes a frame of which no state is kept: `COORDINATION_EVENT`.
    pub fn publish_event(&self, publisher: &Publisher, frame: &Frame<'_>, call: Call) {
        self.append_events(&mut self.lock(), publisher, frame.bytes(), call);
    }

    fn append_events(&self, core: &mut Core, publisher: &Publisher, frame: &[u8], call: Call) {
        for lane in EVENT_LANES {
            self.append_event(core, lane, publisher, frame, call);
        }
        self.announce(core, &EVENT_LANES, call.loop_id);
    }

    fn append_event(
        &self,
        core: &mut Core,
        lane: Lane,
        publisher: &Publisher,
        frame: &[u8],
        call: Call,
    ) {
        if let Some(log) = core.lane_if_read(lane, frame.len()) {
            let seal = self.encoders.seal_frame;
            log.append(1, call.now, publisher.echo_to(), |out| {
                seal(frame, out);
                // Ticks and key frames are a matter of positions.
                let flags = out.len() - frame.len() + FLAGS_OFFSET;
                out[flags] &= !Flags::KEYFRAME.with(Flags::MORE).0;
            });
        }
    }
}

/// The records of each frame of a tick.
fn position_frames(tick: &[u8]) -> impl Iterator<Item = &[AgentPosition]> {
    Frames::new(tick)
        .flatten()
        .filter_map(|frame| match frame.payload() {
            Payload::Positions(records) => Some(records),
            _ => None,
        })
}

impl Stream {
    /// What is kept of a state record; the name and type that were given once stay.
    fn kept_state(
        &self,
        record: &StateRecord<'_>,
        before: Option<&Heard<AgentState>>,
    ) -> AgentState {
        let (bytes, cbor) = match record.metadata {
            Some(Metadata::Json(text)) => (text.as_bytes(), false),
            Some(Metadata::Cbor(bytes)) => (bytes, true),
            None => {
                let before = before.map(|held| &held.value);
                return AgentState {
                    state: record.state,
                    metadata: before.and_then(|value| value.metadata.clone()),
                    cbor: before.is_some_and(|value| value.cbor),
                    label: before.and_then(|value| value.label.clone()),
                };
            }
        };
        let kept = Some(bytes).filter(|bytes| bytes.len() <= METADATA_KEPT_BYTES_MAX);
        let label = kept.filter(|_| !cbor).and_then(self.encoders.read_label);
        AgentState {
            state: record.state,
            metadata: kept.map(Box::from),
            cbor,
            label: label.or_else(|| before.and_then(|held| held.value.label.clone())),
        }
    }
}

/// The batch as clients know it that did not ask for metadata.
fn without_metadata(flags: Flags, states: &StateBatch<'_>) -> Vec<u8> {
    let records: Vec<_> = states
        .records()
        .map(|record| StateRecord {
            metadata: None,
            ..record
        })
        .collect();
    let batch = StateBatchOut { records: &records };
    let mut frame = vec![0; batch.encoded_bytes()];
    // The bare records are never longer than those that came in a frame.
    let bytes = batch.emit(flags, &mut frame).unwrap_or(0);
    frame.truncate(bytes);
    frame
}
