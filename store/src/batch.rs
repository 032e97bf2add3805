//! A batch: what one commit changes.

use crate::error::CommitError;
use crate::row_kind::RowKind;

/// The longest key.
pub const KEY_BYTES_MAX: usize = 1024;

/// The longest value of a row or an event.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// What one commit changes, all of it or nothing. Changes of one key happen in the order in which
/// they were added.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    rows: [Vec<RowChange>; RowKind::ALL.len()],
    events: Vec<(u64, Vec<u8>)>,
    forget_below: u64,
    bytes: usize,
}

/// A row as it is from now on; no value, no row.
#[derive(Clone, Debug)]
pub(crate) struct RowChange {
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// The row under `key` becomes `value`.
    pub fn put(&mut self, kind: RowKind, key: &[u8], value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.change(kind, key, Some(value));
    }

    /// There is no row under `key` any more, if there was one.
    pub fn delete(&mut self, kind: RowKind, key: &[u8]) {
        self.bytes += key.len();
        self.change(kind, key, None);
    }

    /// The event of this sequence, which must be the one after the newest: the first of all is 1.
    pub fn event(&mut self, sequence: u64, value: Vec<u8>) {
        self.bytes += size_of::<u64>() + value.len();
        self.events.push((sequence, value));
    }

    /// Events below `sequence` are no longer needed. The newest event always stays, so that the
    /// sequence goes on behind it.
    pub fn forget_events_below(&mut self, sequence: u64) {
        self.forget_below = self.forget_below.max(sequence);
    }

    /// Makes it empty, keeping its memory.
    pub fn clear(&mut self) {
        self.rows.iter_mut().for_each(Vec::clear);
        self.events.clear();
        self.forget_below = 0;
        self.bytes = 0;
    }

    /// Whether committing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.changes() == 0 && self.forget_below == 0
    }

    /// How many bytes its keys, values and events have.
    pub fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows and events it changes.
    pub(crate) fn changes(&self) -> usize {
        self.rows.iter().map(Vec::len).sum::<usize>() + self.events.len()
    }

    /// Its changes of one kind, in order.
    pub(crate) fn rows(&self, kind: RowKind) -> &[RowChange] {
        &self.rows[kind.index()]
    }

    /// Its events, in order.
    pub(crate) fn events(&self) -> &[(u64, Vec<u8>)] {
        &self.events
    }

    /// Events below this are to be forgotten.
    pub(crate) fn forget_below(&self) -> u64 {
        self.forget_below
    }

    /// The sequence behind its events if `next` is the one that the first of them must have.
    pub(crate) fn checked(&self, next: u64) -> Result<u64, CommitError> {
        let mut expected = next;
        for (sequence, value) in &self.events {
            if *sequence != expected {
                return Err(CommitError::Sequence {
                    expected,
                    found: *sequence,
                });
            }
            within("event", value.len(), VALUE_BYTES_MAX)?;
            expected += 1;
        }
        for change in self.rows.iter().flatten() {
            within("key", change.key.len(), KEY_BYTES_MAX)?;
            let value_bytes = change.value.as_ref().map_or(0, Vec::len);
            within("value", value_bytes, VALUE_BYTES_MAX)?;
        }
        Ok(expected)
    }

    fn change(&mut self, kind: RowKind, key: &[u8], value: Option<Vec<u8>>) {
        let key = key.into();
        self.rows[kind.index()].push(RowChange { key, value });
    }
}

fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), CommitError> {
    if bytes > bytes_max {
        return Err(CommitError::TooLarge {
            what,
            bytes,
            bytes_max,
        });
    }
    Ok(())
}
