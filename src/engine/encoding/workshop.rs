//! Where the encodings of one stream are made.

use std::sync::PoisonError;
use std::time::Instant;

use agnt_codec::{AgentPosition, Flags, Frames, Payload, TickInfo};
use bytes::BytesMut;

use super::coder::{Coder, push_positions};
use super::encoder::EncoderTally;
use super::registry::{ENCODER, Key};
use super::{Encoding, Form};
use crate::domain::time;
use crate::engine::agents::Selection;
use crate::engine::lane::{ENCODINGS_MAX, Lane};
use crate::engine::limits::JSON_RECORDS_MAX;
use crate::engine::log::Chunk;
use crate::engine::state_tick::{Made, StateTick};
use crate::engine::stream::{Core, Lanes, Stream};

/// How often the encoder tries to come level with the publishers before it leaves ticks out.
const LEVEL_TRIES: usize = 4;

/// The workshop; see the module.
#[derive(Debug, Default)]
pub struct Workshop {
    /// The encoder's copy of [`Lane::Frames`]; the other lanes stay empty.
    copy: Lanes,
    /// Up to where that lane is encoded.
    at: u64,
    /// The end of the positions lane when it was, or earlier.
    positions_at: u64,
    coders: [Option<Coder>; ENCODINGS_MAX],
    out: BytesMut,
}

/// The state that a viewer waits for, on its way from the lock to its bytes.
struct Wanted {
    key: Key,
    /// The number of the last tick that it holds.
    ticks: u64,
    records: Vec<AgentPosition>,
    events: Made,
    positions_at: u64,
    events_at: u64,
}

/// A tick as the lane of frames holds it.
struct Tick<'a> {
    info: &'a TickInfo,
    frames: &'a [u8],
    /// Who must not get it back.
    own: Option<u32>,
    published_at: Instant,
}

impl Stream {
    /// Makes what is due of every encoding. Returns when the next is due without a new tick.
    pub(super) fn encode(&self, now: Instant, tally: &mut EncoderTally) -> Option<Instant> {
        let mut workshop = self.workshop.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..LEVEL_TRIES {
            self.encode_new(&mut workshop, now, tally);
            if let Some(wanted) = self.look_around(&mut workshop, now) {
                self.write_states(&mut workshop, wanted, now, tally);
                return self.tell_json(&mut workshop, now, tally);
            }
        }
        self.leave_out(&mut workshop, now, tally);
        if let Some(wanted) = self.look_around(&mut workshop, now) {
            self.write_states(&mut workshop, wanted, now, tally);
        }
        self.tell_json(&mut workshop, now, tally).or(Some(now))
    }

    /// Encodes the ticks that have come.
    fn encode_new(&self, workshop: &mut Workshop, now: Instant, tally: &mut EncoderTally) {
        self.pull(ENCODER, &mut workshop.copy);
        let log = &workshop.copy[Lane::Frames.index()];
        let chunks: Vec<Chunk> = log.since(workshop.at).cloned().collect();
        let is_stale = chunks.first().is_some_and(|oldest| {
            now.saturating_duration_since(oldest.published_at) > self.limits.staleness_max
        });
        if log.start() > workshop.at && !workshop.is_idle() || is_stale {
            return self.leave_out(workshop, now, tally);
        }
        for chunk in &chunks {
            for tick in ticks(chunk, workshop.at) {
                self.encode_tick(workshop, &tick, tally);
            }
            workshop.at = chunk.end();
            workshop.copy[Lane::Frames.index()].forget_before(workshop.at);
        }
    }

    fn encode_tick(&self, workshop: &mut Workshop, tick: &Tick<'_>, tally: &mut EncoderTally) {
        tally.ticks += 1;
        let Workshop { coders, out, .. } = workshop;
        for (slot, coder) in coders.iter_mut().enumerate() {
            let Some(coder) = coder.as_mut().filter(|coder| coder.encoding.reads_frames()) else {
                continue;
            };
            out.clear();
            let packed = coder.write_tick(tick.info, tick.frames, &self.encoders, out);
            tally.batches += packed.batches;
            tally.bytes_in += tick.frames.len() as u64;
            tally.bytes_out += out.len() as u64;
            let own = tick.own.filter(|_| !coder.encoding.is_stateful());
            let lane = Lane::Encoded(slot as u8);
            let mut core = self.lock();
            if !core.encodings.is_in_use(slot as u8, coder.serial) {
                continue;
            }
            if let Some(log) = core.lane_if_read(lane, out.len()) {
                let write = |log_out: &mut BytesMut| log_out.extend_from_slice(out);
                log.append(packed.messages, tick.published_at, own, write);
            }
            self.announce(&core, &[lane], None);
        }
    }

