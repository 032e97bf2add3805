//! Any swarm survives any codec, and viewers may enter at any time.

use std::collections::BTreeMap;

use agnt_codec::{AgentPosition, Flags, Frames, Payload, order::F32};
use agnt_encoding::{CodecSpec, PositionEncoder, Precision};
use proptest::prelude::*;

use crate::support::{Swarm, Viewer, bits};

/// The newest record of each agent, kept plainly.
type Newest = BTreeMap<u32, AgentPosition>;

fn note(newest: &mut Newest, records: &[AgentPosition]) {
    for record in records {
        if record.is_gone() {
            newest.remove(&record.id.get());
        } else {
            newest.insert(record.id.get(), *record);
        }
    }
}

/// What a frame of a publisher may hold, the worse the greater `disorder` is.
fn frame_of(swarm: &mut Swarm, disorder: u32) -> Vec<AgentPosition> {
    let mut records = swarm.records();
    let random = &mut swarm.random;
    let mut strange = |least: u32| disorder >= least && random.u32(0..100) < disorder;
    records.retain(|_| !strange(5));
    for record in &mut records {
        if strange(10) {
            let bits = [
                0x7FC0_0001_u32,
                0xFF80_0001,
                0x8000_0000,
                0x7F7F_FFFF,
                0xFF80_0000,
                1,
            ];
            let axis = record.id.get() as usize % 6;
            let odd = F32::from_bytes(bits[(record.id.get() / 6) as usize % 6].to_le_bytes());
            if axis < 3 {
                record.position[axis] = odd;
            } else {
                record.velocity[axis - 3] = odd;
            }
        }
        if strange(20) {
            *record = AgentPosition::gone(record.id.get());
        }
        if strange(30) {
            record.id = (record.id.get() % 7).into();
        }
        if strange(15) {
            record.position[1] = F32::new(record.position[1].get() * -3.0);
        }
    }
    if disorder > 40 {
        swarm.random.shuffle(&mut records);
    }
    if disorder > 60 {
        records.extend_from_within(..);
    }
    records
}

/// Publishes a swarm through an encoder and lets viewers enter; `check` compares two values.
fn publish(
    spec: CodecSpec,
    (agents, disorder, seed): (u32, u32, u64),
    check: impl Fn(u32, u32, usize) -> bool,
) {
    let mut swarm = Swarm::new(agents, seed);
    let mut encoder = PositionEncoder::new(spec);
    let mut newest = Newest::new();
    let mut viewers = Vec::new();
    for tick in 0..12 {
        if tick % 3 == 1 {
            swarm.enter(1_000 + tick);
        }
        if swarm.random.u32(0..3) == 0 {
            viewers.push(entering(&encoder, &newest));
        }
        if swarm.random.u32(0..8) == 0 {
            encoder.seed(newest.values());
            viewers = vec![entering(&encoder, &newest)];
        }
        swarm.step();
        let records = frame_of(&mut swarm, disorder);
        note(&mut newest, &records);
        let mut bytes = Vec::new();
        let frames = encoder.encode(&records, Flags(2), &mut bytes);
        for viewer in &mut viewers {
            assert_eq!(viewer.take(&bytes), frames);
            compare(viewer, &newest, &check);
        }
        compare(&entering(&encoder, &newest), &newest, &check);
    }
}

fn entering(encoder: &PositionEncoder, newest: &Newest) -> Viewer {
    let without: Vec<_> = newest
        .values()
        .filter(|record| !encoder.has_slot(record.id.get()))
        .copied()
        .collect();
    let mut bytes = Vec::new();
    let frames = encoder.write_key(&without, &mut bytes);
    for frame in Frames::new(&bytes) {
        assert!(frame.unwrap().flags().contains(Flags::KEYFRAME));
    }
    let mut viewer = Viewer::default();
    assert_eq!(viewer.take(&bytes), frames);
    viewer
}

