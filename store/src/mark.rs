//! How far the journal's commits are in the database: a row of the database itself, changed by the
//! very transaction that brings them there.
//!
//! `number of the journal 8 | number of the last commit that is settled 8 | in use 1`, little endian,
//! sealed like every row.

use redb::{ReadTransaction, WriteTransaction};

use crate::head::TABLE;
use crate::seal::{self, SEAL_BYTES, seal, unseal};
use crate::tables::if_there;

const KEY: &[u8] = b"journal";
const MARK_BYTES: usize = 17;

/// How far the journal's commits are in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which journal.
    pub(crate) journal: u64,
    /// The number of the last commit that is settled; those behind it are in the journal alone.
    pub(crate) settled: u64,
    /// The journal may have such commits: without it the store isn't whole.
    pub(crate) is_in_use: bool,
}

/// Writes the mark.
pub(crate) fn write(transaction: &WriteTransaction, mark: Mark) -> Result<(), redb::Error> {
    let mut bytes = [0; MARK_BYTES];
    bytes[..8].copy_from_slice(&mark.journal.to_le_bytes());
    bytes[8..16].copy_from_slice(&mark.settled.to_le_bytes());
    bytes[16] = mark.is_in_use.into();
    let mut sealed = [0; SEAL_BYTES + MARK_BYTES];
    seal(seal::HEAD, KEY, &bytes, &mut sealed);
    transaction.open_table(TABLE)?.insert(KEY, &sealed[..])?;
    Ok(())
}

/// The mark, if there is one; damage is an error.
pub(crate) fn read(transaction: &ReadTransaction) -> Result<Option<Mark>, redb::Error> {
    let Some(table) = if_there(transaction.open_table(TABLE))? else {
        return Ok(None);
    };
    let Some(sealed) = table.get(KEY)? else {
        return Ok(None);
    };
    let broken = |found| redb::Error::Corrupted(format!("its mark of the journal is {found}"));
    let value = unseal(seal::HEAD, KEY, sealed.value()).map_err(broken)?;
    let parts = value.split_first_chunk().and_then(|(journal, rest)| {
        let (settled, rest) = rest.split_first_chunk()?;
        Some((*journal, *settled, *rest.first()?))
    });
    let Some((journal, settled, in_use)) = parts else {
        return Err(broken(format!("a value of {} bytes", value.len())));
    };
    Ok(Some(Mark {
        journal: u64::from_le_bytes(journal),
        settled: u64::from_le_bytes(settled),
        is_in_use: in_use != 0,
    }))
}
