//! Records set aside: what can't be coded and travels in a plain frame behind the coded one.

use std::collections::HashSet;

use agnt_codec::AgentPosition;

use crate::frames::Frames;

/// The records set aside since the last coded frame, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside {
    records: Vec<AgentPosition>,
    ids: HashSet<u32>,
}

impl Aside {
    /// Sets a record aside. All later ones of its agent must follow it, so that they keep their order.
    pub(crate) fn put(&mut self, record: AgentPosition) {
        self.ids.insert(record.id.get());
        self.records.push(record);
    }

    /// Sets records aside that come before all others.
    pub(crate) fn put_first(&mut self, records: impl Iterator<Item = AgentPosition>) {
        self.records.splice(0..0, records);
    }

    /// Whether an agent has a record here.
    #[inline]
    pub(crate) fn has(&self, id: u32) -> bool {
        !self.ids.is_empty() && self.ids.contains(&id)
    }

    /// Writes all as plain frames and forgets them.
    pub(crate) fn write(&mut self, frames: &mut Frames<'_>) {
        frames.plain(&self.records);
        self.records.clear();
        self.ids.clear();
    }
}
