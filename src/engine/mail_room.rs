//! All queues of one mailbox: what is dropped for want of room, and whose turn is next. Without a
//! lock; the mailbox has it.

use std::time::Instant;

use super::letter::{LETTER_OVERHEAD_BYTES, Letter, MailUsage, Overflow, QueueId, QueueSettings};
use super::mail_queue::{MailQueue, Placed};
use crate::domain::Priority;

/// The queues; see the module.
#[derive(Debug)]
pub(super) struct MailRoom {
    pub(super) usage: MailUsage,
    /// The own queue first.
    queues: Vec<MailQueue>,
    /// Letters per priority, so that empty priorities cost nothing.
    waiting: [usize; Priority::ALL.len()],
    /// The number of the next letter, in order of arrival.
    next_arrival: u64,
    /// Counts the turns of lines within a priority.
    turn: u64,
    /// When the line of all queues that aren't dedicated last had its turn.
    shared_served: u64,
}

impl MailRoom {
    pub(super) fn new() -> Self {
        let own = QueueSettings {
            priority: Priority::Normal,
            is_dedicated: false,
            messages_max: usize::MAX,
            overflow: Overflow::Disconnect,
            credit: None,
        };
        Self {
            queues: vec![MailQueue::new(QueueId::OWN, own)],
            usage: MailUsage::default(),
            waiting: [0; Priority::ALL.len()],
            next_arrival: 0,
            turn: 0,
            shared_served: 0,
        }
    }

    pub(super) fn find(&self, id: QueueId) -> Option<usize> {
        self.queues.iter().position(|queue| queue.id == id)
    }

    pub(super) fn queue(&self, at: usize) -> &MailQueue {
        &self.queues[at]
    }

    pub(super) fn open(&mut self, id: QueueId, settings: QueueSettings) {
        self.close(id);
        if id != QueueId::OWN {
            self.queues.push(MailQueue::new(id, settings));
        }
    }

    pub(super) fn close(&mut self, id: QueueId) {
        if let Some(at) = self.find(id).filter(|_| id != QueueId::OWN) {
            self.clear(at);
            self.queues.swap_remove(at);
        }
    }

    /// Drops everything that waits.
    pub(super) fn drop_all(&mut self) {
        self.usage.dropped += self.usage.messages as u64;
        for at in 0..self.queues.len() {
            self.clear(at);
        }
    }

    fn clear(&mut self, at: usize) {
        for line in Priority::ALL {
            while self.remove_front(at, line).is_some() {}
        }
    }

    /// A queue's credit after so much more, if it has credit at all.
    pub(super) fn add_credit(&mut self, at: usize, letters: u32) -> Option<u32> {
        let credit = self.queues[at].settings.credit.as_mut()?;
        *credit = credit.saturating_add(letters);
        Some(*credit)
    }

    pub(super) fn push(&mut self, at: usize, letter: Letter) {
        let placed = Placed {
            arrival: self.next_arrival,
            letter,
        };
        self.next_arrival += 1;
        self.usage.messages += 1;
        self.usage.bytes += placed.letter.text.len();
        let line = self.queues[at].push(placed);
        self.waiting[line.index()] += 1;
    }

    fn remove_front(&mut self, at: usize, line: Priority) -> Option<Letter> {
        let letter = self.queues[at].pop_front(line)?;
        self.forget(line, &letter);
        Some(letter)
    }

    /// Takes a letter that has left its queue off the sums.
    fn forget(&mut self, line: Priority, letter: &Letter) {
        self.usage.messages -= 1;
        self.usage.bytes -= letter.text.len();
        self.waiting[line.index()] -= 1;
    }

    /// Makes room for a letter as its queue's policy has it, and says whether there is some. For a
    /// letter in the own queue the channels give way.
    pub(super) fn make_room(&mut self, at: usize, letter: &Letter, bytes_max: usize) -> bool {
        let weight_bytes = letter.text.len() + LETTER_OVERHEAD_BYTES;
        let line = self.queues[at].line_of(letter);
        let settings = self.queues[at].settings;
        let fits = |room: &Self| {
            room.queues[at].messages < settings.messages_max
                && room.usage.weight_bytes() + weight_bytes <= bytes_max
        };
        while !fits(self) {
            let has_dropped = match settings.overflow {
                // Nothing is dropped for what can't wait anyway.
                _ if weight_bytes > bytes_max => false,
                Overflow::DropNewest => false,
                Overflow::DropOldest => self.drop_oldest(at, line),
                Overflow::Latest => self.drop_up_to(at, line),
                Overflow::Disconnect => at == 0 && self.drop_from_heaviest_channel(),
            };
            if !has_dropped {
                return false;
            }
        }
        true
    }

