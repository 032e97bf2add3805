//! The head: what the file is, and who may read it.
//!
//! `magic 8 | schema 4 | oldest schema of a reader 4`, little endian, sealed like every row.

use redb::{ReadTransaction, TableDefinition, WriteTransaction};

use crate::error::OpenError;
use crate::place::Place;
use crate::seal::{self, SEAL_BYTES, seal, unseal};
use crate::tables::{Rows, if_there};

/// The schema that this program writes: which tables there are and what their rows look like.
pub const SCHEMA_VERSION: u32 = 2;

/// The oldest schema whose programs can read what this program writes: older ones know no journal.
pub const SCHEMA_READER_MIN: u32 = 2;

/// The table of the store's own rows.
pub(crate) const TABLE: Rows = TableDefinition::new("store");
const KEY: &[u8] = b"head";
const MAGIC: [u8; 8] = *b"AGNTSTOR";
const HEAD_BYTES: usize = 16;

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) schema: u32,
    pub(crate) reader_min: u32,
}

impl Head {
    /// That of files which this program writes.
    pub(crate) const CURRENT: Self = Self {
        schema: SCHEMA_VERSION,
        reader_min: SCHEMA_READER_MIN,
    };

    /// Refuses what a program of this schema must not write to.
    pub(crate) fn writable(self, place: &Place) -> Result<Self, OpenError> {
        self.unless(self.schema > SCHEMA_VERSION, place)
    }

    /// Refuses what a program of this schema can't read.
    pub(crate) fn readable(self, place: &Place) -> Result<Self, OpenError> {
        self.unless(self.reader_min > SCHEMA_VERSION, place)
    }

    fn unless(self, newer: bool, place: &Place) -> Result<Self, OpenError> {
        if newer {
            return Err(OpenError::Newer {
                path: place.to_string(),
                schema: self.schema,
                reader_min: self.reader_min,
                schema_max: SCHEMA_VERSION,
            });
        }
        Ok(self)
    }
}

/// Writes the head.
pub(crate) fn write(transaction: &WriteTransaction, head: Head) -> Result<(), redb::Error> {
    let mut bytes = [0; HEAD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&head.schema.to_le_bytes());
    bytes[12..].copy_from_slice(&head.reader_min.to_le_bytes());
    let mut sealed = [0; SEAL_BYTES + HEAD_BYTES];
    seal(seal::HEAD, KEY, &bytes, &mut sealed);
    transaction.open_table(TABLE)?.insert(KEY, &sealed[..])?;
    Ok(())
}

/// The head, or nothing if this is somebody else's file; damage is an error.
pub(crate) fn read(transaction: &ReadTransaction) -> Result<Option<Head>, redb::Error> {
    let table = match if_there(transaction.open_table(TABLE)) {
        Ok(Some(table)) => table,
        // Another program's table may have our name.
        Ok(None) | Err(redb::Error::TableTypeMismatch { .. } | redb::Error::TableIsMultimap(_)) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(sealed) = table.get(KEY)? else {
        return Ok(None);
    };
    let value = unseal(seal::HEAD, KEY, sealed.value())
        .map_err(|found| redb::Error::Corrupted(format!("its head is {found}")))?;
    // A newer head may be longer.
    let (Some(schema), Some(reader_min)) = (number(value, 8), number(value, 12)) else {
        return Ok(None);
    };
    if !value.starts_with(&MAGIC) {
        return Ok(None);
    }
    Ok(Some(Head { schema, reader_min }))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
