//! Runs: which slots a frame is about, as few entries of 8 bytes.
//!
//! ```text
//! entry: first slot u32 | length u32, from 1            that slot and those that follow it
//!        first slot u32 | bit 31, bit 0 and a mask      the slots first + j of the set bits j to 30
//! ```
//!
//! Invariant: the slots of a frame rise strictly, from entry to entry too, so none comes twice.

use crate::EncodingError;
use crate::payload::u32_at;

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 8;

/// Slots are below this number.
pub(crate) const SLOTS_MAX: u32 = 1 << 24;

/// In an entry's second word: the rest is a mask and not a length.
const IS_MASK: u32 = 1 << 31;

/// The slots that a mask can name.
const MASK_SLOTS: u32 = 31;

/// Replaces `entries` by those of `slots`, which rise strictly: runs, and masks where these name more.
pub(crate) fn write(slots: &[u32], entries: &mut Vec<[u32; 2]>) {
    entries.clear();
    let mut rest = slots;
    while let Some(&first) = rest.first() {
        // Rising slots are a run for as long as the last is as far off as it must be at least.
        let near = &rest[..rest.len().min(MASK_SLOTS as usize)];
        let run = near
            .iter()
            .zip(first..)
            .take_while(|(slot, due)| **slot == *due);
        let run = run.count();
        let within = near.partition_point(|slot| slot - first < MASK_SLOTS);
        if within > run {
            let mask = near[..within]
                .iter()
                .fold(IS_MASK, |mask, slot| mask | 1 << (slot - first));
            entries.push([first, mask]);
            rest = &rest[within..];
        } else {
            let run = whole_run(rest, run);
            entries.push([first, run as u32]);
            rest = &rest[run..];
        }
    }
}

/// The length of the run at the start of `slots`, whose first `known` are one.
fn whole_run(slots: &[u32], known: usize) -> usize {
    let due = slots[0] + known as u32;
    let more = slots[known..].iter().zip(due..);
    known + more.take_while(|(slot, due)| **slot == *due).count()
}

/// Gives each slot of a frame's entries to `each`, a run or a single slot at a time, as first slot
/// and length.
pub(crate) fn read(
    entries: &[u8],
    count: u32,
    mut each: impl FnMut(u32, u32) -> Result<(), EncodingError>,
) -> Result<(), EncodingError> {
    let mut last = None;
    let mut named = 0_u64;
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let (first, what) = (u32_at(entry, 0), u32_at(entry, 4));
        if let Some(last) = last.filter(|last| first <= *last) {
            return Err(EncodingError::SlotNotRising { last, have: first });
        }
        let is_mask = what & IS_MASK != 0;
        let mask = what & !IS_MASK;
        if what == 0 || is_mask && mask & 1 == 0 {
            return Err(EncodingError::Run(what));
        }
        let span = if is_mask {
            MASK_SLOTS - (mask << 1).leading_zeros()
        } else {
            what
        };
        let end = u64::from(first) + u64::from(span);
        if end > u64::from(SLOTS_MAX) {
            return Err(EncodingError::SlotTooGreat(end - 1));
        }
        named += u64::from(if is_mask { mask.count_ones() } else { span });
        if named > u64::from(count) {
            return Err(EncodingError::Count { count, named });
        }
        if is_mask {
            for offset in (0..span).filter(|offset| mask >> offset & 1 != 0) {
                each(first + offset, 1)?;
            }
        } else {
            each(first, span)?;
        }
        last = Some(first + (span - 1));
    }
    if named == u64::from(count) {
        Ok(())
    } else {
        Err(EncodingError::Count { count, named })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries_of(slots: &[u32]) -> Vec<[u32; 2]> {
        let mut entries = vec![[9, 9]];
        write(slots, &mut entries);
        entries
    }

    fn slots_of(entries: &[[u32; 2]], count: u32) -> Result<Vec<u32>, EncodingError> {
        let bytes: Vec<u8> = entries
            .as_flattened()
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let mut slots = Vec::new();
        read(&bytes, count, |first, length| {
            slots.extend(first..first + length);
            Ok(())
        })?;
        Ok(slots)
    }

    #[test]
    fn neighbours_are_one_run() {
        let slots: Vec<u32> = (7..2000).collect();
        assert_eq!(entries_of(&slots), [[7, 1993]]);
        assert_eq!(entries_of(&[5]), [[5, 1]]);
        assert_eq!(entries_of(&[]), [[0; 2]; 0]);
    }

    #[test]
    fn scattered_slots_are_masks() {
        assert_eq!(entries_of(&[4, 6, 34]), [[4, IS_MASK | 1 | 4 | 1 << 30]]);
        assert_eq!(entries_of(&[4, 35]), [[4, 1], [35, 1]]);
        assert_eq!(
            entries_of(&[1, 2, 3, 40, 41, 43]),
            [[1, 3], [40, IS_MASK | 0b1011]]
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..500 {
            let rate = random.u32(1..=round / 5 + 1);
            let slots: Vec<u32> = (0..600).filter(|_| random.u32(0..=rate) > 0).collect();
            let entries = entries_of(&slots);
            assert!(
                entries.len() <= 1 + slots.len().min(600 / 31 + 1),
                "{}",
                entries.len()
            );
            assert_eq!(slots_of(&entries, slots.len() as u32), Ok(slots));
        }
        let last = [[SLOTS_MAX - 2, 2]];
        assert_eq!(slots_of(&last, 2), Ok(vec![SLOTS_MAX - 2, SLOTS_MAX - 1]));
    }

    #[test]
    fn entries_that_break_a_rule_are_refused() {
        let refused = |entries: &[[u32; 2]], count| slots_of(entries, count).unwrap_err();
        assert_eq!(refused(&[[0, 0]], 0), EncodingError::Run(0));
        assert_eq!(
            refused(&[[0, IS_MASK | 2]], 1),
            EncodingError::Run(IS_MASK | 2)
        );
        assert_eq!(refused(&[[0, IS_MASK]], 0), EncodingError::Run(IS_MASK));
        let twice = EncodingError::SlotNotRising { last: 2, have: 2 };
        assert_eq!(refused(&[[0, 3], [2, 1]], 4), twice);
        let masked = EncodingError::SlotNotRising { last: 30, have: 30 };
        assert_eq!(refused(&[[0, IS_MASK | 1 | 1 << 30], [30, 1]], 3), masked);
        let beyond = EncodingError::SlotTooGreat(u64::from(SLOTS_MAX));
        assert_eq!(refused(&[[SLOTS_MAX - 1, 2]], 2), beyond);
        assert_eq!(refused(&[[SLOTS_MAX - 1, IS_MASK | 3]], 2), beyond);
        assert_eq!(
            refused(&[[0, 3]], 2),
            EncodingError::Count { count: 2, named: 3 }
        );
        assert_eq!(
            refused(&[[0, 3]], 4),
            EncodingError::Count { count: 4, named: 3 }
        );
        assert_eq!(
            refused(&[[5, 0x7FFF_FFFF]], u32::MAX),
            EncodingError::SlotTooGreat(5 + 0x7FFF_FFFE)
        );
    }
}
