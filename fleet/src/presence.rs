//! Who is there: open sessions and heartbeats of agents. None of it is stored (ruling 59).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::agent::Vitals;
use crate::core::Presence;
use crate::tables::RowChange;
use crate::{Id, Refusal, RefusalKind, Timestamp, weight};

/// The most that an agent's heartbeat may hold beside the figures that have a name, in bytes of
/// memory: it is kept for each agent.
pub const VITALS_BYTES_MAX: usize = 16 << 10;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The book of who is there. It has an entry for each registered agent that was heard of, and for
/// each that a session is open of. Clones are the same book.
#[derive(Clone)]
pub struct PresenceBook {
    page: Arc<Mutex<Page>>,
    clock: Clock,
}

/// What is written in the book.
#[derive(Debug, Default)]
struct Page {
    entries: HashMap<Id, Entry>,
    /// Of all agents together.
    sessions: usize,
}

/// What is known of one agent.
#[derive(Debug, Default)]
struct Entry {
    is_registered: bool,
    sessions: usize,
    last_heard: Option<Timestamp>,
    vitals: Option<Arc<Vitals>>,
}

/// An open session of an agent; it is closed when this is dropped.
#[must_use = "the session counts as open for as long as this lives"]
#[derive(Debug)]
pub struct Attachment {
    agent: Id,
    book: PresenceBook,
}

impl PresenceBook {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            page: Arc::default(),
            clock,
        }
    }

    /// A session of this agent opened, registered or not.
    pub fn attach(&self, agent: &Id) -> Attachment {
        let now = (self.clock)();
        let mut page = self.page();
        page.sessions += 1;
        let entry = page.entries.entry(agent.clone()).or_default();
        entry.sessions += 1;
        entry.last_heard = Some(now);
        drop(page);
        Attachment {
            agent: agent.clone(),
            book: self.clone(),
        }
    }

    /// A sign of life without any figure. Whether the agent is known.
    pub fn heard(&self, agent: &Id) -> bool {
        let now = (self.clock)();
        match self.page().entries.get_mut(agent) {
            Some(entry) => {
                entry.last_heard = Some(now);
                true
            }
            None => false,
        }
    }

    /// A heartbeat with its figures, which take the place of the last ones; its time is set here.
    pub fn heartbeat(&self, agent: &Id, mut vitals: Vitals) -> Result<Timestamp, Refusal> {
        if weight::bytes_of_fields(&vitals.other)? > VITALS_BYTES_MAX {
            let message =
                format!("the heartbeat has more figures than fit into {VITALS_BYTES_MAX} bytes");
            return Err(Refusal::new(RefusalKind::TooLarge, message));
        }
        let now = (self.clock)();
        vitals.last_heartbeat = now;
        let mut page = self.page();
        let entry = page.entries.get_mut(agent);
        let Some(entry) = entry.filter(|entry| entry.is_registered) else {
            return Err(Refusal::not_found("agent", agent.as_str()));
        };
        entry.last_heard = Some(now);
        let old = entry.vitals.replace(Arc::new(vitals));
        drop(page);
        drop(old);
        Ok(now)
    }

    /// What the agent last said of itself.
    pub fn vitals(&self, agent: &str) -> Option<Arc<Vitals>> {
        self.page().entries.get(agent)?.vitals.clone()
    }

    /// How many sessions are open, of all agents.
    pub fn sessions(&self) -> usize {
        self.page().sessions
    }

    /// Agents that were registered when the server started.
    pub(crate) fn know<'a>(&self, agents: impl Iterator<Item = &'a Id>) {
        let mut page = self.page();
        for agent in agents {
            page.entries.entry(agent.clone()).or_default().is_registered = true;
        }
    }

    /// Agents came and went.
    pub(crate) fn follow(&self, changes: &[RowChange]) {
        let agents = changes.iter().filter_map(|change| match change {
            RowChange::Agent(id, row) => Some((id, row.is_some())),
            _ => None,
        });
        let entries = &mut self.page().entries;
        for (id, is_registered) in agents {
            if is_registered {
                entries.entry(id.clone()).or_default().is_registered = true;
            } else if let Some(entry) = entries.get_mut(id) {
                entry.is_registered = false;
                entry.vitals = None;
                if entry.sessions == 0 {
                    entries.remove(id);
                }
            }
        }
    }

    fn detach(&self, agent: &Id) {
        let now = (self.clock)();
        let mut page = self.page();
        page.sessions = page.sessions.saturating_sub(1);
        let Some(entry) = page.entries.get_mut(agent) else {
            return;
        };
        entry.sessions = entry.sessions.saturating_sub(1);
        entry.last_heard = Some(now);
        if entry.sessions == 0 && !entry.is_registered {
            page.entries.remove(agent);
        }
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence for PresenceBook {
    fn is_attached(&self, agent: &Id) -> bool {
        let page = self.page();
        let entry = page.entries.get(agent);
        entry.is_some_and(|entry| entry.sessions > 0)
    }

    fn last_heard(&self, agent: &Id) -> Option<Timestamp> {
        self.page().entries.get(agent)?.last_heard
    }
}

impl Attachment {
    /// Whose session it is.
    pub fn agent(&self) -> &Id {
        &self.agent
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.book.detach(&self.agent);
    }
}

impl fmt::Debug for PresenceBook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PresenceBook").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::Fields;

    fn book() -> (PresenceBook, Arc<AtomicU64>) {
        let micros = Arc::new(AtomicU64::new(1));
        let told = Arc::clone(&micros);
        let clock = move || Timestamp::from_micros(told.load(Ordering::Relaxed));
        (PresenceBook::new(Arc::new(clock)), micros)
    }

    #[test]
    fn sessions_count_until_the_last_is_closed() {
        let (book, micros) = book();
        let agent = Id::new("a").unwrap();
        let (first, second) = (book.attach(&agent), book.attach(&agent));
        drop(first);
        assert!(book.is_attached(&agent));
        assert_eq!(book.sessions(), 1);
        book.know([&agent].into_iter());
        micros.store(9, Ordering::Relaxed);
        drop(second);
        assert!(!book.is_attached(&agent));
        assert_eq!(book.last_heard(&agent), Some(Timestamp::from_micros(9)));
    }

    #[test]
    fn only_registered_agents_beat_and_nothing_stays_of_those_that_went() {
        let (book, _) = book();
        let agent = Id::new("a").unwrap();
        let unknown = book.heartbeat(&agent, Vitals::default()).unwrap_err();
        assert_eq!(unknown.kind, RefusalKind::NotFound);
        drop(book.attach(&agent));
        assert!(book.page().entries.is_empty());
        book.know([&agent].into_iter());
        let vitals = Vitals {
            cpu_percent: Some(5.0),
            ..Vitals::default()
        };
        let at = book.heartbeat(&agent, vitals.clone()).unwrap();
        let kept = book.vitals("a").unwrap();
        assert_eq!((kept.cpu_percent, kept.last_heartbeat), (Some(5.0), at));
        let huge = Vitals {
            other: Fields::from_iter([("x".to_owned(), "y".repeat(VITALS_BYTES_MAX).into())]),
            ..Vitals::default()
        };
        let refusal = book.heartbeat(&agent, huge).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::TooLarge);
        book.follow(&[RowChange::Agent(agent.clone(), None)]);
        assert!(book.page().entries.is_empty() && !book.heard(&agent));
    }
}
