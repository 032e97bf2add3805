//! A feed: which lanes a viewer reads. All viewers of a feed get the same bytes.

use super::lane::{Lane, ViewerKind};

/// What a viewer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// In which form it gets positions, states and metrics.
    pub kind: ViewerKind,
    /// Where its positions come from; `None`: it gets none.
    pub positions: Option<Lane>,
    /// Whether it gets states, metrics and coordination events in binary.
    pub has_binary_events: bool,
    /// The retained lanes that it reads.
    pub retained: RetainedLanes,
}

impl Feed {
    /// Positions and events as document C describes them, and nothing else.
    pub const fn of(kind: ViewerKind) -> Self {
        Self {
            kind,
            positions: Some(kind.positions()),
            has_binary_events: kind.events().is_some(),
            retained: RetainedLanes::NONE,
        }
    }

    /// No positions and no events.
    pub const NOTHING: Self = Self {
        kind: ViewerKind::Json,
        positions: None,
        has_binary_events: false,
        retained: RetainedLanes::NONE,
    };

    /// The lane of states, metrics and coordination events in binary.
    pub fn events(&self) -> Option<Lane> {
        self.kind.events().filter(|_| self.has_binary_events)
    }

    /// The slot of the encoding in which its positions are made, if they are.
    pub fn slot(&self) -> Option<u8> {
        match self.positions {
            Some(Lane::Encoded(slot)) => Some(slot),
            _ => None,
        }
    }

    /// Every lane that it reads.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        let retained = self.retained;
        [self.positions, self.events()]
            .into_iter()
            .flatten()
            .chain(retained.iter())
    }
}

/// A set of retained lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetainedLanes(u8);

impl RetainedLanes {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// With one more; a lane that isn't retained adds nothing.
    #[must_use]
    pub fn with(self, lane: Lane) -> Self {
        let at = Lane::RETAINED.iter().position(|held| *held == lane);
        Self(self.0 | at.map_or(0, |at| 1 << at))
    }

    /// The lanes, critical events before all others.
    pub fn iter(self) -> impl Iterator<Item = Lane> {
        const ORDER: [usize; 5] = [1, 0, 2, 3, 4];
        ORDER
            .into_iter()
            .filter(move |at| self.0 >> at & 1 == 1)
            .map(|at| Lane::RETAINED[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_events_come_first_and_other_lanes_are_no_members() {
        let set = RetainedLanes::NONE
            .with(Lane::EventsJson)
            .with(Lane::Positions)
            .with(Lane::CriticalJson);
        let held: Vec<Lane> = set.iter().collect();
        assert_eq!(held, [Lane::CriticalJson, Lane::EventsJson]);
    }
}
