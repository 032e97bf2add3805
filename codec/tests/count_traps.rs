//! Counts that wrap to a fitting size when multiplied in 32 bits, and counts that lie by one.

use agnt_codec::{DecodeErrorKind, Frame, MessageType};

fn frame(kind: MessageType, count: u32, payload_bytes: u16) -> Vec<u8> {
    let mut bytes = b"AGNT".to_vec();
    bytes.extend([kind.0, 0]);
    bytes.extend(payload_bytes.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.resize(8 + usize::from(payload_bytes), 0);
    bytes
}

#[test]
fn a_count_is_multiplied_without_wrapping() {
    let traps = [
        0x4000_0001_u32,
        0x8000_0001,
        0xC000_0001,
        0x0924_924A,
        0x4924_9249,
        0x2AAA_AAAB,
        0x1000_0001,
        0x7FFF_FFFF,
        0xFFFF_FFFF,
    ];
    for (kind, record_bytes) in [
        (MessageType::POSITION_UPDATE, 28_u64),
        (MessageType::PERFORMANCE_METRICS, 28),
        (MessageType::STATE_BATCH, 6),
        (MessageType::EDGE_BATCH, 16),
    ] {
        for count in traps {
            for payload_bytes in [4, 32, 60, 4 + 28 * 2340] {
                let wrapped = (u64::from(count) * record_bytes + 4) as u32;
                let error = Frame::exactly(&frame(kind, count, payload_bytes)).unwrap_err();
                let context = format!("{kind:?} {count:#x} {payload_bytes} {wrapped}: {error}");
                assert_eq!(error.kind, DecodeErrorKind::CountMismatch, "{context}");
                assert_eq!(error.offset, 8, "{context}");
                assert_eq!(
                    error.need as u64,
                    u64::from(count) * record_bytes + 4,
                    "{context}"
                );
                assert_eq!(error.have, usize::from(payload_bytes), "{context}");
                assert!(!error.is_partial(), "{context}");
            }
            let fitting = (u64::from(count) * record_bytes + 4) as u32;
            if let Ok(payload_bytes @ 4..) = u16::try_from(fitting)
                && (kind != MessageType::PERFORMANCE_METRICS || payload_bytes % 28 == 4)
            {
                let error = Frame::exactly(&frame(kind, count, payload_bytes)).unwrap_err();
                assert_eq!(
                    error.kind,
                    DecodeErrorKind::CountMismatch,
                    "{kind:?} {count:#x}"
                );
            }
        }
    }
}

#[test]
fn a_count_off_by_one_is_refused() {
    let kind = MessageType::POSITION_UPDATE;
    for records in [1, 2, 7, 2340_u32] {
        let payload_bytes = (4 + 28 * records) as u16;
        assert!(Frame::exactly(&frame(kind, records, payload_bytes)).is_ok());
        for count in [records - 1, records + 1] {
            let error = Frame::exactly(&frame(kind, count, payload_bytes)).unwrap_err();
            assert_eq!(error.kind, DecodeErrorKind::CountMismatch);
        }
    }
}

#[test]
fn a_length_off_by_any_byte_is_refused() {
    for payload_bytes in 0..=200_u16 {
        let mut bytes = frame(MessageType::POSITION_UPDATE, 3, payload_bytes.max(4));
        bytes[6..8].copy_from_slice(&payload_bytes.to_le_bytes());
        bytes.truncate(8 + usize::from(payload_bytes));
        assert_eq!(
            Frame::exactly(&bytes).is_ok(),
            payload_bytes == 4 + 28 * 3,
            "{payload_bytes}"
        );
    }
}

#[test]
fn no_more_records_than_the_length_field_can_say() {
    let error = Frame::exactly(&frame(MessageType::POSITION_UPDATE, 2341, 65_535)).unwrap_err();
    assert_eq!((error.need, error.have), (4 + 28 * 2341, 65_535));
}
