//! How many connections there may be: sessions up to their bound, some kept back for HTTP, and of
//! both so many for each client.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::event_loop::SessionPermit;
use super::session_span::SessionSpan;
use crate::domain::{MemoryRoom, Room};
use crate::guard::crowd::Place;
use crate::guard::{Client, ClientBounds, Crowd, NoSeat, Seat, Seating};
use crate::telemetry::{ConnectionKind, Metrics, RefusalReason};

/// Connections beside the sessions, so that `/metrics` answers when the server is full.
pub const HTTP_KEPT_BACK: usize = 64;

/// The counts; see the module.
#[derive(Debug)]
pub struct Admission {
    sessions_max: AtomicUsize,
    seating: Arc<Seating>,
    sessions: AtomicUsize,
    requests: AtomicUsize,
    request_crowd: Arc<Crowd>,
    metrics: Arc<Metrics>,
    room: Arc<MemoryRoom>,
}

/// A place; it is given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    kind: ConnectionKind,
    _place: Option<Place>,
    seat: Option<Arc<Seat>>,
    span: Option<SessionSpan>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// The server has as many connections as it may have.
    Server,
    /// The client has.
    Client(NoSeat),
    /// There is no memory for more.
    Memory,
}

impl Permit {
    /// The seat of a session.
    pub fn seat(&self) -> Option<Arc<Seat>> {
        self.seat.clone()
    }

    /// The span goes on until the place is given back.
    pub(super) fn with(mut self, span: Option<SessionSpan>) -> Self {
        self.span = span;
        self
    }
}

impl SessionPermit for Permit {}

impl Admission {
    /// Nobody is in.
    pub fn new(
        sessions_max: usize,
        bounds: ClientBounds,
        metrics: Arc<Metrics>,
        room: Arc<MemoryRoom>,
    ) -> Arc<Self> {
        metrics.sessions_max.set(sessions_max as i64);
        Arc::new(Self {
            sessions_max: AtomicUsize::new(sessions_max),
            seating: Arc::new(Seating::new(bounds)),
            sessions: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            request_crowd: Arc::default(),
            metrics,
            room,
        })
    }

    /// From now on there may be so many sessions; those that are open stay.
    pub fn set_sessions_max(&self, sessions_max: usize) {
        self.metrics.sessions_max.set(sessions_max as i64);
        self.sessions_max.store(sessions_max, Ordering::Relaxed);
    }

    fn sessions_max(&self) -> usize {
        self.sessions_max.load(Ordering::Relaxed)
    }

    /// From now on each client may have this; what it has stays.
    pub fn set_bounds(&self, bounds: ClientBounds) {
        self.seating.set_bounds(bounds);
    }

    /// A place for a connection that speaks HTTP. One that may carry requests of many clients has no
    /// `address` to be counted for; see [`ClientBounds::connections`] for the rest.
    pub fn admit_http(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        is_unguarded: bool,
    ) -> Result<Permit, Crowded> {
        let place = match address {
            None => None,
            Some(address) => self.place_of_requests(&Client::at(address), is_unguarded)?,
        };
        let sessions = self.sessions.load(Ordering::Relaxed);
        let free = self.sessions_max().saturating_sub(sessions);
        let max = self.room.fitted(free) + HTTP_KEPT_BACK;
        let admitted = self.admit(&self.requests, max, ConnectionKind::Http, (place, None));
        admitted.map_err(|crowded| match self.room.now() {
            Room::Ample => crowded,
            Room::Tight | Room::None => Crowded::Memory,
        })
    }

