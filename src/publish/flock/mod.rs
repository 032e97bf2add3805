//! A flock that looks alive: agents that keep together, keep apart, follow wandering leaders, flee
//! a hunter and are carried by gusts.
//!
//! Pure: no clock, no socket; the same seed and steps give the same flight. Units are free: the
//! sky is [`HALF_EXTENT`] to each side of the origin with y up, speeds are [`SPEED_MIN`] to
//! [`SPEED_MAX`] units a second.
//!
//! Invariants:
//! - ids are 1 to n, and the records keep their order;
//! - a record's velocity is the one that moved it in the last step;
//! - the cost of a step is bounded: each agent moves in every step, but only a slice of the flock
//!   looks round anew, and nobody looks at more than a fixed number of neighbours.

mod grid;
mod scene;
mod vector;

use agnt_codec::AgentPosition;

use self::grid::Grid;
use self::scene::{Hunter, Scene};
use self::vector::Vector;

/// Half the size of the sky in units: x, y (up), z.
pub const HALF_EXTENT: [f32; 3] = [300.0, 150.0, 300.0];

/// The slowest that an agent flies, in units per second.
pub const SPEED_MIN: f32 = 20.0;

/// The fastest that an agent flies, in units per second.
pub const SPEED_MAX: f32 = 60.0;

/// Agents per leader, and the most leaders.
const GROUP_AGENTS: usize = 250;
const GROUPS_MAX: usize = 12;

/// A third of the flock looks round in each step, but no fewer and no more than these.
const LOOKING_SHARE: usize = 3;
const LOOKING_MIN: usize = 256;
const LOOKING_MAX: usize = 3_000;

/// The most neighbours looked at in each of the nine rows of cells round an agent.
const NEIGHBOURS_PER_ROW: usize = 4;

/// Distances in units within which others count as neighbours, and as too near.
const SIGHT: f32 = 20.0;
const ELBOW_ROOM: f32 = 7.0;

/// The strongest steering, and that at the border, in units per second squared.
const STEERING_MAX: f32 = 70.0;
const BORDER_PUSH: f32 = 90.0;

/// Distance from the border, in units, at which turning back begins.
const BORDER_MARGIN: f32 = 50.0;

/// A flock in flight.
#[derive(Debug)]
pub struct Flock {
    scene: Scene,
    grid: Grid,
    leaders: Vec<Vector>,
    positions: Vec<Vector>,
    velocities: Vec<Vector>,
    /// Steering since each agent last looked round, in units per second squared.
    steering: Vec<Vector>,
    /// Each agent's own place relative to its leader, so that a group is a cloud and no point.
    places: Vec<Vector>,
    records: Vec<AgentPosition>,
    /// The next agent that looks round.
    looking: usize,
    time_s: f32,
}

impl Flock {
    /// A flock of `agents` agents, in groups round their leaders; the seed decides everything.
    pub fn new(agents: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let groups = agents.div_ceil(GROUP_AGENTS).min(GROUPS_MAX);
        // The cloud grows with the number of its agents, so that its density stays; leaders keep
        // so far from the border that their clouds are not pressed flat.
        let radius = 7.0 * (agents.div_ceil(groups.max(1)) as f32).cbrt();
        let reach = HALF_EXTENT.map(|half| (half - BORDER_MARGIN - radius).max(0.2 * half));
        let scene = Scene::new(groups, reach, random.u64(..));
        let (mut leaders, mut leaders_later) = (Vec::new(), Vec::new());
        scene.leaders(0.0, &mut leaders);
        scene.leaders(1.0, &mut leaders_later);
        let headings: Vec<Vector> = leaders
            .iter()
            .zip(leaders_later)
            .map(|(now, later)| (later - *now).direction())
            .collect();
        let mut flock = Self {
            scene,
            grid: Grid::new(HALF_EXTENT),
            leaders,
            positions: Vec::with_capacity(agents),
            velocities: Vec::with_capacity(agents),
            steering: vec![Vector::ZERO; agents],
            places: Vec::with_capacity(agents),
            records: Vec::with_capacity(agents),
            looking: 0,
            time_s: 0.0,
        };
        for agent in 0..agents {
            let place = ball(&mut random) * radius;
            let position = flock.leaders[agent % groups] + place;
            let fast = SPEED_MIN + (SPEED_MAX - SPEED_MIN) * random.f32();
            let heading = headings[agent % groups] + ball(&mut random) * 0.5;
            let velocity = heading.direction() * fast;
            flock.places.push(place);
            flock.positions.push(position);
            flock.velocities.push(velocity);
            let id = agent as u32 + 1;
            flock
                .records
                .push(AgentPosition::new(id, position.0, velocity.0));
        }
        flock
    }

