//! A session that sends every message back: the counterpart of RFC 6455's test suite.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Session, SessionRole, Turn, Wish};
use crate::engine::Stream;

/// Echoes whole messages. Served on `/test/echo` only where the setting `echo_path` is on.
#[derive(Debug)]
pub struct EchoSession;

impl Session for EchoSession {
    fn begin(&mut self, _: &mut Turn<'_>) {}

    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        turn.wishes.push(Wish::Text(text.to_owned()));
    }

    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>) {
        turn.wishes
            .push(Wish::Binary(Bytes::copy_from_slice(message)));
    }

    fn stream(&self) -> Option<&Arc<Stream>> {
        None
    }

    fn handshake_due(&self) -> Option<Instant> {
        None
    }

    fn must_wait(&self, _: usize) -> bool {
        false
    }

    fn role(&self) -> SessionRole {
        SessionRole::Unknown
    }

    fn own_number(&self) -> Option<u32> {
        None
    }

    fn end(&mut self, _: &mut Turn<'_>) {}
}
