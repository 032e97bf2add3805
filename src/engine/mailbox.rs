//! The mailbox of one session: what is addressed to it, from any thread, until its event loop
//! takes it.
//!
//! Letters wait in queues: the session's own, [`QueueId::OWN`], and one for each of its channels.
//! The more urgent letter goes first, whatever its queue. Within one priority
//! - queues that aren't dedicated are one line: first come, first taken;
//! - each dedicated queue, and each with credit, is a line of its own;
//! - lines take turns, letter by letter.
//!
//! A letter in the own queue has the priority that it says. One in a channel has its channel's, so
//! that the channel keeps its order; only a critical letter overtakes there too.
//!
//! Invariants: what waits never weighs more than the bound, nothing expired and nothing beyond its
//! queue's credit is taken, and the lock is not held while the reader is notified.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::mail_room::MailRoom;

pub use super::letter::{
    LETTER_OVERHEAD_BYTES, Letter, MailUsage, Overflow, Posted, QueueId, QueueSettings,
};

/// The mailbox; see the module.
pub struct Mailbox {
    bytes_max: usize,
    notify: Box<dyn Fn() + Send + Sync>,
    has_overflowed: AtomicBool,
    state: Mutex<State>,
}

/// What the lock guards.
struct State {
    room: MailRoom,
    /// Whether the reader knows that something can be taken.
    is_announced: bool,
}

impl Mailbox {
    /// An empty one for at most `bytes_max` bytes of letters and their overhead.
    ///
    /// `notify` is called when something can be taken that the reader doesn't know of, and when the
    /// mailbox overflows. The reader knows of what waits until [`Self::take`] says that no more
    /// does.
    pub fn new(bytes_max: usize, notify: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            bytes_max,
            notify,
            has_overflowed: AtomicBool::new(false),
            state: Mutex::new(State {
                room: MailRoom::new(),
                is_announced: false,
            }),
        }
    }

    /// How many bytes of letters it has room for.
    pub const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Opens a queue. One of that number that is open loses what waits in it; the own queue stays
    /// as it is.
    pub fn open_queue(&self, id: QueueId, settings: QueueSettings) {
        self.lock().room.open(id, settings);
    }

    /// Closes a queue; what waits in it goes uncounted. The own queue stays open.
    pub fn close_queue(&self, id: QueueId) {
        self.lock().room.close(id);
    }

    /// Lets so many more letters of a queue be taken. Returns its credit then, if it has credit at
    /// all.
    pub fn add_credit(&self, id: QueueId, letters: u32) -> Option<u32> {
        let mut state = self.lock();
        let at = state.room.find(id)?;
        let credit = state.room.add_credit(at, letters)?;
        let has_news = credit > 0 && state.room.queue(at).messages > 0;
        self.announce(state, has_news);
        Some(credit)
    }

    /// Puts a letter into a queue.
    pub fn post(&self, id: QueueId, letter: Letter) -> Posted {
        let mut state = self.lock();
        let found = state.room.find(id);
        let Some(at) = found.filter(|_| !self.has_overflowed()) else {
            return Posted::Closed;
        };
        if state.room.make_room(at, &letter, self.bytes_max) {
            state.room.push(at, letter);
            let has_news = state.room.queue(at).has_credit();
            self.announce(state, has_news);
            return Posted::Queued;
        }
        state.room.usage.dropped += 1;
        if state.room.queue(at).settings.overflow == Overflow::Disconnect {
            self.overflow(state);
        }
        Posted::Dropped
    }

    /// Moves up to `bytes_max` bytes of letters into `into`, at least one if one can be taken, and
    /// says whether more can be.
    pub fn take(&self, now: Instant, bytes_max: usize, into: &mut Vec<(QueueId, Letter)>) -> bool {
        let mut state = self.lock();
        let mut bytes = 0;
        let mut letters = 0;
        while let Some((at, line)) = state.room.next(now) {
            bytes += state.room.queue(at).front_bytes(line);
            if letters > 0 && bytes > bytes_max {
                return true;
            }
            letters += 1;
            into.extend(state.room.serve(at, line));
        }
        state.is_announced = false;
        false
    }

    /// Whether the session is to be closed, because its mail outgrew a bound where nothing may be
    /// dropped.
    pub fn has_overflowed(&self) -> bool {
        self.has_overflowed.load(Ordering::Acquire)
    }

    /// What waits and what was lost.
    pub fn usage(&self) -> MailUsage {
        self.lock().room.usage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held ended one connection; the queues stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies the reader of what it doesn't know, without the lock.
    fn announce(&self, mut state: MutexGuard<'_, State>, has_news: bool) {
        let is_unknown = has_news && !state.is_announced;
        state.is_announced |= has_news;
        drop(state);
        if is_unknown {
            (self.notify)();
        }
    }

    /// Nothing is sent any more, so nothing is held.
    fn overflow(&self, mut state: MutexGuard<'_, State>) {
        self.has_overflowed.store(true, Ordering::Release);
        state.room.drop_all();
        drop(state);
        (self.notify)();
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Mailbox")
            .field("bytes_max", &self.bytes_max)
            .field("has_overflowed", &self.has_overflowed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/mailbox.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/mailbox_model.rs"]
mod model;
