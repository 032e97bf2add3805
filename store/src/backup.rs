//! A copy of one committed state, made while the store goes on.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadTransaction};
use thiserror::Error;

use crate::error::{ReadError, is_full};
use crate::guarded::guarded;
use crate::head;
use crate::layer::ChangedRows;
use crate::new_file::NewFile;
use crate::pending::Pending;
use crate::reader::{PendingEvents, Reader};
use crate::row_kind::RowKind;
use crate::seal::{self, SEAL_BYTES, seal};
use crate::tables::{self, EVENTS, rows};

/// How much memory the copy may take.
const CACHE_BYTES: usize = 32 << 20;

/// Why no backup was written. There is no file then, or the one that was there.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is a file already.
    #[error("{path}: there is a file already; allowed: the name of a new one")]
    Exists {
        /// Where it lies.
        path: String,
    },
    /// There is no room.
    #[error("{path}: no space left on its disk")]
    NoSpace {
        /// Where the backup was to lie.
        path: String,
    },
    /// The backup could not be written.
    #[error("{path}: {found}")]
    Write {
        /// Where the backup was to lie.
        path: String,
        /// What went wrong.
        found: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl BackupError {
    fn io(path: &Path, error: &io::Error) -> Self {
        let (path, found) = (path.display().to_string(), error.to_string());
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ if is_full(error) => Self::NoSpace { path },
            _ => Self::Write { path, found },
        }
    }

    fn from_redb(path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::io(path, &error),
            other => Self::Write {
                path: path.display().to_string(),
                found: other.to_string(),
            },
        }
    }
}

/// What lies over the database.
struct Over {
    rows: [ChangedRows; RowKind::ALL.len()],
    events: PendingEvents,
}

impl Over {
    fn of(pending: &Pending) -> Self {
        Self {
            rows: RowKind::ALL.map(|kind| pending.rows(kind)),
            events: PendingEvents::of(pending, 0),
        }
    }
}

/// Copies what `reader` sees now to a new file at `path`.
pub(crate) fn write(reader: &Reader, path: &Path) -> Result<u64, BackupError> {
    let io = |error: io::Error| BackupError::io(path, &error);
    if path.try_exists().map_err(io)? {
        let path = path.display().to_string();
        return Err(BackupError::Exists { path });
    }
    let (from, over) = reader.snapshot(Over::of)?;
    let (new, file) = NewFile::beside(path).map_err(io)?;
    let kept = file.try_clone().map_err(io)?;
    copy(reader, &from, &over, file, path)?;
    kept.sync_all().map_err(io)?;
    let bytes = kept.metadata().map_err(io)?.len();
    new.publish().map_err(io)?;
    Ok(bytes)
}

fn copy(
    reader: &Reader,
    from: &ReadTransaction,
    over: &Over,
    file: std::fs::File,
    path: &Path,
) -> Result<(), BackupError> {
    let written = |error| BackupError::from_redb(path, error);
    let database = guarded(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        Ok(builder.create_with_backend(FileBackend::new(file)?)?)
    });
    let database: Database = database.map_err(written)?;
    let to = guarded(|| {
        let to = database.begin_write()?;
        tables::create(&to)?;
        Ok(to)
    })
    .map_err(written)?;
    if let Some(found) = reader.read(|| head::read(from))? {
        guarded(|| head::write(&to, found)).map_err(written)?;
    }
    for (kind, changed) in RowKind::ALL.into_iter().zip(&over.rows) {
        let mut table = guarded(|| Ok(to.open_table(rows(kind))?)).map_err(written)?;
        reader.each_row(from, kind, changed, |key, value| {
            let inserted = guarded(|| {
                let mut place = table.insert_reserve(key, SEAL_BYTES + value.len())?;
                seal(kind as u8, key, value, place.as_mut());
                Ok(())
            });
            inserted.map_err(written)
        })?;
    }
    let mut table = guarded(|| Ok(to.open_table(EVENTS)?)).map_err(written)?;
    reader.each_event(from, &over.events, 0, |sequence, value| {
        let inserted = guarded(|| {
            let mut place = table.insert_reserve(sequence, SEAL_BYTES + value.len())?;
            let key = sequence.to_le_bytes();
            seal(seal::EVENTS, &key, value, place.as_mut());
            Ok(())
        });
        inserted.map_err(written)?;
        Ok::<_, BackupError>(ControlFlow::Continue(()))
    })?;
    drop(table);
    guarded(|| {
        to.commit()?;
        Ok(database.close()?)
    })
    .map_err(written)
}
