//! Types that don't exist yet are skipped by their length, whatever they carry.

use agnt_codec::{Frame, Frames, MessageType, Payload};

#[test]
fn every_unnamed_type_is_skipped_by_its_length() {
    for kind in (0..=u8::MAX).filter(|kind| MessageType(*kind).name() == "UNKNOWN") {
        let mut bytes = b"AGNT".to_vec();
        bytes.extend([kind, 0, 5, 0]);
        bytes.extend(b"AGNT\xFF");
        bytes.extend(b"AGNT\x06\0\0\0");
        let frames: Vec<_> = Frames::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(frames.len(), 2, "{kind:#x}");
        assert_eq!(
            frames[0].payload(),
            Payload::Unknown(b"AGNT\xFF"),
            "{kind:#x}"
        );
        assert_eq!(frames[0].kind(), MessageType(kind));
        assert_eq!(frames[1].kind(), MessageType::HEARTBEAT);
    }
}

#[test]
fn a_payload_in_another_shape_is_handed_out_as_it_is() {
    for kind in (0..=u8::MAX).filter(|kind| *kind != 5) {
        for flags in (0..0x80_u8).filter(|flags| flags & 0b0110_0001 != 0) {
            let bytes = [b'A', b'G', b'N', b'T', kind, flags, 1, 0, 0xEE];
            let frame = Frame::exactly(&bytes).unwrap();
            assert_eq!(
                frame.payload(),
                Payload::Encoded(&[0xEE]),
                "{kind:#x} {flags:#x}"
            );
            assert_eq!((frame.kind().0, frame.flags().0), (kind, flags));
        }
    }
}
