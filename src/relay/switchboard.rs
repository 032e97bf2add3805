//! The switchboard: which session hears which events of the fleet.
//!
//! Sessions listen with patterns and filters. An event is written once for each dialect that it is
//! heard in, whoever hears it, and goes to each listener once, however many of its subscriptions
//! match. It goes into the listener's mailbox; a listener whose mail outgrows its bound is closed, so
//! that nobody who goes on listening has missed anything.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agnt_fleet::topics::{
    Filter, Pattern, SubscriptionLimits, Subscriptions, SubscriptionsFull, Topic,
};
use agnt_fleet::{Event, EventKind, Refusal, RefusalKind};
use bytes::Bytes;
use serde_json::json;

use super::rendering::{Speech, envelope_a, write_event};
use super::subject::EventSubject;
use crate::domain::Priority;
use crate::engine::mailbox::{Letter, Mailbox, Posted, QueueId};

/// How many subscriptions a session may have.
const SUBSCRIPTIONS_PER_LISTENER_MAX: usize = 128;

/// How many patterns one subscription may name.
const PATTERNS_PER_SUBSCRIPTION_MAX: usize = 32;

/// A listening session's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    /// Higher than that of any session that came before.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What a session listens to.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Topics, any of which must match.
    pub patterns: Vec<Pattern>,
    /// What else must hold.
    pub filter: Filter,
    /// Whether commands and their answers are heard, too; document A has a channel for these.
    pub has_commands: bool,
}

impl Listening {
    fn is_for(&self, event: &Event, subject: &EventSubject) -> bool {
        let is_command = matches!(
            event.kind,
            EventKind::CommandIssued { .. } | EventKind::CommandFinished { .. }
        );
        (self.has_commands || !is_command) && self.filter.passes(subject)
    }
}

/// One subscription.
#[derive(Debug)]
struct Subscription {
    listener: ListenerId,
    listening: Listening,
}

/// A session that listens.
#[derive(Debug)]
struct Listener {
    mailbox: Arc<Mailbox>,
    speech: Speech,
    /// Its subscriptions by the ids that it gave them.
    subscriptions: BTreeMap<String, u64>,
}

/// The switchboard; see the module.
pub struct Switchboard {
    state: Mutex<State>,
    /// The largest event that a session's queue has room for, in bytes.
    event_bytes_max: AtomicUsize,
}

/// What the lock guards.
struct State {
    next: u64,
    /// The number of the last event that was brought to the listeners.
    heard: u64,
    listeners: HashMap<ListenerId, Listener>,
    subscriptions: HashMap<u64, Subscription>,
    by_topic: Subscriptions<u64>,
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Switchboard").finish_non_exhaustive()
    }
}

/// How a session stands once its subscriptions have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The number of the last event that was brought before: what is behind it will come.
    pub heard: u64,
    /// How many subscriptions it has.
    pub subscriptions: usize,
}

/// What was brought to listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Letters that were posted.
    pub letters: u64,
    /// Letters for which a mailbox had no room.
    pub dropped: u64,
}