fn compare(viewer: &Viewer, newest: &Newest, check: impl Fn(u32, u32, usize) -> bool) {
    let seen: Vec<_> = viewer.newest.keys().collect();
    assert_eq!(seen, newest.keys().collect::<Vec<_>>());
    for (id, record) in newest {
        let (expected, seen) = (bits(record), viewer.newest[id]);
        for axis in 0..6 {
            assert!(
                check(expected[axis], seen[axis], axis),
                "agent {id}: {expected:08x?} came as {seen:08x?}"
            );
        }
    }
}

/// The same bits, or no further off than this.
fn within(expected: u32, seen: u32, error: f64) -> bool {
    let [a, b] = [expected, seen].map(|bits| f64::from(f32::from_bits(bits)));
    expected == seen || (a - b).abs() <= error
}

fn swarms() -> impl Strategy<Value = (u32, u32, u64)> {
    let agents = prop_oneof![0..8_u32, 20..100_u32, Just(700)];
    (agents, prop_oneof![Just(0), 0..100_u32], any::<u64>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn lossless_codecs_keep_every_bit(swarm in swarms()) {
        for spec in [CodecSpec::Predict, CodecSpec::Shuffle, CodecSpec::Plain] {
            publish(spec, swarm, |expected, seen, _| expected == seen);
        }
    }

    #[test]
    fn fixed_keeps_its_bounds(swarm in swarms(), position in -12..4_i8, velocity in -12..4_i8) {
        let errors = [position, velocity].map(|exponent| 1.5 * f64::from(exponent).exp2());
        let precision = Precision::new(errors[0], errors[1]).unwrap();
        let granted = [precision.position_error(), precision.velocity_error()];
        publish(CodecSpec::Fixed(precision), swarm, |expected, seen, axis| {
            within(expected, seen, granted[axis / 3])
        });
    }

    #[test]
    fn a_box_keeps_the_bounds_that_it_states(
        values in proptest::collection::vec((0..9_u32, any::<[u32; 6]>()), 0..50),
        scale in -30..30_i8,
    ) {
        let records: Vec<_> = values.iter().map(|(id, values)| {
            // Most are of one size, some are any bits at all.
            let value = |bits: u32| match bits % 9 {
                0 => F32::from_bytes(bits.to_le_bytes()),
                _ => F32::new((f64::from(bits as i32) * f64::from(scale - 31).exp2()) as f32),
            };
            let [x, y, z, vx, vy, vz] = values.map(value);
            AgentPosition { id: (*id).into(), position: [x, y, z], velocity: [vx, vy, vz] }
        }).collect();
        let mut bytes = Vec::new();
        PositionEncoder::new(CodecSpec::Box).encode(&records, Flags::NONE, &mut bytes);
        let mut errors = [0.0; 2];
        for frame in Frames::new(&bytes).map(Result::unwrap) {
            if let Payload::Encoded(payload) = frame.payload() {
                errors = [28, 32].map(|at| {
                    f64::from(f32::from_le_bytes(payload[at..at + 4].try_into().unwrap()))
                });
            }
        }
        let mut viewer = Viewer::default();
        viewer.take(&bytes);
        let mut newest = Newest::new();
        note(&mut newest, &records);
        compare(&viewer, &newest, |expected, seen, axis| within(expected, seen, errors[axis / 3]));
    }

    #[test]
    fn any_bits_survive_predict(
        ticks in proptest::collection::vec(
            proptest::collection::vec((0..40_u32, any::<[u32; 6]>()), 0..60),
            1..6,
        ),
    ) {
        let mut encoder = PositionEncoder::new(CodecSpec::Predict);
        let mut newest = Newest::new();
        let mut viewer = entering(&encoder, &newest);
        for tick in ticks {
            let records: Vec<_> = tick.iter().map(|(id, values)| {
                let [x, y, z, vx, vy, vz] = values.map(|bits| F32::from_bytes(bits.to_le_bytes()));
                AgentPosition { id: (*id).into(), position: [x, y, z], velocity: [vx, vy, vz] }
            }).collect();
            note(&mut newest, &records);
            let mut bytes = Vec::new();
            encoder.encode(&records, Flags::NONE, &mut bytes);
            viewer.take(&bytes);
            compare(&viewer, &newest, |expected, seen, _| expected == seen);
        }
    }
}
