//! One queue of a mailbox: its letters by priority, in order of arrival.

use std::collections::VecDeque;
use std::time::Instant;

use super::letter::{LETTER_OVERHEAD_BYTES, Letter, QueueId, QueueSettings};
use crate::domain::Priority;

/// Room for so many letters is kept when a line is empty; a burst's is given back.
const LETTERS_KEPT: usize = 16;

/// A letter with its number in order of arrival at the mailbox.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) arrival: u64,
    pub(super) letter: Letter,
}

/// The queue. It has no bound of its own: the mailbox weighs all queues together.
#[derive(Debug)]
pub(super) struct MailQueue {
    pub(super) id: QueueId,
    pub(super) settings: QueueSettings,
    /// Letters that wait.
    pub(super) messages: usize,
    /// Their bytes.
    pub(super) bytes: usize,
    /// The mailbox's turn at which the queue was last served.
    pub(super) served: u64,
    lines: [VecDeque<Placed>; Priority::ALL.len()],
}

impl MailQueue {
    pub(super) fn new(id: QueueId, settings: QueueSettings) -> Self {
        Self {
            id,
            settings,
            messages: 0,
            bytes: 0,
            served: 0,
            lines: Default::default(),
        }
    }

    /// The line that a letter waits in.
    pub(super) fn line_of(&self, letter: &Letter) -> Priority {
        let is_own = self.id == QueueId::OWN;
        match letter.priority {
            priority if is_own || priority == Priority::Critical => priority,
            _ => self.settings.priority,
        }
    }

    /// Whether it takes turns with the others. One with credit does, so that it never holds up
    /// theirs.
    pub(super) fn has_own_line(&self) -> bool {
        self.settings.is_dedicated || self.settings.credit.is_some()
    }

    pub(super) fn has_credit(&self) -> bool {
        self.settings.credit != Some(0)
    }

    /// What counts for the mailbox's bound.
    pub(super) fn weight_bytes(&self) -> usize {
        self.bytes + self.messages * LETTER_OVERHEAD_BYTES
    }

    pub(super) fn push(&mut self, placed: Placed) -> Priority {
        let line = self.line_of(&placed.letter);
        self.messages += 1;
        self.bytes += placed.letter.text.len();
        self.lines[line.index()].push_back(placed);
        line
    }

    pub(super) fn pop_front(&mut self, line: Priority) -> Option<Letter> {
        let placed = self.lines[line.index()].pop_front()?;
        Some(self.let_go(line, placed))
    }

    pub(super) fn pop_back(&mut self, line: Priority) -> Option<Letter> {
        let placed = self.lines[line.index()].pop_back()?;
        Some(self.let_go(line, placed))
    }

    fn let_go(&mut self, line: Priority, placed: Placed) -> Letter {
        self.messages -= 1;
        self.bytes -= placed.letter.text.len();
        let waiting = &mut self.lines[line.index()];
        if waiting.is_empty() && waiting.capacity() > LETTERS_KEPT {
            *waiting = VecDeque::new();
        }
        placed.letter
    }

    /// When the first of a line arrived.
    pub(super) fn front_arrival(&self, line: Priority) -> Option<u64> {
        self.front(line).map(|placed| placed.arrival)
    }

    /// The bytes of the first of a line.
    pub(super) fn front_bytes(&self, line: Priority) -> usize {
        self.front(line)
            .map_or(0, |placed| placed.letter.text.len())
    }

    /// Whether the first of a line is not to be delivered any more.
    pub(super) fn has_expired(&self, line: Priority, now: Instant) -> bool {
        let expiry = self.front(line).and_then(|placed| placed.letter.expires_at);
        expiry.is_some_and(|expiry| expiry <= now)
    }

    fn front(&self, line: Priority) -> Option<&Placed> {
        self.lines[line.index()].front()
    }
}
