//! Floats of every kind pass bit for bit, and NaN in x says that an agent is gone.

use agnt_codec::{AgentPosition, Emit, Flags, Frame, Payload, PositionUpdate, order::F32};

const BITS: [u32; 12] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x807F_FFFF,
    0x3F80_0000,
    0x7F7F_FFFF,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0000,
    0xFFC0_0001,
    0x7F80_0001,
    0xFFBF_FFFF,
];

fn bytes_of(fields: [u32; 6]) -> Vec<u8> {
    let mut bytes = b"AGNT\x01\x00\x20\x00\x01\0\0\0\x09\0\0\0".to_vec();
    bytes.extend(fields.map(u32::to_le_bytes).concat());
    bytes
}

#[test]
fn every_bit_survives_reading_and_writing() {
    for first in BITS {
        for other in BITS {
            let bytes = bytes_of([first, other, first, other, other, first]);
            let Payload::Positions(records) = Frame::exactly(&bytes).unwrap().payload() else {
                panic!();
            };
            assert_eq!(records[0].position[0].to_bytes(), first.to_le_bytes());
            let copied: Vec<AgentPosition> = records.to_vec();
            let mut out = vec![0; bytes.len()];
            PositionUpdate { records: &copied }
                .emit(Flags::NONE, &mut out)
                .unwrap();
            assert_eq!(out, bytes);
        }
    }
}

#[test]
fn an_agent_is_gone_when_x_is_any_nan_and_only_then() {
    for x in BITS {
        for other in BITS {
            let bytes = bytes_of([x, other, other, other, other, other]);
            let Payload::Positions([record]) = Frame::exactly(&bytes).unwrap().payload() else {
                panic!();
            };
            assert_eq!(record.is_gone(), x & 0x7FFF_FFFF > 0x7F80_0000, "{x:#x}");
        }
    }
    assert!(AgentPosition::gone(3).is_gone());
    assert_eq!(AgentPosition::gone(3).id.get(), 3);
}

#[test]
fn equality_is_of_bits() {
    let nan = AgentPosition::gone(1);
    assert_eq!(nan, nan);
    let plus = AgentPosition::new(1, [0.0; 3], [0.0; 3]);
    let minus = AgentPosition::new(1, [-0.0; 3], [0.0; 3]);
    assert_ne!(plus, minus);
    assert_eq!(F32::new(1.0).to_bytes(), [0, 0, 0x80, 0x3F]);
}
