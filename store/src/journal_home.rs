//! Where a journal lies, or would.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::journal::{Journal, JournalFault};
use crate::new_file::NewFile;
use crate::opening::Purpose;

/// Where a journal lies, or would.
#[derive(Clone, Debug)]
pub(crate) enum JournalHome {
    /// In a file.
    File(PathBuf),
    /// On a backend that was handed in.
    Backend(Arc<dyn StorageBackend>),
}

impl JournalHome {
    /// Beside the store at `path`.
    pub(crate) fn beside(path: &Path) -> Self {
        Self::File(journal_path(path))
    }

    /// The journal, if there is one.
    pub(crate) fn open(&self, purpose: Purpose) -> Result<Option<Journal>, JournalFault> {
        let device = match self {
            Self::Backend(device) => device.clone(),
            Self::File(path) => {
                let mut options = OpenOptions::new();
                options.read(true).write(purpose == Purpose::Write);
                match options.open(path) {
                    Ok(file) => on(file).map_err(JournalFault::Io)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(JournalFault::Io(error)),
                }
            }
        };
        Journal::open(device)
    }

    /// Makes a journal in the place of one that nobody needs, if there is one.
    pub(crate) fn make(&self, segment_bytes: u32) -> io::Result<Journal> {
        let path = match self {
            Self::Backend(device) => return Journal::make(device.clone(), segment_bytes),
            Self::File(path) => path,
        };
        let (new, file) = NewFile::beside(path)?;
        let journal = Journal::make(on(file)?, segment_bytes)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => new.publish()?,
        }
        Ok(journal)
    }
}

/// The journal of the store at `path`.
pub(crate) fn journal_path(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".journal");
    path.into()
}

fn on(file: File) -> io::Result<Arc<dyn StorageBackend>> {
    let device = FileBackend::new(file).map_err(|error| match error {
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => error,
        other => io::Error::other(other),
    })?;
    Ok(Arc::new(device))
}
