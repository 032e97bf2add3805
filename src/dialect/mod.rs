//! How it is said: a session of one dialect turns messages into calls of the engine and answers.
//!
//! A session does no input or output: [`Session`] is given messages and writes what it wants to a
//! [`Turn`]. The event loop that owns the socket carries it out.

pub mod echo;
pub mod visual;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::domain::DisconnectReason;
use crate::engine::{Stream, ViewerKind};

/// What a session wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Send a text message.
    Text(String),
    /// Send a binary message.
    Binary(Bytes),
    /// Show the stream to this peer from now on, its current state first.
    Watch(ViewerKind),
    /// Show it nothing any more.
    Unwatch,
    /// Answer a ping.
    Pong(Bytes),
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
    /// What the session wants, in order.
    pub wishes: &'a mut Vec<Wish>,
    /// What happened, for the metrics.
    pub tally: &'a mut SessionTally,
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
    /// WebSocket messages taken in.
    pub messages_in: u64,
    /// Frames of unknown types, skipped by their length.
    pub frames_unknown: u64,
    /// Ticks that their publisher never ended.
    pub ticks_incomplete: u64,
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

/// A session of one dialect; see the module. What has a default suits a session without a stream.
pub trait Session: Send {
    /// The connection stands.
    fn begin(&mut self, _turn: &mut Turn<'_>) {}

    /// A text message came.
    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>);

    /// A binary message came.
    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>);

    /// The stream that [`Wish::Watch`] shows.
    fn stream(&self) -> Option<&Arc<Stream>> {
        None
    }

    /// Until when the session must have been introduced, while it has not been.
    fn handshake_due(&self) -> Option<Instant> {
        None
    }

    /// Whether the session must wait before more is read from it: another event loop lags.
    fn must_wait(&self, _loop_id: usize) -> bool {
        false
    }

    /// Who it is.
    fn role(&self) -> SessionRole {
        SessionRole::Unknown
    }

    /// The number under which it publishes, if it is a viewer too.
    fn own_number(&self) -> Option<u32> {
        None
    }

    /// The connection is gone.
    fn end(&mut self, _turn: &mut Turn<'_>) {}
}
