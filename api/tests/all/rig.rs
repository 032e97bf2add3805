//! A fleet in memory, and clients that ask it something.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use agnt_api::{
    AgentTexts, ApiRequest, ApiResponse, EventQuery, EventsPage, FleetView, Principal,
    ResponseFigures, Step, answer,
};
use agnt_fleet::agent::Vitals;
use agnt_fleet::core::{CoreSettings, Presence};
use agnt_fleet::tables::Tables;
use agnt_fleet::topics::Topic;
use agnt_fleet::{Core, Event, Id, Mutation, Outcome, Refusal, Timestamp};
use http::{HeaderMap, Method};
use serde_json::Value;

/// Document B's own moment, 2025-01-15T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_micros(1_736_942_400_000_000);

/// The fleet.
pub(crate) struct Rig {
    core: RefCell<Core>,
    tables: RwLock<Tables>,
    vitals: RefCell<HashMap<Id, Arc<Vitals>>>,
    agent_texts: AgentTexts,
    attached: RefCell<Vec<Id>>,
    events: RefCell<Vec<Arc<Event>>>,
    now: Cell<Timestamp>,
    /// What happens while somebody waits.
    meanwhile: RefCell<Vec<Mutation>>,
    /// The fingerprint of the last mutation with an `Idempotency-Key`.
    pub(crate) fingerprint: RefCell<Option<[u8; 32]>>,
    /// What a stream was asked for last.
    pub(crate) streamed: RefCell<Option<EventQuery>>,
}

/// A request, as it is put together.
#[derive(Clone)]
pub(crate) struct Asking<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: Vec<u8>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) last_event_id: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) principal: Principal,
}

/// An answer, read.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

struct Presences<'a>(&'a Rig);

impl Presence for Presences<'_> {
    fn is_attached(&self, agent: &Id) -> bool {
        self.0.attached.borrow().contains(agent)
    }

    fn last_heard(&self, agent: &Id) -> Option<Timestamp> {
        let vitals = self.0.vitals.borrow();
        vitals.get(agent).map(|vitals| vitals.last_heartbeat)
    }
}

