//! What is committed and not in the database yet: three layers over it.
//!
//! A reader lays them over what the database holds. The lowest may be in there already: laying it over
//! once more changes nothing.

use std::sync::Arc;

use bytes::Bytes;

use crate::layer::{ChangedRows, Layer};
use crate::row_kind::RowKind;
use crate::tables::Bounds;

/// The layers, from the oldest to the newest.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// On its way into the database.
    pub(crate) settling: Arc<Layer>,
    /// In the journal.
    pub(crate) recorded: Layer,
    /// Not on disk: relaxed commits since the last sync.
    pub(crate) unrecorded: Layer,
}

/// What is pending of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PendingRow {
    /// Nothing: it is as the database has it.
    Unchanged,
    /// There is no such row any more.
    Gone,
    /// It is this.
    Is(Bytes),
}

impl Pending {
    pub(crate) fn layers(&self) -> [&Layer; 3] {
        [&self.settling, &self.recorded, &self.unrecorded]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.layers().into_iter().all(Layer::is_empty)
    }

    /// The row under `key` as the newest layer that knows it has it.
    pub(crate) fn row(&self, kind: RowKind, key: &[u8]) -> PendingRow {
        let mut layers = self.layers().into_iter().rev();
        match layers.find_map(|layer| layer.rows(kind).get(key)) {
            None => PendingRow::Unchanged,
            Some(None) => PendingRow::Gone,
            Some(Some(value)) => PendingRow::Is(value.clone()),
        }
    }

    /// All changes of a kind.
    pub(crate) fn rows(&self, kind: RowKind) -> ChangedRows {
        let mut rows = ChangedRows::new();
        for layer in self.layers() {
            let changed = layer.rows(kind).iter();
            rows.extend(changed.map(|(key, value)| (key.clone(), value.clone())));
        }
        rows
    }

    /// All events from `from` on, with their sequences.
    pub(crate) fn events(&self, from: u64) -> Vec<(u64, Bytes)> {
        let events = self.layers().into_iter().flat_map(|it| it.events(from));
        events
            .map(|(sequence, it)| (sequence, it.clone()))
            .collect()
    }

    /// The log's bounds over those of the database.
    pub(crate) fn bounds(&self, below: Bounds) -> Bounds {
        let layers = self.layers().into_iter();
        layers.fold(below, |bounds, layer| Bounds {
            oldest: bounds.oldest.max(layer.forgets_below()),
            next: bounds.next.max(layer.events_to()),
        })
    }
}
