//! The fit of the weights: by what share of the old and of the new velocity the agents of a frame
//! moved, in seconds.
//!
//! The weights are found anew for each frame, so nobody needs to know the publisher's clock, how it
//! jitters, or whether an agent moves before or after it turns.

use crate::residual::blocks::Blocks;
use crate::residual::number::{Numbering, Weights};

/// Agents that are looked at, evenly from all.
const AGENTS_MAX: usize = 512;

/// How often agents that don't fit are left out and the rest fitted again.
const ROUNDS: usize = 6;

/// Who is off by more than this many times the mean doesn't count: it jumped.
const OFF_MAX: f64 = 4.0;

/// Below this share of its greatest value the determinant says nothing: velocities didn't change.
const DETERMINANT_MIN: f64 = 1e-9;

/// The samples of one fit, kept for their memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fit {
    /// How far a coordinate moved, the old and the new velocity.
    samples: Vec<[f64; 3]>,
}

impl Fit {
    /// The weights by which least squares predict where `now` is from `before` and the new
    /// velocities. Agents that aren't `known` had no reference and don't count.
    pub(crate) fn weights(
        &mut self,
        numbering: Numbering,
        before: &Blocks,
        now: &Blocks,
        known: &[bool],
    ) -> Weights {
        self.samples.clear();
        let stride = known.len().div_ceil(AGENTS_MAX).max(1);
        let agents = (0..known.len()).step_by(stride);
        for agent in agents.filter(|&agent| known[agent]) {
            let (before, now) = (before.row(agent), now.row(agent));
            self.samples.extend((0..3).filter_map(|axis| {
                let [before, now] = [before, now].map(|row| [row[axis], row[axis + 3]]);
                numbering.motion(before, now)
            }));
        }
        let mut weights = self.solve([0.0; 2], f64::INFINITY);
        let mut counted = self.samples.len();
        for _ in 0..ROUNDS {
            let off: f64 = self
                .samples
                .iter()
                .map(|sample| off_by(weights, sample))
                .sum();
            let limit = OFF_MAX * off / self.samples.len() as f64;
            self.samples
                .retain(|sample| off_by(weights, sample) <= limit);
            if self.samples.len() == counted {
                break;
            }
            counted = self.samples.len();
            weights = self.solve(weights, limit);
        }
        let [old, new] = weights.map(|weight| weight as f32);
        if old.is_finite() && new.is_finite() {
            Weights { old, new }
        } else {
            Weights::ZERO
        }
    }

    fn solve(&self, otherwise: [f64; 2], limit: f64) -> [f64; 2] {
        let [mut uu, mut uw, mut ww, mut du, mut dw] = [0.0; 5];
        for &[moved, old, new] in &self.samples {
            uu += old * old;
            uw += old * new;
            ww += new * new;
            du += moved * old;
            dw += moved * new;
        }
        let determinant = uu * ww - uw * uw;
        let weights = if determinant > DETERMINANT_MIN * uu * ww {
            [
                (du * ww - dw * uw) / determinant,
                (dw * uu - du * uw) / determinant,
            ]
        } else if ww > 0.0 {
            [0.0, dw / ww]
        } else if uu > 0.0 {
            [du / uu, 0.0]
        } else {
            [0.0; 2]
        };
        if weights.iter().all(|weight| weight.is_finite()) || limit.is_infinite() {
            weights
        } else {
            otherwise
        }
    }
}

fn off_by([old_weight, new_weight]: [f64; 2], &[moved, old, new]: &[f64; 3]) -> f64 {
    (moved - (old_weight * old + new_weight * new)).abs()
}
