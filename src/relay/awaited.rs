//! Sessions that await the answers to commands which they gave.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agnt_fleet::Id;
use agnt_fleet::command::Command;
use agnt_fleet::tables::RowChange;

use super::switchboard::{ListenerId, letter};
use crate::engine::mailbox::{Mailbox, QueueId};

/// How many answers may be awaited; beyond, the answer is found by asking for the command.
const AWAITED_MAX: usize = 100_000;

/// Who awaits what; see the module.
#[derive(Debug, Default)]
pub struct Awaited {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    by_command: HashMap<Id, Asker>,
    /// What each session awaits, so that one that goes is not looked for among all.
    by_listener: HashMap<ListenerId, HashSet<Id>>,
}

/// A session that awaits an answer.
pub struct Asker {
    /// Its number.
    pub listener: ListenerId,
    /// Where its mail goes.
    pub mailbox: Arc<Mailbox>,
    /// Says the answer in the words that it speaks.
    pub write: Box<dyn Fn(&Command) -> String + Send>,
}

impl Asker {
    /// Brings it the end of its command.
    pub fn tell(&self, command: &Command) {
        let text = (self.write)(command);
        self.mailbox.post(QueueId::OWN, letter(text.into()));
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Asker").field(&self.listener).finish()
    }
}

impl Awaited {
    /// A session awaits the answer to this command, which is not given yet.
    pub fn expect(&self, command: Id, asker: Asker) {
        self.lock().enter(command, asker);
    }

    /// The command was not given after all. Returns who awaited its answer.
    pub fn forget(&self, command: &Id) -> Option<Asker> {
        self.lock().remove(command)
    }

    /// A session is gone.
    pub fn leave(&self, listener: ListenerId) {
        self.lock().leave(listener);
    }

    /// Brings the answers among these changes to who awaits them.
    pub(super) fn bring(&self, changes: &[RowChange]) {
        let mut book = self.lock();
        if book.by_command.is_empty() {
            return;
        }
        for change in changes {
            if let RowChange::Command(id, Some(command)) = change
                && command.status.is_terminal()
                && let Some(asker) = book.remove(id)
            {
                asker.tell(command);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn enter(&mut self, command: Id, asker: Asker) {
        if self.by_command.len() >= AWAITED_MAX {
            return;
        }
        // An id that is asked for once more has a new asker.
        self.remove(&command);
        let commands = self.by_listener.entry(asker.listener).or_default();
        commands.insert(command.clone());
        self.by_command.insert(command, asker);
    }

    fn remove(&mut self, command: &Id) -> Option<Asker> {
        let asker = self.by_command.remove(command)?;
        if let Some(commands) = self.by_listener.get_mut(&asker.listener) {
            commands.remove(command);
            if commands.is_empty() {
                self.by_listener.remove(&asker.listener);
            }
        }
        Some(asker)
    }

    fn leave(&mut self, listener: ListenerId) {
        for command in self.by_listener.remove(&listener).unwrap_or_default() {
            self.by_command.remove(&command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agnt_fleet::topics::SubscriptionLimits;

    use crate::relay::switchboard::Switchboard;

    fn asker(listener: ListenerId) -> Asker {
        Asker {
            listener,
            mailbox: Arc::new(Mailbox::new(1024, Box::new(|| {}))),
            write: Box::new(|_| String::new()),
        }
    }

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn who_goes_awaits_nothing_more_and_others_are_left_alone() {
        let awaited = Awaited::default();
        let numbers = Switchboard::new(SubscriptionLimits::default());
        let (first, second) = (numbers.number(), numbers.number());
        for (command, listener) in [
            ("one", first),
            ("two", first),
            ("three", second),
            ("two", second),
        ] {
            awaited.expect(id(command), asker(listener));
        }
        awaited.leave(first);
        assert!(awaited.forget(&id("one")).is_none());
        let newest = awaited.forget(&id("two"));
        assert!(newest.is_some_and(|asker| asker.listener == second));
        assert!(awaited.forget(&id("three")).is_some());
        let book = awaited.lock();
        assert!(book.by_command.is_empty() && book.by_listener.is_empty());
    }
}
