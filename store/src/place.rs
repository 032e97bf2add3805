//! Where a store lies.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::journal_home::journal_path;

/// Where a store lies: what errors call it, and where its figures are asked for.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// A backend that was handed in.
    Backend,
    /// The backend that was handed in for its journal.
    JournalBackend,
}

impl Place {
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Backend | Self::JournalBackend => None,
        }
    }

    /// Where the journal of the store that lies here lies.
    pub(crate) fn journal(&self) -> Self {
        self.path()
            .map_or(Self::JournalBackend, |path| Self::File(journal_path(path)))
    }

    /// How many bytes the file takes on its disk, which is less than its length if it has holes.
    pub(crate) fn bytes_on_disk(&self) -> Option<u64> {
        let about = std::fs::metadata(self.path()?).ok()?;
        #[cfg(unix)]
        let bytes = std::os::unix::fs::MetadataExt::blocks(&about) * 512;
        #[cfg(not(unix))]
        let bytes = about.len();
        Some(bytes)
    }

    /// How many bytes can still be written there, if that can be known.
    pub(crate) fn bytes_free(&self) -> Option<u64> {
        #[cfg(unix)]
        {
            let about = rustix::fs::statvfs(self.path()?).ok()?;
            about.f_bavail.checked_mul(about.f_frsize)
        }
        #[cfg(not(unix))]
        None
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Backend => out.write_str("the given storage"),
            Self::JournalBackend => out.write_str("the storage given for the journal"),
        }
    }
}
