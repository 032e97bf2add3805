//! How many bytes a tick takes, when all goes well and when somebody tries to make it take many.

use agnt_codec::{AgentPosition, Flags, order::F32};
use agnt_encoding::{CodecSpec, PositionEncoder, Precision};

use crate::support::{Swarm, Viewer};

const RECORD_BYTES: usize = size_of::<AgentPosition>();

fn fixed() -> CodecSpec {
    CodecSpec::Fixed(Precision::new(1.0 / 1024.0, 1.0 / 1024.0).unwrap())
}

/// The bytes of the tick after `ticks` others.
fn tick_bytes(
    encoder: &mut PositionEncoder,
    swarm: &mut Swarm,
    ticks: usize,
    mut choose: impl FnMut(&mut Vec<AgentPosition>),
) -> usize {
    let mut bytes = Vec::new();
    for _ in 0..=ticks {
        swarm.step();
        let mut records = swarm.records();
        choose(&mut records);
        bytes.clear();
        encoder.encode(&records, Flags::NONE, &mut bytes);
    }
    bytes.len()
}

#[test]
fn a_tick_of_a_thousand_agents() {
    let plain = 12 + 1000 * RECORD_BYTES;
    for (spec, share_max) in [
        (fixed(), 0.19),
        (CodecSpec::Predict, 0.5),
        (CodecSpec::Box, 0.58),
    ] {
        let mut swarm = Swarm::new(1000, 1);
        let bytes = tick_bytes(&mut PositionEncoder::new(spec), &mut swarm, 2, |_| ());
        let share = bytes as f64 / plain as f64;
        assert!(share < share_max, "{spec:?}: {share}");
    }
}

#[test]
fn the_order_of_records_costs_nothing() {
    let mut swarm = Swarm::new(1000, 2);
    let in_order = tick_bytes(&mut PositionEncoder::new(fixed()), &mut swarm, 2, |_| ());
    let mut random = fastrand::Rng::with_seed(3);
    let shuffled = tick_bytes(
        &mut PositionEncoder::new(fixed()),
        &mut swarm,
        2,
        |records| {
            random.shuffle(records);
        },
    );
    assert!(
        shuffled.abs_diff(in_order) < in_order / 50,
        "{shuffled}, {in_order}"
    );
}

#[test]
fn a_scattered_half_of_a_swarm_costs_little_more_than_half() {
    let mut swarm = Swarm::new(1000, 2);
    let whole = tick_bytes(&mut PositionEncoder::new(fixed()), &mut swarm, 2, |_| ());
    let mut random = fastrand::Rng::with_seed(3);
    let moves: Vec<bool> = (0..=1000).map(|_| random.bool()).collect();
    let mut encoder = PositionEncoder::new(fixed());
    encoder.seed(swarm.records().iter());
    let half = tick_bytes(&mut encoder, &mut swarm, 2, |records| {
        records.retain(|record| moves[record.id.get() as usize]);
    });
    assert!(half < whole * 5 / 8, "{half}, {whole}");
}

#[test]
fn agents_that_jump_do_not_spoil_the_prediction_of_the_others() {
    let mut swarm = Swarm::new(1000, 4);
    let calm = tick_bytes(&mut PositionEncoder::new(fixed()), &mut swarm, 2, |_| ());
    let mut encoder = PositionEncoder::new(fixed());
    encoder.seed(swarm.records().iter());
    let mut tick = 0.0;
    let jumping = tick_bytes(&mut encoder, &mut swarm, 2, |records| {
        tick += 1.0;
        for record in &mut records[..32] {
            record.position[0] = F32::new(record.position[0].get() + 1000.0 * tick);
        }
    });
    assert!(jumping < calm + calm / 10, "{jumping}, {calm}");
}

#[test]
fn a_tick_in_one_of_three_agents_is_plain() {
    let mut swarm = Swarm::new(3, 5);
    for spec in [fixed(), CodecSpec::Predict] {
        let mut encoder = PositionEncoder::new(spec);
        assert_eq!(
            tick_bytes(&mut encoder, &mut swarm, 2, |_| ()),
            12 + 3 * RECORD_BYTES
        );
        assert!(!encoder.has_slot(1));
    }
}

#[test]
fn nobody_can_make_frames_grow() {
    let frames: [(&str, Vec<AgentPosition>); 4] = [
        (
            "one agent",
            vec![AgentPosition::new(1, [1.0; 3], [1e9; 3]); 2340],
        ),
        ("ever new agents", any_values(2340, u32::MAX)),
        ("few agents, often", any_values(2340, 33)),
        (
            "all but gone",
            (0..2340)
                .map(|index| match index % 2 {
                    0 => AgentPosition::gone(index / 8),
                    _ => AgentPosition::new(index / 8, [1e30, -1e30, 1e-30], [0.0; 3]),
                })
                .collect(),
        ),
    ];
    for (name, records) in frames {
        let plain = 12 + records.len() * RECORD_BYTES;
        for spec in [
            fixed(),
            CodecSpec::Predict,
            CodecSpec::Box,
            CodecSpec::Shuffle,
        ] {
            let mut encoder = PositionEncoder::new(spec);
            for _ in 0..3 {
                let mut bytes = Vec::new();
                let frames = encoder.encode(&records, Flags::NONE, &mut bytes);
                assert!(
                    bytes.len() < plain * 3 / 2,
                    "{name}, {spec:?}: {}",
                    bytes.len()
                );
                assert!(frames < 150, "{name}, {spec:?}: {frames} frames");
            }
        }
    }
}

fn any_values(count: u32, ids: u32) -> Vec<AgentPosition> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut any = || f32::from_bits(random.u32(..) & 0xBFFF_FFFF);
    let mut values = |id: u32| {
        AgentPosition::new(
            id.wrapping_mul(0x9E37_79B9) % ids,
            [any(), any(), any()],
            [any(), any(), any()],
        )
    };
    (0..count).map(&mut values).collect()
}

#[test]
fn a_key_of_many_agents_takes_several_frames() {
    let swarm = Swarm::new(20_000, 7);
    for spec in [fixed(), CodecSpec::Predict] {
        let mut encoder = PositionEncoder::new(spec);
        encoder.seed(swarm.records().iter());
        let mut bytes = Vec::new();
        let frames = encoder.write_key(&swarm.records()[..1], &mut bytes);
        assert!((8..=12).contains(&frames), "{frames}");
        assert!(bytes.len() < 20_000 * 34, "{}", bytes.len());
        let mut viewer = Viewer::default();
        assert_eq!(viewer.take(&bytes), frames);
        assert_eq!(viewer.newest.len(), 20_000);
    }
}
