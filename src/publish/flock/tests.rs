//! The flight of a flock: bounded, finite, moving, smooth, the same for the same seed.

use super::*;

const STEP_S: f32 = 1.0 / 60.0;

fn vectors(record: &AgentPosition) -> (Vector, Vector) {
    let native =
        |fields: [agnt_codec::order::F32; 3]| Vector(fields.map(agnt_codec::order::F32::get));
    (native(record.position), native(record.velocity))
}

fn flown(agents: usize, seed: u64, steps: usize) -> Flock {
    let mut flock = Flock::new(agents, seed);
    for _ in 0..steps {
        flock.step(STEP_S);
    }
    flock
}

#[test]
fn ids_count_from_one_and_keep_their_order() {
    let flock = flown(1_000, 1, 30);
    let ids: Vec<u32> = flock
        .records()
        .iter()
        .map(|record| record.id.get())
        .collect();
    assert_eq!(ids, (1..=1_000).collect::<Vec<u32>>());
}

#[test]
fn agents_stay_finite_in_the_sky_and_within_their_speeds() {
    let mut flock = Flock::new(600, 2);
    for step in 0..1_800 {
        flock.step(STEP_S);
        for record in flock.records() {
            let (position, velocity) = vectors(record);
            for (value, half) in position.0.iter().zip(HALF_EXTENT) {
                assert!(
                    value.abs() <= half * 1.2,
                    "step {step}: {record:?} left the sky"
                );
            }
            let speed = velocity.length();
            let allowed = SPEED_MIN - 0.01..=SPEED_MAX + 0.01;
            assert!(
                allowed.contains(&speed),
                "step {step}: {speed} units a second"
            );
        }
    }
}

#[test]
fn a_velocity_is_the_displacement_of_its_step() {
    let mut flock = flown(300, 3, 10);
    for _ in 0..60 {
        let before = flock.records().to_vec();
        flock.step(STEP_S);
        for (before, after) in before.iter().zip(flock.records()) {
            let ((from, _), (to, velocity)) = (vectors(before), vectors(after));
            let error = (to - from - velocity * STEP_S).length();
            assert!(
                error < 1e-3,
                "moved otherwise than its velocity says, by {error}"
            );
        }
    }
}

#[test]
fn headings_turn_smoothly() {
    let mut flock = flown(300, 4, 60);
    for _ in 0..600 {
        let before = flock.records().to_vec();
        flock.step(STEP_S);
        for (before, after) in before.iter().zip(flock.records()) {
            let ((_, old), (_, new)) = (vectors(before), vectors(after));
            assert!(
                (new - old).length() < 10.0,
                "a jump from {old:?} to {new:?}"
            );
        }
    }
}

#[test]
fn the_seed_decides_the_flight() {
    let (one, same, other) = (flown(400, 5, 120), flown(400, 5, 120), flown(400, 6, 120));
    assert_eq!(one.records(), same.records());
    assert_ne!(one.records(), other.records());
}

#[test]
fn neighbours_fly_alike_and_the_flock_gets_about() {
    let flock = flown(500, 7, 900);
    let flight: Vec<(Vector, Vector)> = flock.records().iter().map(vectors).collect();
    let (mut alike, mut pairs) = (0.0, 0.0);
    for (i, (position, velocity)) in flight.iter().enumerate() {
        for (other, heading) in &flight[i + 1..] {
            if (*position - *other).length() < 15.0 {
                alike += velocity.direction().dot(heading.direction());
                pairs += 1.0;
            }
        }
    }
    // White noise would give a mean cosine near 0.
    assert!(
        pairs > 100.0 && alike / pairs > 0.5,
        "{pairs} pairs, cosine {}",
        alike / pairs
    );
    let start = Flock::new(500, 7);
    let moved = start
        .records()
        .iter()
        .zip(flock.records())
        .filter(|(from, to)| (vectors(from).0 - vectors(to).0).length() > 30.0);
    assert!(
        moved.count() > 400,
        "most are elsewhere after a quarter of a minute"
    );
}

#[test]
fn any_number_of_agents_flies() {
    for agents in [0, 1, 2, 249, 251] {
        assert_eq!(flown(agents, 8, 5).records().len(), agents);
    }
    let many = flown(100_000, 9, 3);
    let finite = |record: &AgentPosition| vectors(record).0.0.iter().all(|value| value.is_finite());
    assert!(many.records().len() == 100_000 && many.records().iter().all(finite));
}
