//! What commits have changed and the database doesn't have yet.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::changes::Changes;
use crate::row_kind::RowKind;

/// Rows by key; no value, no row.
pub(crate) type ChangedRows = BTreeMap<Bytes, Option<Bytes>>;

/// The changes of commits that follow each other, the last one of each row.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    rows: [ChangedRows; RowKind::ALL.len()],
    events_from: u64,
    events: Vec<Bytes>,
    forgets_below: u64,
}

impl Layer {
    /// Lays further changes over it.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for (kind, key, value) in &changes.rows {
            self.rows[kind.index()].insert(key.clone(), value.clone());
        }
        if self.events.is_empty() {
            self.events_from = changes.events_from;
        }
        self.events.extend_from_slice(&changes.events);
        self.forgets_below = self.forgets_below.max(changes.forgets_below());
    }

    /// Whether it changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.forgets_below == 0
            && self.rows.iter().all(ChangedRows::is_empty)
    }

    /// What it changes of a kind.
    pub(crate) fn rows(&self, kind: RowKind) -> &ChangedRows {
        &self.rows[kind.index()]
    }

    /// Its events from `from` on, with their sequences.
    pub(crate) fn events(&self, from: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let skipped = from.saturating_sub(self.events_from);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        (self.events_from..).zip(&self.events).skip(skipped)
    }

    /// The sequence behind its last event; 0 if it has none.
    pub(crate) fn events_to(&self) -> u64 {
        match self.events.len() as u64 {
            0 => 0,
            length => self.events_from + length,
        }
    }

    /// Below which event all go; 0 if none does.
    pub(crate) fn forgets_below(&self) -> u64 {
        self.forgets_below
    }
}
