//! The log: finished server frames, one after another, in one contiguous piece of memory.
//!
//! Positions count bytes since the start and never go back. Memory in front of the oldest
//! position is used again, so that a log whose viewers keep up stays in the cache.

use crate::wire::{BINARY, write_server_head};

const WAITING_BYTES_MAX: usize = 256 << 20;
/// Moving the rest to the front pays when this much in front of it is done with.
const TRIM_BYTES: usize = 1 << 20;

/// An append-only log of server frames.
#[derive(Debug, Default)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// The position of the first byte that is kept.
    base: u64,
}

impl Log {
    /// Appends one binary message.
    pub(super) fn append(&mut self, payload: &[u8]) {
        write_server_head(BINARY, payload.len(), &mut self.bytes);
        self.bytes.extend_from_slice(payload);
    }

    /// The position behind the last frame.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Everything from `position` on.
    pub(super) fn from(&self, position: u64) -> &[u8] {
        &self.bytes[(position - self.base) as usize..]
    }

    /// Forgets what lies before `oldest`, when it is worth it; false when too much waits.
    pub(super) fn trim(&mut self, oldest: u64) -> bool {
        let done_bytes = (oldest - self.base) as usize;
        let waiting_bytes = self.bytes.len() - done_bytes;
        if waiting_bytes == 0 || (done_bytes >= TRIM_BYTES && done_bytes >= waiting_bytes) {
            self.bytes.drain(..done_bytes);
            self.base = oldest;
        }
        waiting_bytes < WAITING_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_outlive_what_is_forgotten() {
        let mut log = Log::default();
        log.append(b"one");
        let behind_one = log.end();
        log.append(b"two!");
        assert!(log.trim(behind_one));
        assert_eq!(log.from(behind_one), [0x82, 4, b't', b'w', b'o', b'!']);
        assert!(log.trim(log.end()));
        assert!(log.from(log.end()).is_empty());
        log.append(b"x");
        assert_eq!(log.from(log.end() - 3), [0x82, 1, b'x']);
    }
}