    /// The flock as it is: agent `i` at place `i - 1`, positions in units, velocities in units per
    /// second.
    pub fn records(&self) -> &[AgentPosition] {
        &self.records
    }

    /// Flies on for `step_s` seconds; meant for steps of a tenth of a second or less.
    pub fn step(&mut self, step_s: f32) {
        self.time_s += step_s;
        self.scene.leaders(self.time_s, &mut self.leaders);
        self.look_round();
        let wind = self.scene.wind(self.time_s);
        for (agent, record) in self.records.iter_mut().enumerate() {
            let position = self.positions[agent];
            let push = self.steering[agent] + wind + border_push(position);
            let velocity = with_speed_in_bounds(self.velocities[agent] + push * step_s);
            let position = position + velocity * step_s;
            self.velocities[agent] = velocity;
            self.positions[agent] = position;
            *record = AgentPosition::new(agent as u32 + 1, position.0, velocity.0);
        }
    }

    /// Lets the next slice of the flock steer anew.
    fn look_round(&mut self) {
        let agents = self.positions.len();
        if agents == 0 {
            return;
        }
        self.grid.fill(&self.positions);
        let hunter = self.scene.hunter(self.time_s);
        let slice = (agents / LOOKING_SHARE)
            .clamp(LOOKING_MIN, LOOKING_MAX)
            .min(agents);
        for _ in 0..slice {
            let steering = self.steer(self.looking, hunter);
            self.steering[self.looking] = steering;
            self.looking = (self.looking + 1) % agents;
        }
    }

    /// What an agent wants, from what it sees now.
    fn steer(&self, agent: usize, hunter: Option<Hunter>) -> Vector {
        let (position, velocity) = (self.positions[agent], self.velocities[agent]);
        let mut seen = 0.0;
        let (mut middle, mut heading, mut apart) = (Vector::ZERO, Vector::ZERO, Vector::ZERO);
        for row in self.grid.around(position) {
            // A crowded row is looked at from a place that differs from agent to agent.
            let from = if row.len() > NEIGHBOURS_PER_ROW {
                agent % row.len()
            } else {
                0
            };
            let others = row[from..]
                .iter()
                .chain(&row[..from])
                .take(NEIGHBOURS_PER_ROW);
            for &other in others {
                let other = other as usize;
                let away = position - self.positions[other];
                let distance_squared = away.dot(away);
                if other == agent || distance_squared > SIGHT * SIGHT {
                    continue;
                }
                seen += 1.0;
                middle += self.positions[other];
                heading += self.velocities[other];
                if distance_squared < ELBOW_ROOM * ELBOW_ROOM {
                    apart += away * (1.0 / (distance_squared + 1.0));
                }
            }
        }
        let leader = self.leaders[agent % self.leaders.len()] + self.places[agent];
        let mut wish = (leader - position).limited(60.0) * 0.45 + apart * 70.0;
        if seen > 0.0 {
            let share = 1.0 / seen;
            wish += (middle * share - position) * 0.7 + (heading * share - velocity) * 1.1;
        }
        if let Some(hunter) = hunter {
            let away = position - hunter.position;
            let near = 1.0 - away.length() / hunter.fright;
            if near > 0.0 {
                wish += away.direction() * (2.0 * STEERING_MAX * near);
            }
        }
        wish.limited(STEERING_MAX)
    }
}

/// A push back inside that grows from the margin on.
fn border_push(position: Vector) -> Vector {
    Vector(std::array::from_fn(|axis| {
        let over = position.0[axis].abs() - (HALF_EXTENT[axis] - BORDER_MARGIN);
        if over > 0.0 {
            -position.0[axis].signum() * BORDER_PUSH * (over / BORDER_MARGIN)
        } else {
            0.0
        }
    }))
}

fn with_speed_in_bounds(velocity: Vector) -> Vector {
    let speed = velocity.length();
    if speed > SPEED_MAX {
        velocity * (SPEED_MAX / speed)
    } else if speed >= SPEED_MIN {
        velocity
    } else if speed > 0.0 {
        velocity * (SPEED_MIN / speed)
    } else {
        Vector([SPEED_MIN, 0.0, 0.0])
    }
}

/// A point of the unit ball, evenly spread.
fn ball(random: &mut fastrand::Rng) -> Vector {
    loop {
        let point = Vector(std::array::from_fn(|_| 2.0 * random.f32() - 1.0));
        if point.dot(point) <= 1.0 {
            return point;
        }
    }
}

#[cfg(test)]
mod tests;
