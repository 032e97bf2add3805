//! What waits for one peer alone: replies, pings, pongs, the close frame. Bounded in bytes; who
//! lets it overflow is closed.
//!
//! Small messages share a buffer, so that memory is what the bound says.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::net::ws::OpCode;
use crate::net::ws::head;

/// Messages are gathered up to this size before a buffer is finished.
const BUFFER_BYTES: usize = 16 * 1024;

/// The outbox; see the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    finished: VecDeque<Bytes>,
    open: BytesMut,
    bytes: usize,
}

/// The outbox holds as many bytes as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutboxFull;

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a message, unless that would outgrow `bytes_max`.
    pub(super) fn push(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
        bytes_max: usize,
    ) -> Result<(), OutboxFull> {
        let before = self.open.len();
        head::write_message(opcode, payload, &mut self.open);
        let added = self.open.len() - before;
        if self.bytes + added > bytes_max {
            self.open.truncate(before);
            return Err(OutboxFull);
        }
        self.bytes += added;
        if self.open.len() >= BUFFER_BYTES {
            self.finish();
        }
        Ok(())
    }

    /// Adds messages that are finished and shared; the bound was held where they come from.
    pub(super) fn push_finished(&mut self, messages: Bytes) {
        self.finish();
        self.bytes += messages.len();
        self.finished.push_back(messages);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn finish(&mut self) {
        if !self.open.is_empty() {
            self.finished
                .push_back(std::mem::take(&mut self.open).freeze());
        }
    }

    /// Whole messages, oldest first, in as few pieces as may be.
    pub(super) fn pieces(&mut self) -> impl Iterator<Item = &Bytes> {
        self.finish();
        self.finished.iter()
    }

    /// Removes what was sent. What is left of a piece that was sent in part is returned: it
    /// belongs to a message that has begun.
    pub(super) fn take(&mut self, mut sent: usize) -> Bytes {
        while sent > 0 {
            let Some(mut piece) = self.finished.pop_front() else {
                break;
            };
            self.bytes -= piece.len();
            if sent < piece.len() {
                piece.advance(sent);
                return piece;
            }
            sent -= piece.len();
        }
        if self.is_empty() {
            // Idle connections hold no buffer.
            self.clear();
        }
        Bytes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_whatever_the_socket_takes() {
        for step in [1, 2, 5, 700, 40_000] {
            let mut outbox = Outbox::default();
            let mut expected = BytesMut::new();
            for at in 0..300u16 {
                let payload = vec![at as u8; usize::from(at)];
                head::write_message(OpCode::Binary, &payload, &mut expected);
                outbox
                    .push(OpCode::Binary, &payload, usize::MAX)
                    .expect("room");
            }
            assert_eq!(outbox.len_bytes(), expected.len());
            let (mut seen, mut rest) = (Vec::new(), Bytes::new());
            while !(outbox.is_empty() && rest.is_empty()) {
                let pieces: Vec<Bytes> = outbox.pieces().cloned().collect();
                let waiting = [&rest[..], &pieces.concat()].concat();
                let sent = step.min(waiting.len());
                seen.extend_from_slice(&waiting[..sent]);
                let of_rest = sent.min(rest.len());
                rest.advance(of_rest);
                let cut = outbox.take(sent - of_rest);
                rest = if cut.is_empty() { rest } else { cut };
            }
            assert_eq!(seen, &expected[..], "step {step}");
        }
    }

    #[test]
    fn the_bound_is_in_bytes_and_a_refused_message_leaves_no_trace() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.push(OpCode::Text, b"abc", 5), Ok(()));
        assert_eq!(outbox.push(OpCode::Text, b"", 6), Err(OutboxFull));
        assert_eq!(
            outbox.pieces().cloned().collect::<Vec<_>>().concat(),
            b"\x81\x03abc"
        );
    }
}
