//! The store of a server that doesn't run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agnt_fleet::{Fleet, FleetSettings, OpenError, Timestamp};

use crate::domain::time;
use crate::server::{STORE_FILE, make_data_dir};

/// Why a subcommand came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The server was asked in vain.
    #[error(transparent)]
    Server(#[from] super::ClientError),
    /// A server uses the store.
    #[error("{0}; while a server runs, give its address with --url")]
    InUse(agnt_store::OpenError),
    /// The store can't be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The store can't be checked.
    #[error(transparent)]
    Check(#[from] agnt_store::OpenError),
    /// The store can't be written.
    #[error(transparent)]
    Write(#[from] agnt_store::CommitError),
    /// There is no copy.
    #[error(transparent)]
    Backup(#[from] agnt_store::BackupError),
    /// Something is not as it should be; the text says what is allowed.
    #[error("{0}")]
    Invalid(String),
    /// The system refused to write a file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Opens the store of a data directory, if it is there; if not, `may_make` says whether it is made.
pub(super) fn open(data_dir: &Path, may_make: bool) -> Result<Fleet, AdminError> {
    let path = data_dir.join(STORE_FILE);
    if may_make {
        make_data_dir(data_dir).map_err(|source| AdminError::File {
            path: data_dir.to_owned(),
            source,
        })?;
    } else if !path.exists() {
        let path = path.display();
        return Err(AdminError::Invalid(format!(
            "{path}: no such file; allowed: the data directory of a server (--data-dir), or a \
             running server (--url)"
        )));
    }
    let clock = || Timestamp::from_micros(time::unix_us());
    let opened = Fleet::open(&path, &FleetSettings::default(), Arc::new(()), clock);
    opened.map_err(|error| match error {
        OpenError::Store(locked @ agnt_store::OpenError::Locked { .. }) => {
            AdminError::InUse(locked)
        }
        error => AdminError::Open(error),
    })
}

/// Closes it; what was changed is on disk when this returns.
pub(super) fn close(fleet: Fleet) -> Result<(), AdminError> {
    Ok(fleet.close()?)
}
