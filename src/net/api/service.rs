//! The agent API as a whole: what all its requests share.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLockReadGuard};
use std::time::{Duration, Instant};

use agnt_api::routes::ROUTES;
use agnt_api::{AgentTexts, FleetView, ResponseFigures};
use agnt_fleet::agent::Vitals;
use agnt_fleet::tables::Tables;
use agnt_fleet::{Fleet, Id, Mutation};
use agnt_outbound::Outbound;
use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::answer_room::AnswerRoom;
use super::body_reader::BodyRoom;
use super::documents::Documents;
use super::rate_fields::RateFields;
use super::shared_limit::SharedLimit;
use crate::dialect::agents::Office;
use crate::domain::{Current, MemoryRoom, time};
use crate::guard::{Client, Doorkeeper, RateLimiter, StoredCredential, Verdict};
use crate::net::event_loop::Loops;
use crate::relay::Relay;
use crate::telemetry::{RequestFigures, Spans};

/// How often revocations are looked through, in seconds.
const FORGET_EVERY_S: u64 = 60;

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub struct ApiLimits {
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// How long a body may take to come.
    pub body_within: Duration,
    /// Requests a minute and credential; none is no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Bytes that may wait for a session.
    pub session_bytes_max: usize,
    /// Seconds that any token may be good.
    pub token_lifetime_s_max: u64,
}

/// The agent API; see the module.
#[derive(Debug)]
pub struct Api {
    /// The agents and what they do.
    pub fleet: Fleet,
    /// Who hears of what changes.
    pub relay: Arc<Relay>,
    /// Who may come in and stay.
    pub doorkeeper: Arc<Doorkeeper>,
    /// The one sender that goes out.
    pub outbound: Arc<Outbound>,
    office: Arc<Office>,
    pub(super) loops: Arc<Loops>,
    /// Where what took how long is left, if anybody wants to know.
    pub spans: Option<Arc<Spans>>,
    /// How requests were answered.
    pub figures: RequestFigures,
    pub(super) rate: RateLimiter,
    /// The limit that is kept with other servers; then there is no other.
    pub(super) shared_limit: Option<Arc<SharedLimit>>,
    pub(super) rate_fields: Current<RateFields>,
    pub(super) limits: Current<ApiLimits>,
    pub(super) body_room: BodyRoom,
    pub(in crate::net) answer_room: AnswerRoom,
    agent_texts: AgentTexts,
    documents: Documents,
    pub(super) data_dir: PathBuf,
    /// One copy of the store at a time.
    pub(super) copying: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    under_way: AtomicUsize,
}

/// What an API is made of.
#[derive(Debug)]
pub struct ApiParts {
    /// The agents and what they do.
    pub fleet: Fleet,
    /// Who hears of what changes.
    pub relay: Arc<Relay>,
    /// Who may come in and stay.
    pub doorkeeper: Arc<Doorkeeper>,
    /// The one sender that goes out.
    pub outbound: Arc<Outbound>,
    /// The event loops, of whose connections is told.
    pub loops: Arc<Loops>,
    /// Where what took how long is left, if anybody wants to know.
    pub spans: Option<Arc<Spans>>,
    /// What a request may take.
    pub limits: ApiLimits,
    /// The limit on requests that is kept with other servers, if it is.
    pub shared_limit: Option<Arc<SharedLimit>>,
    /// Whether there is memory for more.
    pub room: Arc<MemoryRoom>,
    /// Where the store lies, and copies of it for a moment.
    pub data_dir: PathBuf,
    /// Where clients find the server, `http://HOST:PORT`.
    pub base_url: String,
}

/// Tells when the API stops.
#[derive(Debug)]
pub(in crate::net) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns once it does.
    pub(in crate::net) async fn over(&mut self) {
        // An error means that the API is gone, which is over as well.
        let _ = self.0.wait_for(|is_stopping| *is_stopping).await;
    }
}

/// A request that is under way; the drain waits for it.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Api);

