//! State ticks that the stream has made, each checked against the model when it was made.

use std::collections::BTreeMap;
use std::time::Instant;

use super::model::Model;
use super::wire::{self, Record};
use crate::engine::limits::STATE_TICK_SHARED_FOR;
use crate::engine::state_tick::StateTick;
use crate::engine::{Lane, Stream, ViewerKind};

/// What a viewer asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) kind: ViewerKind,
    pub(super) since: Option<u64>,
    /// Where the lanes begin that it goes on in: positions, events.
    pub(super) from: (u64, u64),
    pub(super) now: Instant,
}

impl Asked {
    /// Whether a state tick is of use to who asked.
    fn is_served_by(&self, tick: &StateTick) -> bool {
        let since = self.since.map(|offset| match self.kind {
            ViewerKind::Json => 0,
            _ => offset,
        });
        let covers = match (tick.since, since) {
            (None, None) => true,
            (Some(made), Some(asked)) => made <= asked,
            _ => false,
        };
        tick.kind == self.kind
            && covers
            && tick.positions_at >= self.from.0
            && tick.events_at >= self.from.1
            && self.now - tick.made_at <= STATE_TICK_SHARED_FOR
    }
}

/// All state ticks so far. They are kept, so that the address of one tells it from the others.
#[derive(Debug, Default)]
pub(super) struct Ticks(Vec<StateTick>);

impl Ticks {
    /// A state tick is one that was made before and still serves, if there is one, or new and
    /// then what the model holds, whole and in parts.
    pub(super) fn check(&mut self, tick: &StateTick, asked: Asked, model: &Model, stream: &Stream) {
        assert!(
            asked.is_served_by(tick),
            "{asked:?} was answered by {tick:?}"
        );
        let is_tick = |made: &&StateTick| made.bytes.as_ptr() == tick.bytes.as_ptr();
        if self.0.iter().any(|made| is_tick(&made)) {
            return;
        }
        // Where nobody reads JSON its lane stands still, so the stream may have dropped one.
        let is_binary = asked.kind != ViewerKind::Json;
        let could = self
            .0
            .iter()
            .find(|made| is_binary && asked.is_served_by(made));
        assert!(
            could.is_none(),
            "{asked:?} got one of its own though {could:?} serves"
        );
        assert_eq!(tick.made_at, asked.now);
        let end = |lane: Lane| model.lanes[lane.index()].end;
        assert_eq!(tick.positions_at, end(tick.kind.positions()));
        assert_eq!(tick.events_at, tick.kind.events().map_or(0, end));
        assert_content(tick, model);
        assert_parts(tick, stream);
        self.0.push(tick.clone());
    }
}

fn assert_content(tick: &StateTick, model: &Model) {
    let mut records: Vec<Record> = Vec::new();
    let mut states = BTreeMap::new();
    let mut metrics = BTreeMap::new();
    let messages = wire::messages(&tick.bytes);
    assert_eq!(messages.len(), tick.messages as usize);
    let mut more_to_come = true;
    for (is_text, body) in messages {
        assert_eq!(is_text, tick.kind == ViewerKind::Json);
        if is_text {
            records.extend(wire::records(body));
            continue;
        }
        let (kind, flags, payload) = wire::open(body);
        assert_eq!(flags & !wire::MORE, wire::KEYFRAME);
        match kind {
            wire::POSITIONS => {
                assert!(more_to_come, "positions behind the last frame of the tick");
                more_to_come = flags & wire::MORE != 0;
                records.extend(wire::counted(payload));
            }
            wire::STATES => {
                states.extend(wire::read_states(payload).into_iter().map(|it| (it.id, it)));
            }
            kind => {
                assert_eq!(kind, wire::METRICS);
                metrics.extend(
                    wire::records(payload)
                        .iter()
                        .map(|it| (wire::id_of(it), *it)),
                );
            }
        }
    }
    assert!(
        tick.kind == ViewerKind::Json || !more_to_come,
        "the tick has no last frame"
    );
    let by_id: BTreeMap<u32, Record> = records.iter().map(|it| (wire::id_of(it), *it)).collect();
    assert_eq!(
        by_id.len(),
        records.len(),
        "an agent stands in a state tick twice"
    );
    match tick.since {
        Some(since) => assert_eq!(by_id, model.changed_since(since)),
        None => assert_eq!(by_id, model.live()),
    }
    if tick.since.is_some() || tick.kind == ViewerKind::Json {
        assert!(states.is_empty() && metrics.is_empty());
        return;
    }
    assert_eq!(metrics, model.shown(&model.metrics));
    let mut expected = model.shown(&model.states);
    if tick.kind == ViewerKind::Binary {
        for state in expected.values_mut() {
            *state = state.bare();
        }
    }
    assert_eq!(states, expected);
}

/// A state tick made anew from a slot on holds what the whole one holds from there on.
fn assert_parts(tick: &StateTick, stream: &Stream) {
    let part_from = |slot| stream.state_part(tick.kind, tick.lane, tick.since, slot, tick.made_at);
    let whole = positions_of(tick);
    assert_eq!(part_from(0).bytes, tick.bytes);
    assert!(positions_of(&part_from(usize::MAX)).is_empty());
    let part = part_from(whole.len() / 2);
    let records = positions_of(&part);
    assert!(whole.ends_with(&records));
    assert_eq!(
        (part.next_slot, part.positions_at),
        (None, tick.positions_at)
    );
    let last = tick
        .stops
        .last()
        .expect("a state tick has a message of positions");
    assert!(last.bytes <= tick.bytes.len() && last.next_slot > whole.len());
}

/// The records of positions, in order.
fn positions_of(tick: &StateTick) -> Vec<Record> {
    let of_message = |(is_text, body): (bool, &[u8])| match is_text {
        true => wire::records(body),
        false => match wire::open(body) {
            (wire::POSITIONS, _, payload) => wire::counted(payload),
            _ => Vec::new(),
        },
    };
    wire::messages(&tick.bytes)
        .into_iter()
        .flat_map(of_message)
        .collect()
}
