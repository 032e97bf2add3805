//! The bell that calls the encoder to a stream.

use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::engine::Stream;

/// Rung by streams, listened to by the encoder; many rings of a stream before it is heard are one.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<Rung>,
    heard: Condvar,
}

#[derive(Debug, Default)]
struct Rung {
    streams: Vec<Weak<Stream>>,
    is_over: bool,
}

impl Bell {
    /// Calls the encoder to a stream.
    pub(super) fn ring(&self, stream: &Weak<Stream>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        if !rung.streams.iter().any(|held| held.ptr_eq(stream)) {
            rung.streams.push(Weak::clone(stream));
            self.heard.notify_one();
        }
    }

    /// Tells the encoder to end.
    pub(super) fn end(&self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.is_over = true;
        self.heard.notify_one();
    }

    /// Waits until streams have rung or `until` has come; `None`: it is over.
    pub(super) fn listen(&self, until: Option<Instant>) -> Option<Vec<Weak<Stream>>> {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if rung.is_over {
                return None;
            }
            if !rung.streams.is_empty() {
                return Some(std::mem::take(&mut rung.streams));
            }
            let wait = until.map_or(Duration::from_secs(1), |until| {
                until.saturating_duration_since(Instant::now())
            });
            if wait.is_zero() {
                return Some(Vec::new());
            }
            let waited = self.heard.wait_timeout(rung, wait);
            rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
