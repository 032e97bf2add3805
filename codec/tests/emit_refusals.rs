//! What the encoder refuses to write, and that it writes nothing then.

use agnt_codec::{
    AgentMetrics, AgentPosition, CompressedBatch, Emit, EncodeErrorKind, ErrorFrame, Flags,
    HeartbeatFrame, METRICS_PER_FRAME_MAX, MessageType, Metadata, MetricsBatch, OpaqueFrame,
    POSITIONS_PER_FRAME_MAX, PositionHead, PositionUpdate, Priority, StateBatchOut, StateCode,
    StateRecord,
};

fn refusal(content: &impl Emit, flags: Flags) -> EncodeErrorKind {
    let mut out = vec![0xA5; content.encoded_bytes()];
    let error = content.emit(flags, &mut out).unwrap_err();
    assert!(
        out.iter().all(|byte| *byte == 0xA5),
        "something was written"
    );
    assert!(!error.to_string().is_empty());
    error.kind
}

#[test]
fn more_than_a_frame_holds() {
    let position = AgentPosition::new(1, [0.0; 3], [0.0; 3]);
    let records = vec![position; POSITIONS_PER_FRAME_MAX + 1];
    assert_eq!(
        refusal(&PositionUpdate { records: &records }, Flags::NONE),
        EncodeErrorKind::PayloadTooLong
    );
    assert!(PositionHead::new(Flags::NONE, POSITIONS_PER_FRAME_MAX).is_ok());
    assert!(PositionHead::new(Flags::NONE, POSITIONS_PER_FRAME_MAX + 1).is_err());
    assert!(PositionHead::new(Flags::NONE, usize::MAX).is_err());

    let metrics: AgentMetrics = zerocopy::FromZeros::new_zeroed();
    let full = vec![metrics; METRICS_PER_FRAME_MAX];
    let mut out = vec![0; MetricsBatch { records: &full }.encoded_bytes()];
    assert!(
        MetricsBatch { records: &full }
            .emit(Flags::NONE, &mut out)
            .is_ok()
    );
    let more = vec![metrics; METRICS_PER_FRAME_MAX + 1];
    assert_eq!(
        refusal(&MetricsBatch { records: &more }, Flags::NONE),
        EncodeErrorKind::PayloadTooLong
    );

    let text = "x".repeat(65_536);
    for fits in [65_525, 65_526] {
        let frame = ErrorFrame {
            code: 1,
            recoverable: true,
            reference: 0,
            text: &text[..fits],
        };
        let mut out = vec![0; frame.encoded_bytes()];
        assert_eq!(frame.emit(Flags::NONE, &mut out).is_ok(), fits == 65_525);
    }
    let long = Some(Metadata::Json(&text));
    let record = StateRecord {
        id: 1,
        state: StateCode::IDLE,
        metadata: long,
    };
    assert_eq!(
        refusal(&StateBatchOut { records: &[record] }, Flags::NONE),
        EncodeErrorKind::PayloadTooLong
    );
}

#[test]
fn a_buffer_that_is_too_small() {
    let records = [AgentPosition::new(1, [0.0; 3], [0.0; 3])];
    for room in 0..40 {
        let mut out = vec![0xA5; room];
        let error = PositionUpdate { records: &records }
            .emit(Flags::NONE, &mut out)
            .unwrap_err();
        assert_eq!(error.kind, EncodeErrorKind::BufferTooSmall);
        assert_eq!((error.need, error.have), (40, room));
        assert!(out.iter().all(|byte| *byte == 0xA5));
    }
}

#[test]
fn flags_that_would_give_the_payload_another_shape() {
    let shapes = [
        Flags::COMPRESSED,
        Flags::HAS_CHANNEL,
        Flags::CODEC,
        Flags::EXT_LENGTH,
    ];
    for flags in shapes {
        assert_eq!(
            refusal(&HeartbeatFrame::Empty, flags),
            EncodeErrorKind::FlagsRefused
        );
        let records = PositionUpdate { records: &[] };
        assert_eq!(refusal(&records, flags), EncodeErrorKind::FlagsRefused);
    }
    let opaque = OpaqueFrame {
        kind: MessageType::STATE_BATCH,
        payload: b"x",
    };
    assert_eq!(
        refusal(&opaque, Flags::EXT_LENGTH),
        EncodeErrorKind::FlagsRefused
    );
}

#[test]
fn flags_and_types_that_a_layout_cannot_carry() {
    let batch = CompressedBatch {
        original_bytes: 1,
        data: b"x",
    };
    let urgent = Flags::NONE.with_priority(Priority::High);
    assert_eq!(refusal(&batch, urgent), EncodeErrorKind::FlagsRefused);
    let opaque = OpaqueFrame {
        kind: MessageType::COMPRESSED_BATCH,
        payload: b"x",
    };
    assert_eq!(refusal(&opaque, Flags::NONE), EncodeErrorKind::TypeRefused);
}

#[test]
fn flags_are_set_and_cleared_one_by_one() {
    let all = [
        Priority::Normal,
        Priority::Low,
        Priority::High,
        Priority::Critical,
    ];
    for (bits, priority) in all.into_iter().enumerate() {
        let flags = Flags(0xFF).with_priority(priority);
        assert_eq!(flags.0, 0xF9 | (bits as u8) << 1);
        assert_eq!(flags.priority(), priority);
    }
    let flags = Flags::MORE.with(Flags::KEYFRAME);
    assert_eq!(flags.0, 24);
    assert!(flags.contains(Flags::MORE) && !flags.without(Flags::MORE).contains(Flags::MORE));
    assert!(flags.intersects(Flags::MORE.with(Flags::CODEC)));
    assert!(!flags.contains(Flags::MORE.with(Flags::CODEC)));
}
