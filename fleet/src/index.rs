//! The committed rows, which everybody reads without a hop to another thread.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::tables::{RowChange, Tables};

/// The committed rows, to look at. Unlike a [`Fleet`](crate::Fleet) it keeps nothing running, so that
/// an [`Outlet`](crate::Outlet) may hold it. Clones are the same rows.
#[derive(Clone)]
pub struct Rows(Arc<Index>);

/// The committed rows. What is not on disk yet is not here.
pub(crate) struct Index {
    tables: RwLock<Tables>,
}

impl Rows {
    pub(crate) fn new(index: &Arc<Index>) -> Self {
        Self(Arc::clone(index))
    }

    /// The rows, all of one commit. The writer waits for the guard: take what is needed and let go of
    /// it before anything slow.
    pub fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Index {
    pub(crate) fn new(tables: Tables) -> Self {
        Self {
            tables: RwLock::new(tables),
        }
    }

    /// The rows, all of one commit, for as long as the guard lives.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the changes of one commit, together.
    pub(crate) fn apply(&self, changes: &[RowChange]) {
        if changes.is_empty() {
            return;
        }
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<RowChange> = changes
            .iter()
            .map(|change| tables.apply(change.clone()))
            .collect();
        drop(tables);
        // What nobody else holds is freed after the lock.
        drop(old);
    }
}
