//! The trajectory of one agent: its recorded points, and what lies between them.
//!
//! Invariants: a track has at least one point, and the times of its points strictly rise. Points
//! that follow each other within [`GAP_MAX_MS`] belong to one leg; inside a leg the agent is
//! known at every instant, between legs it is not there.

use std::ops::Range;

/// The longest distance in recording time that is bridged by interpolation, in milliseconds.
pub const GAP_MAX_MS: u64 = 5_000;

/// One recorded point of a trajectory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Recording time in milliseconds.
    pub t_ms: u64,
    /// Position in metres: x, y, z.
    pub position: [f32; 3],
    /// Velocity in metres per second of recording time: x, y, z.
    pub velocity: [f32; 3],
}

/// The recorded trajectory of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Numeric id the agent is published under.
    pub agent_id: u32,
    /// Name of the agent, as recorded.
    pub name: String,
    points: Vec<Point>,
}

impl Track {
    /// Makes a track of points whose times strictly rise; `None` if there are none or they do not.
    pub fn new(agent_id: u32, name: String, points: Vec<Point>) -> Option<Self> {
        let rising = points.windows(2).all(|pair| pair[0].t_ms < pair[1].t_ms);
        (rising && !points.is_empty()).then_some(Self {
            agent_id,
            name,
            points,
        })
    }

    /// The recorded points, in order of time; never empty.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Recording time of the first point in milliseconds.
    pub fn start_ms(&self) -> u64 {
        self.points[0].t_ms
    }

    /// Recording time of the last point in milliseconds.
    pub fn end_ms(&self) -> u64 {
        self.points[self.points.len() - 1].t_ms
    }

    /// The legs of the track as ranges of points, in order; together they cover every point.
    pub fn legs(&self) -> Vec<Range<usize>> {
        let mut legs = Vec::new();
        let mut first = 0;
        for (i, pair) in self.points.windows(2).enumerate() {
            if pair[1].t_ms - pair[0].t_ms > GAP_MAX_MS {
                legs.push(first..i + 1);
                first = i + 1;
            }
        }
        legs.push(first..self.points.len());
        legs
    }
}

/// Position and velocity at `t_ms` between two recorded points, by the cubic Hermite curve that
/// has both positions and both velocities.
///
/// At the recorded instants the recorded values come back bit for bit. The velocity is the
/// curve's own derivative, in metres per second of recording time. `t_ms` is expected to lie
/// between the two points and is held there otherwise.
pub fn interpolate(from: &Point, to: &Point, t_ms: f64) -> ([f32; 3], [f32; 3]) {
    let length_ms = to.t_ms as f64 - from.t_ms as f64;
    let s = (t_ms - from.t_ms as f64) / length_ms;
    // The NaN of points at one instant counts as the start.
    if s.is_nan() || s <= 0.0 {
        return (from.position, from.velocity);
    }
    if s >= 1.0 {
        return (to.position, to.velocity);
    }
    let span_s = length_ms / 1e3;
    let (s2, s3) = (s * s, s * s * s);
    let mut position = [0.0; 3];
    let mut velocity = [0.0; 3];
    for axis in 0..3 {
        let (p0, p1) = (f64::from(from.position[axis]), f64::from(to.position[axis]));
        let (v0, v1) = (f64::from(from.velocity[axis]), f64::from(to.velocity[axis]));
        position[axis] = ((2.0 * s3 - 3.0 * s2 + 1.0) * p0
            + (s3 - 2.0 * s2 + s) * span_s * v0
            + (3.0 * s2 - 2.0 * s3) * p1
            + (s3 - s2) * span_s * v1) as f32;
        velocity[axis] = ((6.0 * s2 - 6.0 * s) * (p0 - p1) / span_s
            + (3.0 * s2 - 4.0 * s + 1.0) * v0
            + (3.0 * s2 - 2.0 * s) * v1) as f32;
    }
    (position, velocity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(t_ms: u64, x: f32, vx: f32) -> Point {
        Point {
            t_ms,
            position: [x, 0.0, 0.0],
            velocity: [vx, 0.0, 0.0],
        }
    }

    #[test]
    fn hermite_matches_values_worked_out_by_hand() {
        // Over 2 s from x = 0, v = 1 to x = 10, v = 3. At the middle, s = 1/2:
        // x = 1/2 * 0 + 1/8 * 2 * 1 + 1/2 * 10 - 1/8 * 2 * 3 = 4.5
        // v = 3/2 * 10 / 2 - 1/4 * 1 - 1/4 * 3 = 6.5
        let (from, to) = (point(1_000, 0.0, 1.0), point(3_000, 10.0, 3.0));
        assert_eq!(
            interpolate(&from, &to, 2_000.0),
            ([4.5, 0.0, 0.0], [6.5, 0.0, 0.0])
        );
        // At a quarter, s = 1/4: h00 = 27/32, h10 = 9/64, h01 = 5/32, h11 = -3/64, hence
        // x = 9/64 * 2 + 50/32 - 3/64 * 6 = 1.5625
        // v = 9/8 * 10 / 2 + 3/16 * 1 - 5/16 * 3 = 4.875
        assert_eq!(
            interpolate(&from, &to, 1_500.0),
            ([1.5625, 0.0, 0.0], [4.875, 0.0, 0.0])
        );
    }

    #[test]
    fn uniform_motion_stays_uniform() {
        let (from, to) = (point(0, 100.0, 8.0), point(1_000, 108.0, 8.0));
        for eighth in 0_u8..=8 {
            let s = f32::from(eighth) / 8.0;
            let (position, velocity) = interpolate(&from, &to, f64::from(s) * 1e3);
            assert_eq!((position[0], velocity[0]), (100.0 + 8.0 * s, 8.0));
        }
    }

    #[test]
    fn recorded_instants_come_back_bit_for_bit() {
        let (from, to) = (point(0, 0.1, -0.3), point(1_000, 1e7, 0.7));
        assert_eq!(interpolate(&from, &to, 0.0), (from.position, from.velocity));
        assert_eq!(interpolate(&from, &to, 1_000.0), (to.position, to.velocity));
    }

    #[test]
    fn a_gap_of_five_seconds_is_bridged_and_a_longer_one_parts_the_legs() {
        let points = [0, 5_000, 10_001, 10_002]
            .map(|t_ms| point(t_ms, 0.0, 0.0))
            .to_vec();
        let track = Track::new(1, String::new(), points).expect("times rise");
        assert_eq!(track.legs(), [0..2, 2..4]);
        assert_eq!((track.start_ms(), track.end_ms()), (0, 10_002));
    }

    #[test]
    fn times_must_rise() {
        let still = vec![point(5, 0.0, 0.0), point(5, 1.0, 0.0)];
        assert_eq!(Track::new(1, String::new(), still), None);
        assert_eq!(Track::new(1, String::new(), Vec::new()), None);
    }
}
