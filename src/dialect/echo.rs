//! A session that sends every message back: the counterpart of RFC 6455's test suite.

use bytes::Bytes;

use super::{Session, Turn, Wish};

/// Echoes whole messages. Served on `/test/echo` only where the setting `echo_path` is on.
#[derive(Debug)]
pub struct EchoSession;

impl Session for EchoSession {
    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        turn.wishes.push(Wish::Text(text.to_owned()));
    }

    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>) {
        turn.wishes
            .push(Wish::Binary(Bytes::copy_from_slice(message)));
    }
}
