//! The tables of the file, and how changes and reads pass them.

use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, TableError,
    WriteTransaction,
};

use crate::layer::{ChangedRows, Layer};
use crate::row_kind::RowKind;
use crate::seal::{self, SEAL_BYTES, seal};

/// A table of rows: sealed values under keys.
pub(crate) type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Sealed events under their sequences.
pub(crate) const EVENTS: TableDefinition<'static, u64, &'static [u8]> =
    TableDefinition::new("events");

/// The table of a kind.
pub(crate) fn rows(kind: RowKind) -> Rows {
    TableDefinition::new(kind.name())
}

/// Which events a log holds: from the oldest, as far as the one in front of `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) oldest: u64,
    pub(crate) next: u64,
}

impl Bounds {
    /// Those of a log that never had an event.
    pub(crate) const EMPTY: Self = Self { oldest: 1, next: 1 };

    /// The later of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            oldest: self.oldest.max(other.oldest),
            next: self.next.max(other.next),
        }
    }
}

/// Puts the changes of `layers` into the tables, from the first to the last.
pub(crate) fn write(transaction: &WriteTransaction, layers: &[&Layer]) -> Result<(), redb::Error> {
    for kind in RowKind::ALL {
        if layers.iter().any(|layer| !layer.rows(kind).is_empty()) {
            let mut table = transaction.open_table(rows(kind))?;
            for layer in layers {
                write_rows(&mut table, kind, layer.rows(kind))?;
            }
        }
    }
    write_events(transaction, layers)
}

/// Makes every table, so that readers find them.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    for kind in RowKind::ALL {
        transaction.open_table(rows(kind))?;
    }
    transaction.open_table(EVENTS)?;
    Ok(())
}

/// What a file of an older schema doesn't have is empty.
pub(crate) fn if_there<T>(table: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The bounds of the log, if it has no hole.
pub(crate) fn bounds(transaction: &ReadTransaction) -> Result<Bounds, redb::Error> {
    let Some(events) = if_there(transaction.open_table(EVENTS))? else {
        return Ok(Bounds::EMPTY);
    };
    let (Some((oldest, _)), Some((newest, _))) = (events.first()?, events.last()?) else {
        return Ok(Bounds::EMPTY);
    };
    let (oldest, newest, count) = (oldest.value(), newest.value(), events.len()?);
    let spanned = newest.checked_sub(oldest).and_then(|it| it.checked_add(1));
    match newest.checked_add(1) {
        Some(next) if oldest > 0 && spanned == Some(count) => Ok(Bounds { oldest, next }),
        _ => Err(redb::Error::Corrupted(format!(
            "{count} events from {oldest} to {newest}; allowed: one for each sequence"
        ))),
    }
}

fn write_rows(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    kind: RowKind,
    changed: &ChangedRows,
) -> Result<(), redb::Error> {
    for (key, value) in changed {
        match value {
            Some(value) => {
                let mut place = table.insert_reserve(&**key, SEAL_BYTES + value.len())?;
                seal(kind as u8, key, value, place.as_mut());
            }
            None => {
                table.remove(&**key)?;
            }
        }
    }
    Ok(())
}

fn write_events(transaction: &WriteTransaction, layers: &[&Layer]) -> Result<(), redb::Error> {
    let events = || layers.iter().flat_map(|layer| layer.events(0));
    let forgets_below = layers.iter().map(|layer| layer.forgets_below()).max();
    let forgets_below = forgets_below.unwrap_or(0);
    if events().next().is_none() && forgets_below == 0 {
        return Ok(());
    }
    let mut table = transaction.open_table(EVENTS)?;
    for (sequence, value) in events() {
        let mut place = table.insert_reserve(sequence, SEAL_BYTES + value.len())?;
        let key = sequence.to_le_bytes();
        seal(seal::EVENTS, &key, value, place.as_mut());
    }
    if forgets_below > 0 {
        table.retain_in(..forgets_below, |_, _| false)?;
    }
    Ok(())
}
