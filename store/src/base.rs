//! What lies under the journal: the database, and how commits get into it.
//!
//! They are settled: brought into the database in one transaction with the [`Mark`] that says how far
//! the journal's commits are in there. Mostly a thread of its own does that, while the journal takes
//! the next ones.

use std::sync::Arc;
use std::thread::JoinHandle;

use redb::{Database, Durability, ReadableDatabase, StorageBackend};

use crate::access::Access;
use crate::error::CommitError;
use crate::guarded::guarded;
use crate::head::{self, Head};
use crate::layer::Layer;
use crate::mark::{self, Mark};
use crate::opening::{self, Found, Verify};
use crate::pending::Pending;
use crate::place::Place;
use crate::reader::Reader;
use crate::shared::Shared;
use crate::store_file::StoreFile;
use crate::tables::{self, Bounds};

/// The database under a journal.
#[derive(Debug)]
pub(crate) struct Base {
    shared: Arc<Shared>,
    file: Arc<StoreFile>,
    cache_bytes: usize,
    stage: Stage,
    /// The bounds of the log as far as it is settled.
    bounds: Bounds,
    /// The next transaction makes the head this program's.
    raises_schema: bool,
    mark: Option<Mark>,
    behind: Option<Behind>,
}

/// How far the database is usable.
#[derive(Debug)]
enum Stage {
    /// It reads and writes.
    Working(Access),
    /// It reads; what opening it has to write is held back until the disk takes it.
    Reading(Access),
    /// It could not be opened again.
    Closed,
}

/// Commits that are being settled by a thread.
#[derive(Debug)]
struct Behind {
    thread: JoinHandle<Result<Settled, redb::Error>>,
    target: Target,
}

/// What settling arrives at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) mark: Option<Mark>,
    pub(crate) bounds: Bounds,
}

/// How commits have got into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Well,
    /// They are on disk; what redb did afterwards failed, so that it must be opened anew.
    AndBroken,
}

impl Base {
    /// Over an accepted database. A disk that takes no writes can still be read.
    pub(crate) fn new(
        file: Arc<StoreFile>,
        place: Place,
        cache_bytes: usize,
        found: Found,
        pending: Pending,
    ) -> Self {
        let stage = match found.access.release() {
            Ok(()) => Stage::Working(found.access),
            Err(_) => Stage::Reading(found.access),
        };
        let shared = Shared::new(place, found.database, pending, file.clone());
        Self {
            shared: Arc::new(shared),
            file,
            cache_bytes,
            stage,
            bounds: found.bounds,
            raises_schema: found.head != Some(Head::CURRENT),
            mark: found.mark,
            behind: None,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.shared.place
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The mark that surely is on disk.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.mark
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.shared.clone())
    }

    /// Settles everything that is pending and `added`, now; what fails is undone.
    pub(crate) fn settle(&mut self, added: &Layer, target: Target) -> Result<(), CommitError> {
        // What it could not settle is settled here.
        let _ = self.finish_behind();
        self.recover()?;
        let mut settled = self.settle_once(added, target);
        if matches!(settled, Err(redb::Error::PreviousIo)) {
            // A reader met the failing disk first: nothing has been written yet.
            self.reopen()?;
            self.recover()?;
            settled = self.settle_once(added, target);
        }
        self.settled(settled, target)
    }

    fn settle_once(&self, added: &Layer, target: Target) -> Result<Settled, redb::Error> {
        let head = self.raises_schema.then_some(Head::CURRENT);
        let pending = self.shared.pending();
        if pending.is_empty() {
            drop(pending);
            return settle(&self.shared, &self.file, &[added], head, target.mark);
        }
        drop(pending);
        // Nobody reads while the database has what is added and older changes still lie over it.
        let mut pending = self.shared.pending_changed();
        let [a, b, c] = pending.layers();
        let layers = [a, b, c, added];
        let settled = settle(&self.shared, &self.file, &layers, head, target.mark)?;
        *pending = Pending::default();
        Ok(settled)
    }

    /// Begins to settle what is recorded; what comes now is recorded anew. Nothing else may be being
    /// settled.
    pub(crate) fn settle_behind(&mut self, target: Target) -> Result<(), CommitError> {
        self.recover()?;
        let mut pending = self.shared.pending_changed();
        let layer = Arc::new(std::mem::take(&mut pending.recorded));
        pending.settling = layer.clone();
        drop(pending);
        let (shared, file) = (self.shared.clone(), self.file.clone());
        let head = self.raises_schema.then_some(Head::CURRENT);
        let thread = std::thread::Builder::new().name("agnt-store".to_owned());
        let thread = thread.spawn(move || {
            let settled = settle(&shared, &file, &[&layer], head, target.mark);
            if settled.is_ok() {
                shared.pending_changed().settling = Arc::default();
            }
            settled
        });
        let thread = thread.map_err(|error| CommitError::io(self.place(), error))?;
        self.behind = Some(Behind { thread, target });
        Ok(())
    }

