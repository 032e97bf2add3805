//! Frames typed by hand from the document, byte for byte, in both directions.

use agnt_codec::{
    AgentMetrics, AgentPosition, CompressedBatch, CoordinationEvent, CoordinationPattern,
    CoordinationRole, CoordinationStatus, Edge, EdgeBatch, Emit, ErrorFrame, Flags, Frame,
    Heartbeat, HeartbeatFrame, HeartbeatStamps, Metadata, MetricsBatch, Participant, Payload,
    PositionUpdate, Priority, StateBatchOut, StateCode, StateRecord, TickInfo, Vote, error_code,
    order::{F32, U32, U64},
};

use crate::support::{hex, unhex};

fn emitted(content: &impl Emit, flags: Flags) -> String {
    let mut out = vec![0; content.encoded_bytes()];
    assert_eq!(content.emit(flags, &mut out), Ok(out.len()));
    hex(&out)
}

fn digits(text: &str) -> String {
    text.replace(' ', "")
}

#[test]
fn position_update() {
    let text = "41474e54 01 1c 2000 01000000 \
                07000000 0000803f 00000040 00004040 0000003f 000000bf 00000000";
    let bytes = unhex(text);
    let frame = Frame::exactly(&bytes).unwrap();
    assert!(frame.flags().contains(Flags::MORE.with(Flags::KEYFRAME)));
    assert_eq!(frame.flags().priority(), Priority::High);
    let Payload::Positions([record]) = frame.payload() else {
        panic!("{frame:?}")
    };
    let expected = AgentPosition::new(7, [1.0, 2.0, 3.0], [0.5, -0.5, 0.0]);
    assert_eq!(*record, expected);
    assert_eq!(
        (
            record.id.get(),
            record.position.map(F32::get),
            record.velocity.map(F32::get)
        ),
        (7, [1.0, 2.0, 3.0], [0.5, -0.5, 0.0])
    );
    let flags = Flags::MORE
        .with(Flags::KEYFRAME)
        .with_priority(Priority::High);
    assert_eq!(
        emitted(
            &PositionUpdate {
                records: &[expected]
            },
            flags
        ),
        digits(text)
    );
}

#[test]
fn state_batch() {
    let text = "41474e54 02 00 1d00 03000000 \
                01000000 02 00 \
                02000000 03 01 0200 7b7d \
                03000000 80 03 0100 a0";
    let bytes = unhex(text);
    let Payload::States(batch) = Frame::exactly(&bytes).unwrap().payload() else {
        panic!()
    };
    let expected = [
        StateRecord {
            id: 1,
            state: StateCode::IDLE,
            metadata: None,
        },
        StateRecord {
            id: 2,
            state: StateCode::BUSY,
            metadata: Some(Metadata::Json("{}")),
        },
        StateRecord {
            id: 3,
            state: StateCode(0x80),
            metadata: Some(Metadata::Cbor(&[0xA0])),
        },
    ];
    assert_eq!(batch.count(), 3);
    assert_eq!(batch.records().collect::<Vec<_>>(), expected);
    assert_eq!(
        emitted(&StateBatchOut { records: &expected }, Flags::NONE),
        digits(text)
    );
}

#[test]
fn performance_metrics_with_and_without_a_count() {
    let record = "05000000 2a000000 0000403f 00004843 00004842 0000000001000000";
    let plain = format!("41474e54 03 00 1c00 {record}");
    let counted = format!("41474e54 03 00 2000 01000000 {record}");
    let expected = AgentMetrics {
        id: U32::new(5),
        tasks: U32::new(42),
        success: F32::new(0.75),
        average_ms: F32::new(200.0),
        cpu_percent: F32::new(50.0),
        memory_bytes: U64::new(1 << 32),
    };
    for text in [&plain, &counted] {
        let bytes = unhex(text);
        let Payload::Metrics(records) = Frame::exactly(&bytes).unwrap().payload() else {
            panic!()
        };
        assert_eq!(records, [expected]);
    }
    assert_eq!(
        emitted(
            &MetricsBatch {
                records: &[expected]
            },
            Flags::NONE
        ),
        digits(&plain)
    );
}

