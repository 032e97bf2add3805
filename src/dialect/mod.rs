//! How it is said: a session of one dialect turns messages into calls of the engine and answers.
//!
//! A session does no input or output: [`Session`] is given messages and writes what it wants to a
//! [`Turn`]. The event loop that owns the socket carries it out.

pub mod agents;
pub mod echo;
pub mod visual;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::domain::DisconnectReason;
use crate::engine::mailbox::Mailbox;
use crate::engine::retained::Entry;
use crate::engine::{Feed, Stream};
use crate::guard::Allowance;

/// What a session wants done.
#[derive(Debug)]
pub enum Wish {
    /// Send a text message.
    Text(String),
    /// Send a binary message.
    Binary(Bytes),
    /// Show the stream to this peer from now on, its current state first; retained lanes from
    /// these entries on.
    Watch(Feed, Vec<Entry>),
    /// Show it nothing any more.
    Unwatch,
    /// Answer a ping.
    Pong(Bytes),
    /// Count what comes from now on in this allowance.
    CountIn(Option<Arc<Allowance>>),
    /// Close the connection.
    Close(DisconnectReason, String),
}

/// One call of a session: what time it is, and what the session wants.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Now.
    pub now: Instant,
    /// The event loop that calls.
    pub loop_id: usize,
    /// Where other sessions and the clock leave what is addressed to this one.
    pub mailbox: &'a Arc<Mailbox>,
    /// What went over the connection so far.
    pub traffic: Traffic,
    /// What the session wants, in order.
    pub wishes: &'a mut Vec<Wish>,
    /// What happened, for the metrics.
    pub tally: &'a mut SessionTally,
}

/// What went over a connection, and what waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went.
    pub bytes_out: u64,
    /// WebSocket messages that came.
    pub messages_in: u64,
    /// WebSocket messages that went.
    pub messages_out: u64,
    /// Bytes that wait to be written, beside what the stream shows.
    pub queue_bytes: usize,
    /// The last time from a ping to its pong.
    pub round_trip: Option<Duration>,
    /// When the connection was made.
    pub connected_at: Option<Instant>,
}

/// What sessions counted in one turn of an event loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTally {
    /// AGNT frames taken in.
    pub frames_in: u64,
    /// Messages or frames that were refused as malformed.
    pub decode_errors: u64,
    /// Data frames of sessions that may not publish.
    pub frames_not_allowed: u64,
    /// Frames beyond a bound of the stream or the tick.
    pub frames_over_bound: u64,
    /// Messages beyond what may come within a second.
    pub messages_over_rate: u64,
    /// WebSocket messages taken in.
    pub messages_in: u64,
    /// Frames of unknown types, skipped by their length.
    pub frames_unknown: u64,
    /// Ticks that their publisher never ended.
    pub ticks_incomplete: u64,
    /// Bytes that compressed messages inflated to.
    pub inflated_bytes: u64,
    /// Compressed messages that were refused.
    pub inflate_errors: u64,
    /// Handshakes that were answered.
    pub handshakes_accepted: u64,
    /// Handshakes that were refused.
    pub handshakes_refused: u64,
}

/// Who a session is, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRole {
    /// Before the handshake.
    Unknown,
    /// Only receives.
    Viewer,
    /// Only sends.
    Publisher,
    /// Does both.
    Both,
}

/// Who speaks on a connection, for the people who run the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The session's id, once it has one.
    pub session_id: Option<String>,
    /// The agent that it acts as, or what its client calls itself.
    pub agent_id: Option<String>,
    /// What is spoken.
    pub protocols: Vec<&'static str>,
}

/// A session of one dialect; see the module. What has a default suits a session without a stream.
pub trait Session: Send {
    /// The connection stands.
    fn begin(&mut self, _turn: &mut Turn<'_>) {}

    /// A text message came.
    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>);

    /// A binary message came.
    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>);

    /// There is mail, and room for about so many bytes of it. Returns whether more waits.
    fn on_mail(&mut self, _room_bytes: usize, _turn: &mut Turn<'_>) -> bool {
        false
    }

    /// Messages were refused because too much came within a second; `text` says what is allowed.
    fn on_excess(&mut self, _text: &str, _turn: &mut Turn<'_>) {}

    /// What the peer is told before it is closed because the server failed on its message.
    fn apology(&self) -> Option<Wish> {
        None
    }

    /// Bytes that it keeps of what came and is not done.
    fn held_bytes(&self) -> usize {
        0
    }

    /// The stream that [`Wish::Watch`] shows.
    fn stream(&self) -> Option<&Arc<Stream>> {
        None
    }

    /// Until when the session must have been introduced, while it has not been.
    fn handshake_due(&self) -> Option<Instant> {
        None
    }

    /// Why it is closed where it was not introduced in time.
    fn lateness(&self) -> DisconnectReason {
        DisconnectReason::HandshakeTimeout
    }

    /// Whether what it came in by holds still at that time, in Unix seconds.
    fn may_stay(&self, _unix_s: u64) -> bool {
        true
    }

    /// Whether the session must wait before more is read from it: another event loop lags.
    fn must_wait(&self, _loop_id: usize) -> bool {
        false
    }

    /// Who it is.
    fn role(&self) -> SessionRole {
        SessionRole::Unknown
    }

    /// Who speaks.
    fn about(&self) -> About {
        About::default()
    }

    /// The number under which it publishes, if it is a viewer too.
    fn own_number(&self) -> Option<u32> {
        None
    }

    /// The connection is gone.
    fn end(&mut self, _turn: &mut Turn<'_>) {}
}
