//! Checking a file that no process has open, without changing it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::access::Access;
use crate::error::{OpenError, ReadError};
use crate::journal_found::JournalFound;
use crate::journal_home::JournalHome;
use crate::opening::{self, Purpose, Verify};
use crate::place::Place;
use crate::reader::Reader;
use crate::row_kind::RowKind;
use crate::shared::Shared;

/// How much memory pages of the file may take.
const CACHE_BYTES: usize = 64 << 20;

/// What is in a store whose every byte was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The schema of the file.
    pub schema_version: u32,
    /// The file was closed in order. After a crash it is the last commit that was checked.
    pub was_closed: bool,
    /// How many rows there are of each kind.
    pub rows: Vec<(RowKind, u64)>,
    /// The sequence of the oldest event that is kept.
    pub events_from: u64,
    /// The sequence that the next event will have.
    pub events_to: u64,
    /// How many commits lie in the journal alone; what they changed is counted here.
    pub journal_commits: u64,
    /// How many bytes the keys and values of rows and events have.
    pub content_bytes: u64,
    /// How many bytes the file and its journal take on their disk.
    pub file_bytes: u64,
}

/// Verifies every page, row and event of the file at `path`, and its journal. They are only read, even where opening
/// it would repair it, and may be read by others meanwhile.
///
/// What a disk has damaged in the newest commit looks as if that commit had been cut off by a crash,
/// unless the file was closed in order afterwards: then it is refused.
pub fn check(path: &Path) -> Result<CheckReport, OpenError> {
    let place = Place::File(path.to_owned());
    let file = opening::existing_file(path, Purpose::Look)?;
    opening::begins_as_a_store(&file, &place)?;
    let file = Arc::new(file);
    let was_closed = file.was_closed();
    let found = Access::held(&file, None)
        .map_err(redb::Error::from)
        .and_then(|access| opening::find(access, CACHE_BYTES, Verify::Always))
        .map_err(|error| OpenError::from_redb(&place, error))?;
    let head = opening::head_of(&found, &place)?.readable(&place)?;
    let home = JournalHome::beside(path);
    let journal = JournalFound::of(Some(&found), &home, &place, Purpose::Look)?;
    let bounds = journal.pending.bounds(found.bounds);
    let shared = Shared::new(place.clone(), found.database, journal.pending, file);
    let file_bytes = shared.bytes_on_disk();
    let file_bytes = file_bytes.map_err(|error| OpenError::io(&place, error))?;
    let reader = Reader::new(Arc::new(shared));
    let (rows, content_bytes) =
        contents(&reader).map_err(|error| OpenError::from_read(&place, error))?;
    Ok(CheckReport {
        schema_version: head.schema,
        was_closed,
        rows,
        events_from: bounds.oldest,
        events_to: bounds.next,
        journal_commits: journal.commits,
        content_bytes,
        file_bytes,
    })
}

/// Reads every row and event, and counts them.
fn contents(reader: &Reader) -> Result<(Vec<(RowKind, u64)>, u64), ReadError> {
    let mut bytes = 0;
    let mut rows = Vec::new();
    for kind in RowKind::ALL {
        let mut count = 0;
        reader.scan::<ReadError>(kind, |key, value| {
            count += 1;
            bytes += (key.len() + value.len()) as u64;
            Ok(())
        })?;
        rows.push((kind, count));
    }
    reader.events(0, |_, value| {
        bytes += (size_of::<u64>() + value.len()) as u64;
        ControlFlow::Continue(())
    })?;
    Ok((rows, bytes))
}
