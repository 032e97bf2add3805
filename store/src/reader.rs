//! Reading the newest committed state, from any thread, while the writer goes on.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableDatabase, ReadableTableMetadata};

use crate::backup::{self, BackupError};
use crate::disk_figures::DiskFigures;
use crate::error::ReadError;
use crate::guarded::guarded;
use crate::layer::ChangedRows;
use crate::pending::{Pending, PendingRow};
use crate::row_kind::RowKind;
use crate::seal::{self, unseal};
use crate::shared::Shared;
use crate::tables::{self, Bounds, EVENTS, if_there, rows};

/// Reads a store. Each call sees one committed state, whatever is committed meanwhile; a long one
/// keeps the space of what it sees from being used again.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// The events that the database doesn't have yet.
#[derive(Debug)]
pub(crate) struct PendingEvents {
    events: Vec<(u64, Bytes)>,
    bounds: Bounds,
}

impl PendingEvents {
    /// Those from `from` on.
    pub(crate) fn of(pending: &Pending, from: u64) -> Self {
        Self {
            events: pending.events(from),
            bounds: pending.bounds(Bounds::EMPTY),
        }
    }
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Shows every row of a kind, by key, until `visit` fails.
    pub fn scan<E: From<ReadError>>(
        &self,
        kind: RowKind,
        visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (transaction, changed) = self.snapshot(|pending| pending.rows(kind))?;
        self.each_row(&transaction, kind, &changed, visit)
    }

    /// The row under `key`.
    pub fn row(&self, kind: RowKind, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let (transaction, changed) = self.snapshot(|pending| pending.row(kind, key))?;
        match changed {
            PendingRow::Unchanged => {}
            PendingRow::Gone => return Ok(None),
            PendingRow::Is(value) => return Ok(Some(value.to_vec())),
        }
        let found = self.read(|| {
            let table = if_there(transaction.open_table(rows(kind)))?;
            Ok(table.map(|table| table.get(key)).transpose()?.flatten())
        });
        let Some(sealed) = found? else {
            return Ok(None);
        };
        let sealed = self.read(|| Ok(sealed.value()))?;
        match unseal(kind as u8, key, sealed) {
            Ok(value) => Ok(Some(value.to_vec())),
            Err(found) => Err(self.broken_row(kind, key, &found)),
        }
    }

    /// How many rows of a kind there are.
    pub fn count(&self, kind: RowKind) -> Result<u64, ReadError> {
        let (transaction, changed) = self.snapshot(|pending| pending.rows(kind))?;
        self.read(|| {
            let table = if_there(transaction.open_table(rows(kind)))?;
            let mut count = table.as_ref().map_or(Ok(0), ReadableTableMetadata::len)?;
            for (key, value) in &changed {
                let was_there = match &table {
                    Some(table) => table.get(&**key)?.is_some(),
                    None => false,
                };
                count = count + u64::from(value.is_some()) - u64::from(was_there);
            }
            Ok(count)
        })
    }

    /// The event of this sequence, if it is kept.
    pub fn event(&self, sequence: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let mut event = None;
        self.events(sequence, |found, value| {
            event = (found == sequence).then(|| value.to_vec());
            ControlFlow::Break(())
        })?;
        Ok(event)
    }

    /// Shows the kept events from `from` on, each one, in order, until `visit` breaks off.
    pub fn events(
        &self,
        from: u64,
        mut visit: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let (transaction, pending) = self.snapshot(|pending| PendingEvents::of(pending, from))?;
        self.each_event(&transaction, &pending, from, |sequence, value| {
            Ok(visit(sequence, value))
        })
    }

    /// The oldest event that is kept, and the sequence that the next one will have.
    pub fn event_bounds(&self) -> Result<(u64, u64), ReadError> {
        let over = |pending: &Pending| pending.bounds(Bounds::EMPTY);
        let (transaction, over) = self.snapshot(over)?;
        let bounds = self.read(|| tables::bounds(&transaction))?.max(over);
        Ok((bounds.oldest, bounds.next))
    }

    /// How many bytes the file takes on its disk.
    pub fn bytes_on_disk(&self) -> Result<u64, ReadError> {
        self.shared
            .bytes_on_disk()
            .map_err(|error| ReadError::from_redb(&self.shared.place, error.into()))
    }

    /// What was asked of the disk.
    pub fn disk_figures(&self) -> DiskFigures {
        self.shared.disk_figures()
    }

    /// Writes one committed state into a new file, itself a store, and returns its length in bytes.
    /// The file appears under its name when it is whole and on disk.
    pub fn backup(&self, path: &Path) -> Result<u64, BackupError> {
        backup::write(self, path)
    }