#[test]
fn coordination_event() {
    let text = "41474e54 04 00 2000 7b000000 01 01 0200 0000003f 01000000 \
                02000000 01 01 0000 04000000 00 00 0000";
    let bytes = unhex(text);
    let Payload::Coordination(event) = Frame::exactly(&bytes).unwrap().payload() else {
        panic!()
    };
    let expected = CoordinationEvent {
        id: 123,
        pattern: CoordinationPattern::CONSENSUS,
        status: CoordinationStatus::VOTING,
        progress: F32::new(0.5),
        initiator: 1,
        participants: &[
            Participant::new(2, CoordinationRole::VOTER, Vote::APPROVE),
            Participant::new(4, CoordinationRole::OBSERVER, Vote::PENDING),
        ],
    };
    assert_eq!(event, expected);
    assert_eq!(emitted(&expected, Flags::NONE), digits(text));
}

#[test]
fn compressed_batch_has_a_head_of_nine_bytes() {
    let text = "41474e54 05 00000100 789c";
    let bytes = unhex(text);
    let frame = Frame::exactly(&bytes).unwrap();
    let expected = CompressedBatch {
        original_bytes: 65_536,
        data: &[0x78, 0x9C],
    };
    assert_eq!(frame.payload(), Payload::Compressed(expected));
    assert_eq!(frame.payload_bytes(), [0x78, 0x9C]);
    assert_eq!(frame.flags(), Flags::NONE);
    assert_eq!(emitted(&expected, Flags::NONE), digits(text));
}

#[test]
fn heartbeats() {
    let empty = unhex("41474e54 06 00 0000");
    let Payload::Heartbeat(heartbeat) = Frame::exactly(&empty).unwrap().payload() else {
        panic!()
    };
    assert_eq!(heartbeat, Heartbeat::Empty);
    assert_eq!(emitted(&HeartbeatFrame::Empty, Flags::NONE), hex(&empty));

    let text = "41474e54 06 00 2000 0100000000000000 0002000000000000 0000030000000000 \
                4d000000 3c000000";
    let bytes = unhex(text);
    let stamps = HeartbeatStamps {
        client_send_us: U64::new(1),
        server_receive_us: U64::new(0x200),
        server_send_us: U64::new(0x3_0000),
        displayed_tick: U32::new(77),
        client_flags: U32::new(60),
    };
    let expected = Heartbeat::Stamped(&stamps);
    assert_eq!(
        Frame::exactly(&bytes).unwrap().payload(),
        Payload::Heartbeat(expected)
    );
    assert_eq!(
        emitted(&HeartbeatFrame::Stamped(stamps), Flags::NONE),
        digits(text)
    );
}

#[test]
fn tick_info() {
    let text = "41474e54 10 00 1000 4d000000 02000000 0300000000010000";
    let bytes = unhex(text);
    let expected = TickInfo::new(77, 2, 3 + (1 << 40));
    assert_eq!(
        Frame::exactly(&bytes).unwrap().payload(),
        Payload::TickInfo(&expected)
    );
    assert_eq!(emitted(&expected, Flags::NONE), digits(text));
}

#[test]
fn edge_batch() {
    let text = "41474e54 11 08 2400 02000000 \
                01000000 02000000 0000003f 00007042 \
                02000000 01000000 000080bf 00000000";
    let bytes = unhex(text);
    let expected = [Edge::new(1, 2, 0.5, 60.0), Edge::new(2, 1, -1.0, 0.0)];
    assert_eq!(
        Frame::exactly(&bytes).unwrap().payload(),
        Payload::Edges(&expected)
    );
    let batch = EdgeBatch { records: &expected };
    assert_eq!(emitted(&batch, Flags::MORE), digits(text));
}

#[test]
fn error() {
    let text = "41474e54 ff 00 0d00 0300 01 00 2a000000 0300 c39f21";
    let bytes = unhex(text);
    let expected = ErrorFrame {
        code: error_code::INVALID_MESSAGE,
        recoverable: true,
        reference: 42,
        text: "ß!",
    };
    assert_eq!(
        Frame::exactly(&bytes).unwrap().payload(),
        Payload::Error(expected)
    );
    assert_eq!(emitted(&expected, Flags::NONE), digits(text));
}
