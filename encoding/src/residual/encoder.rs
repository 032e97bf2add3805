//! The encoder of codecs `predict` and `fixed`.
//!
//! Records are taken in parts that fit into a frame. Within a part they go by slot; the order of one
//! agent's records is kept, since what comes twice or can't be coded goes into the plain frame behind.
//!
//! Invariant: a slot's reference is always the newest record of its agent; an agent whose newest
//! record travels plain has no slot.

use agnt_codec::{AgentPosition, Flags, PAYLOAD_BYTES_MAX};

use crate::aside::Aside;
use crate::frames::Frames;
use crate::residual::ORDER;
use crate::residual::block::{self, BLOCK};
use crate::residual::blocks::Blocks;
use crate::residual::fit::Fit;
use crate::residual::head::{ASSIGNMENT_BYTES, FIRST, HEAD_BYTES, Head, KEY};
use crate::residual::number::{Numbering, Six, Weights};
use crate::residual::runs::{self, ENTRY_BYTES};
use crate::residual::slots::Slots;

/// A part of fewer records is no smaller in this codec than plain.
const RECORDS_MIN: usize = 4;

/// From how many records on a part ends where an agent comes twice; before, the second record
/// goes plain, so that a frame full of one agent doesn't become as many frames.
const RECORDS_BEFORE_SPLIT: usize = 32;

/// The most bytes of a block with its widths, for all components: every residual 32 bits wide.
const BLOCK_BYTES_MAX: usize = 6 * (1 + 4 * BLOCK);

/// The most bytes of zeros before the words.
const PADDING_BYTES_MAX: usize = 3;

/// A record that has found its slot.
#[derive(Clone, Copy, Debug)]
struct Pick {
    slot: u32,
    /// Its place among the records of the input.
    index: u32,
    is_known: bool,
    numbers: Six,
}

/// The size that a part has at most.
#[derive(Clone, Copy, Debug)]
struct Size {
    bytes: usize,
    records: usize,
}

impl Size {
    const EMPTY: Self = Self {
        bytes: HEAD_BYTES + PADDING_BYTES_MAX,
        records: 0,
    };

    /// The size with one record more.
    #[inline]
    fn with(self, is_new: bool, breaks_run: bool) -> Self {
        let opens_block = self.records.is_multiple_of(BLOCK);
        Self {
            bytes: self.bytes
                + usize::from(is_new) * ASSIGNMENT_BYTES
                + usize::from(breaks_run) * ENTRY_BYTES
                + usize::from(opens_block) * BLOCK_BYTES_MAX,
            records: self.records + 1,
        }
    }

    #[inline]
    fn fits(self) -> bool {
        self.bytes <= PAYLOAD_BYTES_MAX
    }
}

/// What a frame is made of, kept for its memory.
#[derive(Clone, Debug, Default)]
struct Content {
    slots: Vec<u32>,
    entries: Vec<[u32; 2]>,
    assignments: Vec<[u32; 2]>,
    before: Blocks,
    now: Blocks,
}

/// The encoder.
#[derive(Clone, Debug)]
pub(crate) struct ResidualEncoder {
    numbering: Numbering,
    sequence: u32,
    slots: Slots,
    /// Counts parts, so that a slot is known to be named in this one.
    part: u64,
    picks: Vec<Pick>,
    aside: Aside,
    content: Content,
    known: Vec<bool>,
    fit: Fit,
}

impl ResidualEncoder {
    pub(crate) fn new(numbering: Numbering) -> Self {
        Self {
            numbering,
            sequence: 0,
            slots: Slots::default(),
            part: 1,
            picks: Vec::new(),
            aside: Aside::default(),
            content: Content::default(),
            known: Vec::new(),
            fit: Fit::default(),
        }
    }

    pub(crate) fn has_slot(&self, id: u32) -> bool {
        self.slots.has(id)
    }