    /// How many connections speak HTTP.
    pub fn http_connections(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// A place for a session of that client; see [`ClientBounds::connections`].
    pub fn admit_session(
        self: &Arc<Self>,
        client: Client,
        is_unguarded: bool,
        now: Instant,
    ) -> Result<Permit, Crowded> {
        if self.room.now() != Room::Ample {
            return Err(Crowded::Memory);
        }
        let seat = self.seating.seat(client, is_unguarded, now);
        let seat = seat.map_err(Crowded::Client)?;
        self.admit(
            &self.sessions,
            self.sessions_max(),
            ConnectionKind::WebSocket,
            (None, Some(seat)),
        )
    }

    /// An address's place among those that speak HTTP; none is needed where it may have any number.
    fn place_of_requests(
        &self,
        client: &Client,
        is_unguarded: bool,
    ) -> Result<Option<Place>, Crowded> {
        match self.seating.bounds().connections(client, is_unguarded) {
            usize::MAX => Ok(None),
            max => {
                let place = self.request_crowd.enter(client, max);
                place.map(Some).ok_or(Crowded::Client(NoSeat::OfAddress))
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        count: &AtomicUsize,
        max: usize,
        kind: ConnectionKind,
        (place, seat): (Option<Place>, Option<Arc<Seat>>),
    ) -> Result<Permit, Crowded> {
        let more = |now: usize| (now < max).then_some(now + 1);
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| Crowded::Server)?;
        self.metrics.connections.add(kind, 1);
        Ok(Permit {
            admission: Arc::clone(self),
            kind,
            _place: place,
            seat,
            span: None,
        })
    }
}

impl Crowded {
    /// The label in `/metrics`.
    pub fn reason(self) -> RefusalReason {
        match self {
            Self::Server => RefusalReason::Full,
            Self::Client(_) => RefusalReason::Client,
            Self::Memory => RefusalReason::Memory,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let count = match self.kind {
            ConnectionKind::Http => &self.admission.requests,
            ConnectionKind::WebSocket => &self.admission.sessions,
        };
        count.fetch_sub(1, Ordering::Relaxed);
        self.admission.metrics.connections.add(self.kind, -1);
        drop(self.span.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bound;

    fn at(address: &str) -> Client {
        Client::at(address.parse().expect("an address"))
    }

    #[test]
    fn sessions_have_a_bound_and_http_keeps_its_places() {
        let admission = Admission::new(2, ClientBounds::default(), Arc::default(), Arc::default());
        let session = || admission.admit_session(at("192.0.2.1"), false, Instant::now());
        let sessions: Vec<_> = (0..2).map(|_| session().expect("room")).collect();
        assert_eq!(session().expect_err("full"), Crowded::Server);
        let requests: Vec<_> = (0..HTTP_KEPT_BACK)
            .map(|_| admission.admit_http(None, false).expect("kept back"))
            .collect();
        assert_eq!(
            admission.admit_http(None, false).expect_err("full"),
            Crowded::Server
        );
        drop(sessions);
        assert!(session().is_ok() && admission.admit_http(None, false).is_ok());
        drop(requests);
    }

    #[test]
    fn without_memory_there_are_no_new_sessions_and_few_new_connections() {
        let room = Arc::new(MemoryRoom::new(1000));
        let bounds = ClientBounds::default();
        let admission = Admission::new(80, bounds, Arc::default(), Arc::clone(&room));
        let mut held: Vec<_> = (0..HTTP_KEPT_BACK)
            .map(|_| admission.admit_http(None, false).expect("room"))
            .collect();
        room.note(910);
        let session = || admission.admit_session(at("192.0.2.1"), true, Instant::now());
        assert_eq!(session().expect_err("tight"), Crowded::Memory);
        held.extend((0..10).map(|_| admission.admit_http(None, false).expect("an eighth")));
        let refused = admission.admit_http(None, false);
        assert_eq!(refused.expect_err("tight"), Crowded::Memory);
        room.note(500);
        assert!(session().is_ok());
        drop(held);
    }

    #[test]
    fn one_client_has_its_share_and_leaves_the_others_theirs() {
        let bounds = ClientBounds {
            connections_per_address: Bound::At(2),
            connections_per_credential: Bound::At(3),
            ..ClientBounds::default()
        };
        let admission = Admission::new(100, bounds, Arc::default(), Arc::default());
        let (address, key) = (at("192.0.2.1"), Client::Key("k".into()));
        let session = |client: &Client| {
            let now = Instant::now();
            admission.admit_session(client.clone(), false, now)
        };
        for (client, most, full) in [
            (&address, 2, NoSeat::OfAddress),
            (&key, 3, NoSeat::OfCredential),
        ] {
            let held: Vec<_> = (0..most).map(|_| session(client).expect("room")).collect();
            let refused = session(client);
            assert_eq!(refused.expect_err("its share"), Crowded::Client(full));
            assert!(session(&at("192.0.2.2")).is_ok());
            drop(held);
            assert!(session(client).is_ok());
        }
        let peer = "192.0.2.1".parse().ok();
        let requests: Vec<_> = (0..2)
            .map(|_| admission.admit_http(peer, false).expect("room"))
            .collect();
        let refused = admission.admit_http(peer, false);
        let full = Crowded::Client(NoSeat::OfAddress);
        assert_eq!(refused.expect_err("its share"), full);
        assert!(admission.admit_http(None, false).is_ok());
        drop(requests);
    }
}
