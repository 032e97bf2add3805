//! From a locked file to a database: what is refused before anything in the file changes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, StorageBackend};

use crate::access::Access;
use crate::error::OpenError;
use crate::guarded::guarded;
use crate::head::{self, Head};
use crate::mark::{self, Mark};
use crate::place::Place;
use crate::store_file::{Lock, REDB_MAGIC, StoreFile};
use crate::tables::{self, Bounds};

/// A database that was opened, and what opening it found.
pub(crate) struct Found {
    pub(crate) database: Database,
    pub(crate) access: Access,
    pub(crate) bounds: Bounds,
    pub(crate) head: Option<Head>,
    pub(crate) mark: Option<Mark>,
    /// The file was not closed in order, so that all of it was verified.
    pub(crate) repaired: bool,
}

/// Whether all of a file is verified even if it was closed in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    AfterCrash,
    Always,
}

/// Opens the database behind `access` and looks what it is.
pub(crate) fn find(
    access: Access,
    cache_bytes: usize,
    verify: Verify,
) -> Result<Found, redb::Error> {
    guarded(|| {
        let repaired = Arc::new(AtomicBool::new(false));
        let seen = repaired.clone();
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .set_check_integrity_on_open(verify == Verify::Always)
            .set_repair_callback(move |_| seen.store(true, Ordering::Relaxed))
            .create_with_backend(access.clone())?;
        let transaction = database.begin_read()?;
        let bounds = tables::bounds(&transaction)?;
        let head = head::read(&transaction)?;
        // Somebody else's file may have anything there.
        let mark = head.map_or(Ok(None), |_| mark::read(&transaction))?;
        drop(transaction);
        Ok(Found {
            database,
            access,
            bounds,
            head,
            mark,
            repaired: repaired.load(Ordering::Relaxed),
        })
    })
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Write,
    Look,
}

/// Opens the file itself, which must be there and not be empty.
pub(crate) fn existing_file(path: &Path, purpose: Purpose) -> Result<StoreFile, OpenError> {
    let place = Place::File(path.to_owned());
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::Missing {
            path: place.to_string(),
        },
        _ => OpenError::io(&place, error),
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    let foreign = |found: &str| OpenError::Foreign {
        path: place.to_string(),
        found: found.to_owned(),
    };
    if !about.is_file() {
        return Err(foreign("not a file"));
    }
    if about.len() == 0 {
        return Err(foreign("an empty file"));
    }
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(purpose == Purpose::Write)
        .open(path)
        .map_err(failed)?;
    let device = FileBackend::new(file).map_err(|error| OpenError::from_redb(&place, error.into()));
    let lock = match purpose {
        Purpose::Write => Lock::Exclusive,
        Purpose::Look => Lock::Shared,
    };
    locked(Box::new(device?), &place, lock)
}

/// Locks what lies at `place`.
pub(crate) fn locked(
    device: Box<dyn StorageBackend>,
    place: &Place,
    lock: Lock,
) -> Result<StoreFile, OpenError> {
    let file = StoreFile::locked(device, lock).map_err(|error| OpenError::io(place, error))?;
    file.ok_or_else(|| OpenError::Locked {
        path: place.to_string(),
    })
}

/// Refuses a file that doesn't begin as ours do.
pub(crate) fn begins_as_a_store(file: &StoreFile, place: &Place) -> Result<(), OpenError> {
    let length = file.len().map_err(|error| OpenError::io(place, error))?;
    let mut begin = vec![0; length.min(REDB_MAGIC.len() as u64) as usize];
    file.read(0, &mut begin)
        .map_err(|error| OpenError::io(place, error))?;
    if begin != REDB_MAGIC {
        return Err(OpenError::Foreign {
            path: place.to_string(),
            found: format!("a file that begins with \"{}\"", begin.escape_ascii()),
        });
    }
    Ok(())
}

/// The head of an opened file, or why it is not ours.
pub(crate) fn head_of(found: &Found, place: &Place) -> Result<Head, OpenError> {
    found.head.ok_or_else(|| OpenError::Foreign {
        path: place.to_string(),
        found: "a redb file without the table of a store".to_owned(),
    })
}
