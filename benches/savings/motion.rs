//! Smooth random motion: velocities that follow an Ornstein-Uhlenbeck process, in a well that keeps
//! the swarm together.
//!
//! dv = -(v / relaxation + w^2 x) dt + noise, dx = v dt, so that in the long run positions are normal
//! with sigma 150, 150 and 40 units and velocities with 2.9 units per second on each axis, 5 in all;
//! w is their ratio. The time from tick to tick is that of 60 Hz, up to a fifth more or less.

use std::f64::consts::TAU;

use agnt_codec::AgentPosition;

/// What the positions spread to, in units.
const POSITION_SIGMA: [f64; 3] = [150.0, 150.0, 40.0];

/// The root of the mean square of the speed, in units per second.
const SPEED: f64 = 5.0;

/// How long a velocity is remembered, in seconds.
pub(crate) const RELAXATION_S: f64 = 2.0;

/// Ticks a second, and by what share the time between two differs at most.
const HZ: f64 = 60.0;
const JITTER: f64 = 0.2;

/// A swarm in smooth random motion.
pub(crate) struct Motion {
    random: fastrand::Rng,
    agents: Vec<[f64; 6]>,
}

impl Motion {
    /// `count` agents, spread as they will stay.
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let agents = (0..count)
            .map(|_| {
                std::array::from_fn(|axis| {
                    let sigma = POSITION_SIGMA.get(axis).copied();
                    normal(&mut random) * sigma.unwrap_or(speed_sigma())
                })
            })
            .collect();
        Self { random, agents }
    }

    /// The records of the next tick.
    pub(crate) fn tick(&mut self) -> Vec<AgentPosition> {
        let jitter = JITTER * (2.0 * self.random.f64() - 1.0);
        let time_s = (1.0 + jitter) / HZ;
        let noise = speed_sigma() * (2.0 * time_s / RELAXATION_S).sqrt();
        for agent in &mut self.agents {
            for axis in 0..3 {
                let frequency = speed_sigma() / POSITION_SIGMA[axis];
                let before = agent[axis + 3];
                let pull = before / RELAXATION_S + frequency * frequency * agent[axis];
                let after = before - pull * time_s + noise * normal(&mut self.random);
                agent[axis] += time_s * (before + after) / 2.0;
                agent[axis + 3] = after;
            }
        }
        let records = (1..).zip(&self.agents);
        records
            .map(|(id, values)| {
                let [x, y, z, vx, vy, vz] = values.map(|value| value as f32);
                AgentPosition::new(id, [x, y, z], [vx, vy, vz])
            })
            .collect()
    }
}

/// The spread of a velocity on one axis, in units per second.
fn speed_sigma() -> f64 {
    SPEED / 3.0_f64.sqrt()
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (TAU * random.f64()).cos()
}
