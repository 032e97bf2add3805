//! What one client was granted within the last minute, in sub-windows.
//!
//! A sub-window begins with the first request that finds none open, and takes all that is granted
//! within half a second of it. It is forgotten as a whole, a minute after the last request in it:
//! whatever is rounded is rounded against the client. So no span of a minute ever holds more than
//! the limit, and a client that always asks has each grant back after a minute and half a second
//! at most. Where at most one request falls into half a second, nothing is rounded at all.
//!
//! A sub-window takes 8 bytes and 121 are remembered at most, those of a minute and the one that is
//! ending. So a window that is asked for much takes 1.1 KB, and one that saw a few requests takes
//! 100 bytes.

use std::collections::VecDeque;

/// The span that the limit is about, in microseconds.
pub(super) const WINDOW_US: u64 = 60_000_000;

/// How finely it is divided. More of them would give an even sender a little more and take memory.
const SUB_WINDOWS: u64 = 120;

const SUB_WINDOW_US: u64 = WINDOW_US / SUB_WINDOWS;

/// The window; see the module. Times are microseconds of one clock that never jumps.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// Sub-windows in which something was granted, the oldest first.
    marks: VecDeque<Mark>,
    /// The sum over them.
    granted: u32,
    /// When the newest of them began.
    newest_began_us: u64,
    /// When something was granted last.
    granted_at_us: u64,
}

/// What was granted in one sub-window.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// When the last of it was granted: the low half of the time, which tells apart far more than
    /// the two minutes that a mark can be old when it is looked at.
    granted_at_low_us: u32,
    granted: u32,
}

/// How a window stands after a request was counted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many more would be granted at once.
    pub remaining: u32,
    /// How long a silent client waits for its full quota, in microseconds.
    pub full_in_us: u64,
    /// How long until one more is granted, in microseconds; only for a request that was refused.
    pub refused_for_us: Option<u64>,
}

impl Window {
    /// Counts a request if fewer than `limit`, which is at least one, were granted in the last minute.
    pub(super) fn ask(&mut self, now_us: u64, limit: u32) -> Standing {
        // Threads read the clock before they wait for their turn; the later turn has the later time.
        let now_us = now_us.max(self.granted_at_us);
        self.forget_until(now_us);
        let refused_for_us = match self.marks.front() {
            Some(oldest) if self.granted >= limit => Some(WINDOW_US - oldest.age_us(now_us)),
            _ => {
                self.grant(now_us);
                None
            }
        };
        Standing {
            remaining: limit.saturating_sub(self.granted),
            full_in_us: (self.granted_at_us + WINDOW_US).saturating_sub(now_us),
            refused_for_us,
        }
    }

    /// Counts a request that was granted elsewhere, whatever the limit is.
    pub(super) fn note(&mut self, now_us: u64) {
        let now_us = now_us.max(self.granted_at_us);
        self.forget_until(now_us);
        self.grant(now_us);
    }

    /// Whether nothing was granted within the last minute, so that forgetting it changes nothing.
    pub(super) fn is_empty(&self, now_us: u64) -> bool {
        self.marks.is_empty() || now_us >= self.granted_at_us + WINDOW_US
    }

    fn grant(&mut self, now_us: u64) {
        let is_open = now_us - self.newest_began_us < SUB_WINDOW_US;
        if let Some(newest) = self.marks.back_mut().filter(|_| is_open) {
            newest.granted_at_low_us = now_us as u32;
            newest.granted += 1;
        } else {
            self.newest_began_us = now_us;
            self.marks.push_back(Mark {
                granted_at_low_us: now_us as u32,
                granted: 1,
            });
        }
        self.granted = self.granted.saturating_add(1);
        self.granted_at_us = now_us;
    }

    fn forget_until(&mut self, now_us: u64) {
        if self.is_empty(now_us) {
            self.marks.clear();
            self.granted = 0;
        }
        while let Some(old) = self
            .marks
            .pop_front_if(|mark| mark.age_us(now_us) >= WINDOW_US)
        {
            self.granted -= old.granted;
        }
    }
}

impl Mark {
    fn age_us(self, now_us: u64) -> u64 {
        u64::from((now_us as u32).wrapping_sub(self.granted_at_low_us))
    }
}

#[cfg(test)]
#[path = "tests/window.rs"]
mod tests;
