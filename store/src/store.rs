//! The store: the one writer of a file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::access::Access;
use crate::base::{Base, Target};
use crate::batch::Batch;
use crate::changes::Changes;
use crate::error::{CommitError, OpenError};
use crate::files::Files;
use crate::guarded::guarded;
use crate::head::{self, Head};
use crate::journal::{Fit, Journal};
use crate::journal_found::JournalFound;
use crate::journal_home::JournalHome;
use crate::layer::Layer;
use crate::mark::Mark;
use crate::new_file::NewFile;
use crate::opening::{self, Found, Purpose, Verify};
use crate::options::{Options, Sync};
use crate::place::Place;
use crate::reader::Reader;
use crate::room::Room;
use crate::store_file::{Lock, StoreFile};
use crate::tables::{self, Bounds};

/// With relaxed syncing, how many bytes of batches may wait for the disk: the commit that would
/// exceed it syncs. They are kept, so that a failing disk loses nothing while the process lives.
pub const UNSYNCED_BYTES_MAX: usize = 16 << 20;

/// A journal is made where at least as many had room.
const ROOM_FOR_JOURNALS: u64 = 4;

/// What opening a store found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The file was not there and was made.
    pub was_new: bool,
    /// The file was not closed in order; all of it was verified.
    pub repaired: bool,
    /// The sequence of the oldest event that is kept.
    pub events_from: u64,
    /// The sequence that the next event will have.
    pub events_to: u64,
    /// The schema of the file; an older one becomes this program's with the first commit.
    pub schema_version: u32,
}

/// The one writer of a file. Dropping it closes the file; readers then fail.
#[derive(Debug)]
pub struct Store {
    base: Base,
    options: Options,
    room: Room,
    bounds: Bounds,
    home: JournalHome,
    journal: Option<Journal>,
    /// The journal may be appended to: all that is not in it is settled.
    is_recording: bool,
    /// The last number that a record may have.
    number: u64,
    /// The bounds of the log as far as it is recorded.
    recorded_bounds: Bounds,
    /// Relaxed commits since the last sync.
    unrecorded: Vec<Changes>,
    unrecorded_bytes: usize,
    synced_at: Instant,
    is_closed: bool,
}

impl Store {
    /// Opens the store at `path`, making it if there is no file.
    pub fn open(path: &Path, options: Options) -> Result<(Self, Opened), OpenError> {
        match opening::existing_file(path, Purpose::Write) {
            Ok(file) => {
                let (place, home) = (Place::File(path.to_owned()), JournalHome::beside(path));
                Self::open_file(file, place, home, options)
            }
            Err(OpenError::Missing { .. }) => Self::create(path, options),
            Err(error) => Err(error),
        }
    }

    /// Opens the store on any storage, making it if the storage is empty.
    pub fn open_on(files: impl Into<Files>, options: Options) -> Result<(Self, Opened), OpenError> {
        let Files { store, journal } = files.into();
        let home = JournalHome::Backend(journal.into());
        let file = opening::locked(store, &Place::Backend, Lock::Exclusive)?;
        let length = file.len();
        match length.map_err(|error| OpenError::io(&Place::Backend, error))? {
            0 => Self::create_in(file, Place::Backend, home, options),
            _ => Self::open_file(file, Place::Backend, home, options),
        }
    }

