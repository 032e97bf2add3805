//! Which encodings of a stream are in use, and which state ticks viewers of them wait for.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::{Encoding, Form};
use crate::engine::lane::{ENCODINGS_MAX, Lane, ViewerKind};
use crate::engine::state_tick::StateTick;
use crate::engine::stream::Stream;
use crate::engine::watchers::Wake;

/// The encoder's number among the readers of a stream.
pub(super) const ENCODER: usize = usize::MAX;

/// The table of encodings in use; see the module.
#[derive(Debug, Default)]
pub struct Registry {
    alive: [Option<Alive>; ENCODINGS_MAX],
    next_serial: u64,
    /// State ticks that viewers wait for.
    pub(super) wanted: Vec<Key>,
    /// Where the lane of frames and the positions lane ended behind each of the last ticks.
    marks: VecDeque<(u64, u64)>,
}

/// Ticks whose ends are remembered; beyond, more is encoded again than need be.
const MARKS_MAX: usize = 4096;

/// An encoding in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alive {
    pub(super) encoding: Encoding,
    /// Another use of the same slot has another number.
    pub(super) serial: u64,
    users: usize,
}

/// Which state tick of an encoding: for those of a kind, who join or who lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: u8,
    pub(super) kind: ViewerKind,
    /// Whether states and metrics belong to it.
    pub(super) is_joining: bool,
}

/// Keeps an encoding of a stream in use as long as it is held.
#[derive(Debug)]
pub struct Lease {
    stream: Arc<Stream>,
    slot: u8,
    encoding: Encoding,
}

impl Lease {
    /// The lane in which the encoding is made.
    pub fn lane(&self) -> Lane {
        Lane::Encoded(self.slot)
    }

    /// What is really made: what was asked for, or the nearest to it.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut core = self.stream.lock();
        core.encodings.release(self.slot);
        if self.encoding.reads_frames() && !core.encodings.reads_frames() {
            core.unwatch(ENCODER, Lane::Frames);
        }
    }
}

impl Encoding {
    /// Whether it is made from each tick, rather than from the newest records now and then.
    pub(super) fn reads_frames(&self) -> bool {
        !matches!(self.form, Form::Json { .. })
    }
}

impl Registry {
    /// The encodings in use, with their slots.
    pub(super) fn alive(&self) -> impl Iterator<Item = (u8, &Alive)> {
        let slots = self.alive.iter().enumerate();
        slots.filter_map(|(slot, alive)| Some((slot as u8, alive.as_ref()?)))
    }

    /// Remembers where both lanes end behind a tick.
    pub(in crate::engine) fn mark(&mut self, ends: (u64, u64)) {
        if self.marks.len() == MARKS_MAX {
            self.marks.pop_front();
        }
        self.marks.push_back(ends);
    }

    /// Where the positions lane ended when the lane of frames ended at `frames`; earlier ticks are
    /// forgotten.
    pub(super) fn positions_at(&mut self, frames: u64) -> Option<u64> {
        let mut found = None;
        while let Some(&(end, positions)) = self.marks.front().filter(|(end, _)| *end <= frames) {
            found = Some(positions).filter(|_| end == frames);
            self.marks.pop_front();
        }
        found
    }

    /// Whether a slot is still in the use of that number.
    pub(super) fn is_in_use(&self, slot: u8, serial: u64) -> bool {
        let alive = self.alive.get(usize::from(slot)).and_then(Option::as_ref);
        alive.is_some_and(|alive| alive.serial == serial)
    }

    fn reads_frames(&self) -> bool {
        self.alive().any(|(_, alive)| alive.encoding.reads_frames())
    }

    /// A slot for an encoding: its own if it is in use, a free one, or that of the nearest.
    fn lease(&mut self, encoding: Encoding) -> Option<(u8, Encoding)> {
        let same = self.alive().find(|(_, alive)| alive.encoding == encoding);
        let same = same.map(|(slot, _)| slot);
        let free = || self.alive.iter().position(Option::is_none);
        let nearest = || {
            let near = self
                .alive()
                .filter_map(|(slot, alive)| Some((encoding.distance(&alive.encoding)?, slot)));
            near.min().map(|(_, slot)| slot)
        };
        let slot = same
            .or_else(|| free().map(|slot| slot as u8))
            .or_else(nearest)?;
        let serial = self.next_serial;
        let alive = self.alive[usize::from(slot)].get_or_insert(Alive {
            encoding,
            serial,
            users: 0,
        });
        alive.users += 1;
        self.next_serial += u64::from(alive.serial == serial);
        Some((slot, alive.encoding))
    }

    fn release(&mut self, slot: u8) {
        let held = &mut self.alive[usize::from(slot)];
        if let Some(alive) = held {
            alive.users -= 1;
            if alive.users == 0 {
                *held = None;
                self.wanted.retain(|key| key.slot != slot);
            }
        }
    }
}

impl Stream {
    /// Has an encoding made from now on, as long as the lease is held. Where as many are in use as
    /// may be, it is the nearest of them; `None`: none of them would do, so plain frames will.
    pub fn lease_encoding(self: &Arc<Self>, encoding: Encoding) -> Option<Lease> {
        let mut core = self.lock();
        let had_frames = core.encodings.reads_frames();
        let (slot, encoding) = core.encodings.lease(encoding)?;
        let is_first = core
            .encodings
            .alive()
            .any(|(held, alive)| held == slot && alive.users == 1);
        if is_first {
            core.state_ticks
                .retain(|tick| tick.lane != Lane::Encoded(slot));
        }
        if !had_frames && encoding.reads_frames() {
            let end = core.lane(Lane::Frames).end();
            let wake = self.encoder_wake();
            core.watchers.add(ENCODER, &wake, Lane::Frames, end);
        }
        drop(core);
        let stream = Arc::clone(self);
        self.ring_encoder();
        Some(Lease {
            stream,
            slot,
            encoding,
        })
    }

    fn encoder_wake(self: &Arc<Self>) -> Wake {
        let (bell, stream) = (Arc::clone(&self.bell), Arc::downgrade(self));
        Arc::new(move || bell.ring(&stream))
    }

    fn ring_encoder(self: &Arc<Self>) {
        let stream: Weak<Self> = Arc::downgrade(self);
        self.bell.ring(&stream);
    }

    /// The state tick of an encoding behind which a viewer can go on in its lane, which begins at
    /// `from`. If there is none yet the encoder is asked for it, and the viewer's loop is woken when
    /// it is there.
    pub fn encoded_state(
        self: &Arc<Self>,
        slot: u8,
        kind: ViewerKind,
        is_joining: bool,
        from: (u64, u64),
        now: Instant,
    ) -> Option<StateTick> {
        let mut core = self.lock();
        core.forget_old_state_ticks(now);
        let lane = Lane::Encoded(slot);
        let serves = |tick: &&StateTick| {
            tick.lane == lane
                && tick.kind == kind
                && tick.since.is_none() == is_joining
                && tick.positions_at >= from.0
                && tick.events_at >= from.1
        };
        if let Some(tick) = core.state_ticks.iter().find(serves) {
            return Some(tick.clone());
        }
        let key = Key {
            slot,
            kind,
            is_joining,
        };
        if !core.encodings.wanted.contains(&key) {
            core.encodings.wanted.push(key);
        }
        drop(core);
        self.ring_encoder();
        None
    }
}