    /// One committed state: the database, and what `look` takes of what lies over it.
    pub(crate) fn snapshot<T>(
        &self,
        look: impl FnOnce(&Pending) -> T,
    ) -> Result<(ReadTransaction, T), ReadError> {
        let pending = self.shared.pending();
        let database = self.shared.database();
        let Some(database) = &*database else {
            return Err(ReadError::closed(&self.shared.place));
        };
        let transaction = self.read(|| Ok(database.begin_read()?))?;
        Ok((transaction, look(&pending)))
    }

    /// Shows every row of a kind with `changed` laid over the database.
    pub(crate) fn each_row<E: From<ReadError>>(
        &self,
        transaction: &ReadTransaction,
        kind: RowKind,
        changed: &ChangedRows,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut over = changed.iter().peekable();
        let table = self.read(|| if_there(transaction.open_table(rows(kind))))?;
        if let Some(table) = table {
            let count = self.read(|| Ok(table.len()?))?;
            let mut entries = self.read(|| Ok(table.range::<&[u8]>(..)?))?;
            let mut seen = 0;
            while let Some((key, sealed)) = self.read(|| Ok(entries.next().transpose()?))? {
                let (key, sealed) = self.read(|| Ok((key.value(), sealed.value())))?;
                let value = unseal(kind as u8, key, sealed);
                let value = value.map_err(|found| self.broken_row(kind, key, &found))?;
                seen += 1;
                let mut is_changed = false;
                while let Some((over_key, over_value)) = over.next_if(|(it, _)| it.as_ref() <= key)
                {
                    is_changed = over_key == key;
                    if let Some(over_value) = over_value {
                        visit(over_key, over_value)?;
                    }
                }
                if !is_changed {
                    visit(key, value)?;
                }
            }
            if seen != count {
                let found = format!("{seen} rows in {}; allowed: {count}", kind.name());
                return Err(ReadError::corrupt(&self.shared.place, found).into());
            }
        }
        for (key, value) in over {
            if let Some(value) = value {
                visit(key, value)?;
            }
        }
        Ok(())
    }

    /// Shows the events from `from` on with those that are pending behind those of the database.
    pub(crate) fn each_event<E: From<ReadError>>(
        &self,
        transaction: &ReadTransaction,
        pending: &PendingEvents,
        from: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let below = self.read(|| tables::bounds(transaction))?;
        let oldest = from.max(below.oldest).max(pending.bounds.oldest);
        if oldest < below.next {
            let table = self.read(|| Ok(transaction.open_table(EVENTS)?))?;
            let mut entries = self.read(|| Ok(table.range(oldest..)?))?;
            for expected in oldest..below.next {
                let entry = self.read(|| Ok(entries.next().transpose()?))?;
                let values = self.read(|| {
                    Ok(entry
                        .as_ref()
                        .map(|(sequence, sealed)| (sequence.value(), sealed.value())))
                });
                let values = values?;
                let Some((_, sealed)) = values.filter(|(found, _)| *found == expected) else {
                    let found = values.map(|(found, _)| found);
                    return Err(self.broken_log(found, expected).into());
                };
                let value = unseal(seal::EVENTS, &expected.to_le_bytes(), sealed);
                let value = value.map_err(|found| self.broken_event(expected, &found))?;
                if visit(expected, value)?.is_break() {
                    return Ok(());
                }
            }
        }
        // The oldest layer may be in the database already.
        let first = oldest.max(below.next);
        let over = pending.events.iter().filter(|(it, _)| *it >= first);
        for (expected, (found, value)) in (first..).zip(over) {
            if *found != expected {
                return Err(self.broken_log(Some(*found), expected).into());
            }
            if visit(expected, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What redb says to `work`, in our words.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, ReadError> {
        guarded(work).map_err(|error| ReadError::from_redb(&self.shared.place, error))
    }

    pub(crate) fn broken_row(&self, kind: RowKind, key: &[u8], found: &str) -> ReadError {
        let key = key.escape_ascii();
        let found = format!("row \"{key}\" of {} is {found}", kind.name());
        ReadError::corrupt(&self.shared.place, found)
    }

    fn broken_log(&self, found: Option<u64>, expected: u64) -> ReadError {
        let found = format!("event {found:?} in the log; allowed: {expected}");
        ReadError::corrupt(&self.shared.place, found)
    }

    pub(crate) fn broken_event(&self, sequence: u64, found: &str) -> ReadError {
        ReadError::corrupt(&self.shared.place, format!("event {sequence} is {found}"))
    }
}
