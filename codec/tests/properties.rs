//! Anything that can be said survives the wire, and any bytes hold the codec's invariants.

use agnt_codec::{
    AgentPosition, CoordinationEvent, CoordinationPattern, CoordinationRole, CoordinationStatus,
    Edge, EdgeBatch, Emit, ErrorFrame, Flags, Frame, Metadata, Participant, Payload,
    PositionUpdate, StateBatchOut, StateCode, StateRecord, TickInfo, Vote, fuzzing, order::F32,
};
use proptest::{collection::vec, option, prelude::*};

fn emitted(content: &impl Emit, flags: Flags) -> Vec<u8> {
    let mut out = std::vec![0; content.encoded_bytes()];
    assert_eq!(content.emit(flags, &mut out), Ok(out.len()));
    out
}

/// Any flags that leave the payload in its type's own layout.
fn plain_flags() -> impl Strategy<Value = Flags> {
    (0..32_u8).prop_map(|bits| Flags(bits & !1))
}

/// Any float, by its bits.
fn float() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

#[derive(Clone, Debug)]
enum OwnedMetadata {
    Json(String),
    Cbor(Vec<u8>),
}

fn metadata() -> impl Strategy<Value = Option<OwnedMetadata>> {
    option::of(prop_oneof![
        ".{0,40}".prop_map(OwnedMetadata::Json),
        vec(any::<u8>(), 0..40).prop_map(OwnedMetadata::Cbor),
    ])
}

proptest! {
    #[test]
    fn positions(
        flags in plain_flags(),
        agents in vec((any::<u32>(), [float(), float(), float()], [float(), float(), float()]), 0..50),
    ) {
        let records: Vec<_> =
            agents.iter().map(|(id, place, speed)| AgentPosition::new(*id, *place, *speed)).collect();
        let bytes = emitted(&PositionUpdate { records: &records }, flags);
        let frame = Frame::exactly(&bytes).unwrap();
        prop_assert_eq!(frame.flags(), flags);
        prop_assert_eq!(frame.payload(), Payload::Positions(&records));
    }

    #[test]
    fn states(
        flags in plain_flags(),
        agents in vec((any::<u32>(), any::<u8>(), metadata()), 0..50),
    ) {
        let records: Vec<_> = agents
            .iter()
            .map(|(id, state, metadata)| StateRecord {
                id: *id,
                state: StateCode(*state),
                metadata: metadata.as_ref().map(|one| match one {
                    OwnedMetadata::Json(text) => Metadata::Json(text),
                    OwnedMetadata::Cbor(bytes) => Metadata::Cbor(bytes),
                }),
            })
            .collect();
        let bytes = emitted(&StateBatchOut { records: &records }, flags);
        let Payload::States(batch) = Frame::exactly(&bytes).unwrap().payload() else { panic!() };
        prop_assert_eq!(batch.records().len(), records.len());
        prop_assert_eq!(batch.into_iter().collect::<Vec<_>>(), records);
    }

    #[test]
    fn coordination(
        flags in plain_flags(),
        codes in any::<[u8; 2]>(),
        numbers in any::<[u32; 2]>(),
        progress in any::<[u8; 4]>(),
        agents in vec((any::<u32>(), any::<u8>(), any::<u8>()), 0..50),
    ) {
        let participants: Vec<_> = agents
            .iter()
            .map(|(id, role, vote)| Participant::new(*id, CoordinationRole(*role), Vote(*vote)))
            .collect();
        let event = CoordinationEvent {
            id: numbers[0],
            pattern: CoordinationPattern(codes[0]),
            status: CoordinationStatus(codes[1]),
            progress: F32::from_bytes(progress),
            initiator: numbers[1],
            participants: &participants,
        };
        let bytes = emitted(&event, flags);
        prop_assert_eq!(Frame::exactly(&bytes).unwrap().payload(), Payload::Coordination(event));
    }

    #[test]
    fn edges(
        flags in plain_flags(),
        edges in vec((any::<u32>(), any::<u32>(), float(), float()), 0..50),
    ) {
        let records: Vec<_> = edges
            .iter()
            .map(|(source, target, weight, rate)| Edge::new(*source, *target, *weight, *rate))
            .collect();
        let bytes = emitted(&EdgeBatch { records: &records }, flags);
        prop_assert_eq!(Frame::exactly(&bytes).unwrap().payload(), Payload::Edges(&records));
    }

    #[test]
    fn tick_infos(
        flags in plain_flags(),
        tick in any::<u32>(),
        epoch in any::<u32>(),
        server_us in any::<u64>(),
    ) {
        let info = TickInfo::new(tick, epoch, server_us);
        let bytes = emitted(&info, flags);
        prop_assert_eq!(Frame::exactly(&bytes).unwrap().payload(), Payload::TickInfo(&info));
    }

    #[test]
    fn errors(
        flags in plain_flags(),
        code in any::<u16>(),
        recoverable in any::<bool>(),
        reference in any::<u32>(),
        text in ".{0,80}",
    ) {
        let error = ErrorFrame { code, recoverable, reference, text: &text };
        let bytes = emitted(&error, flags);
        prop_assert_eq!(Frame::exactly(&bytes).unwrap().payload(), Payload::Error(error));
    }

    #[test]
    fn any_bytes_hold_the_invariants(bytes in vec(any::<u8>(), 0..200)) {
        fuzzing::decode(&bytes);
        fuzzing::roundtrip(&bytes);
    }

    #[test]
    fn any_payload_of_any_type_holds_the_invariants(
        kind in prop_oneof![0..=7_u8, 0x10..=0x11_u8, Just(0xFF)],
        flags in any::<u8>(),
        payload in vec(prop_oneof![0..4_u8, any::<u8>()], 0..100),
    ) {
        let mut bytes = b"AGNT".to_vec();
        bytes.extend([kind, flags, payload.len() as u8, 0]);
        bytes.extend(&payload);
        fuzzing::decode(&bytes);
        fuzzing::roundtrip(&bytes);
    }
}
