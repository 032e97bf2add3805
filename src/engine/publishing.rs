//! What publishers bring to a stream.
//!
//! Nothing is validated again: a [`Frame`] is proof. A frame becomes a finished message once, for
//! all viewers of a lane.

use std::time::Instant;

use agnt_codec::{
    AgentMetrics, AgentPosition, Emit, Flags, Frame, Frames, Metadata, MetricsBatch, Payload,
    StateBatch, StateBatchOut, StateRecord,
};
use bytes::BytesMut;

use super::agents::{AgentState, AgentTable, Heard, Origin};
use super::lane::Lane;
use super::limits::{METADATA_KEPT_BYTES_MAX, TOMBSTONE_KEPT_AT_LEAST};
use super::publisher::Publisher;
use super::stream::{Core, Stream};

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
    /// A tick grew beyond its bound without a frame that ends it.
    #[error("tick: {bytes} bytes without a frame that has MORE=0; allowed are {bytes_max}")]
    TickTooLarge {
        /// How large it was.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
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
        let bytes_max = self.limits.tick_bytes_max;
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
        self.announce(core, &[Lane::Positions], call.loop_id);
        Ok(())
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
    /// get the bare records.
    pub fn publish_states(
        &self,
        publisher: &Publisher,
        frame: &Frame<'_>,
        states: &StateBatch<'_>,
        call: Call,
    ) -> Result<(), PublishError> {
        let mut guard = self.lock();
        let core = &mut *guard;
        let held = &core.table.states;
        let unknown = states
            .records()
            .filter(|record| !held.contains_key(&record.id))
            .count();
        self.check_count(held.len(), unknown)?;
        for record in states.records() {
            core.table.states.insert(
                record.id,
                Heard {
                    value: kept_state(&record, core.table.states.get(&record.id)),
                    at: call.now,
                    publisher: publisher.number(),
                },
            );
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
        Ok(())
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

/// What is kept of a state record; the name and type that were given once stay.
fn kept_state(record: &StateRecord<'_>, before: Option<&Heard<AgentState>>) -> AgentState {
    let (bytes, cbor) = match record.metadata {
        Some(Metadata::Json(text)) => (text.as_bytes(), false),
        Some(Metadata::Cbor(bytes)) => (bytes, true),
        None => {
            let before = before.map(|held| &held.value);
            let metadata = before.and_then(|value| value.metadata.clone());
            let cbor = before.is_some_and(|value| value.cbor);
            return AgentState {
                state: record.state,
                metadata,
                cbor,
            };
        }
    };
    let kept = Some(bytes).filter(|bytes| bytes.len() <= METADATA_KEPT_BYTES_MAX);
    AgentState {
        state: record.state,
        metadata: kept.map(Box::from),
        cbor,
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
