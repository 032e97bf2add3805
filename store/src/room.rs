//! The room on the disk: whether there is enough for a commit, without asking the system each time.

use std::time::{Duration, Instant};

use crate::batch::Batch;

/// What a commit needs at most: this for each row, twice its bytes, and the margin.
const BYTES_PER_CHANGE: usize = 16 << 10;
const BYTES_MARGIN: usize = 1 << 20;

/// With less than this, the system is asked before every commit.
const AMPLE_BYTES: u64 = 1 << 30;

/// With more, it is asked again after commits of so many bytes, and after so long: others fill the
/// disk, too.
const TRUSTED_BYTES: usize = 64 << 20;
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// What is known of the room on the disk.
#[derive(Debug)]
pub(crate) struct Room {
    asked_at: Instant,
    /// How much may still be committed before the system is asked again.
    trusted_bytes: usize,
}

impl Room {
    /// Nothing is known yet.
    pub(crate) fn unknown() -> Self {
        Self {
            asked_at: Instant::now(),
            trusted_bytes: 0,
        }
    }

    /// Whether there is room for a commit of `batch`; `bytes_free` asks the system, which may not know.
    pub(crate) fn is_enough(
        &mut self,
        batch: &Batch,
        bytes_free: impl FnOnce() -> Option<u64>,
    ) -> bool {
        let rows = batch.changes().saturating_mul(BYTES_PER_CHANGE);
        let bytes = rows.saturating_add(batch.len_bytes().saturating_mul(2));
        if bytes <= self.trusted_bytes && self.asked_at.elapsed() < TRUSTED_FOR {
            self.trusted_bytes -= bytes;
            return true;
        }
        let free = bytes_free();
        *self = match free {
            Some(AMPLE_BYTES..) => Self {
                asked_at: Instant::now(),
                trusted_bytes: TRUSTED_BYTES,
            },
            _ => Self::unknown(),
        };
        free.is_none_or(|free| free >= bytes.saturating_add(BYTES_MARGIN) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Batch {
        let mut batch = Batch::new();
        batch.event(1, vec![0; bytes]);
        batch
    }

    #[test]
    fn where_little_is_free_every_commit_asks() {
        let mut room = Room::unknown();
        for free in [AMPLE_BYTES - 1, 2 << 20, 100, 2 << 20] {
            let mut asked = 0;
            let is_enough = room.is_enough(&batch(1000), || {
                asked += 1;
                Some(free)
            });
            assert_eq!((is_enough, asked), (free >= 2 << 20, 1));
        }
        assert!(room.is_enough(&batch(1000), || None), "nobody knows");
    }

    #[test]
    fn where_much_is_free_the_next_commits_do_not_ask_until_much_was_written_or_one_failed() {
        let mut room = Room::unknown();
        assert!(room.is_enough(&batch(1000), || Some(AMPLE_BYTES)));
        // However long it took to get here.
        room.asked_at = Instant::now() + TRUSTED_FOR;
        assert!(room.is_enough(&batch(TRUSTED_BYTES / 4), || unreachable!()));
        assert!(!room.is_enough(&batch(TRUSTED_BYTES / 2), || Some(0)));

        assert!(room.is_enough(&batch(1000), || Some(AMPLE_BYTES)));
        room = Room::unknown();
        assert!(!room.is_enough(&batch(1000), || Some(0)));
    }

    #[test]
    fn after_a_while_it_asks_again() {
        let mut room = Room::unknown();
        assert!(room.is_enough(&batch(1000), || Some(AMPLE_BYTES)));
        std::thread::sleep(TRUSTED_FOR);
        assert!(!room.is_enough(&batch(1000), || Some(0)));
    }
}
