//! The cursor of one agent along the legs of its track, as time moves on.
//!
//! Invariants: time never goes back; each leg is seen at least once, unless the next one has
//! begun as well; between two legs that are seen the agent is gone exactly once, unless both are
//! seen at instants that follow each other.

use std::ops::Range;

use super::track::{Track, interpolate};

/// What is to be said of an agent at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sight {
    /// Nothing: it has not come yet, is known to be gone, or has no recorded point now.
    Nothing,
    /// It is here: position in metres, velocity in metres per second.
    At([f32; 3], [f32; 3]),
    /// It was here and is no more.
    Gone,
}

/// Where a track has been followed to.
#[derive(Debug)]
pub(super) struct LegCursor {
    legs: Vec<Range<usize>>,
    /// The leg that is followed or, while it lies ahead, awaited; `legs.len()` when all are over.
    leg: usize,
    /// The last point at or before the newest instant, inside `leg`.
    point: usize,
    /// Whether the agent counts as being here.
    here: bool,
    /// Whether `leg` has been seen.
    leg_seen: bool,
}

impl LegCursor {
    /// Stands before the first leg of `track`.
    pub(super) fn new(track: &Track) -> Self {
        Self {
            legs: track.legs(),
            leg: 0,
            point: 0,
            here: false,
            leg_seen: false,
        }
    }

    /// Whether every leg is over and the agent has gone.
    pub(super) fn ended(&self) -> bool {
        self.leg == self.legs.len() && !self.here
    }

    /// Moves on to `t_ms` on the track's own clock. With `interpolated` the agent is seen at every
    /// instant of a leg, without it at its recorded points.
    pub(super) fn advance(&mut self, track: &Track, t_ms: f64, interpolated: bool) -> Sight {
        let points = track.points();
        let begun = |leg: &Range<usize>| points[leg.start].t_ms as f64 <= t_ms;
        while self.legs.get(self.leg + 1).is_some_and(begun) {
            self.enter(self.leg + 1);
        }
        let Some(leg) = self.legs.get(self.leg).cloned() else {
            return self.leave();
        };
        if !begun(&leg) {
            return self.leave();
        }
        let recorded_before = self.point;
        let first_sight = !self.leg_seen;
        while self.point + 1 < leg.end && points[self.point + 1].t_ms as f64 <= t_ms {
            self.point += 1;
        }
        let last = points[leg.end - 1];
        if t_ms > last.t_ms as f64 {
            self.enter(self.leg + 1);
            if first_sight {
                self.here = true;
                return Sight::At(last.position, last.velocity);
            }
            return self.leave();
        }
        self.here = true;
        self.leg_seen = true;
        let from = points[self.point];
        if interpolated {
            let to = points[(self.point + 1).min(leg.end - 1)];
            let (position, velocity) = interpolate(&from, &to, t_ms);
            Sight::At(position, velocity)
        } else if first_sight || self.point > recorded_before {
            Sight::At(from.position, from.velocity)
        } else {
            Sight::Nothing
        }
    }

    fn enter(&mut self, leg: usize) {
        self.leg = leg;
        self.leg_seen = false;
        self.point = self.legs.get(leg).map_or(0, |points| points.start);
    }

    fn leave(&mut self) -> Sight {
        if std::mem::take(&mut self.here) {
            Sight::Gone
        } else {
            Sight::Nothing
        }
    }
}
