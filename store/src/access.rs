//! One database's way to the file: held back at first, straight through once released, cut off at
//! last.
//!
//! redb writes when it opens a file: a mark that the file is in use, and repairs. What it writes
//! while held back stays in memory, so that a file can be looked at before anything in it changes,
//! and read while it can't be written. Cut off, nothing of an abandoned database reaches the file.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{BackendError, StorageBackend};

use crate::overlay::{Operation, Overlay};
use crate::store_file::{Header, StoreFile};

/// One database's way to the file; clones are the same way.
#[derive(Clone)]
pub(crate) struct Access {
    file: Arc<StoreFile>,
    way: Arc<RwLock<Way>>,
}

enum Way {
    Held(Held),
    Through,
    CutOff,
}

struct Held {
    overlay: Overlay,
    operations: Vec<Operation>,
    /// How many of the operations are on disk for good.
    synced: usize,
}

impl Access {
    /// Holds every write back. With a header, the file is as if that were its header.
    pub(crate) fn held(file: &Arc<StoreFile>, header: Option<&Header>) -> io::Result<Self> {
        let held = Held {
            overlay: Overlay::new(file.len()?),
            operations: Vec::new(),
            synced: 0,
        };
        let access = Self {
            file: file.clone(),
            way: Arc::new(RwLock::new(Way::Held(held))),
        };
        if let Some(header) = header {
            access.write(0, header)?;
            access.sync_data()?;
        }
        Ok(access)
    }

    /// Writes what was held back, in order and with its syncs, and holds nothing back any more.
    /// What fails is done again by the next call, from the last sync on: writes in front of a sync
    /// that failed may be lost.
    pub(crate) fn release(&self) -> io::Result<()> {
        let mut way = self.changed();
        let Way::Held(held) = &mut *way else {
            return Ok(());
        };
        for (index, operation) in held.operations.iter().enumerate().skip(held.synced) {
            operation.perform(self.file.as_ref())?;
            if matches!(operation, Operation::Sync) {
                held.synced = index + 1;
            }
        }
        if held.synced < held.operations.len() {
            self.file.sync_data()?;
        }
        *way = Way::Through;
        Ok(())
    }

    /// From now on every call fails.
    pub(crate) fn cut_off(&self) {
        *self.changed() = Way::CutOff;
    }

    fn way(&self) -> RwLockReadGuard<'_, Way> {
        self.way.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) -> RwLockWriteGuard<'_, Way> {
        self.way.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs a change while nobody else has the way in hand.
    fn change(&self, operation: Operation) -> io::Result<()> {
        match &mut *self.changed() {
            Way::Held(held) => {
                held.overlay.perform(self.file.device(), &operation)?;
                held.operations.push(operation);
                Ok(())
            }
            Way::Through => operation.perform(self.file.as_ref()),
            Way::CutOff => Err(cut_off()),
        }
    }
}

fn cut_off() -> io::Error {
    io::Error::other("this database was given up")
}

impl StorageBackend for Access {
    fn len(&self) -> io::Result<u64> {
        match &*self.way() {
            Way::Held(held) => Ok(held.overlay.length()),
            Way::Through => self.file.len(),
            Way::CutOff => Err(cut_off()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.way() {
            Way::Held(held) => held.overlay.read(self.file.device(), offset, out),
            Way::Through => self.file.read(offset, out),
            Way::CutOff => Err(cut_off()),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Operation::SetLength(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let way = self.way();
        if matches!(*way, Way::Through) {
            return self.file.sync_data();
        }
        drop(way);
        self.change(Operation::Sync)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let way = self.way();
        if matches!(*way, Way::Through) {
            return self.file.write(offset, bytes);
        }
        drop(way);
        self.change(Operation::write(offset, bytes))
    }

    // The file is locked for as long as it is open, by whatever database.
    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access").finish_non_exhaustive()
    }
}