    /// All of the batch is on disk when it returns, or, relaxed, will be; or nothing of it happens.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        batch.checked(self.bounds.next)?;
        if batch.is_empty() {
            return Ok(());
        }
        self.check_room(batch)?;
        let changes = Changes::of(batch, self.bounds.next);
        match self.options.sync {
            Sync::Relaxed { .. } if !self.is_sync_due(&changes) => {
                self.bounds = changes.bounds_after(self.bounds);
                self.base
                    .shared()
                    .pending_changed()
                    .unrecorded
                    .apply(&changes);
                self.unrecorded_bytes += changes.bytes.len();
                self.unrecorded.push(changes);
                Ok(())
            }
            _ => self.write(Some(&changes)),
        }
    }

    /// Brings to disk what relaxed commits have left in memory.
    pub fn sync(&mut self) -> Result<(), CommitError> {
        if self.unrecorded.is_empty() {
            return Ok(());
        }
        self.write(None)
    }

    /// How long [`Store::sync`] may still wait; nothing, if there is nothing to sync.
    pub fn sync_due_in(&self) -> Option<Duration> {
        let Sync::Relaxed { relaxed_sync_ms } = self.options.sync else {
            return None;
        };
        let interval = Duration::from_millis(relaxed_sync_ms);
        let waits = !self.unrecorded.is_empty();
        waits.then(|| interval.saturating_sub(self.synced_at.elapsed()))
    }

    /// A handle to read with, from any thread.
    pub fn reader(&self) -> Reader {
        self.base.reader()
    }

    /// The oldest event that is kept, and the sequence that the next one will have.
    pub fn event_bounds(&self) -> (u64, u64) {
        (self.bounds.oldest, self.bounds.next)
    }

    /// Closes the file in order, so that opening it needs no repair and its journal nobody, and says
    /// if that failed.
    pub fn close(mut self) -> Result<(), CommitError> {
        self.shut()
    }

    fn create(path: &Path, options: Options) -> Result<(Self, Opened), OpenError> {
        let place = Place::File(path.to_owned());
        let home = JournalHome::beside(path);
        let io = |error| OpenError::io(&place, error);
        JournalFound::of(None, &home, &place, Purpose::Write)?;
        let (new, file) = NewFile::beside(path).map_err(io)?;
        let device = FileBackend::new(file);
        let device = device.map_err(|error| OpenError::from_redb(&place, error.into()))?;
        let file = opening::locked(Box::new(device), &place, Lock::Exclusive)?;
        let made = Self::create_in(file, place.clone(), home.clone(), options)?;
        match new.publish() {
            Ok(()) => Ok(made),
            // Somebody was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                drop(made);
                let file = opening::existing_file(path, Purpose::Write)?;
                Self::open_file(file, place, home, options)
            }
            Err(error) => Err(io(error)),
        }
    }

    fn create_in(
        file: StoreFile,
        place: Place,
        home: JournalHome,
        options: Options,
    ) -> Result<(Self, Opened), OpenError> {
        let file = Arc::new(file);
        let journal = JournalFound::of(None, &home, &place, Purpose::Write)?;
        let made = guarded(|| {
            let access = Access::held(&file, None)?;
            let found = opening::find(access, options.cache_bytes, Verify::AfterCrash)?;
            let transaction = found.database.begin_write()?;
            tables::create(&transaction)?;
            head::write(&transaction, Head::CURRENT)?;
            transaction.commit()?;
            found.access.release()?;
            Ok(found)
        });
        let mut found = made.map_err(|error| OpenError::from_redb(&place, error))?;
        found.head = Some(Head::CURRENT);
        let (store, opened) = Self::over(file, place, home, options, found, journal);
        let was_new = true;
        Ok((store, Opened { was_new, ..opened }))
    }

    fn open_file(
        file: StoreFile,
        place: Place,
        home: JournalHome,
        options: Options,
    ) -> Result<(Self, Opened), OpenError> {
        opening::begins_as_a_store(&file, &place)?;
        let file = Arc::new(file);
        let found = Access::held(&file, None)
            .map_err(redb::Error::from)
            .and_then(|access| opening::find(access, options.cache_bytes, Verify::AfterCrash))
            .map_err(|error| OpenError::from_redb(&place, error))?;
        opening::head_of(&found, &place)?.writable(&place)?;
        let journal = JournalFound::of(Some(&found), &home, &place, Purpose::Write)?;
        Ok(Self::over(file, place, home, options, found, journal))
    }

    fn over(
        file: Arc<StoreFile>,
        place: Place,
        home: JournalHome,
        options: Options,
        found: Found,
        journal: JournalFound,
    ) -> (Self, Opened) {
        let bounds = journal.pending.bounds(found.bounds);
        let opened = Opened {
            was_new: false,
            repaired: found.repaired,
            events_from: bounds.oldest,
            events_to: bounds.next,
            schema_version: found.head.map_or(0, |head| head.schema),
        };
        let store = Self {
            base: Base::new(file, place, options.cache_bytes, found, journal.pending),
            options,
            room: Room::unknown(),
            bounds,
            home,
            journal: journal.journal,
            is_recording: false,
            // The one behind the last may have been cut off by a crash.
            number: journal.last.saturating_add(1),
            recorded_bounds: bounds,
            unrecorded: Vec::new(),
            unrecorded_bytes: 0,
            synced_at: Instant::now(),
            is_closed: false,
        };
        (store, opened)
    }

    /// Whether a relaxed commit of `changes` must go to the disk.
    fn is_sync_due(&self, changes: &Changes) -> bool {
        let bytes = self.unrecorded_bytes.saturating_add(changes.bytes.len());
        bytes > UNSYNCED_BYTES_MAX || self.sync_due_in().is_some_and(|it| it.is_zero())
    }

    /// Refuses what the disk has no room for. redb would notice in the middle of its writes, and the
    /// file would have to be taken back and verified for every batch that comes while it is full.
    fn check_room(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let place = self.base.place();
        if self.room.is_enough(batch, || place.bytes_free()) {
            return Ok(());
        }
        let path = place.to_string();
        Err(CommitError::NoSpace { path })
    }

    /// Brings to disk what is not recorded yet, and `added`: to the journal, if that can take it, else
    /// into the database.
    fn write(&mut self, added: Option<&Changes>) -> Result<(), CommitError> {
        let bounds = added.map_or(self.bounds, |it| it.bounds_after(self.bounds));
        match self.record(added) {
            Ok(true) => {
                let mut pending = self.base.shared().pending_changed();
                for changes in self.unrecorded.iter().chain(added) {
                    pending.recorded.apply(changes);
                }
                pending.unrecorded = Layer::default();
                drop(pending);
                self.synced(bounds);
                Ok(())
            }
            Ok(false) => self.settle(added, bounds),
            Err(error) => {
                // Nobody knows whether the record is on disk. Once its number is settled without
                // it, it is never read again.
                if self.settle(None, self.bounds).is_err() {
                    let _ = self.journal.as_ref().map(Journal::strike_out);
                }
                Err(CommitError::io(&self.base.place().journal(), error))
            }
        }
    }

    /// Nothing waits for the disk any more.
    fn synced(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.recorded_bounds = bounds;
        self.unrecorded.clear();
        self.unrecorded_bytes = 0;
        self.synced_at = Instant::now();
    }

    /// Appends what is not recorded yet and `added` to the journal; false, if all must be settled first.
    fn record(&mut self, added: Option<&Changes>) -> io::Result<bool> {
        if self.base.look_behind().is_err() {
            self.is_recording = false;
        }
        let changes = self.unrecorded.iter().chain(added);
        let changes: Vec<Bytes> = changes.map(|it| it.bytes.clone()).collect();
        let bytes = changes.iter().map(Bytes::len).sum();
        let Some(journal) = self.journal.as_mut().filter(|_| self.is_recording) else {
            return Ok(false);
        };
        match journal.fit(bytes) {
            Fit::Here => {}
            Fit::Next => {
                let mark = Mark {
                    journal: journal.number(),
                    settled: self.number,
                    is_in_use: true,
                };
                let target = Target {
                    mark: Some(mark),
                    bounds: self.recorded_bounds,
                };
                let free = self.base.finish_behind();
                if free.and_then(|()| self.base.settle_behind(target)).is_err() {
                    self.is_recording = false;
                    return Ok(false);
                }
                journal.turn_over();
            }
            Fit::Nowhere => return Ok(false),
        }
        self.number += 1;
        let appended = journal.append(self.number, &changes);
        let counters = &self.base.shared().counters;
        counters.journal_syncs.add(1);
        if appended.is_ok() {
            counters.recorded.add(1);
            counters.recorded_bytes.add(bytes as u64);
        }
        self.is_recording = appended.is_ok();
        appended.map(|()| true)
    }

    /// Brings everything into the database, and `added` too. The journal begins anew behind it.
    fn settle(&mut self, added: Option<&Changes>, bounds: Bounds) -> Result<(), CommitError> {
        self.is_recording = false;
        self.make_journal();
        let mut layer = Layer::default();
        if let Some(added) = added {
            layer.apply(added);
        }
        let target = self.target(bounds, true);
        if let Err(error) = self.base.settle(&layer, target) {
            self.room = Room::unknown();
            return Err(error);
        }
        if let Some(journal) = &mut self.journal {
            journal.turn_over();
            self.is_recording = true;
        }
        self.synced(bounds);
        Ok(())
    }

    fn target(&self, bounds: Bounds, is_in_use: bool) -> Target {
        let mark = self.journal.as_ref().map(|journal| Mark {
            journal: journal.number(),
            settled: self.number,
            is_in_use,
        });
        Target { mark, bounds }
    }

    /// Makes a journal, if there is none and there is room. Without one, each commit goes into the
    /// database.
    fn make_journal(&mut self) {
        let bytes = u64::from(self.options.journal_bytes);
        let free = self.base.place().bytes_free();
        if self.journal.is_none() && free.is_none_or(|free| free >= bytes * ROOM_FOR_JOURNALS) {
            self.journal = self.home.make(self.options.journal_bytes / 2).ok();
        }
    }

    fn shut(&mut self) -> Result<(), CommitError> {
        if self.is_closed {
            return Ok(());
        }
        self.is_closed = true;
        let is_in_use = self.base.mark().is_some_and(|mark| mark.is_in_use);
        let is_pending = !self.base.shared().pending().is_empty();
        let mut settled = Ok(());
        if is_in_use || is_pending {
            let target = self.target(self.bounds, false);
            settled = self.base.settle(&Layer::default(), target);
        }
        settled.and(self.base.shut())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        let _ = self.shut();
    }
}
