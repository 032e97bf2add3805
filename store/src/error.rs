//! Why a store can't be opened, written or read.

use std::io;

use thiserror::Error;

use crate::place::Place;

/// Why a store was not opened. The file is as it was before.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no file, and none was to be made.
    #[error("{path}: no such file; allowed: an AGNT store")]
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// Something else than an AGNT store.
    #[error("{path}: not an AGNT store: {found}; allowed: an AGNT store, or no file at all")]
    Foreign {
        /// Where it lies.
        path: String,
        /// What it is.
        found: String,
    },
    /// A store that a newer version of the program has written.
    #[error(
        "{path}: written by a newer version: schema {schema}, for readers of schema \
         {reader_min} and up; allowed: schema {schema_max} at most"
    )]
    Newer {
        /// Where it lies.
        path: String,
        /// Its schema.
        schema: u32,
        /// The oldest schema whose programs understand it.
        reader_min: u32,
        /// This program's schema.
        schema_max: u32,
    },
    /// A store that is damaged.
    #[error("{path}: a damaged AGNT store: {found}; restore a backup, or move the file away")]
    Corrupt {
        /// Where it lies.
        path: String,
        /// What is wrong.
        found: String,
    },
    /// A store whose newest commits lie in a journal that isn't there.
    #[error(
        "{path}: its journal {journal} is missing, and with it the newest commits; allowed: both \
         files together"
    )]
    JournalMissing {
        /// Where the store lies.
        path: String,
        /// Where its journal was looked for.
        journal: String,
    },
    /// A store beside the journal of another one.
    #[error(
        "{path}: the journal {journal} beside it has commits of another store; allowed: its own \
         journal, or none once that one was moved away"
    )]
    JournalForeign {
        /// Where the store lies, or was to lie.
        path: String,
        /// Where the journal lies.
        journal: String,
    },
    /// A store that another process uses.
    #[error("{path}: another process has it open; allowed: one process at a time")]
    Locked {
        /// Where it lies.
        path: String,
    },
    /// There is no room for a new store.
    #[error("{path}: no space left on its disk")]
    NoSpace {
        /// Where it was to lie.
        path: String,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Where it lies.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a batch was not committed. The store is as it was before, and the next commit tries anew.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The events don't go on where the log ends: a mistake of the caller.
    #[error("event {found}: not the next in the log; allowed: {expected}")]
    Sequence {
        /// The sequence that the event must have.
        expected: u64,
        /// The one that it has.
        found: u64,
    },
    /// A key or a value that is too long.
    #[error("{what}: {bytes} bytes; allowed: at most {bytes_max}")]
    TooLarge {
        /// What is too long: "key", "value" or "event".
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        bytes_max: usize,
    },
    /// The disk is full.
    #[error("{path}: no space left on its disk")]
    NoSpace {
        /// Where the store lies.
        path: String,
    },
    /// The disk failed.
    #[error("{path}: {source}")]
    Io {
        /// Where the store lies.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is damaged.
    #[error("{path}: a damaged AGNT store: {found}")]
    Corrupt {
        /// Where the store lies.
        path: String,
        /// What is wrong.
        found: String,
    },
}

/// Why something was not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("{path}: {source}")]
    Io {
        /// Where the store lies.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is damaged: what is here would not be what was stored.
    #[error("{path}: a damaged AGNT store: {found}")]
    Corrupt {
        /// Where the store lies.
        path: String,
        /// What is wrong.
        found: String,
    },
    /// The store is closed, or was opened anew after the disk failed; reading again may help.
    #[error("{path}: the store was closed while it was read")]
    Closed {
        /// Where the store lies.
        path: String,
    },
}

/// Whether the disk is full, in any of the ways in which systems say so.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl OpenError {
    pub(crate) fn io(place: &Place, source: io::Error) -> Self {
        let path = place.to_string();
        if is_full(&source) {
            return Self::NoSpace { path };
        }
        Self::Io { path, source }
    }

    pub(crate) fn corrupt(place: &Place, found: String) -> Self {
        Self::Corrupt {
            path: place.to_string(),
            found,
        }
    }

    pub(crate) fn from_redb(place: &Place, error: redb::Error) -> Self {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        match error {
            redb::Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
                Self::corrupt(place, error.to_string())
            }
            redb::Error::Io(error) => Self::io(place, error),
            redb::Error::DatabaseAlreadyOpen => Self::Locked {
                path: place.to_string(),
            },
            redb::Error::UpgradeRequired(version) => Self::Foreign {
                path: place.to_string(),
                found: format!("a redb file of version {version}"),
            },
            redb::Error::Corrupted(found) => Self::corrupt(place, found),
            other => Self::corrupt(place, other.to_string()),
        }
    }

    pub(crate) fn from_read(place: &Place, error: ReadError) -> Self {
        match error {
            ReadError::Io { source, .. } => Self::io(place, source),
            ReadError::Corrupt { found, .. } => Self::corrupt(place, found),
            closed @ ReadError::Closed { .. } => Self::corrupt(place, closed.to_string()),
        }
    }
}

impl CommitError {
    pub(crate) fn io(place: &Place, source: io::Error) -> Self {
        let path = place.to_string();
        if is_full(&source) {
            return Self::NoSpace { path };
        }
        Self::Io { path, source }
    }

    pub(crate) fn corrupt(place: &Place, found: String) -> Self {
        Self::Corrupt {
            path: place.to_string(),
            found,
        }
    }

    pub(crate) fn from_redb(place: &Place, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::io(place, error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                Self::io(place, io::Error::other("the disk has failed before"))
            }
            redb::Error::Corrupted(found) => Self::corrupt(place, found),
            other => Self::corrupt(place, other.to_string()),
        }
    }
}

impl ReadError {
    pub(crate) fn corrupt(place: &Place, found: String) -> Self {
        Self::Corrupt {
            path: place.to_string(),
            found,
        }
    }

    pub(crate) fn closed(place: &Place) -> Self {
        Self::Closed {
            path: place.to_string(),
        }
    }

    pub(crate) fn from_redb(place: &Place, error: redb::Error) -> Self {
        match error {
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => Self::closed(place),
            redb::Error::Io(source) => Self::Io {
                path: place.to_string(),
                source,
            },
            redb::Error::Corrupted(found) => Self::corrupt(place, found),
            other => Self::corrupt(place, other.to_string()),
        }
    }
}
