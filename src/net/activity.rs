//! What goes on on a connection that carries many requests at once: whether anything is asked, and
//! whether anything is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Looks without a request after which a connection is idle; with five seconds between them, about
/// as long as HTTP/1.1 waits for a head.
const IDLE_LOOKS: u32 = 2;

/// Looks after which a connection that takes nothing of its answers is stalled.
const STALLED_LOOKS: u32 = 6;

/// Looks after which one that was asked to end, for it was idle, is ended.
const ENDING_LOOKS: u32 = IDLE_LOOKS + 2;

/// The activity; see the module. What is counted here is only looked at, so no order is needed.
#[derive(Debug, Default)]
pub(super) struct Activity {
    under_way: AtomicUsize,
    /// Answers of which a part was given and the next was not asked for.
    untaken: AtomicUsize,
    /// Whatever happens moves it.
    moves: AtomicU64,
}

/// One request, until its answer has gone.
#[derive(Debug)]
pub(super) struct UnderWay {
    activity: Arc<Activity>,
    is_untaken: bool,
}

/// What looking at an activity from time to time comes to.
#[derive(Debug, Default)]
pub(super) struct Turnout {
    moves: u64,
    idle_looks: u32,
    stalled_looks: u32,
}

impl Activity {
    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.moves.fetch_add(1, Ordering::Relaxed);
        UnderWay {
            activity: Arc::clone(self),
            is_untaken: false,
        }
    }
}

impl UnderWay {
    /// A part of the answer was given.
    pub(super) fn note_given(&mut self) {
        if !std::mem::replace(&mut self.is_untaken, true) {
            self.activity.untaken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A part is asked for: the client has room for it.
    pub(super) fn note_asked(&mut self) {
        if std::mem::take(&mut self.is_untaken) {
            self.activity.untaken.fetch_sub(1, Ordering::Relaxed);
            self.activity.moves.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.note_asked();
        self.activity.under_way.fetch_sub(1, Ordering::Relaxed);
        self.activity.moves.fetch_add(1, Ordering::Relaxed);
    }
}

impl Turnout {
    /// Looks once more.
    pub(super) fn look(&mut self, activity: &Activity) {
        let moves = activity.moves.load(Ordering::Relaxed);
        let has_moved = std::mem::replace(&mut self.moves, moves) != moves;
        let count = |looks: u32, is_so: bool| if is_so { looks + 1 } else { 0 };
        let is_still = !has_moved;
        let is_empty = activity.under_way.load(Ordering::Relaxed) == 0;
        let is_untaken = activity.untaken.load(Ordering::Relaxed) > 0;
        self.idle_looks = count(self.idle_looks, is_still && is_empty);
        self.stalled_looks = count(self.stalled_looks, is_still && is_untaken);
    }

    /// Whether nothing was asked for a while.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_looks >= IDLE_LOOKS
    }

    /// Whether nothing was taken for long, or a connection that was asked to end does not.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_looks >= STALLED_LOOKS || self.idle_looks >= ENDING_LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_until(activity: &Activity, is_so: impl Fn(&Turnout) -> bool) -> Option<u32> {
        let mut turnout = Turnout::default();
        (1..100).find(|_| {
            turnout.look(activity);
            is_so(&turnout)
        })
    }

    #[test]
    fn a_connection_without_requests_is_idle_and_then_ended() {
        let activity = Activity::default();
        assert_eq!(looks_until(&activity, Turnout::is_idle), Some(2));
        assert_eq!(looks_until(&activity, Turnout::is_stalled), Some(4));
    }

    #[test]
    fn a_request_that_takes_long_is_neither_idle_nor_stalled() {
        let activity = Arc::new(Activity::default());
        let mut under_way = activity.begin();
        assert_eq!(looks_until(&activity, Turnout::is_idle), None);
        assert_eq!(looks_until(&activity, Turnout::is_stalled), None);
        // A part was given: the client is waited for.
        under_way.note_given();
        under_way.note_given();
        assert_eq!(looks_until(&activity, Turnout::is_stalled), Some(7));
        under_way.note_asked();
        assert_eq!(looks_until(&activity, Turnout::is_stalled), None);
        under_way.note_given();
        drop(under_way);
        assert_eq!(activity.untaken.load(Ordering::Relaxed), 0);
        assert_eq!(looks_until(&activity, Turnout::is_idle), Some(3));
    }
}