    /// If all ticks are encoded: notes which encodings are in use, and gathers what viewers wait
    /// for, of the table as it stands behind the last tick.
    fn look_around(&self, workshop: &mut Workshop, now: Instant) -> Option<Vec<Wanted>> {
        let mut guard = self.lock();
        let core = &mut *guard;
        let frames_end = core.lane(Lane::Frames).end();
        if workshop.is_idle() {
            workshop.at = frames_end;
        }
        if frames_end != workshop.at {
            return None;
        }
        workshop.positions_at = core.lane(Lane::Positions).end();
        workshop.take_over(core, now);
        core.forget_old_state_ticks(now);
        let keys = std::mem::take(&mut core.encodings.wanted);
        let wanted = keys.into_iter().filter_map(|key| {
            let coder = workshop.coders[usize::from(key.slot)].as_ref()?;
            let selection = match key.is_joining {
                true => Selection::Live,
                // Who lags must hear of those that went meanwhile.
                false => Selection::ChangedSince(0),
            };
            let records = core.table.select(selection, 0).map(|(_, record)| record);
            let records = records.filter(|record| coder.lacks(record));
            let mut events = Made::default();
            if key.is_joining {
                events.add_events(&core.table, key.kind, &self.encoders);
            }
            Some(Wanted {
                ticks: core.ticks,
                records: records.copied().collect(),
                events,
                positions_at: core.lane(Lane::Encoded(key.slot)).end(),
                events_at: key.kind.events().map_or(0, |lane| core.lane(lane).end()),
                key,
            })
        });
        Some(wanted.collect())
    }

    fn write_states(
        &self,
        workshop: &mut Workshop,
        wanted: Vec<Wanted>,
        now: Instant,
        tally: &mut EncoderTally,
    ) {
        for wanted in wanted {
            let lane = Lane::Encoded(wanted.key.slot);
            let Some(coder) = &mut workshop.coders[usize::from(wanted.key.slot)] else {
                continue;
            };
            let info = self.tick_info(wanted.ticks, now);
            let mut bytes = BytesMut::new();
            let packed = coder.write_state(&info, &wanted.records, &self.encoders, &mut bytes);
            bytes.extend_from_slice(&wanted.events.bytes);
            tally.states += 1;
            tally.batches += packed.batches;
            let mut core = self.lock();
            if !core.encodings.is_in_use(wanted.key.slot, coder.serial) {
                continue;
            }
            core.state_ticks.push(StateTick {
                bytes: bytes.freeze(),
                messages: packed.messages + wanted.events.messages,
                kind: wanted.key.kind,
                lane,
                since: (!wanted.key.is_joining).then_some(0),
                stops: [].into(),
                next_slot: None,
                positions_at: wanted.positions_at,
                events_at: wanted.events_at,
                made_at: now,
            });
            core.watchers.wake(lane, None);
        }
    }

    /// The encoder can't keep up: what waits is left out, and the newest records go instead.
    fn leave_out(&self, workshop: &mut Workshop, now: Instant, tally: &mut EncoderTally) {
        tally.conflations += 1;
        let (records, ticks) = {
            let mut core = self.lock();
            let encoded = workshop.at;
            workshop.at = core.lane(Lane::Frames).end();
            let encoded = core.encodings.positions_at(encoded);
            let since = encoded.unwrap_or(workshop.positions_at);
            workshop.positions_at = core.lane(Lane::Positions).end();
            let records: Vec<_> = core.table.changed_since(since).copied().collect();
            (records, core.ticks)
        };
        if records.is_empty() {
            return;
        }
        let mut frames = Vec::new();
        push_positions(&records, Flags::KEYFRAME, &mut frames);
        let tick = Tick {
            info: &self.tick_info(ticks, now),
            frames: &frames,
            own: None,
            published_at: now,
        };
        self.encode_tick(workshop, &tick, tally);
    }

