//! State ticks: the newest record of many agents as finished messages, made once for all viewers
//! that join or lag alike.

use std::time::Instant;

use agnt_codec::{
    AgentMetrics, AgentPosition, Emit, FRAME_BYTES_MAX, Flags, HEADER_BYTES, Metadata,
    MetricsBatch, POSITIONS_PER_FRAME_MAX, PositionUpdate, StateBatchOut, StateRecord,
};
use bytes::{Bytes, BytesMut};

use super::agents::AgentTable;
use super::lane::{Encoders, ViewerKind};
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
    /// Everything that changed behind this offset of [`super::Lane::Positions`] is in it;
    /// `None`: the whole state.
    pub since: Option<u64>,
    /// The viewer goes on here in the positions lane of its kind.
    pub positions_at: u64,
    /// And here in its events lane.
    pub events_at: u64,
    /// When it was made.
    pub made_at: Instant,
}

/// Writes the messages of a state tick. A viewer that joins (`since` is `None`) also gets the
/// states and metrics; one that lags keeps its place in the events lane and misses none of them.
pub fn write(
    table: &AgentTable,
    kind: ViewerKind,
    since: Option<u64>,
    first_slot: usize,
    encoders: &Encoders,
) -> (Bytes, u32) {
    let records: Vec<AgentPosition> = match since {
        None => table.all(first_slot).copied().collect(),
        Some(offset) => table.changed_since(offset, first_slot).copied().collect(),
    };
    let mut out = BytesMut::with_capacity(records.len() * 29 + 64);
    let mut messages = 0;
    if kind == ViewerKind::Json {
        for part in parts(&records, JSON_RECORDS_MAX) {
            (encoders.seal_positions_json)(part, &mut out);
            messages += 1;
        }
        return (out.freeze(), messages);
    }
    let mut frame = Vec::new();
    let mut seal = |batch: &dyn Emit, flags: Flags| {
        frame.resize(batch.encoded_bytes(), 0);
        if let Ok(bytes) = batch.emit(flags, &mut frame) {
            (encoders.seal_frame)(&frame[..bytes], &mut out);
            messages += 1;
        }
    };
    let mut left = records.len();
    for part in parts(&records, POSITIONS_PER_FRAME_MAX) {
        left -= part.len();
        let flags = if left == 0 {
            Flags::KEYFRAME
        } else {
            Flags::KEYFRAME.with(Flags::MORE)
        };
        seal(&PositionUpdate { records: part }, flags);
    }
    if since.is_none() {
        let with_metadata = kind == ViewerKind::BinaryWithMetadata;
        for part in state_batches(&state_records(table, with_metadata)) {
            seal(&StateBatchOut { records: part }, Flags::KEYFRAME);
        }
        let shown = table.metrics.iter().filter(|(id, _)| !table.is_gone(**id));
        let metrics: Vec<AgentMetrics> = shown.map(|(_, held)| held.value).collect();
        for part in metrics.chunks(POSITIONS_PER_FRAME_MAX) {
            seal(&MetricsBatch { records: part }, Flags::KEYFRAME);
        }
    }
    (out.freeze(), messages)
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
fn state_batches<'a, 'b>(
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
