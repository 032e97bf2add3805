//! Slots of a table that changed and have not been told, taken in turns.

use std::collections::BTreeSet;

/// The slots; each is in it once. Who takes fewer than there are goes on behind them the next time,
/// so that none is left out for ever.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangedSlots {
    slots: BTreeSet<usize>,
    /// Where the next turn begins.
    next: usize,
}

impl ChangedSlots {
    pub(super) fn insert(&mut self, slot: usize) {
        self.slots.insert(slot);
    }

    pub(super) fn remove(&mut self, slot: usize) {
        self.slots.remove(&slot);
    }

    /// Takes at most so many.
    pub(super) fn take(&mut self, slots_max: usize) -> Vec<usize> {
        let ahead = self.slots.range(self.next..);
        let around = self.slots.range(..self.next);
        let taken: Vec<usize> = ahead.chain(around).take(slots_max).copied().collect();
        if taken.len() == self.slots.len() {
            self.slots.clear();
        } else {
            for slot in &taken {
                self.slots.remove(slot);
            }
        }
        self.next = taken.last().map_or(self.next, |last| last + 1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::ChangedSlots;

    #[test]
    fn every_slot_has_its_turn_though_others_change_all_the_time() {
        let mut changed = ChangedSlots::default();
        (0..5).for_each(|slot| changed.insert(slot));
        assert_eq!(changed.take(2), [0, 1]);
        (0..2).for_each(|slot| changed.insert(slot));
        assert_eq!(changed.take(2), [2, 3]);
        changed.remove(0);
        assert_eq!(changed.take(9), [4, 1]);
        assert!(changed.take(9).is_empty());
    }
}