impl Api {
    /// The API over these parts.
    pub fn new(parts: ApiParts, now: Instant) -> Self {
        let limit = parts.limits.requests_per_minute;
        let switchboard = parts.relay.switchboard();
        switchboard.fit_into(parts.limits.session_bytes_max);
        let judge = Arc::clone(&parts.outbound);
        let office = Office {
            fleet: parts.fleet.clone(),
            relay: Arc::clone(&parts.relay),
            doorkeeper: Arc::clone(&parts.doorkeeper),
            room: Arc::clone(&parts.room),
            may_call: Box::new(move |url| judge.judge(url).is_ok()),
        };
        Self {
            office: Arc::new(office),
            fleet: parts.fleet,
            relay: parts.relay,
            doorkeeper: parts.doorkeeper,
            outbound: parts.outbound,
            loops: parts.loops,
            spans: parts.spans,
            figures: RequestFigures::new(
                ROUTES
                    .iter()
                    .map(|route| (route.method.as_str(), route.path)),
            ),
            rate: RateLimiter::new(limit, now),
            shared_limit: parts.shared_limit,
            rate_fields: Current::new(fields_of(limit)),
            limits: Current::new(parts.limits),
            body_room: BodyRoom::within(parts.room.bytes_max()),
            answer_room: AnswerRoom::within(Arc::clone(&parts.room)),
            agent_texts: AgentTexts::default(),
            documents: Documents::new(&parts.base_url),
            data_dir: parts.data_dir,
            copying: Arc::new(Semaphore::new(1)),
            stopping: watch::Sender::new(false),
            under_way: AtomicUsize::new(0),
        }
    }

    /// Ends what could last: streams of events, and waiting. What was accepted is finished.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// What its WebSocket sessions share.
    pub fn office(&self) -> Arc<Office> {
        Arc::clone(&self.office)
    }

    /// Counts for a client here alone what can't wait for other servers' word.
    pub(super) fn count_here(
        &self,
        client: &Client,
        now: Instant,
        unix_us: u64,
    ) -> Option<Verdict> {
        match &self.shared_limit {
            Some(shared) => shared.check_here(client, now, unix_us),
            None => self.rate.check(client, now, unix_us),
        }
    }

    /// Tells when the API stops.
    pub(in crate::net) fn stopping(&self) -> Stopping {
        Stopping(self.stopping.subscribe())
    }

    /// The `OpenAPI` document at this path.
    pub fn document(&self, path: &str) -> Option<&Bytes> {
        self.documents.find(path)
    }

    /// How many requests are not answered yet.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// Counts a request that isn't answered at once, until this is dropped.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }

    /// Forgets revocations of tokens that have ended by themselves, in the store too.
    fn forget_revocations(&self, now_s: u64) {
        self.doorkeeper.tokens().revocations().prune(now_s);
        let tables = self.fleet.read();
        let is_over = |bytes: &[u8]| match StoredCredential::from_bytes(bytes) {
            Ok(StoredCredential::Revocation(revocation)) => revocation.until_s <= now_s,
            _ => false,
        };
        let rows = tables.keys.iter();
        let rows = rows.filter(|(id, _)| id.as_str().starts_with("revocation-"));
        let over: Vec<Id> = rows
            .filter(|(_, bytes)| is_over(bytes))
            .map(|(id, _)| id.clone())
            .collect();
        drop(tables);
        for id in over {
            // Without room in the queue it is done the next time.
            let _ = self.fleet.submit(Mutation::RemoveKey { id }, None, |_| {});
        }
    }

    /// Gives back what clients that went left behind; for a quiet moment.
    pub fn keep_house(&self, now: Instant) {
        let now_s = time::unix_s();
        if now_s.is_multiple_of(FORGET_EVERY_S) {
            self.forget_revocations(now_s);
        }
        self.rate.forget_idle(now);
        if let Some(shared) = &self.shared_limit {
            shared.forget_idle(now);
        }
    }

    /// Changes what requests may take, from the next one on.
    pub fn set_limits(&self, limits: ApiLimits) {
        let limit = limits.requests_per_minute;
        self.rate.set_limit(limit);
        if let Some(shared) = &self.shared_limit {
            shared.set_limit(limit);
        }
        self.rate_fields.replace(fields_of(limit));
        self.limits.replace(limits);
    }
}

fn fields_of(requests_per_minute: Option<NonZeroU32>) -> RateFields {
    RateFields::new(requests_per_minute.map_or(0, NonZeroU32::get))
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FleetView for Api {
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.fleet.read()
    }

    fn vitals(&self, agent: &Id) -> Option<Arc<Vitals>> {
        self.fleet.presence().vitals(agent.as_str())
    }

    fn agent_texts(&self) -> Option<&AgentTexts> {
        Some(&self.agent_texts)
    }

    fn may_call(&self, url: &str) -> bool {
        self.outbound.judge(url).is_ok()
    }

    fn response_figures(&self) -> ResponseFigures {
        ResponseFigures {
            average_response_ms: self.figures.average_ms(),
            error_rate: self.figures.error_rate(),
        }
    }
}
