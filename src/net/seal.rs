//! What the engine's bytes look like on the wire: the table of encoders that it is given.

use agnt_codec::AgentPosition;
use bytes::BytesMut;

use super::ws::OpCode;
use super::ws::head::{sealed_bytes, write_message};
use crate::dialect::visual::{read_label, write_positions};
use crate::engine::Encoders;

/// Frames as binary messages, JSON as text messages.
pub const ENCODERS: Encoders = Encoders {
    seal_frame,
    seal_text,
    seal_positions_json,
    read_label,
    sealed_bytes,
};

fn seal_frame(frame: &[u8], out: &mut BytesMut) {
    write_message(OpCode::Binary, frame, out);
}

fn seal_text(text: &[u8], out: &mut BytesMut) {
    write_message(OpCode::Text, text, out);
}

fn seal_positions_json(records: &[AgentPosition], out: &mut BytesMut) {
    let mut text = Vec::with_capacity(128 + records.len() * 128);
    write_positions(records, &mut text);
    write_message(OpCode::Text, &text, out);
}
