//! The viewers: registered agents on the screen of everybody who watches their stream.
//!
//! A commit only notes which agents there is news of, and wakes the one task that tells it; nothing
//! here waits for a hub on the writer's thread. What is told is how the rows are by then, so that
//! 100,000 changes are as many frames as it takes to carry them, and not one is older than the last.
//! Of turns of state each is told in JSON, as far as a bound allows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use agnt_codec::AgentMetrics;
use agnt_fleet::agent::Agent;
use agnt_fleet::row::Facet;
use agnt_fleet::tables::RowChange;
use agnt_fleet::{Event, EventKind, Id, PresenceBook, Rows};
use tokio::sync::Notify;

use super::exchanges::exchange_of;
use super::screen::{metrics_of, state_of};
use crate::control::registry_door::NEWS_AT_ONCE_MAX;
use crate::control::{Exchange, Hubs, News, Registered, Registry, Turn};
use crate::domain::StreamName;
use crate::engine::Call;

/// The most turns of one agent that wait to be told; of more, the oldest are not.
const TURNS_MAX: usize = 16;

/// The most commands, tasks and answers that wait to be told; further ones are not.
const EXCHANGES_MAX: usize = 65_536;

/// What there is news of, until it is told. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Viewers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Notify,
    sources: OnceLock<Sources>,
}

/// Where it is looked up.
#[derive(Debug)]
struct Sources {
    rows: Rows,
    presence: PresenceBook,
}

#[derive(Debug, Default)]
struct Waiting {
    /// One for each agent of which there is news.
    marks: HashMap<Id, Mark>,
    exchanges: Vec<Arc<Event>>,
}

/// That there is news of an agent.
#[derive(Debug, Default)]
struct Mark {
    /// Where it was until it was removed.
    left: Option<String>,
    is_new: bool,
    /// Whether it may have come from another stream.
    has_moved: bool,
    has_metrics: bool,
    turns: Vec<Arc<Event>>,
}

/// News by stream, and who may have left it.
#[derive(Debug, Default)]
struct Sorted {
    news: BTreeMap<String, Vec<News>>,
    moved: Vec<Id>,
}

impl Viewers {
    /// From now on agents are looked up here. The server has one fleet.
    pub fn look_into(&self, rows: Rows, presence: PresenceBook) {
        // It is set once, when the store is open.
        let _ = self.0.sources.set(Sources { rows, presence });
    }