impl FleetView for Rig {
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().expect("no test panics under the lock")
    }

    fn vitals(&self, agent: &Id) -> Option<Arc<Vitals>> {
        self.vitals.borrow().get(agent).cloned()
    }

    fn agent_texts(&self) -> Option<&AgentTexts> {
        Some(&self.agent_texts)
    }

    fn may_call(&self, url: &str) -> bool {
        url.starts_with("https://allowed.example/")
    }

    fn response_figures(&self) -> ResponseFigures {
        ResponseFigures {
            average_response_ms: 145.2,
            error_rate: 0.02,
        }
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            core: RefCell::new(Core::new(CoreSettings::default(), Tables::default(), 1, 7)),
            tables: RwLock::default(),
            vitals: RefCell::default(),
            agent_texts: AgentTexts::default(),
            attached: RefCell::default(),
            events: RefCell::default(),
            now: Cell::new(NOON),
            meanwhile: RefCell::default(),
            fingerprint: RefCell::default(),
            streamed: RefCell::default(),
        }
    }

    /// A session of the agent is open.
    pub(crate) fn attach(&self, agent: &str) {
        self.attached.borrow_mut().push(Id::new(agent).unwrap());
    }

    /// The next who waits sees this happen.
    pub(crate) fn meanwhile(&self, mutation: Mutation) {
        self.meanwhile.borrow_mut().push(mutation);
    }

    /// Time goes on.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.now.set(self.now.get().plus_ms(ms));
        let presences = Presences(self);
        self.core.borrow_mut().tick(&presences, self.now.get());
        self.publish();
    }

    /// The path may have a query.
    pub(crate) fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => Vec::new(),
            body => serde_json::to_vec(body).unwrap(),
        };
        self.send_bytes(method, path, &body)
    }

    pub(crate) fn send_bytes(&self, method: Method, path: &str, body: &[u8]) -> Answer {
        self.ask(&Asking::new(method, path, body))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &Value::Null)
    }

    pub(crate) fn ask(&self, asking: &Asking<'_>) -> Answer {
        let request = ApiRequest {
            method: &asking.method,
            path: asking.path,
            query: asking.query,
            accept: asking.accept,
            content_type: asking.content_type,
            idempotency_key: asking.idempotency_key,
            last_event_id: asking.last_event_id,
            correlation_id: asking.correlation_id,
            trace_id: None,
            body: &asking.body,
            principal: &asking.principal,
            now: self.now.get(),
        };
        Answer::read(&self.run(answer(&request, self)))
    }

    pub(crate) fn execute(&self, mutation: Mutation) -> Result<Outcome, Refusal> {
        self.now.set(self.now.get().plus_ms(1));
        let presences = Presences(self);
        let mut core = self.core.borrow_mut();
        let outcome = core.execute(mutation, &presences, self.now.get());
        drop(core);
        self.publish();
        outcome
    }

    pub(crate) fn events(&self) -> Vec<Arc<Event>> {
        self.events.borrow().clone()
    }

    fn run(&self, mut step: Step) -> ApiResponse {
        loop {
            step = match step {
                Step::Answer(answer) => return answer,
                Step::Mutate {
                    mutation,
                    idempotency,
                    then,
                } => {
                    let fingerprint = idempotency.map(|it| it.fingerprint);
                    self.fingerprint.replace(fingerprint);
                    then.proceed(self.execute(*mutation), self)
                }
                Step::Heartbeat {
                    agent,
                    vitals,
                    change,
                    then,
                } => {
                    self.vitals.borrow_mut().insert(agent, Arc::new(*vitals));
                    let change = change.map(|change| self.execute(*change));
                    then.proceed(change.unwrap_or(Ok(Outcome::Done)), self)
                }
                Step::Wait {
                    timeout_ms, then, ..
                } => {
                    for mutation in self.meanwhile.take() {
                        self.execute(mutation).expect("what a test lets happen");
                    }
                    let answer = then.answer(self);
                    if answer.status.as_u16() == 408 {
                        self.pass_ms(timeout_ms);
                    }
                    Step::Answer(then.answer(self))
                }
                Step::ListEvents { query, then } => {
                    Step::Answer(then.answer(Ok(&self.page(&query))))
                }
                Step::StreamEvents { query, .. } => {
                    self.streamed.replace(Some(query));
                    let nothing = ApiResponse::json(http::StatusCode::OK, &Value::Null);
                    Step::Answer(nothing)
                }
            }
        }
    }

    fn page(&self, query: &EventQuery) -> EventsPage {
        let events = self.events.borrow();
        let after = query.after.unwrap_or(0);
        let is_asked = |event: &&Arc<Event>| {
            let topic = Topic::parse(&event.topic()).unwrap();
            let pattern = query.pattern.as_ref();
            let is_on = pattern.is_none_or(|pattern| pattern.matches_either_name(&topic));
            event.sequence > after && is_on
        };
        let found: Vec<_> = events
            .iter()
            .filter(is_asked)
            .take(query.limit)
            .cloned()
            .collect();
        let head = events.last().map_or(0, |event| event.sequence);
        EventsPage {
            next_after: found.last().map_or(head, |event| event.sequence),
            events: found,
            head,
            gap: None,
        }
    }

    fn publish(&self) {
        let (changes, events) = self.core.borrow_mut().confirm();
        let mut tables = self.tables.write().unwrap();
        for change in changes {
            tables.apply(change);
        }
        self.events.borrow_mut().extend(events);
    }
}

impl<'a> Asking<'a> {
    pub(crate) fn new(method: Method, path: &'a str, body: &[u8]) -> Self {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        Self {
            method,
            path,
            query,
            body: body.to_vec(),
            accept: None,
            content_type: Some("application/json"),
            idempotency_key: None,
            last_event_id: None,
            correlation_id: None,
            principal: Principal::default(),
        }
    }
}

impl Answer {
    pub(crate) fn read(answer: &ApiResponse) -> Self {
        let json = match answer.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&answer.body).expect("every body is JSON"),
        };
        Self {
            status: answer.status.as_u16(),
            headers: answer.headers(),
            json,
        }
    }

    /// The same if its status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.json);
        self
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn json(self, status: u16) -> Value {
        self.expect(status).json
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The names of an object's fields, in order of the alphabet.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

/// Whether every field of `part` stands in `whole` with the same value, deeply.
pub(crate) fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|given| holds(given, value))),
        (whole, part) => whole == part,
    }
}