    /// Tells viewers in JSON what has changed, as often as each wants.
    fn tell_json(
        &self,
        workshop: &mut Workshop,
        now: Instant,
        tally: &mut EncoderTally,
    ) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for (slot, coder) in workshop.coders.iter_mut().enumerate() {
            let Some((coder, every)) = coder
                .as_mut()
                .and_then(|coder| coder.every().map(|every| (coder, every)))
            else {
                continue;
            };
            if now >= coder.due {
                // A rate, not a schedule: what was missed is not made up for.
                coder.due = (coder.due + every).max(now);
                self.tell_one(slot as u8, coder, now, tally);
            }
            next = Some(next.map_or(coder.due, |next| next.min(coder.due)));
        }
        next
    }

    fn tell_one(&self, slot: u8, coder: &mut Coder, now: Instant, tally: &mut EncoderTally) {
        let changed: Vec<_> = {
            let core = self.lock();
            let end = core.lane(Lane::Positions).end();
            let since = std::mem::replace(&mut coder.told_at, end);
            core.table.changed_since(since).copied().collect()
        };
        if changed.is_empty() {
            return;
        }
        let mut text = BytesMut::new();
        let parts = changed.chunks(JSON_RECORDS_MAX);
        let messages = parts.len() as u32;
        for records in parts {
            (self.encoders.seal_positions_json)(records, &mut text);
        }
        tally.bytes_out += text.len() as u64;
        let mut guard = self.lock();
        let core = &mut *guard;
        if !core.encodings.is_in_use(slot, coder.serial) {
            return;
        }
        let lane = Lane::Encoded(slot);
        if let Some(log) = core.lane_if_read(lane, text.len()) {
            log.append(messages, now, None, |out| out.extend_from_slice(&text));
        }
        self.announce(core, &[lane], None);
    }

    /// What says which tick it is.
    pub(in crate::engine) fn tick_info(&self, ticks: u64, now: Instant) -> TickInfo {
        TickInfo::new(ticks as u32, self.epoch(), time::unix_us_at(now))
    }
}

impl Workshop {
    fn is_idle(&self) -> bool {
        !self
            .coders
            .iter()
            .flatten()
            .any(|coder| coder.encoding.reads_frames())
    }

    /// Begins encodings that are new and ends those that nobody uses.
    fn take_over(&mut self, core: &Core, now: Instant) {
        let mut alive: [Option<(Encoding, u64)>; ENCODINGS_MAX] = [None; ENCODINGS_MAX];
        for (slot, held) in core.encodings.alive() {
            alive[usize::from(slot)] = Some((held.encoding, held.serial));
        }
        for (coder, alive) in self.coders.iter_mut().zip(alive) {
            let serial = coder.as_ref().map(|coder| coder.serial);
            if serial == alive.map(|(_, serial)| serial) {
                continue;
            }
            *coder = alive.map(|(encoding, serial)| {
                let mut coder = Coder::new(encoding, serial, now);
                coder.seed(core.table.all());
                if let Form::Json { .. } = encoding.form {
                    // The state tick of whoever joined meanwhile may be as old as the encoding.
                    coder.told_at = 0;
                }
                coder
            });
        }
    }
}

/// The ticks of a chunk of the lane of frames, from an offset on.
fn ticks(chunk: &Chunk, from: u64) -> impl Iterator<Item = Tick<'_>> {
    let skip = from.saturating_sub(chunk.start) as usize;
    let mut rest = &chunk.bytes[skip.min(chunk.bytes.len())..];
    std::iter::from_fn(move || {
        let mut frames = Frames::new(rest);
        let head = frames.next()?.ok()?;
        let Payload::TickInfo(info) = head.payload() else {
            return None;
        };
        let begin = head.bytes().len();
        let mut end = begin;
        for frame in frames.flatten() {
            end += frame.bytes().len();
            if !frame.flags().contains(Flags::MORE) {
                break;
            }
        }
        let offset = chunk.end() - rest.len() as u64;
        let own = chunk.own.iter().flat_map(|own| own.iter());
        let own = own.filter(|range| (range.start..range.end).contains(&offset));
        let tick = Tick {
            info,
            frames: &rest[begin..end],
            own: own.map(|range| range.publisher).next(),
            published_at: chunk.published_at,
        };
        rest = &rest[end..];
        Some(tick)
    })
}
