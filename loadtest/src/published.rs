//! What was published: the newest tick of each publisher, and the bytes to compare with.
//!
//! Records of the last few ticks are kept so that a viewer that keeps up is checked by one
//! comparison of memory; older ticks are made again when a late viewer asks for them. Memory is
//! bounded by [`KEPT_BYTES_MAX`], or four ticks of each publisher if that is more.

use crate::swarm::Swarm;

const KEPT_BYTES_MAX: usize = 32 << 20;
const KEPT_TICKS_MIN: usize = 4;
const KEPT_TICKS_MAX: usize = 256;

#[derive(Debug, Default)]
struct Slot {
    tick: u32,
    records: Vec<u8>,
}

/// The published ticks of all publishers of one run.
#[derive(Debug)]
pub(crate) struct Published {
    swarm: Swarm,
    newest: Vec<u32>,
    slots: Vec<Slot>,
    kept_ticks: usize,
}

impl Published {
    /// Nothing published yet.
    pub(crate) fn new(swarm: Swarm) -> Self {
        let tick_bytes = swarm.publishers * swarm.tick_bytes();
        let kept_ticks = (KEPT_BYTES_MAX / tick_bytes.max(1))
            .clamp(KEPT_TICKS_MIN, KEPT_TICKS_MAX)
            .next_power_of_two();
        let mut slots = Vec::new();
        slots.resize_with(kept_ticks * swarm.publishers, Slot::default);
        Self {
            swarm,
            newest: vec![0; swarm.publishers],
            slots,
            kept_ticks,
        }
    }

    /// The shape of the traffic.
    pub(crate) fn swarm(&self) -> Swarm {
        self.swarm
    }

    /// The newest tick of `publisher`, 0 before the first.
    pub(crate) fn newest(&self, publisher: usize) -> u32 {
        self.newest[publisher]
    }

    /// Marks the next tick of `publisher` as published and returns it.
    pub(crate) fn advance(&mut self, publisher: usize) -> u32 {
        self.newest[publisher] += 1;
        self.newest[publisher]
    }

    /// All records of one tick of one publisher.
    pub(crate) fn records(&mut self, publisher: usize, tick: u32) -> &[u8] {
        let place = publisher * self.kept_ticks + tick as usize % self.kept_ticks;
        let slot = &mut self.slots[place];
        if slot.tick != tick {
            slot.tick = tick;
            slot.records.clear();
            self.swarm.write_records(publisher, tick, &mut slot.records);
        }
        &slot.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{RECORD_BYTES, record};

    #[test]
    fn an_overwritten_tick_is_made_again_the_same() {
        let swarm = Swarm {
            publishers: 2,
            agents: 3,
        };
        let mut published = Published::new(swarm);
        let before = published.records(1, 1).to_vec();
        for tick in 2..2000 {
            published.records(1, tick);
        }
        assert_eq!(published.records(1, 1), before);
        assert_eq!(before[..RECORD_BYTES], record(4, 1));
    }
}
