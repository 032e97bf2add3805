//! The durable file: rows of bytes under keys, and a log of events without a hole.
//!
//! ```text
//! Batch --Store::commit--> rows and events, on disk together or not at all
//! Reader <-- the newest committed state, from any thread, while the one writer goes on
//! ```
//!
//! A commit is one write to the end of a journal and one sync of it, a few KB. What it changes then lies
//! in memory over a redb database, where readers find it; when a segment of the journal is full, a
//! thread settles all of it in the database at once, while the other segment is filled. A row of the
//! database says how far that got, so that opening it lays the rest of the journal over it again. What
//! the journal has no room for, and everything once it has failed, goes straight into the database.
//!
//! redb writes new pages beside the old ones, then the header that points to them, and syncs once;
//! checksums in the header and in every page's parent tell afterwards whether all of it arrived.
//!
//! Invariants:
//! - a batch is there whole or not at all, and once `commit` has returned it is there for good; one that
//!   was refused never comes back;
//! - the sequences of the stored events follow each other without a hole or a repeat;
//! - a file that isn't a store, is newer, broken or in use is refused and stays as it is, to the byte;
//! - what is read was checked: redb verifies pages only after a crash, so that each row carries a
//!   checksum of its own;
//! - nothing here knows what a row or an event means.
//!
//! When the disk is full or fails, the batch under way is refused, the file is taken back to the
//! last commit, and readers go on; the next commit tries again.

#![forbid(unsafe_code)]

mod access;
mod backup;
mod base;
mod batch;
mod changes;
mod check;
mod disk_figures;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod files;
mod guarded;
mod head;
mod journal;
mod journal_found;
mod journal_home;
mod layer;
mod mark;
mod new_file;
mod opening;
mod options;
mod overlay;
mod pending;
mod place;
mod reader;
mod record;
mod room;
mod row_kind;
mod seal;
mod shared;
mod store;
mod store_file;
mod tables;

pub use backup::BackupError;
pub use batch::{Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use check::{CheckReport, check};
pub use disk_figures::DiskFigures;
pub use error::{CommitError, OpenError, ReadError};
pub use files::Files;
pub use head::{SCHEMA_READER_MIN, SCHEMA_VERSION};
pub use options::{Options, Sync};
pub use reader::Reader;
pub use row_kind::RowKind;
pub use store::{Opened, Store, UNSYNCED_BYTES_MAX};
