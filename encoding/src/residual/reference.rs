//! The reference of a decoder: which agent each slot stands for, and its numbers.
//!
//! Invariant: there is one row for each slot that was ever assigned since the table was emptied, so
//! that memory grows with assignments and not with the numbers of slots.

use std::collections::HashMap;

use crate::EncodingError;
use crate::residual::number::Six;
use crate::residual::runs::SLOTS_MAX;

/// One slot that was assigned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    slot: u32,
    pub(crate) id: u32,
    pub(crate) numbers: Six,
}

/// All slots that were assigned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    rows: Vec<Row>,
    by_slot: HashMap<u32, u32>,
}

impl Reference {
    /// Forgets all assignments.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.by_slot.clear();
    }

    /// Gives a slot an agent and the numbers zero.
    pub(crate) fn assign(&mut self, slot: u32, id: u32) -> Result<(), EncodingError> {
        if slot >= SLOTS_MAX {
            return Err(EncodingError::SlotTooGreat(slot.into()));
        }
        let row = Row {
            slot,
            id,
            numbers: [0; 6],
        };
        let index = *self.by_slot.entry(slot).or_insert(self.rows.len() as u32);
        match self.rows.get_mut(index as usize) {
            Some(there) => *there = row,
            None => self.rows.push(row),
        }
        Ok(())
    }

    /// Appends to `picked` the places of the rows of a run of slots.
    pub(crate) fn pick(
        &self,
        first: u32,
        length: u32,
        picked: &mut Vec<u32>,
    ) -> Result<(), EncodingError> {
        // Slots that follow one another mostly have rows that do.
        let mut guess = picked.last().map_or(0, |last| last + 1);
        for slot in first..first + length {
            if self
                .rows
                .get(guess as usize)
                .is_none_or(|row| row.slot != slot)
            {
                let place = self.by_slot.get(&slot).copied();
                guess = place.ok_or(EncodingError::SlotUnassigned(slot))?;
            }
            picked.push(guess);
            guess += 1;
        }
        Ok(())
    }

    /// The row at a place that [`Reference::pick`] gave.
    #[inline]
    pub(crate) fn row(&self, place: u32) -> Row {
        self.rows[place as usize]
    }

    /// Changes the numbers of a row at a place that [`Reference::pick`] gave.
    #[inline]
    pub(crate) fn refer(&mut self, place: u32, numbers: Six) {
        self.rows[place as usize].numbers = numbers;
    }
}
