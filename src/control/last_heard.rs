//! When a session was last heard of: noted with every message, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The note; shared by the session and whoever watches over its silence.
#[derive(Debug)]
pub struct LastHeard {
    began: Instant,
    /// Milliseconds since then.
    heard_ms: AtomicU64,
}

impl LastHeard {
    /// A session that is heard of for the first time.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            heard_ms: AtomicU64::new(0),
        }
    }

    /// Something came from it.
    pub fn note(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began).as_millis();
        let ms = u64::try_from(since).unwrap_or(u64::MAX);
        self.heard_ms.store(ms, Ordering::Relaxed);
    }

    /// When that was the last time.
    pub fn at(&self) -> Instant {
        let ms = self.heard_ms.load(Ordering::Relaxed);
        let at = self.began.checked_add(Duration::from_millis(ms));
        at.unwrap_or(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_stands() {
        let start = Instant::now();
        let heard = LastHeard::new(start);
        assert_eq!(heard.at(), start);
        heard.note(start + Duration::from_millis(1500));
        assert_eq!(heard.at(), start + Duration::from_millis(1500));
    }
}
