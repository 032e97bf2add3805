//! Where things lie: a browser gives the bytes of a frame to the GPU with these numbers, so they
//! may never change.

use agnt_codec::{
    AgentMetrics, AgentPosition, EDGES_PER_FRAME_MAX, Edge, Emit, FRAME_BYTES_MAX, Flags, Frame,
    HEADER_BYTES, Header, MAGIC, MessageType, PAYLOAD_BYTES_MAX, POSITIONS_PER_FRAME_MAX, Payload,
    PositionHead, PositionUpdate, TickInfo,
};

#[test]
fn positions_start_at_byte_12_with_a_stride_of_28() {
    let records: Vec<_> = (0..POSITIONS_PER_FRAME_MAX as u32)
        .map(|id| AgentPosition::new(id, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
        .collect();
    let update = PositionUpdate { records: &records };
    let mut bytes = vec![0; update.encoded_bytes()];
    assert_eq!(update.emit(Flags::NONE, &mut bytes), Ok(12 + 28 * 2340));
    for index in [0, 1, 2, 1000, 2339] {
        let at = 12 + 28 * index;
        assert_eq!(bytes[at..at + 4], (index as u32).to_le_bytes());
        let axes = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]
            .map(f32::to_le_bytes)
            .concat();
        assert_eq!(bytes[at + 4..at + 28], axes);
    }
    let Payload::Positions(read) = Frame::exactly(&bytes).unwrap().payload() else {
        panic!()
    };
    for (index, record) in read.iter().enumerate() {
        let offset = std::ptr::from_ref(record).addr() - bytes.as_ptr().addr();
        assert_eq!(offset, 12 + 28 * index);
        assert_eq!(offset % 4, 0);
    }
}

#[test]
fn sizes_are_those_of_the_document() {
    assert_eq!(size_of::<Header>(), 8);
    assert_eq!(size_of::<PositionHead>(), 12);
    assert_eq!(size_of::<AgentPosition>(), 28);
    assert_eq!(size_of::<AgentMetrics>(), 28);
    assert_eq!((size_of::<TickInfo>(), size_of::<Edge>()), (16, 16));
    assert_eq!(EDGES_PER_FRAME_MAX, 4095);
    assert_eq!(
        (HEADER_BYTES, PAYLOAD_BYTES_MAX, FRAME_BYTES_MAX),
        (8, 65_535, 65_543)
    );
    assert_eq!(&MAGIC, b"AGNT");
}

#[test]
fn a_view_works_at_every_alignment() {
    let record = [AgentPosition::new(1, [1.5; 3], [2.5; 3])];
    for shift in 0..8 {
        let mut buffer = vec![0; shift + 40];
        PositionUpdate { records: &record }
            .emit(Flags::NONE, &mut buffer[shift..])
            .unwrap();
        let frame = Frame::exactly(&buffer[shift..]).unwrap();
        assert_eq!(frame.payload(), Payload::Positions(&record));
    }
}

#[test]
fn numbers_of_types_are_those_of_the_document() {
    let named = [
        (0x01, "POSITION_UPDATE"),
        (0x02, "STATE_BATCH"),
        (0x03, "PERFORMANCE_METRICS"),
        (0x04, "COORDINATION_EVENT"),
        (0x05, "COMPRESSED_BATCH"),
        (0x06, "HEARTBEAT"),
        (0x10, "TICK_INFO"),
        (0x11, "EDGE_BATCH"),
        (0xFF, "ERROR"),
    ];
    for byte in 0..=u8::MAX {
        let name = named
            .iter()
            .find(|(number, _)| *number == byte)
            .map_or("UNKNOWN", |one| one.1);
        assert_eq!(MessageType(byte).name(), name);
    }
}
