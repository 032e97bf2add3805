//! How many connections there may be: sessions up to their bound, and some kept back for HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::event_loop::SessionPermit;
use crate::telemetry::{ConnectionKind, Metrics};

/// Connections beside the sessions, so that `/metrics` answers when the server is full.
pub const HTTP_KEPT_BACK: usize = 64;

/// The counts; see the module.
#[derive(Debug)]
pub struct Admission {
    sessions_max: usize,
    sessions: AtomicUsize,
    requests: AtomicUsize,
    metrics: Arc<Metrics>,
}

/// A place; it is given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    kind: ConnectionKind,
}

impl SessionPermit for Permit {}

impl Admission {
    /// Nobody is in.
    pub fn new(sessions_max: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let (sessions, requests) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self {
            sessions_max,
            sessions,
            requests,
            metrics,
        })
    }

    /// A place for a connection that speaks HTTP.
    pub fn admit_http(self: &Arc<Self>) -> Option<Permit> {
        let sessions = self.sessions.load(Ordering::Relaxed);
        let max = self.sessions_max.saturating_sub(sessions) + HTTP_KEPT_BACK;
        self.admit(&self.requests, max, ConnectionKind::Http)
    }

    /// A place for a session.
    pub fn admit_session(self: &Arc<Self>) -> Option<Permit> {
        self.admit(&self.sessions, self.sessions_max, ConnectionKind::WebSocket)
    }

    fn admit(
        self: &Arc<Self>,
        count: &AtomicUsize,
        max: usize,
        kind: ConnectionKind,
    ) -> Option<Permit> {
        let more = |now: usize| (now < max).then_some(now + 1);
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        self.metrics.connections.add(kind, 1);
        Some(Permit {
            admission: Arc::clone(self),
            kind,
        })
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_a_bound_and_http_keeps_its_places() {
        let admission = Admission::new(2, Arc::default());
        let sessions: Vec<_> = (0..2)
            .map(|_| admission.admit_session().expect("room"))
            .collect();
        assert!(admission.admit_session().is_none());
        let requests: Vec<_> = (0..HTTP_KEPT_BACK)
            .map(|_| admission.admit_http().expect("kept back"))
            .collect();
        assert!(admission.admit_http().is_none());
        drop(sessions);
        assert!(admission.admit_session().is_some() && admission.admit_http().is_some());
        drop(requests);
    }
}