impl Switchboard {
    /// Nobody listens yet.
    pub fn new(limits: SubscriptionLimits) -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                heard: 0,
                listeners: HashMap::new(),
                subscriptions: HashMap::new(),
                by_topic: Subscriptions::new(limits),
            }),
            event_bytes_max: AtomicUsize::new(usize::MAX),
        }
    }

    /// Sessions have queues of so many bytes. An event that would fill one alone is not sent: each
    /// session would be closed for it, and again when it came back for it.
    pub fn fit_into(&self, queue_bytes_max: usize) {
        let event_bytes_max = queue_bytes_max - queue_bytes_max / 16;
        self.event_bytes_max
            .store(event_bytes_max, Ordering::Relaxed);
    }

    /// What a session is told of an event: the event, or, if it is too large for a session, that it
    /// is left out.
    pub fn text_of(&self, speech: Speech, event: &Event, subject: &EventSubject) -> String {
        let text = write_event(speech, event, subject.command());
        match text.len() <= self.event_bytes_max.load(Ordering::Relaxed) {
            true => text,
            false => write_left_out(speech, event),
        }
    }

    /// The newest event has this number.
    pub fn begin_at(&self, head: u64) {
        let mut state = self.lock();
        state.heard = state.heard.max(head);
    }

    /// A session begins to listen, to nothing yet.
    pub fn join(&self, mailbox: Arc<Mailbox>, speech: Speech) -> ListenerId {
        let mut state = self.lock();
        state.next += 1;
        let id = ListenerId(state.next);
        let listener = Listener {
            mailbox,
            speech,
            subscriptions: BTreeMap::new(),
        };
        state.listeners.insert(id, listener);
        id
    }

    /// The number of a session that listens to nothing.
    pub fn number(&self) -> ListenerId {
        let mut state = self.lock();
        state.next += 1;
        ListenerId(state.next)
    }

    /// A session speaks another dialect from now on.
    pub fn speak(&self, id: ListenerId, speech: Speech) {
        if let Some(listener) = self.lock().listeners.get_mut(&id) {
            listener.speech = speech;
        }
    }

    /// A session is gone.
    pub fn leave(&self, id: ListenerId) {
        let mut state = self.lock();
        if let Some(listener) = state.listeners.remove(&id) {
            for subscription in listener.subscriptions.into_values() {
                state.unsubscribe(subscription);
            }
        }
    }

    /// A session listens to more; a subscription of the same name is replaced.
    pub fn subscribe(
        &self,
        id: ListenerId,
        name: &str,
        listening: Listening,
    ) -> Result<Standing, Refusal> {
        let patterns = listening.patterns.len();
        if patterns == 0 || patterns > PATTERNS_PER_SUBSCRIPTION_MAX {
            let allowed =
                format!("{patterns} patterns; 1 to {PATTERNS_PER_SUBSCRIPTION_MAX} are allowed");
            return Err(Refusal::invalid("topics", allowed));
        }
        let mut state = self.lock();
        let Some(listener) = state.listeners.get_mut(&id) else {
            return Ok(state.standing(id));
        };
        let replaced = listener.subscriptions.remove(name);
        if listener.subscriptions.len() >= SUBSCRIPTIONS_PER_LISTENER_MAX {
            let message = format!(
                "subscriptions: a session has at most {SUBSCRIPTIONS_PER_LISTENER_MAX} of them"
            );
            let refusal = Refusal::new(RefusalKind::TooMany, message);
            return Err(refusal.with("cap", "subscriptions"));
        }
        if let Some(replaced) = replaced {
            state.unsubscribe(replaced);
        }
        state.next += 1;
        let key = state.next;
        for at in 0..patterns {
            if let Err(full) = state.by_topic.insert(&listening.patterns[at], key) {
                for pattern in &listening.patterns[..at] {
                    state.by_topic.remove(pattern, key);
                }
                return Err(too_many(&full));
            }
        }
        let subscription = Subscription {
            listener: id,
            listening,
        };
        state.subscriptions.insert(key, subscription);
        if let Some(listener) = state.listeners.get_mut(&id) {
            listener.subscriptions.insert(name.to_owned(), key);
        }
        Ok(state.standing(id))
    }

    /// A session listens to less; `None` if there is no subscription of that name.
    pub fn unsubscribe(&self, id: ListenerId, name: &str) -> Option<Standing> {
        let mut state = self.lock();
        let listener = state.listeners.get_mut(&id)?;
        let key = listener.subscriptions.remove(name)?;
        state.unsubscribe(key);
        Some(state.standing(id))
    }

    /// A session listens to nothing any more. Returns the names of the subscriptions that it had, too.
    pub fn unsubscribe_all(&self, id: ListenerId) -> (Vec<String>, Standing) {
        let mut state = self.lock();
        let listener = state.listeners.get_mut(&id);
        let held = listener.map(|listener| std::mem::take(&mut listener.subscriptions));
        let mut names = Vec::new();
        for (name, key) in held.into_iter().flatten() {
            state.unsubscribe(key);
            names.push(name);
        }
        (names, state.standing(id))
    }

    /// Brings events to whom they concern. `subject` finds what filters look into.
    pub fn bring(
        &self,
        events: &[Arc<Event>],
        subject: &mut dyn FnMut(&Event) -> EventSubject,
    ) -> Brought {
        let mut brought = Brought::default();
        let mut keys = Vec::new();
        let mut state = self.lock();
        for event in events {
            state.heard = event.sequence;
            if state.subscriptions.is_empty() {
                continue;
            }
            let Ok(topic) = Topic::parse(&event.topic()) else {
                continue;
            };
            match topic.alias() {
                Some(alias) => state.by_topic.matching_any(&[&topic, &alias], &mut keys),
                None => state.by_topic.matching(&topic, &mut keys),
            }
            if keys.is_empty() {
                continue;
            }
            let subject = subject(event);
            let mut texts: [Option<Bytes>; Speech::COUNT] = Default::default();
            for listener in state.concerned(&keys, event, &subject) {
                let speech = listener.speech;
                let text = texts[speech as usize]
                    .get_or_insert_with(|| self.text_of(speech, event, &subject).into());
                let letter = Letter {
                    sequence: Some(event.sequence),
                    ..letter(text.clone())
                };
                match listener.mailbox.post(QueueId::OWN, letter) {
                    Posted::Queued => brought.letters += 1,
                    Posted::Dropped | Posted::Closed => brought.dropped += 1,
                }
            }
        }
        brought
    }

    /// How many sessions listen, and to how many subscriptions.
    pub fn usage(&self) -> (usize, usize) {
        let state = self.lock();
        (state.listeners.len(), state.subscriptions.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn standing(&self, id: ListenerId) -> Standing {
        let listener = self.listeners.get(&id);
        Standing {
            heard: self.heard,
            subscriptions: listener.map_or(0, |listener| listener.subscriptions.len()),
        }
    }

    fn unsubscribe(&mut self, key: u64) {
        if let Some(subscription) = self.subscriptions.remove(&key) {
            for pattern in &subscription.listening.patterns {
                self.by_topic.remove(pattern, key);
            }
        }
    }

    /// The listeners of these subscriptions that the event is for, each once.
    fn concerned(
        &self,
        keys: &[u64],
        event: &Event,
        subject: &EventSubject,
    ) -> impl Iterator<Item = &Listener> {
        let mut found: Vec<ListenerId> = Vec::new();
        for key in keys {
            let Some(subscription) = self.subscriptions.get(key) else {
                continue;
            };
            if subscription.listening.is_for(event, subject) {
                found.push(subscription.listener);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|id| self.listeners.get(&id))
    }
}

/// A finished text for one session.
pub fn letter(text: Bytes) -> Letter {
    Letter {
        text,
        is_binary: false,
        priority: Priority::Normal,
        expires_at: None,
        sequence: None,
    }
}

/// A gap of one event, which can be read over REST.
fn write_left_out(speech: Speech, event: &Event) -> String {
    let sequence = event.sequence;
    let gap = json!({ "from": sequence, "to": sequence, "reason": "size" });
    match speech {
        Speech::A => {
            let mut gap = gap;
            gap["status"] = "gap".into();
            envelope_a("response", event.id.as_str(), event.at, None, &gap).to_string()
        }
        Speech::B => json!({ "gap": gap }).to_string(),
    }
}

fn too_many(full: &SubscriptionsFull) -> Refusal {
    Refusal::new(RefusalKind::TooMany, format!("subscriptions: {full}"))
        .with("cap", "subscriptions")
}