    /// Looks whether the thread that settles has come to its end, without waiting for it, and
    /// whether that was a good one.
    pub(crate) fn look_behind(&mut self) -> Result<(), CommitError> {
        let is_done = |behind: &Behind| behind.thread.is_finished();
        match self.behind.as_ref().is_some_and(is_done) {
            true => self.finish_behind(),
            false => Ok(()),
        }
    }

    /// Waits until nothing is being settled any more.
    pub(crate) fn finish_behind(&mut self) -> Result<(), CommitError> {
        let Some(Behind { thread, target }) = self.behind.take() else {
            return Ok(());
        };
        let settled = thread.join().unwrap_or_else(|_| {
            let found = "the thread that writes it has panicked";
            Err(redb::Error::Corrupted(found.to_owned()))
        });
        self.settled(settled, target)
    }

    fn settled(
        &mut self,
        settled: Result<Settled, redb::Error>,
        target: Target,
    ) -> Result<(), CommitError> {
        match settled {
            Ok(settled) => {
                self.bounds = target.bounds;
                self.raises_schema = false;
                self.mark = target.mark.or(self.mark);
                if settled == Settled::AndBroken {
                    // If this fails, the next transaction tries it again.
                    let _ = self.reopen();
                }
                Ok(())
            }
            Err(error) => {
                // What was refused may be on disk: the last commit is put back at once, or, if the
                // disk does not take that, before the next one.
                let _ = self.reopen().and_then(|()| self.recover());
                Err(CommitError::from_redb(self.place(), error))
            }
        }
    }

    /// Closes the database, and gives the file to whoever wants it, though readers are left.
    pub(crate) fn shut(&mut self) -> Result<(), CommitError> {
        let behind = self.finish_behind();
        let database = self.shared.replace(None);
        let closed = guarded(|| Ok(database.map_or(Ok(()), Database::close)?));
        self.cut_off();
        let closed = closed.and(self.file.close().map_err(Into::into));
        behind.and(closed.map_err(|error| CommitError::from_redb(self.place(), error)))
    }

    /// Gets from any stage to `Working`, or says why that is not possible now.
    fn recover(&mut self) -> Result<(), CommitError> {
        if matches!(self.stage, Stage::Closed) {
            self.reopen()?;
        }
        if let Stage::Reading(access) = &self.stage {
            let released = access.release();
            released.map_err(|error| CommitError::io(&self.shared.place, error))?;
            self.stage = Stage::Working(access.clone());
        }
        Ok(())
    }

    /// From now on the database can't reach the file.
    fn cut_off(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Closed);
        if let Stage::Working(access) | Stage::Reading(access) = stage {
            access.cut_off();
        }
    }

    /// Gives the database up and opens the file anew, as the last sync left it. Nothing is written
    /// before [`Base::recover`].
    fn reopen(&mut self) -> Result<(), CommitError> {
        self.cut_off();
        let given_up = self.shared.replace(None);
        // Closing it can only fail, since it can't reach the file any more.
        let _ = guarded(|| Ok(given_up.map_or(Ok(()), Database::close)?));
        let found = Access::held(&self.file, Some(&self.file.synced_header()))
            .map_err(redb::Error::from)
            .and_then(|access| opening::find(access, self.cache_bytes, Verify::AfterCrash))
            .map_err(|error| CommitError::from_redb(self.place(), error))?;
        if (found.bounds, found.mark) != (self.bounds, self.mark) {
            let (bounds, expected) = (found.bounds, self.bounds);
            let found = format!(
                "its log goes from {} to {}, and {:?}; allowed: from {} to {}, and {:?}, as was \
                 committed",
                bounds.oldest, bounds.next, found.mark, expected.oldest, expected.next, self.mark
            );
            return Err(CommitError::corrupt(self.place(), found));
        }
        self.shared.replace(Some(found.database));
        self.stage = Stage::Reading(found.access);
        Ok(())
    }
}

/// Brings `layers` into the database, from the first to the last.
fn settle(
    shared: &Shared,
    file: &StoreFile,
    layers: &[&Layer],
    head: Option<Head>,
    mark: Option<Mark>,
) -> Result<Settled, redb::Error> {
    let header = file.synced_header();
    let database = shared.database();
    let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
    let settled = guarded(|| {
        // While somebody reads what was there before, redb leaves the pages that this transaction
        // sets free to the next one, instead of making another one for them at once.
        let before = database.begin_read()?;
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        tables::write(&transaction, layers)?;
        if let Some(head) = head {
            head::write(&transaction, head)?;
        }
        if let Some(mark) = mark {
            mark::write(&transaction, mark)?;
        }
        transaction.commit()?;
        drop(before);
        Ok(Settled::Well)
    });
    let settled = match settled {
        // The transaction is on disk; what failed is what redb does afterwards.
        Err(_) if file.synced_header() != header => Ok(Settled::AndBroken),
        settled => settled,
    };
    shared.counters.settled.add(settled.is_ok().into());
    settled
}
