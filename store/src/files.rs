//! What a store lies on, if not on files of its own.

use redb::StorageBackend;

/// What a store lies on: the storage of its database, and that of its journal.
#[derive(Debug)]
pub struct Files {
    pub(crate) store: Box<dyn StorageBackend>,
    pub(crate) journal: Box<dyn StorageBackend>,
}

impl Files {
    /// Both together; empty ones become a store and a journal.
    pub fn new(store: impl StorageBackend, journal: impl StorageBackend) -> Self {
        Self {
            store: Box::new(store),
            journal: Box::new(journal),
        }
    }
}
