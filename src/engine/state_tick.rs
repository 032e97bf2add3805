//! State ticks: the newest record of many agents as finished messages, made once for all viewers
//! that join or lag alike.
//!
//! A viewer too weak to take one while it is fresh leaves it at a [`Stop`] and goes on with a part
//! made anew from the slot that comes next, so that it sees every agent in turn and none old.

use std::sync::Arc;
use std::time::Instant;

use agnt_codec::{
    AgentMetrics, AgentPosition, Emit, FRAME_BYTES_MAX, Flags, HEADER_BYTES, Metadata,
    MetricsBatch, POSITIONS_PER_FRAME_MAX, PositionUpdate, StateBatchOut, StateRecord,
};
use bytes::{Bytes, BytesMut};

use super::agents::{AgentTable, Selection};
use super::lane::{Encoders, Lane, ViewerKind};
use super::limits::JSON_RECORDS_MAX;

/// Finished messages that bring a viewer up to date, and where it goes on behind them.
#[derive(Clone, Debug)]
pub struct StateTick {
    /// The messages, back to back.
    pub bytes: Bytes,
    /// How many messages.
    pub messages: u32,
    /// For whom.
    pub kind: ViewerKind,
    /// From which lane they read positions.
    pub lane: Lane,
    /// Everything that changed behind this offset of [`super::Lane::Positions`] is in it;
    /// `None`: the whole state.
    pub since: Option<u64>,
    /// For each message of positions, where it ends and which slot comes behind it.
    pub stops: Arc<[Stop]>,
    /// The slot at which the next part begins, if this is not the last.
    pub next_slot: Option<usize>,
    /// The viewer goes on here in the positions lane of its kind.
    pub positions_at: u64,
    /// And here in its events lane.
    pub events_at: u64,
    /// When it was made.
    pub made_at: Instant,
}

/// A place at which a state tick can be left and gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Bytes up to there.
    pub bytes: usize,
    /// The slot of the table that comes next.
    pub next_slot: usize,
}

/// What a state tick is to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: ViewerKind,
    pub(super) since: Option<u64>,
    pub(super) from_slot: usize,
    pub(super) records_max: usize,
}

/// A state tick's messages.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) bytes: BytesMut,
    pub(super) messages: u32,
    pub(super) stops: Vec<Stop>,
    pub(super) next_slot: Option<usize>,
}

/// Writes the messages of a state tick or of a part of one. Its last part for a viewer that joins
/// (`since` is `None`) also holds the states and metrics; a viewer that lags keeps its place in
/// the events lane and misses none of them.
pub(super) fn write(table: &AgentTable, wanted: Wanted, encoders: &Encoders) -> Made {
    let Wanted {
        kind,
        since,
        from_slot,
        records_max,
    } = wanted;
    let selection = match since {
        Some(offset) => Selection::ChangedSince(offset),
        None => Selection::Live,
    };
    let mut selected = table.select(selection, from_slot);
    let mut slots = Vec::new();
    let mut records: Vec<AgentPosition> = Vec::new();
    for (slot, record) in selected.by_ref().take(records_max) {
        slots.push(slot);
        records.push(*record);
    }
    let next_slot = selected.next().map(|(slot, _)| slot);
    let mut made = Made {
        next_slot,
        ..Made::default()
    };
    made.bytes.reserve(records.len() * 29 + 64);
    let mut written = 0;
    let is_json = kind == ViewerKind::Json;
    let part_max = if is_json {
        JSON_RECORDS_MAX
    } else {
        POSITIONS_PER_FRAME_MAX
    };
    for part in parts(&records, part_max) {
        written += part.len();
        if is_json {
            (encoders.seal_positions_json)(part, &mut made.bytes);
            made.messages += 1;
        } else {
            let is_last = written == records.len() && next_slot.is_none();
            let more = if is_last { Flags::NONE } else { Flags::MORE };
            made.seal(
                &PositionUpdate { records: part },
                Flags::KEYFRAME.with(more),
                encoders,
            );
        }
        let next = slots.get(written).copied().or(next_slot);
        let bytes = made.bytes.len();
        made.stops.push(Stop {
            bytes,
            next_slot: next.unwrap_or(usize::MAX),
        });
    }
    if since.is_none() && next_slot.is_none() && !is_json {
        made.add_events(table, kind, encoders);
    }
    made
}

impl Made {
    /// All states and metrics that are known.
    pub(super) fn add_events(&mut self, table: &AgentTable, kind: ViewerKind, encoders: &Encoders) {
        let with_metadata = kind == ViewerKind::BinaryWithMetadata;
        for part in state_batches(&state_records(table, with_metadata)) {
            self.seal(&StateBatchOut { records: part }, Flags::KEYFRAME, encoders);
        }
        let shown = table.metrics.iter().filter(|(id, _)| !table.is_gone(**id));
        let metrics: Vec<AgentMetrics> = shown.map(|(_, held)| held.value).collect();
        for part in metrics.chunks(POSITIONS_PER_FRAME_MAX) {
            self.seal(&MetricsBatch { records: part }, Flags::KEYFRAME, encoders);
        }
    }

    fn seal(&mut self, batch: &dyn Emit, flags: Flags, encoders: &Encoders) {
        let mut frame = vec![0; batch.encoded_bytes()];
        if let Ok(bytes) = batch.emit(flags, &mut frame) {
            (encoders.seal_frame)(&frame[..bytes], &mut self.bytes);
            self.messages += 1;
        }
    }
}

/// Parts of at most `records_max`; one empty part where there is nothing, so that a viewer always
/// learns that its state is complete.
fn parts(records: &[AgentPosition], records_max: usize) -> impl Iterator<Item = &[AgentPosition]> {
    let nothing: Option<&[AgentPosition]> = records.is_empty().then_some(&[]);
    nothing.into_iter().chain(records.chunks(records_max))
}

fn state_records(table: &AgentTable, with_metadata: bool) -> Vec<StateRecord<'_>> {
    table
        .states
        .iter()
        .filter(|(id, _)| !table.is_gone(**id))
        .map(|(&id, held)| StateRecord {
            id,
            state: held.value.state,
            metadata: match &held.value.metadata {
                Some(bytes) if with_metadata => metadata_of(bytes, held.value.cbor),
                _ => None,
            },
        })
        .collect()
}

fn metadata_of(bytes: &[u8], cbor: bool) -> Option<Metadata<'_>> {
    match cbor {
        true => Some(Metadata::Cbor(bytes)),
        false => std::str::from_utf8(bytes).ok().map(Metadata::Json),
    }
}

/// Cuts records of different lengths into batches that fit a frame.
pub(super) fn state_batches<'a, 'b>(
    records: &'b [StateRecord<'a>],
) -> impl Iterator<Item = &'b [StateRecord<'a>]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut bytes = HEADER_BYTES + 4;
        let fitting = rest
            .iter()
            .take_while(|record| {
                bytes += record.encoded_bytes();
                bytes <= FRAME_BYTES_MAX
            })
            .count();
        // A record with the longest metadata kept is far below a frame, so at least one fits.
        let (batch, after) = rest.split_at(fitting.max(1));
        rest = after;
        Some(batch)
    })
}
