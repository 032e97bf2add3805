//! The decoder of codecs `predict` and `fixed`.
//!
//! Invariant: after a payload that was refused nothing is decoded until a key begins, so that no
//! record is made from a reference that isn't the encoder's.

use agnt_codec::AgentPosition;

use crate::payload::{expect_zeros, u32_at};
use crate::residual::ORDER;
use crate::residual::block::{self, BLOCK};
use crate::residual::blocks::Blocks;
use crate::residual::head::{ASSIGNMENT_BYTES, FIRST, HEAD_BYTES, Head, KEY, Layout};
use crate::residual::number::Numbering;
use crate::residual::reference::Reference;
use crate::residual::runs;
use crate::{Codec, EncodingError};

/// The decoder.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResidualDecoder {
    /// The last frame's sequence; none where a key must come first.
    sequence: Option<u32>,
    numbering: Option<Numbering>,
    reference: Reference,
    picked: Vec<u32>,
    before: Blocks,
    now: Blocks,
}

impl ResidualDecoder {
    /// Appends the records of a payload to `out`.
    pub(crate) fn decode(
        &mut self,
        codec: Codec,
        payload: &[u8],
        out: &mut Vec<AgentPosition>,
    ) -> Result<(), EncodingError> {
        let due = self.sequence.take();
        let head = Head::read(codec, payload)?;
        self.enter(&head, due)?;
        let layout = head.layout();
        if payload.len() < layout.words_at {
            return Err(EncodingError::Length {
                need: layout.words_at,
                have: payload.len(),
            });
        }
        let assignments = &payload[HEAD_BYTES..layout.runs_at];
        for assignment in assignments.chunks_exact(ASSIGNMENT_BYTES) {
            self.reference
                .assign(u32_at(assignment, 0), u32_at(assignment, 4))?;
        }
        self.pick(&payload[layout.runs_at..layout.widths_at], head.count)?;
        expect_zeros(payload, layout.padding_at..layout.words_at)?;
        self.read_blocks(&head, &layout, payload)?;
        out.reserve(self.picked.len());
        for (index, &place) in self.picked.iter().enumerate() {
            let numbers = self.now.row(index);
            self.reference.refer(place, numbers);
            let id = self.reference.row(place).id;
            out.push(head.numbering.record(id, numbers));
        }
        self.sequence = Some(head.sequence);
        Ok(())
    }

    /// Whether the frame is the one that is due; a first one of a key empties the table.
    fn enter(&mut self, head: &Head, last: Option<u32>) -> Result<(), EncodingError> {
        if head.bits & FIRST != 0 {
            self.reference.clear();
            self.numbering = Some(head.numbering);
            return Ok(());
        }
        let last = last.ok_or(EncodingError::NoKey(head.sequence))?;
        if self.numbering != Some(head.numbering) {
            return Err(EncodingError::AnotherForm);
        }
        let is_key = head.bits & KEY != 0;
        let need = last.wrapping_add(u32::from(!is_key));
        if head.sequence == need {
            Ok(())
        } else {
            let have = head.sequence;
            Err(EncodingError::OutOfSequence { need, have })
        }
    }

    /// Finds the rows of the frame's slots and their numbers.
    fn pick(&mut self, entries: &[u8], count: u32) -> Result<(), EncodingError> {
        self.picked.clear();
        let (reference, picked) = (&self.reference, &mut self.picked);
        runs::read(entries, count, |first, length| {
            reference.pick(first, length, picked)
        })?;
        let rows = self.picked.iter().map(|&place| reference.row(place));
        self.before.fill(rows.map(|row| row.numbers));
        Ok(())
    }

    /// Fills `now` from the residuals.
    fn read_blocks(
        &mut self,
        head: &Head,
        layout: &Layout,
        payload: &[u8],
    ) -> Result<(), EncodingError> {
        let mut widths = payload[layout.widths_at..layout.padding_at].iter();
        let mut at = layout.words_at;
        let mut residuals = [0; BLOCK];
        self.now.resize(self.before.count());
        for axis in ORDER {
            for index in 0..self.now.len() {
                let records = self.now.records_of(index);
                let width = widths.next().copied().unwrap_or_default();
                if width > 32 {
                    return Err(EncodingError::Width(width));
                }
                let end = at + 4 * block::words(records, width);
                let words = payload.get(at..end).ok_or(EncodingError::Length {
                    need: end,
                    have: payload.len(),
                })?;
                block::read(
                    words,
                    width,
                    end.saturating_sub(4),
                    &mut residuals[..records],
                )?;
                at = end;
                let (before, now) = (self.before.block(index), self.now.block_mut(index));
                let due = if axis < 3 {
                    let (old, new) = (&before[axis + 3], &now[axis + 3]);
                    let weights = head.weights;
                    head.numbering.predict(weights, &before[axis], old, new)
                } else {
                    before[axis]
                };
                now[axis] = std::array::from_fn(|agent| due[agent].wrapping_add(residuals[agent]));
            }
        }
        if at == payload.len() {
            Ok(())
        } else {
            Err(EncodingError::Length {
                need: at,
                have: payload.len(),
            })
        }
    }
}
