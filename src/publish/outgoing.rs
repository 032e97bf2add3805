//! WebSocket messages of a client, gathered so that many leave in one write.
//!
//! Invariants: every message is one final frame, masked as RFC 6455 section 5.3 wants of clients;
//! an AGNT frame is written in place and masked where it lies, with no copy between.

use agnt_codec::{Emit, EncodeError, Flags};
use fastwebsockets::OpCode;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;

/// Up to this length the second byte is the length; the two numbers above it say that the length
/// follows in 2 or in 8 bytes (RFC 6455, section 5.2).
const SHORT_BYTES_MAX: usize = 125;
const LENGTH_IN_2: u8 = 0x7e;
const LENGTH_IN_8: u8 = 0x7f;

/// A buffer of finished messages that wait for their write.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
}

impl Outgoing {
    /// The finished messages, in order.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what has been written; the memory is kept for the next tick.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Adds one AGNT frame as one binary message; on an error nothing is added.
    pub(super) fn push_frame(
        &mut self,
        frame: &impl Emit,
        flags: Flags,
    ) -> Result<(), EncodeError> {
        let start = self.bytes.len();
        let frame_bytes = frame.encoded_bytes();
        let mask = new_mask();
        self.push_head(OpCode::Binary, frame_bytes, mask);
        let payload_at = self.bytes.len();
        self.bytes.resize(payload_at + frame_bytes, 0);
        if let Err(error) = frame.emit(flags, &mut self.bytes[payload_at..]) {
            self.bytes.truncate(start);
            return Err(error);
        }
        fastwebsockets::unmask(&mut self.bytes[payload_at..], mask);
        Ok(())
    }

    /// Adds one message of any other kind.
    pub(super) fn push_message(&mut self, opcode: OpCode, payload: &[u8]) {
        self.push_masked(opcode, payload, new_mask());
    }

    /// Adds a Close with a code and a reason of at most 123 bytes.
    pub(super) fn push_close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.push_message(OpCode::Close, &payload);
    }

    fn push_masked(&mut self, opcode: OpCode, payload: &[u8], mask: [u8; MASK_BYTES]) {
        self.push_head(opcode, payload.len(), mask);
        let payload_at = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        // Masking is an exclusive or, so the library's removal of a mask also puts one on.
        fastwebsockets::unmask(&mut self.bytes[payload_at..], mask);
    }

    fn push_head(&mut self, opcode: OpCode, payload_bytes: usize, mask: [u8; MASK_BYTES]) {
        self.bytes.push(FINAL | opcode as u8);
        if payload_bytes <= SHORT_BYTES_MAX {
            self.bytes.push(MASKED | payload_bytes as u8);
        } else if let Ok(short) = u16::try_from(payload_bytes) {
            self.bytes.push(MASKED | LENGTH_IN_2);
            self.bytes.extend_from_slice(&short.to_be_bytes());
        } else {
            self.bytes.push(MASKED | LENGTH_IN_8);
            self.bytes
                .extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
        self.bytes.extend_from_slice(&mask);
    }
}

/// A mask that changes with every message. It protects proxies from text that a web page chose;
/// this client sends what its own program computed, so a fast generator is enough.
fn new_mask() -> [u8; MASK_BYTES] {
    fastrand::u32(..).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use agnt_codec::{AgentPosition, EncodeErrorKind, Frame, Payload, PositionUpdate};
    use fastwebsockets::{Role, WebSocketError, after_handshake_split};

    use super::*;

    #[test]
    fn the_masked_hello_of_rfc_6455_comes_out_byte_for_byte() {
        // RFC 6455, section 5.7: "A single-frame masked text message".
        let mut outgoing = Outgoing::default();
        outgoing.push_masked(OpCode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        let expected = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(outgoing.bytes(), expected);
    }

    #[tokio::test]
    async fn another_reader_takes_every_length_apart() {
        let mut outgoing = Outgoing::default();
        let sizes = [0, 1, 125, 126, 65_535, 65_536, 70_000];
        for size in sizes {
            outgoing.push_message(OpCode::Binary, &vec![0xa5; size]);
        }
        let records = vec![AgentPosition::new(7, [1.0; 3], [2.0; 3]); 2340];
        let update = PositionUpdate { records: &records };
        outgoing
            .push_frame(&update, Flags::MORE)
            .expect("2340 records fit");
        outgoing.push_close(1000, "done");

        let (mut reader, _) =
            after_handshake_split(outgoing.bytes(), tokio::io::sink(), Role::Server);
        reader.set_auto_close(false);
        let mut nothing = |_| async { Ok::<(), WebSocketError>(()) };
        for size in sizes {
            let frame = reader
                .read_frame(&mut nothing)
                .await
                .expect("a sound frame");
            assert_eq!(&frame.payload[..], vec![0xa5; size]);
        }
        let message = reader
            .read_frame(&mut nothing)
            .await
            .expect("a sound frame");
        let frame = Frame::exactly(&message.payload).expect("one AGNT frame");
        assert_eq!(frame.flags(), Flags::MORE);
        assert_eq!(frame.payload(), Payload::Positions(&records));
        let close = reader
            .read_frame(&mut nothing)
            .await
            .expect("a sound frame");
        assert_eq!(
            (close.opcode, &close.payload[..]),
            (OpCode::Close, &b"\x03\xe8done"[..])
        );
    }

    #[test]
    fn a_frame_that_cannot_be_written_leaves_no_trace() {
        let mut outgoing = Outgoing::default();
        outgoing.push_message(OpCode::Text, b"before");
        let before = outgoing.bytes().to_vec();
        let records = vec![AgentPosition::gone(1); 2341];
        let update = PositionUpdate { records: &records };
        let error = outgoing
            .push_frame(&update, Flags::NONE)
            .expect_err("one record too many");
        assert_eq!(error.kind, EncodeErrorKind::PayloadTooLong);
        assert_eq!(outgoing.bytes(), before);
    }
}
