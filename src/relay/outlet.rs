//! The relay: who hears of a commit, and in which order.

use std::sync::{Arc, OnceLock};

use agnt_fleet::tables::RowChange;
use agnt_fleet::topics::SubscriptionLimits;
use agnt_fleet::{Event, Id, Outlet, Rows, TimedCommit, TraceSpan};
use tokio::sync::{mpsc, watch};

use super::awaited::Awaited;
use super::callbacks::CallbackPost;
use super::credential_changes::follow_credentials;
use super::deliveries::Deliveries;
use super::subject::EventSubject;
use super::switchboard::Switchboard;
use super::viewers::Viewers;
use super::waits::Waits;
use crate::domain::time;
use crate::guard::Doorkeeper;
use crate::telemetry::{Histogram, HistogramTally, Span, SpanKind, SpanLink, SpanValue, Spans};

/// The relay; see the module above.
#[derive(Debug)]
pub struct Relay {
    doorkeeper: Arc<Doorkeeper>,
    waits: Arc<Waits>,
    callbacks: CallbackPost,
    head: watch::Sender<u64>,
    switchboard: Switchboard,
    deliveries: Deliveries,
    awaited: Awaited,
    viewers: Viewers,
    rows: OnceLock<Rows>,
    spans: OnceLock<Arc<Spans>>,
    commit_seconds: Histogram,
    delivered: mpsc::Sender<Id>,
}

/// How many messages may wait to be noted as delivered; beyond, they are delivered once more when
/// their agent comes again.
const DELIVERED_MAX: usize = 4096;

impl Relay {
    /// A relay that brings changes of credentials to `doorkeeper`, and answers that are due elsewhere to
    /// `callbacks`.
    ///
    /// With it comes where the ids of messages are found that are done by being delivered.
    pub fn new(doorkeeper: Arc<Doorkeeper>, callbacks: CallbackPost) -> (Self, mpsc::Receiver<Id>) {
        let (delivered, found) = mpsc::channel(DELIVERED_MAX);
        let relay = Self {
            doorkeeper,
            waits: Arc::default(),
            callbacks,
            head: watch::Sender::new(0),
            switchboard: Switchboard::new(SubscriptionLimits::default()),
            deliveries: Deliveries::default(),
            awaited: Awaited::default(),
            viewers: Viewers::default(),
            rows: OnceLock::new(),
            spans: OnceLock::new(),
            commit_seconds: Histogram::default(),
            delivered,
        };
        (relay, found)
    }

    /// What filters look into, from now on: the rows of this fleet, whose newest event is `head`.
    pub fn look_into(&self, rows: Rows, head: u64) {
        self.switchboard.begin_at(head);
        // The server has one fleet.
        let _ = self.rows.set(rows);
    }

    /// Tells of commits there, from now on.
    pub fn trace_to(&self, spans: Arc<Spans>) {
        // The server has one place for spans.
        let _ = self.spans.set(spans);
    }

    /// How long commits took.
    pub fn commit_seconds(&self) -> HistogramTally {
        self.commit_seconds.snapshot()
    }

    /// Who listens to events.
    pub fn switchboard(&self) -> &Switchboard {
        &self.switchboard
    }

    /// The sessions of agents.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Sessions that await answers.
    pub fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Those who watch agents on the screen.
    pub fn viewers(&self) -> &Viewers {
        &self.viewers
    }

    /// Notes messages that are done by being delivered.
    pub fn note_delivered(&self, messages: Vec<Id>) {
        for message in messages {
            // Without room the message stays open, and is delivered once more.
            let _ = self.delivered.try_send(message);
        }
    }

    /// Those who wait for the end of something.
    pub fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    /// The number of the newest event, for those who wait for more; 0 before the first commit since
    /// the start.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

impl Outlet for Relay {
    fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]) {
        follow_credentials(&self.doorkeeper, changes, time::unix_s());
        self.callbacks.committed(changes);
        self.waits.committed(changes);
        self.awaited.bring(changes);
        self.viewers.committed(events, changes);
        self.note_delivered(self.deliveries.bring(events, changes));
        if let Some(rows) = self.rows.get() {
            self.switchboard
                .bring(events, &mut |event| EventSubject::of(event, &rows.read()));
        }
        if let Some(newest) = events.last() {
            self.head.send_replace(newest.sequence);
        }
    }

    fn timed(&self, commit: &TimedCommit<'_>) {
        self.commit_seconds.record(commit.taken_us * 1000);
        let Some(spans) = self.spans.get() else {
            return;
        };
        // Where one of its requests is recorded, so is the commit.
        let context = match commit.traces {
            [] => spans.begin(None),
            _ => Some(Spans::fresh()),
        };
        let links = commit.traces.iter();
        let links = links.map(|&TraceSpan { trace, span }| SpanLink { trace, span });
        if let Some(context) = context {
            spans.leave(Span {
                trace: context.trace,
                id: Spans::id(),
                parent: context.parent,
                name: "commit".to_owned(),
                kind: SpanKind::Internal,
                began_us: commit.began.as_micros(),
                taken_us: commit.taken_us,
                is_failed: false,
                attributes: vec![("agnt.requests", SpanValue::Number(commit.requests as i64))],
                links: links.collect(),
            });
        }
    }
}
