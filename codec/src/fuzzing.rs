//! The bodies of the fuzz targets, so that ordinary tests run them over the corpus too.
//!
//! Each takes any bytes and panics if an invariant of the codec doesn't hold.

use std::{format, ops::Range, vec, vec::Vec};

use zerocopy::IntoBytes;

use crate::{
    COMPRESSED_HEAD_BYTES, DecodeErrorKind, EdgeBatch, Emit, Flags, Frame, Frames, HEADER_BYTES,
    Heartbeat, HeartbeatFrame, MessageType, Metadata, MetricsBatch, OpaqueFrame, Payload,
    PositionUpdate, StateBatchOut,
};

/// Walks the frames of `bytes`: they are contiguous, lie within the buffer, agree with a second
/// check on their own, and an error points into the frame that it is about.
pub fn decode(bytes: &[u8]) {
    let mut frames = Frames::new(bytes);
    let mut consumed = Vec::new();
    let mut error = None;
    for next in frames.by_ref() {
        assert!(error.is_none(), "the walk goes on after an error");
        match next {
            Ok(frame) => {
                assert_within(bytes, &frame);
                assert_eq!(Frame::exactly(frame.bytes()), Ok(frame));
                consumed.extend_from_slice(frame.bytes());
            }
            Err(met) => error = Some(met),
        }
    }
    assert_eq!(frames.offset(), consumed.len());
    assert_eq!(&bytes[..frames.offset()], consumed);
    assert!(frames.next().is_none(), "the walk isn't fused");
    match error {
        None => assert_eq!(frames.offset(), bytes.len()),
        Some(error) => {
            assert!(
                error.offset >= frames.offset() && error.offset <= bytes.len(),
                "{error:?}"
            );
            assert!(!format!("{error}").is_empty());
            if error.is_partial() {
                assert_eq!(error.offset, frames.offset());
                assert_eq!(error.have, bytes.len() - frames.offset());
                assert!(error.need > error.have, "{error:?}");
            } else {
                assert_ne!(error.kind, DecodeErrorKind::Partial);
            }
        }
    }
}

/// Emits every frame of `bytes` again from its fields: the result is the frame, byte for byte, and
/// one byte less of room is refused.
pub fn roundtrip(bytes: &[u8]) {
    for frame in Frames::new(bytes).map_while(Result::ok) {
        let expected = canonical(&frame);
        let (flags, kind) = (frame.flags(), frame.kind());
        match frame.payload() {
            Payload::Positions(records) => {
                assert_emits(&PositionUpdate { records }, flags, &expected);
            }
            Payload::States(batch) => {
                let records: Vec<_> = batch.records().collect();
                assert_eq!(records.len(), batch.count());
                assert_emits(&StateBatchOut { records: &records }, flags, &expected);
            }
            Payload::Metrics(records) => assert_emits(&MetricsBatch { records }, flags, &expected),
            Payload::Coordination(event) => assert_emits(&event, flags, &expected),
            Payload::Compressed(batch) => assert_emits(&batch, flags, &expected),
            Payload::Heartbeat(heartbeat) => {
                assert_emits(&HeartbeatFrame::from(heartbeat), flags, &expected);
            }
            Payload::TickInfo(info) => assert_emits(info, flags, &expected),
            Payload::Edges(records) => assert_emits(&EdgeBatch { records }, flags, &expected),
            Payload::Error(error) => assert_emits(&error, flags, &expected),
            Payload::Encoded(payload) | Payload::Unknown(payload) => {
                assert_emits(&OpaqueFrame { kind, payload }, flags, &expected);
            }
        }
    }
}

/// The bytes that a frame's content is emitted as: its own, but for metrics that came with a count,
/// which are emitted without it.
fn canonical(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = frame.bytes().to_vec();
    if let Payload::Metrics(records) = frame.payload() {
        let record_bytes = records.as_bytes().len();
        let count_bytes = frame.payload_bytes().len() - record_bytes;
        bytes.drain(HEADER_BYTES..HEADER_BYTES + count_bytes);
        bytes[6..HEADER_BYTES].copy_from_slice(&(record_bytes as u16).to_le_bytes());
    }
    bytes
}

fn assert_emits(content: &impl Emit, flags: Flags, expected: &[u8]) {
    assert_eq!(content.encoded_bytes(), expected.len());
    let mut out = vec![0xA5; expected.len() + 3];
    assert_eq!(content.emit(flags, &mut out), Ok(expected.len()));
    assert_eq!(&out[..expected.len()], expected);
    assert_eq!(
        &out[expected.len()..],
        [0xA5; 3],
        "bytes behind the frame were touched"
    );
    let mut short = vec![0xA5; expected.len() - 1];
    assert!(content.emit(flags, &mut short).is_err());
    assert!(
        short.iter().all(|&byte| byte == 0xA5),
        "a frame was written in part"
    );
}

/// Every slice that a frame hands out lies within the frame, and the frame within the buffer.
fn assert_within(buffer: &[u8], frame: &Frame<'_>) {
    let whole = range(frame.bytes());
    assert_inside(&range(buffer), &whole);
    let payload = range(frame.payload_bytes());
    assert_inside(&whole, &payload);
    let head_bytes = match frame.kind() {
        MessageType::COMPRESSED_BATCH => COMPRESSED_HEAD_BYTES,
        _ => HEADER_BYTES,
    };
    assert_eq!(payload.start - whole.start, head_bytes);
    match frame.payload() {
        Payload::Positions(records) => assert_inside(&payload, &range(records.as_bytes())),
        Payload::Metrics(records) => assert_inside(&payload, &range(records.as_bytes())),
        Payload::Coordination(event) => {
            assert_inside(&payload, &range(event.participants.as_bytes()));
        }
        Payload::Compressed(batch) => assert_eq!(range(batch.data), payload),
        Payload::TickInfo(info) => assert_eq!(range(info.as_bytes()), payload),
        Payload::Edges(records) => assert_inside(&payload, &range(records.as_bytes())),
        Payload::Error(error) => assert_inside(&payload, &range(error.text.as_bytes())),
        Payload::Encoded(bytes) | Payload::Unknown(bytes) => assert_eq!(range(bytes), payload),
        Payload::Heartbeat(Heartbeat::Empty) => assert!(payload.is_empty()),
        Payload::Heartbeat(Heartbeat::Stamped(stamps)) => {
            assert_eq!(range(stamps.as_bytes()), payload);
        }
        Payload::States(batch) => {
            assert_eq!(batch.records().len(), batch.count());
            for metadata in batch.records().filter_map(|record| record.metadata) {
                assert_inside(&payload, &range(metadata.as_bytes()));
                if let Metadata::Json(text) = metadata {
                    assert!(core::str::from_utf8(text.as_bytes()).is_ok());
                }
            }
        }
    }
}

fn range(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

fn assert_inside(outer: &Range<usize>, inner: &Range<usize>) {
    assert!(
        outer.start <= inner.start && inner.end <= outer.end,
        "{inner:?} leaves {outer:?}"
    );
}