    /// Drops the oldest of a queue's least urgent letters, but none more urgent than `up_to`.
    fn drop_oldest(&mut self, at: usize, up_to: Priority) -> bool {
        let mut lines = Priority::ALL.into_iter().filter(|line| *line <= up_to);
        let has_dropped = lines.any(|line| self.remove_front(at, line).is_some());
        self.usage.dropped += u64::from(has_dropped);
        has_dropped
    }

    /// Drops all of a queue's letters that aren't more urgent than `up_to`.
    fn drop_up_to(&mut self, at: usize, up_to: Priority) -> bool {
        let before = self.usage.dropped;
        while self.drop_oldest(at, up_to) {}
        self.usage.dropped > before
    }

    /// Drops one letter of the heaviest channel that may drop any, at the end that its policy
    /// names.
    fn drop_from_heaviest_channel(&mut self) -> bool {
        let may_drop = |queue: &MailQueue| {
            queue.messages > 0 && queue.settings.overflow != Overflow::Disconnect
        };
        let channels = self.queues.iter().enumerate().skip(1);
        let heaviest = channels
            .filter(|(_, queue)| may_drop(queue))
            .max_by_key(|(_, queue)| (queue.weight_bytes(), queue.id));
        let Some((at, queue)) = heaviest else {
            return false;
        };
        if queue.settings.overflow == Overflow::DropNewest {
            self.drop_newest(at)
        } else {
            self.drop_oldest(at, Priority::Critical)
        }
    }

    /// Drops the newest of a queue's least urgent letters.
    fn drop_newest(&mut self, at: usize) -> bool {
        for line in Priority::ALL {
            if let Some(letter) = self.queues[at].pop_back(line) {
                self.forget(line, &letter);
                self.usage.dropped += 1;
                return true;
            }
        }
        false
    }

    /// The queue and the line that have their turn. What has expired at the front of a line goes.
    pub(super) fn next(&mut self, now: Instant) -> Option<(usize, Priority)> {
        let lines = Priority::ALL.into_iter().rev();
        for line in lines {
            if self.waiting[line.index()] > 0
                && let Some(at) = self.next_in(line, now)
            {
                return Some((at, line));
            }
        }
        None
    }

    /// The queue that has its turn within a priority: that of the line whose last turn is longest
    /// ago; in the shared line the one whose letter came first.
    fn next_in(&mut self, line: Priority, now: Instant) -> Option<usize> {
        let mut shared: Option<(u64, usize)> = None;
        let mut own: Option<(u64, usize)> = None;
        for at in 0..self.queues.len() {
            self.expire(at, line, now);
            let queue = &self.queues[at];
            let Some(arrival) = queue.front_arrival(line).filter(|_| queue.has_credit()) else {
                continue;
            };
            let (first, rank) = match queue.has_own_line() {
                true => (&mut own, queue.served),
                false => (&mut shared, arrival),
            };
            if first.is_none_or(|(best, _)| rank < best) {
                *first = Some((rank, at));
            }
        }
        match (shared, own) {
            (Some((_, at)), Some((served, _))) if self.shared_served < served => Some(at),
            (_, Some((_, at))) => Some(at),
            (shared, None) => shared.map(|(_, at)| at),
        }
    }

    fn expire(&mut self, at: usize, line: Priority, now: Instant) {
        while self.queues[at].has_expired(line, now) {
            self.usage.expired += u64::from(self.remove_front(at, line).is_some());
        }
    }

    /// Takes the front of a line, for its queue's credit and turn.
    pub(super) fn serve(&mut self, at: usize, line: Priority) -> Option<(QueueId, Letter)> {
        let letter = self.remove_front(at, line)?;
        self.turn += 1;
        let queue = &mut self.queues[at];
        let credit = &mut queue.settings.credit;
        *credit = credit.map(|credit| credit.saturating_sub(1));
        match queue.has_own_line() {
            true => queue.served = self.turn,
            false => self.shared_served = self.turn,
        }
        Some((queue.id, letter))
    }
}