    /// Forgets all and takes these records as the reference. Whoever has an older key finds a
    /// sequence missing.
    pub(crate) fn seed<'a>(&mut self, records: impl Iterator<Item = &'a AgentPosition>) {
        self.slots.clear();
        self.sequence = self.sequence.wrapping_add(1);
        for record in records {
            let id = record.id.get();
            let Some(numbers) = self.numbering.numbers(record) else {
                self.slots.leave(id);
                continue;
            };
            let slot = self.slots.find(id, u32::MAX);
            if let Some(slot) = slot.or_else(|| self.slots.assign(id)) {
                self.slots.refer(slot, numbers);
            }
        }
        self.slots.settle();
    }

    pub(crate) fn encode(&mut self, records: &[AgentPosition], frames: &mut Frames<'_>) {
        let mut size = Size::EMPTY;
        let mut due = 0;
        for (index, record) in (0..).zip(records) {
            let id = record.id.get();
            let numbers = self.numbering.numbers(record);
            let Some(numbers) = numbers.filter(|_| !self.aside.has(id)) else {
                self.set_aside(record);
                continue;
            };
            let mut slot = self.slots.find(id, due);
            let comes_twice = slot.is_some_and(|slot| !self.slots.name(slot, self.part));
            if comes_twice && self.picks.len() < RECORDS_BEFORE_SPLIT {
                self.set_aside(record);
                continue;
            }
            let mut next = size.with(slot.is_none(), slot != Some(due));
            if comes_twice || !next.fits() {
                self.end_part(records, frames);
                next = Size::EMPTY.with(slot.is_none(), true);
            }
            let is_known = slot.is_some();
            slot = slot.or_else(|| self.slots.assign(id));
            let Some(slot) = slot else {
                self.set_aside(record);
                continue;
            };
            self.slots.name(slot, self.part);
            self.picks.push(Pick {
                slot,
                index,
                is_known,
                numbers,
            });
            size = next;
            due = slot + 1;
        }
        self.end_part(records, frames);
    }

    fn set_aside(&mut self, record: &AgentPosition) {
        self.slots.leave(record.id.get());
        self.aside.put(*record);
    }

    /// Writes what was picked of the records and what was set aside.
    fn end_part(&mut self, records: &[AgentPosition], frames: &mut Frames<'_>) {
        if self.picks.len() < RECORDS_MIN {
            let picked = self.picks.iter().map(|pick| records[pick.index as usize]);
            for record in picked.clone() {
                self.slots.leave(record.id.get());
            }
            self.aside.put_first(picked);
        } else {
            self.write_picks(records, frames);
        }
        self.picks.clear();
        self.aside.write(frames);
        self.slots.settle();
        self.part += 1;
    }

    fn write_picks(&mut self, records: &[AgentPosition], frames: &mut Frames<'_>) {
        if !self.picks.is_sorted_by_key(|pick| pick.slot) {
            self.picks.sort_unstable_by_key(|pick| pick.slot);
        }
        let (picks, slots, content) = (&self.picks, &mut self.slots, &mut self.content);
        content.slots.clear();
        content.slots.extend(picks.iter().map(|pick| pick.slot));
        content.assignments.clear();
        let new = picks.iter().filter(|pick| !pick.is_known);
        let assignments = new.map(|pick| [pick.slot, records[pick.index as usize].id.get()]);
        content.assignments.extend(assignments);
        content
            .before
            .fill(picks.iter().map(|pick| slots.reference(pick.slot)));
        content.now.fill(picks.iter().map(|pick| pick.numbers));
        for pick in picks {
            slots.refer(pick.slot, pick.numbers);
        }
        self.known.clear();
        self.known.extend(picks.iter().map(|pick| pick.is_known));
        let Content { before, now, .. } = &self.content;
        let weights = self.fit.weights(self.numbering, before, now, &self.known);
        self.sequence = self.sequence.wrapping_add(1);
        let (numbering, sequence) = (self.numbering, self.sequence);
        frames.coded(|out| self.content.write(numbering, 0, sequence, weights, out));
    }

    /// Writes all slots against nothing, then `plain`.
    pub(crate) fn write_key(&self, plain: &[AgentPosition], out: &mut Vec<u8>) -> u32 {
        let mut frames = Frames::new(Flags::KEYFRAME, out);
        let mut content = Content::default();
        let mut numbers = Vec::new();
        let (mut size, mut due) = (Size::EMPTY, 0);
        let mut bits = KEY | FIRST;
        let mut write = |content: &mut Content, numbers: &mut Vec<Six>, bits| {
            content.before.fill(numbers.iter().map(|_| [0; 6]));
            content.now.fill(numbers.drain(..));
            frames.coded(|out| {
                content.write(self.numbering, bits, self.sequence, Weights::ZERO, out);
            });
            content.slots.clear();
            content.assignments.clear();
        };
        for (slot, id, reference) in self.slots.taken() {
            let mut next = size.with(true, slot != due);
            if !next.fits() {
                write(&mut content, &mut numbers, bits);
                bits = KEY;
                next = Size::EMPTY.with(true, true);
            }
            content.slots.push(slot);
            content.assignments.push([slot, id]);
            numbers.push(reference);
            (size, due) = (next, slot + 1);
        }
        write(&mut content, &mut numbers, bits);
        frames.plain(plain);
        frames.finish()
    }
}

impl Content {
    /// Appends the payload.
    fn write(
        &mut self,
        numbering: Numbering,
        bits: u8,
        sequence: u32,
        weights: Weights,
        out: &mut Vec<u8>,
    ) {
        runs::write(&self.slots, &mut self.entries);
        let head = Head {
            numbering,
            bits,
            runs: self.entries.len() as u16,
            sequence,
            count: self.slots.len() as u32,
            assignments: self.assignments.len() as u32,
            weights,
        };
        let start = out.len();
        head.write(out);
        for word in self.assignments.iter().chain(&self.entries).flatten() {
            out.extend(word.to_le_bytes());
        }
        let layout = head.layout();
        out.resize(start + layout.words_at, 0);
        let mut width_at = start + layout.widths_at;
        for axis in ORDER {
            for index in 0..self.now.len() {
                let (before, now) = (self.before.block(index), self.now.block(index));
                let due = if axis < 3 {
                    let (old, new) = (&before[axis + 3], &now[axis + 3]);
                    numbering.predict(weights, &before[axis], old, new)
                } else {
                    before[axis]
                };
                let residuals =
                    std::array::from_fn(|agent| now[axis][agent].wrapping_sub(due[agent]));
                out[width_at] = block::write(&residuals, self.now.records_of(index), out);
                width_at += 1;
            }
        }
    }
}
