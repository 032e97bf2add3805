//! Those who wait for the end of a workflow or for the answer to a command.
//!
//! There is one entry for each thing that is waited for, however many wait; it goes with the last
//! of them. Each of them is an open request, of which admission bounds the number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agnt_fleet::Id;
use agnt_fleet::tables::RowChange;
use tokio::sync::Notify;

/// The book of those who wait.
#[derive(Debug, Default)]
pub struct Waits {
    entries: Mutex<HashMap<Id, Entry>>,
    /// How many entries there are, so that a commit that nobody waits for costs nothing.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    changed: Arc<Notify>,
    waiting: usize,
}

/// One who waits; dropping it is to wait no longer.
#[derive(Debug)]
pub struct Wait {
    waits: Arc<Waits>,
    id: Id,
    changed: Arc<Notify>,
}

impl Waits {
    /// Waits for the workflow or the command of this id.
    pub fn on(self: &Arc<Self>, id: &Id) -> Wait {
        let mut entries = self.entries();
        let entry = entries.entry(id.clone()).or_insert_with(|| Entry {
            changed: Arc::new(Notify::new()),
            waiting: 0,
        });
        entry.waiting += 1;
        let changed = Arc::clone(&entry.changed);
        self.len.store(entries.len(), Ordering::SeqCst);
        Wait {
            waits: Arc::clone(self),
            id: id.clone(),
            changed,
        }
    }

    /// Wakes those who wait for one of these rows, if it came to its end or went.
    pub(super) fn committed(&self, changes: &[RowChange]) {
        if self.len.load(Ordering::SeqCst) == 0 {
            return;
        }
        let ended = changes.iter().filter_map(|change| match change {
            RowChange::Workflow(id, row) => {
                let is_over = |row: &Arc<agnt_fleet::workflow::Workflow>| row.status.is_terminal();
                row.as_ref().is_none_or(is_over).then_some(id)
            }
            RowChange::Command(id, row) => {
                let is_over = |row: &Arc<agnt_fleet::command::Command>| row.status.is_terminal();
                row.as_ref().is_none_or(is_over).then_some(id)
            }
            _ => None,
        });
        let entries = self.entries();
        for id in ended {
            if let Some(entry) = entries.get(id) {
                entry.changed.notify_waiters();
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    /// Returns what `look` finds, which is asked now and whenever what is waited for ends.
    pub async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            // From here on no end is missed, also one that comes while this one looks.
            let changed = self.changed.notified();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut entries = self.waits.entries();
        if let Some(entry) = entries.get_mut(&self.id) {
            entry.waiting -= 1;
            if entry.waiting == 0 {
                entries.remove(&self.id);
            }
        }
        self.waits.len.store(entries.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[tokio::test]
    async fn an_end_wakes_those_who_wait_for_it_and_nothing_stays() {
        let waits = Arc::new(Waits::default());
        let (id, other) = (Id::new("w1").unwrap(), Id::new("w2").unwrap());
        let is_over = Arc::new(AtomicBool::new(false));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let (wait, is_over) = (waits.on(&id), Arc::clone(&is_over));
                tokio::spawn(async move {
                    let look = || is_over.load(Ordering::SeqCst).then_some(7);
                    wait.until(look).await
                })
            })
            .collect();
        let late = waits.on(&other);
        tokio::task::yield_now().await;
        is_over.store(true, Ordering::SeqCst);
        waits.committed(&[RowChange::Workflow(id.clone(), None)]);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), 7);
        }
        drop(late);
        assert!(waits.entries().is_empty() && waits.len.load(Ordering::SeqCst) == 0);
    }
}
