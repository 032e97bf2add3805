//! What the writer of a store and its readers share: the database, as long as it is open, and what is
//! committed and not in it yet.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{Database, StorageBackend};

use crate::disk_figures::{DiskCounters, DiskFigures};
use crate::pending::Pending;
use crate::place::Place;
use crate::store_file::StoreFile;

/// What the writer and its readers share. The writer replaces the database when the disk has
/// failed; nobody holds the lock while reading.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) place: Place,
    pub(crate) counters: DiskCounters,
    database: RwLock<Option<Database>>,
    pending: RwLock<Pending>,
    file: Arc<StoreFile>,
}

impl Shared {
    pub(crate) fn new(
        place: Place,
        database: Database,
        pending: Pending,
        file: Arc<StoreFile>,
    ) -> Self {
        Self {
            place,
            counters: DiskCounters::default(),
            database: RwLock::new(Some(database)),
            pending: RwLock::new(pending),
            file,
        }
    }

    /// What the database doesn't have yet. Who holds this sees one committed state, the database
    /// included.
    pub(crate) fn pending(&self) -> RwLockReadGuard<'_, Pending> {
        self.pending.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same to change it.
    pub(crate) fn pending_changed(&self) -> RwLockWriteGuard<'_, Pending> {
        self.pending.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database, unless it is closed.
    pub(crate) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another database into its place, and returns the one that was there.
    pub(crate) fn replace(&self, database: Option<Database>) -> Option<Database> {
        let place = self.database.write();
        std::mem::replace(
            &mut *place.unwrap_or_else(PoisonError::into_inner),
            database,
        )
    }

    /// How many bytes the file takes on its disk, with its journal.
    pub(crate) fn bytes_on_disk(&self) -> io::Result<u64> {
        let blocks = self.place.bytes_on_disk();
        Ok(blocks.map_or_else(|| self.file.len(), Ok)? + self.journal_bytes())
    }

    fn journal_bytes(&self) -> u64 {
        self.place.journal().bytes_on_disk().unwrap_or_default()
    }

    /// What was asked of the disk.
    pub(crate) fn disk_figures(&self) -> DiskFigures {
        let counters = &self.counters;
        DiskFigures {
            journal_bytes: self.journal_bytes(),
            recorded: counters.recorded.value(),
            recorded_bytes: counters.recorded_bytes.value(),
            journal_syncs: counters.journal_syncs.value(),
            settled: counters.settled.value(),
            database_syncs: self.file.syncs(),
        }
    }
}
