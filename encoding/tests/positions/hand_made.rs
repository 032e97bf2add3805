//! Frames typed by hand from the document, in both directions.

use agnt_codec::{AgentPosition, Flags};
use agnt_encoding::{CodecSpec, EncodingError, PositionDecoder, PositionEncoder, Precision};

use crate::support::unhex;

/// Four agents in a row that fly along x, a unit each second, and where they are after `seconds`.
fn row(seconds: f32) -> Vec<AgentPosition> {
    let agents = (0..4_u8).map(f32::from);
    let records =
        agents.map(|x| AgentPosition::new(10 + x as u32, [x + seconds, 0.0, 0.0], [1.0, 0.0, 0.0]));
    records.collect()
}

fn decoded(payload: &str) -> Result<Vec<AgentPosition>, EncodingError> {
    let mut records = Vec::new();
    let result = PositionDecoder::new().decode(&unhex(payload), &mut records);
    result.map(|()| records)
}

#[test]
fn a_key_and_a_frame_of_fixed() {
    let key = "41474e54 01 50 5800 \
               04 03 0100 01000000 04000000 04000000 00000000 00000000 0000803f 0000803f \
               00000000 0a000000 01000000 0b000000 02000000 0c000000 03000000 0d000000 \
               00000000 04000000 \
               02 00 00 03 00 00 0000 \
               aa000000 100d0000";
    let frame = "41474e54 01 44 3000 \
                 04 00 0100 02000000 04000000 00000000 00000000 0000803f 0000803f 0000803f \
                 00000000 04000000 \
                 00 00 00 00 00 00 0000";
    let mut encoder = PositionEncoder::new(CodecSpec::Fixed(Precision::new(0.5, 0.5).unwrap()));
    encoder.seed(row(0.0).iter());
    let mut bytes = Vec::new();
    assert_eq!(encoder.write_key(&[], &mut bytes), 1);
    assert_eq!(bytes, unhex(key));
    bytes.clear();
    let high = Flags(4);
    assert_eq!(encoder.encode(&row(1.0), high, &mut bytes), 1);
    assert_eq!(bytes, unhex(frame));

    let mut decoder = PositionDecoder::new();
    let mut records = Vec::new();
    decoder.decode(&unhex(key)[8..], &mut records).unwrap();
    assert_eq!(records, row(0.0));
    decoder.decode(&unhex(frame)[8..], &mut records).unwrap();
    assert_eq!(records[4..], row(1.0));
}

#[test]
fn a_key_of_predict() {
    // The bits of 1.0 are 3f800000, of -1.0 bf800000: that is -1 - 3f800000 among the numbers, and
    // zigzag of these are 7f000000 and 7f000001; minus zero is -1, whose zigzag is 1.
    let payload = "02 03 0100 07000000 01000000 01000000 00000000 00000000 00000000 00000000 \
                   05000000 2a000000 \
                   05000000 01000000 \
                   1f 1f 01 00 00 00 0000 \
                   0000007f 0100007f 01000000";
    let expected = AgentPosition::new(42, [0.0; 3], [1.0, -1.0, -0.0]);
    assert_eq!(decoded(payload), Ok(vec![expected]));
}

#[test]
fn slots_named_by_a_mask() {
    let payload = "04 03 0100 00000000 02000000 02000000 00000000 00000000 0000803f 0000803f \
                   01000000 07000000 03000000 09000000 \
                   01000000 05000080 \
                   00 00 00 01 00 00 0000 \
                   02000000";
    let expected = [
        AgentPosition::new(7, [0.0; 3], [0.0; 3]),
        AgentPosition::new(9, [-1.0, 0.0, 0.0], [0.0; 3]),
    ];
    assert_eq!(decoded(payload).unwrap(), expected);
}

#[test]
fn shuffle() {
    let mut encoder = PositionEncoder::new(CodecSpec::Shuffle);
    let records = [
        AgentPosition::new(1, [1.0, 0.0, 0.0], [0.0; 3]),
        AgentPosition::new(0x0403_0201, [2.0, 0.0, 0.0], [0.0, 0.0, -1.0]),
    ];
    let frame = "41474e54 01 40 4000 01 000000 02000000 \
                 0101 0002 0003 0004 0000 0000 8000 3f40 0000 0000 0000 0000 0000 0000 0000 0000 \
                 0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 0080 00bf";
    let mut bytes = Vec::new();
    assert_eq!(encoder.encode(&records, Flags::NONE, &mut bytes), 1);
    assert_eq!(bytes, unhex(frame));
    assert_eq!(decoded(&frame[20..]).unwrap(), records);
}

#[test]
fn boxes() {
    let payload = "03 000000 02000000 0000803f 00000040 00004040 0000003f 0000803e 00000000 00000000 \
                   05000000 06000000 \
                   0000 ffff 0100 0000 0000 0000 \
                   0080 ff7f 0100 0000 ffff 0000";
    let expected = [
        AgentPosition::new(5, [1.0, 2.5, 3.0], [-8192.0, 0.25, -0.25]),
        AgentPosition::new(6, [32768.5, 2.0, 3.0], [8191.75, 0.0, 0.0]),
    ];
    assert_eq!(decoded(payload).unwrap(), expected);
}

#[test]
fn an_encoder_of_plain_frames_changes_nothing() {
    let mut encoder = PositionEncoder::new(CodecSpec::Plain);
    let mut bytes = Vec::new();
    assert_eq!(encoder.encode(&row(0.0)[..1], Flags::MORE, &mut bytes), 1);
    let text = "41474e54 01 08 2000 01000000 0a000000 00000000 00000000 00000000 0000803f \
                00000000 00000000";
    assert_eq!(bytes, unhex(text));
}

#[test]
fn nothing_is_an_empty_frame() {
    for spec in [CodecSpec::Plain, CodecSpec::Predict, CodecSpec::Box] {
        let mut bytes = Vec::new();
        assert_eq!(
            PositionEncoder::new(spec).encode(&[], Flags(4), &mut bytes),
            1
        );
        assert_eq!(bytes, unhex("41474e54 01 04 0400 00000000"), "{spec:?}");
    }
}
