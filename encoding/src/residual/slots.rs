//! The slots of an encoder: who has which, and the reference of each.
//!
//! Invariants:
//! - an id has one slot at most; a slot is free, or has one id, or is leaving;
//! - a slot that was freed isn't given away before [`Slots::settle`], so that none stands for two
//!   agents in one frame;
//! - newcomers get the lowest free slots, so that those who come together lie together.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::residual::number::Six;
use crate::residual::runs::SLOTS_MAX;

/// One slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u32,
    is_used: bool,
    /// The part in which it was named last.
    part: u64,
    reference: Six,
}

/// All slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    by_id: HashMap<u32, u32>,
    free: BinaryHeap<Reverse<u32>>,
    leaving: Vec<u32>,
}

impl Slots {
    /// Whether an agent has a slot.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The slot of an agent. `near` is a guess, which is looked at first.
    #[inline]
    pub(crate) fn find(&self, id: u32, near: u32) -> Option<u32> {
        match self.slots.get(near as usize) {
            Some(slot) if slot.is_used && slot.id == id => Some(near),
            _ => self.by_id.get(&id).copied(),
        }
    }

    /// Gives an agent without a slot one whose reference is zero; none if all are taken.
    pub(crate) fn assign(&mut self, id: u32) -> Option<u32> {
        let fresh = Slot {
            id,
            is_used: true,
            part: 0,
            reference: [0; 6],
        };
        let number = if let Some(Reverse(number)) = self.free.pop() {
            self.slots[number as usize] = fresh;
            number
        } else {
            let number = self.slots.len() as u32;
            if number >= SLOTS_MAX {
                return None;
            }
            self.slots.push(fresh);
            number
        };
        self.by_id.insert(id, number);
        Some(number)
    }

    /// Takes an agent's slot away, if it has one. Nobody gets it before [`Slots::settle`].
    pub(crate) fn leave(&mut self, id: u32) {
        if let Some(number) = self.by_id.remove(&id) {
            self.slots[number as usize].is_used = false;
            self.leaving.push(number);
        }
    }

    /// Makes the slots that were taken away free.
    pub(crate) fn settle(&mut self) {
        self.free.extend(self.leaving.drain(..).map(Reverse));
    }

    /// Says that a slot is named in a part; false if it was already.
    #[inline]
    pub(crate) fn name(&mut self, number: u32, part: u64) -> bool {
        let slot = &mut self.slots[number as usize];
        let is_first = slot.part != part;
        slot.part = part;
        is_first
    }

    /// The reference of a slot.
    #[inline]
    pub(crate) fn reference(&self, number: u32) -> Six {
        self.slots[number as usize].reference
    }

    /// Changes the reference of a slot.
    #[inline]
    pub(crate) fn refer(&mut self, number: u32, reference: Six) {
        self.slots[number as usize].reference = reference;
    }

    /// All slots that are taken, rising: number, id, reference.
    pub(crate) fn taken(&self) -> impl Iterator<Item = (u32, u32, Six)> {
        let numbered = (0..).zip(&self.slots);
        let taken = numbered.filter(|(_, slot)| slot.is_used);
        taken.map(|(number, slot)| (number, slot.id, slot.reference))
    }

    /// Takes all slots away.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
