//! Whose ids are admitted, by a plain reading of the rule; and when a mandate is asked for.

use agnt_codec::{
    AgentMetrics, AgentPosition, CoordinationEvent, CoordinationPattern, CoordinationRole,
    CoordinationStatus, Emit, MetricsBatch, Participant, PositionUpdate, StateBatchOut, StateCode,
    StateRecord, Vote,
};

use super::*;

const OWN: u32 = 0x1000_0007;

/// Ids round both ends of those that are for registered agents.
const IDS: [u32; 10] = [
    0,
    1,
    0x0FFF_FFFF,
    0x1000_0000,
    OWN,
    0x1000_0008,
    0x3FFF_FFFF,
    0x4000_0000,
    0x8000_0001,
    u32::MAX,
];

fn written(what: &impl Emit, flags: Flags) -> Vec<u8> {
    let mut bytes = vec![0; what.encoded_bytes()];
    what.emit(flags, &mut bytes).unwrap();
    bytes
}

fn positions(flags: Flags, ids: &[u32]) -> Vec<u8> {
    let record = |id: &u32| AgentPosition::new(*id, [0.0; 3], [0.0; 3]);
    let records: Vec<_> = ids.iter().map(record).collect();
    written(&PositionUpdate { records: &records }, flags)
}

fn states(ids: &[u32]) -> Vec<u8> {
    let record = |id: &u32| StateRecord {
        id: *id,
        state: StateCode::IDLE,
        metadata: None,
    };
    let records: Vec<_> = ids.iter().map(record).collect();
    written(&StateBatchOut { records: &records }, Flags::NONE)
}

fn metrics(ids: &[u32]) -> Vec<u8> {
    let record = |id: &u32| AgentMetrics {
        id: (*id).into(),
        tasks: 1.into(),
        success: 1.0.into(),
        average_ms: 1.0.into(),
        cpu_percent: 1.0.into(),
        memory_bytes: 0.into(),
    };
    let records: Vec<_> = ids.iter().map(record).collect();
    written(&MetricsBatch { records: &records }, Flags::NONE)
}

fn coordination(initiator: u32, participant: u32) -> Vec<u8> {
    let participants = [Participant::new(
        participant,
        CoordinationRole::VOTER,
        Vote::APPROVE,
    )];
    let event = CoordinationEvent {
        id: 1,
        pattern: CoordinationPattern::CONSENSUS,
        status: CoordinationStatus::VOTING,
        progress: 0.5.into(),
        initiator,
        participants: &participants,
    };
    written(&event, Flags::NONE)
}

/// Whom a publisher with that mandate is refused for.
fn refused(bytes: &[u8], mandate: Mandate) -> Option<u32> {
    let mut publisher = Publisher::new(false);
    let frame = Frame::exactly(bytes).unwrap();
    match publisher.admit(&frame, Instant::now(), || mandate) {
        Ok(()) => None,
        Err(PublishError::ForeignAgent { id, .. }) => Some(id),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_ids_of_other_registered_agents_are_refused_in_every_kind_of_frame() {
    for mandate in [Mandate::Nobody, Mandate::Agent(OWN), Mandate::Everyone] {
        for id in IDS {
            let is_registered = (0x1000_0000..0x4000_0000).contains(&id);
            let is_allowed = match mandate {
                Mandate::Nobody => !is_registered,
                Mandate::Agent(own) => !is_registered || id == own,
                Mandate::Everyone => true,
            };
            let expected = (!is_allowed).then_some(id);
            // Its place in the frame does not matter.
            for ids in [vec![id], vec![1, 2, id, 3], vec![id, 4, id], vec![5, id]] {
                for bytes in [positions(Flags::NONE, &ids), states(&ids), metrics(&ids)] {
                    assert_eq!(refused(&bytes, mandate), expected, "{ids:?} {mandate:?}");
                }
            }
            let bytes = coordination(id, 0x2000_0000);
            assert_eq!(refused(&bytes, mandate), expected, "{id} {mandate:?}");
        }
    }
    assert_eq!(refused(&positions(Flags::NONE, &[]), Mandate::Nobody), None);
}

#[test]
fn a_mandate_is_asked_for_only_when_it_matters_and_believed_for_a_second() {
    let (free, own, foreign) = (
        positions(Flags::NONE, &[1]),
        positions(Flags::NONE, &[OWN]),
        positions(Flags::NONE, &[OWN + 1]),
    );
    let mut publisher = Publisher::new(false);
    let start = Instant::now();
    let mut admit = |bytes: &[u8], after_ms: u64, mandate: Mandate| {
        let mut times_asked = 0;
        let frame = Frame::exactly(bytes).unwrap();
        let outcome = publisher.admit(&frame, start + Duration::from_millis(after_ms), || {
            times_asked += 1;
            mandate
        });
        (outcome.is_ok(), times_asked)
    };
    assert_eq!(admit(&free, 0, Mandate::Nobody), (true, 0));
    assert_eq!(admit(&own, 0, Mandate::Nobody), (false, 1));
    assert_eq!(admit(&own, 1, Mandate::Agent(OWN)), (true, 1));
    assert_eq!(admit(&own, 1000, Mandate::Nobody), (true, 0));
    assert_eq!(admit(&foreign, 1000, Mandate::Agent(OWN)), (false, 1));
    assert_eq!(admit(&own, 1999, Mandate::Nobody), (true, 0));
    assert_eq!(admit(&own, 2000, Mandate::Nobody), (false, 1));
    assert_eq!(admit(&own, 2001, Mandate::Everyone), (true, 1));
    assert_eq!(admit(&foreign, 2500, Mandate::Nobody), (true, 0));
}

#[test]
fn a_tick_with_a_foreign_frame_is_refused_once_and_whole() {
    let mut publisher = Publisher::new(false);
    let now = Instant::now();
    let admit = |publisher: &mut Publisher, flags, id| {
        let bytes = positions(flags, &[id]);
        let frame = Frame::exactly(&bytes).unwrap();
        publisher.admit(&frame, now, || Mandate::Nobody)
    };
    publisher.tick = positions(Flags::MORE, &[1]);
    publisher.tick_frames = 1;
    assert!(admit(&mut publisher, Flags::MORE, OWN).is_err());
    assert!(!publisher.has_open_tick() && publisher.is_skipping);
    assert_eq!(admit(&mut publisher, Flags::MORE, OWN), Ok(()));
    publisher.is_skipping = false;
    assert!(admit(&mut publisher, Flags::NONE, OWN).is_err());
    assert!(!publisher.is_skipping);
}

#[test]
fn a_refusal_names_the_id_and_what_is_allowed() {
    let told = |mandate| {
        PublishError::ForeignAgent {
            id: 268_435_457,
            mandate,
        }
        .to_string()
    };
    assert_eq!(
        told(Mandate::Nobody),
        "id: 268435457 is for a registered agent, and this session may not speak for that one; \
         allowed are 0 to 268435455, 1073741824 to 4294967295"
    );
    assert_eq!(
        told(Mandate::Agent(268_435_460)),
        "id: 268435457 is for a registered agent, and this session may not speak for that one; \
         allowed are 0 to 268435455, 1073741824 to 4294967295 and its own, 268435460"
    );
}
