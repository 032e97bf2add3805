//! Who is connected to a loop, for the people who run the server.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::turn::EventLoop;
use super::view::CatchingUp;
use crate::dialect::{About, Traffic};

/// How many connections one loop tells of.
const CONNECTIONS_MAX: usize = 10_000;

/// A connection, as it is told of.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Tells it from all others that are open.
    pub id: String,
    /// Who speaks.
    pub about: About,
    /// What went over it, and what waits.
    pub traffic: Traffic,
    /// How far it is behind what it watches, if it watches.
    pub lag: Option<Lag>,
}

/// How far a viewer is behind its stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// The stream.
    pub stream: String,
    /// Bytes of it that were not written to the viewer's socket yet.
    pub bytes: u64,
    /// How old the oldest of them is.
    pub age: Duration,
}

impl EventLoop {
    /// Its connections.
    pub(super) fn roster(&self, now: Instant) -> Vec<Connected> {
        let connections = self.connections.iter().take(CONNECTIONS_MAX);
        connections
            .map(|(token, connection)| Connected {
                id: format!("{}-{token}", self.id),
                about: connection.session.about(),
                traffic: connection.traffic(),
                lag: self.lag(connection, now),
            })
            .collect()
    }

    fn lag(&self, connection: &Connection, now: Instant) -> Option<Lag> {
        let view = connection.view.as_deref()?;
        let audience = self.audiences.get(view.audience)?;
        let since_positions = match &view.catching_up {
            CatchingUp::Live => Some(view.positions_at),
            CatchingUp::Due(pass) => pass.since,
            CatchingUp::With(cursor) => cursor.pass.since,
        };
        let positions = view.feed.positions.zip(since_positions);
        let events = view.feed.has_binary_events.then(|| view.feed.kind.events());
        let events = events.flatten().map(|lane| (lane, view.events_at));
        let read = positions.into_iter().chain(events);
        let read = read.chain(view.retained.iter().copied());
        let since = |at: Instant| now.saturating_duration_since(at);
        let mut lag = Lag {
            stream: audience.stream.name().to_string(),
            bytes: connection.partial.len() as u64,
            age: connection.blocked_since.map(since).unwrap_or_default(),
        };
        for (lane, at) in read {
            let log = &audience.lanes[lane.index()];
            lag.bytes += log.end().saturating_sub(at);
            let oldest = log.since(at).next().map(|chunk| since(chunk.published_at));
            lag.age = lag.age.max(oldest.unwrap_or_default());
        }
        Some(lag)
    }
}