    /// Notes what a commit changed that viewers see.
    pub(super) fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        for change in changes {
            if let RowChange::Agent(id, _) = change {
                waiting.mark(id);
            }
        }
        for event in events {
            waiting.note(event);
        }
        let is_filled = was_empty && !waiting.is_empty();
        drop(waiting);
        if is_filled {
            self.0.filled.notify_one();
        }
    }

    /// An agent said how it fares.
    pub fn heartbeat(&self, agent: &Id) {
        self.lock().mark(agent).has_metrics = true;
        self.0.filled.notify_one();
    }

    /// Tells the hubs what there is news of, for ever. `clock` tells the time.
    pub async fn run(self, hubs: Arc<Hubs>, clock: fn() -> Instant) {
        loop {
            let filled = self.0.filled.notified();
            let waiting = std::mem::take(&mut *self.lock());
            if waiting.is_empty() {
                filled.await;
                continue;
            }
            let sorted = self.sort(waiting.marks);
            self.tell(sorted, &hubs, clock).await;
            self.tell_exchanges(&waiting.exchanges, &hubs, clock).await;
        }
    }

    /// Puts news in order of streams: where an agent is by now, or where it was until it went.
    fn sort(&self, marks: HashMap<Id, Mark>) -> Sorted {
        let mut sorted = Sorted::default();
        let Some(sources) = self.0.sources.get() else {
            return sorted;
        };
        let tables = sources.rows.read();
        for (id, mark) in marks {
            let row = tables.agents.find(id.as_str());
            if mark.has_moved {
                sorted.moved.push(id.clone());
            }
            let home = row.map(|row| row.stream.as_str());
            let turns = mark.turns.iter().filter_map(|event| turn_of(event, row?));
            let news = News {
                agent: id.as_str().to_owned(),
                is_new: mark.is_new,
                turns: turns.collect(),
                has_metrics: mark.has_metrics,
            };
            let mut add = |stream: &str, news: News| match sorted.news.get_mut(stream) {
                Some(of_stream) => of_stream.push(news),
                None => {
                    sorted.news.insert(stream.to_owned(), vec![news]);
                }
            };
            if let Some(left) = mark.left.as_deref().filter(|left| Some(*left) != home) {
                let agent = id.as_str().to_owned();
                let gone = News {
                    agent,
                    ..News::default()
                };
                add(left, gone);
            }
            if let Some(home) = home {
                add(home, news);
            }
        }
        sorted
    }

    async fn tell(&self, sorted: Sorted, hubs: &Hubs, clock: fn() -> Instant) {
        for agents in sorted.moved.chunks(NEWS_AT_ONCE_MAX) {
            let agents: Vec<_> = agents.iter().map(Id::as_str).collect();
            for hub in hubs.all() {
                hub.release(self, &agents, call(clock));
                tokio::task::yield_now().await;
            }
        }
        for (stream, news) in sorted.news {
            let Some(hub) = stream_name(&stream).and_then(|name| hubs.find(&name)) else {
                // Whoever opens it finds the agents in the rows.
                continue;
            };
            for news in news.chunks(NEWS_AT_ONCE_MAX) {
                hub.follow(self, news, call(clock));
                tokio::task::yield_now().await;
            }
        }
    }

    async fn tell_exchanges(&self, events: &[Arc<Event>], hubs: &Hubs, clock: fn() -> Instant) {
        for events in events.chunks(NEWS_AT_ONCE_MAX) {
            for (stream, exchanges) in self.exchanges_of(events) {
                let hub = stream_name(&stream).and_then(|name| hubs.find(&name));
                if let Some(hub) = hub {
                    hub.note_exchanges(&exchanges, call(clock));
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Exchanges by the stream of the agent that they concern.
    fn exchanges_of(&self, events: &[Arc<Event>]) -> BTreeMap<String, Vec<Exchange>> {
        let mut by_stream: BTreeMap<String, Vec<Exchange>> = BTreeMap::new();
        let Some(sources) = self.0.sources.get() else {
            return by_stream;
        };
        let tables = sources.rows.read();
        for event in events {
            let agent = event.kind.agent_id();
            let agent = agent.and_then(|agent| tables.agents.find(agent.as_str()));
            if let Some((agent, exchange)) = agent.zip(exchange_of(event)) {
                let stream = by_stream.entry(agent.stream.clone()).or_default();
                stream.push(exchange);
            }
        }
        by_stream
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        let waiting = &self.0.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.exchanges.is_empty()
    }

    fn mark(&mut self, agent: &Id) -> &mut Mark {
        self.marks.entry(agent.clone()).or_default()
    }

    fn note(&mut self, event: &Arc<Event>) {
        match &event.kind {
            EventKind::AgentRegistered {
                agent_id,
                is_refreshed,
                ..
            } => {
                let mark = self.mark(agent_id);
                mark.is_new |= !is_refreshed;
                mark.has_moved |= is_refreshed;
            }
            EventKind::AgentStatusChanged { agent_id, .. } => {
                let turns = &mut self.mark(agent_id).turns;
                if turns.len() == TURNS_MAX {
                    turns.remove(0);
                }
                turns.push(Arc::clone(event));
            }
            EventKind::AgentRemoved {
                agent_id, stream, ..
            } => {
                let mark = self.mark(agent_id);
                // It went from where it was then; what came before is over.
                mark.has_moved |= mark.left.is_some();
                mark.left = Some(stream.clone());
                mark.turns.clear();
            }
            EventKind::TaskAssigned(_)
            | EventKind::CommandIssued { .. }
            | EventKind::CommandFinished { .. }
                if self.exchanges.len() < EXCHANGES_MAX =>
            {
                self.exchanges.push(Arc::clone(event));
            }
            _ => {}
        }
    }
}

impl Registry for Viewers {
    fn of_stream(&self, stream: &StreamName) -> Vec<Arc<dyn Registered>> {
        let Some(sources) = self.0.sources.get() else {
            return Vec::new();
        };
        let tables = sources.rows.read();
        let here = Facet::Stream(stream.as_str().into());
        let rows = tables.agents.with(&here);
        rows.map(|row| Arc::clone(row) as Arc<dyn Registered>)
            .collect()
    }

    fn find(&self, agents: &[&str]) -> Vec<Option<Arc<dyn Registered>>> {
        let Some(sources) = self.0.sources.get() else {
            return vec![None; agents.len()];
        };
        let tables = sources.rows.read();
        let find = |agent: &&str| {
            let row = tables.agents.find(agent)?;
            Some(Arc::clone(row) as Arc<dyn Registered>)
        };
        agents.iter().map(find).collect()
    }

    fn metrics(&self, agents: &[&dyn Registered]) -> Vec<AgentMetrics> {
        let Some(sources) = self.0.sources.get() else {
            return Vec::new();
        };
        let tables = sources.rows.read();
        let metrics = agents.iter().filter_map(|agent| {
            let row = tables.agents.find(agent.id())?;
            metrics_of(row, sources.presence.vitals(agent.id())?.as_ref())
        });
        metrics.collect()
    }

    fn remind(&self, agents: &[Arc<dyn Registered>]) {
        let mut waiting = self.lock();
        for id in agents.iter().filter_map(|agent| Id::new(agent.id()).ok()) {
            waiting.mark(&id).has_metrics = true;
        }
        drop(waiting);
        self.0.filled.notify_one();
    }
}

/// A change of status as viewers are told of it; one that is paused is seen as that.
fn turn_of(event: &Event, row: &Agent) -> Option<Turn> {
    match &event.kind {
        EventKind::AgentStatusChanged {
            old_status,
            new_status,
            reason,
            ..
        } => Some(Turn {
            before: state_of(*old_status, row.is_paused),
            state: state_of(*new_status, row.is_paused),
            reason: reason.clone(),
        }),
        _ => None,
    }
}

fn stream_name(stream: &str) -> Option<StreamName> {
    StreamName::parse(stream).ok()
}

fn call(clock: fn() -> Instant) -> Call {
    Call {
        loop_id: None,
        now: clock(),
    }
}
