//! What a flock reacts to besides itself: a leader for each group, a hunter, gusts of wind.
//!
//! Everything here is a function of the seed and of time alone; nothing of it is published.

use std::f32::consts::TAU;

use super::vector::Vector;

/// Seconds from one attack of the hunter to the next, and how long an attack takes.
const HUNT_EVERY_S: f32 = 17.0;
const HUNT_S: f32 = 5.0;

/// Seconds from one gust to the next, how long it blows, and its push in units per second squared.
const GUST_EVERY_S: f32 = 23.0;
const GUST_S: f32 = 6.0;
const GUST_PUSH: f32 = 14.0;

/// How far behind and beyond its prey an attack begins and ends, in units.
const HUNT_RUN: f32 = 220.0;

/// Leaders, hunter and wind over time.
#[derive(Debug)]
pub(super) struct Scene {
    reach: [f32; 3],
    leaders: Vec<[Swing; 3]>,
    seed: u64,
}

/// Two oscillations of unlike period along one axis; their sum never quite repeats.
#[derive(Debug, Clone, Copy)]
struct Swing {
    turns_per_s: [f32; 2],
    phase: [f32; 2],
}

impl Swing {
    fn new(random: &mut fastrand::Rng) -> Self {
        let turns_per_s = [
            1.0 / (38.0 + 24.0 * random.f32()),
            1.0 / (17.0 + 12.0 * random.f32()),
        ];
        Self {
            turns_per_s,
            phase: [random.f32(), random.f32()],
        }
    }

    /// Between -1 and 1.
    fn at(&self, time_s: f32) -> f32 {
        let wave = |i: usize| (TAU * (time_s * self.turns_per_s[i] + self.phase[i])).sin();
        0.7 * wave(0) + 0.3 * wave(1)
    }
}

/// The hunter during an attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hunter {
    pub(super) position: Vector,
    /// From this distance on, in units, it frightens nobody.
    pub(super) fright: f32,
}

impl Scene {
    /// A scene for `groups` groups whose leaders fly in the box from `-reach` to `reach`.
    pub(super) fn new(groups: usize, reach: [f32; 3], seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let leaders = (0..groups)
            .map(|_| std::array::from_fn(|_| Swing::new(&mut random)))
            .collect();
        Self {
            reach,
            leaders,
            seed,
        }
    }

    /// Where each group is drawn to, written over `leaders`.
    pub(super) fn leaders(&self, time_s: f32, leaders: &mut Vec<Vector>) {
        leaders.clear();
        leaders.extend(
            self.leaders
                .iter()
                .map(|swings| leader_at(self, swings, time_s)),
        );
    }

    /// The hunter, if it attacks at this time: a straight run through a group's middle.
    pub(super) fn hunter(&self, time_s: f32) -> Option<Hunter> {
        let (hunt, since_s) = turn_of(time_s, HUNT_EVERY_S);
        if since_s >= HUNT_S {
            return None;
        }
        let mut random = fastrand::Rng::with_seed(self.seed ^ hunt.wrapping_mul(0x9e37_79b9));
        let prey = self
            .leaders
            .get(random.usize(..self.leaders.len().max(1)))?;
        let middle_s = time_s - since_s + HUNT_S / 2.0;
        let angle = TAU * random.f32();
        let direction = Vector([angle.cos(), 0.4 * (random.f32() - 0.5), angle.sin()]).direction();
        let along = (since_s / HUNT_S - 0.5) * 2.0 * HUNT_RUN;
        Some(Hunter {
            position: leader_at(self, prey, middle_s) + direction * along,
            fright: 70.0,
        })
    }

    /// The push of the wind in units per second squared; swells and fades smoothly.
    pub(super) fn wind(&self, time_s: f32) -> Vector {
        let (gust, since_s) = turn_of(time_s, GUST_EVERY_S);
        if since_s >= GUST_S {
            return Vector::ZERO;
        }
        let mut random = fastrand::Rng::with_seed(self.seed ^ gust.wrapping_mul(0xc2b2_ae35));
        let angle = TAU * random.f32();
        let swell = (0.5 * TAU * since_s / GUST_S).sin();
        Vector([angle.cos(), 0.25, angle.sin()]) * (GUST_PUSH * swell)
    }
}

fn leader_at(scene: &Scene, swings: &[Swing; 3], time_s: f32) -> Vector {
    Vector(std::array::from_fn(|axis| {
        scene.reach[axis] * swings[axis].at(time_s)
    }))
}

/// Which turn of a period it is, from 1, and the time since that turn began.
fn turn_of(time_s: f32, period_s: f32) -> (u64, f32) {
    let turn = (time_s / period_s).floor();
    (turn as u64 + 1, time_s - turn * period_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_stay_inside_and_hunter_and_wind_come_and_go() {
        let reach = [300.0, 150.0, 300.0];
        let scene = Scene::new(5, reach, 3);
        let mut leaders = Vec::new();
        let (mut hunted, mut quiet, mut windy) = (0, 0, 0);
        for second in 0_u8..=240 {
            let time_s = f32::from(second);
            scene.leaders(time_s, &mut leaders);
            assert_eq!(leaders.len(), 5);
            for leader in &leaders {
                assert!((0..3).all(|axis| leader.0[axis].abs() <= reach[axis]));
            }
            match scene.hunter(time_s) {
                Some(_) => hunted += 1,
                None => quiet += 1,
            }
            windy += u32::from(scene.wind(time_s) != Vector::ZERO);
        }
        assert!(hunted > 0 && quiet > hunted && windy > 0);
    }

    #[test]
    fn a_scene_without_groups_has_no_prey() {
        let scene = Scene::new(0, [1.0; 3], 3);
        assert!(scene.hunter(0.0).is_none());
    }
}
