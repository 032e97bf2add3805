//! How a store is opened.

/// When what was committed reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before the commit returns: nothing that was acknowledged is ever lost.
    Disk,
    /// Later: a loss of power or of the process takes the commits since the last sync with it, whole
    /// ones from the newest back, and nothing else.
    Relaxed {
        /// A commit syncs if the last sync is at least this long ago.
        relaxed_sync_ms: u64,
    },
}

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When what was committed reaches the disk.
    pub sync: Sync,
    /// How much memory pages of the file may take, at most.
    pub cache_bytes: usize,
    /// How long the journal is that is made beside a store without one. Larger, the database is
    /// written less often, in larger pieces; smaller, less is read at a start after a crash.
    pub journal_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: Sync::Disk,
            cache_bytes: 64 << 20,
            journal_bytes: 16 << 20,
        }
    }
}
