//! Files that fail and lose power together on demand, for tests of this crate and of its users.
//!
//! Each behaves as a file behind a page cache: what was written is read back at once and is on disk
//! only after a sync. A sync that fails drops what it was to bring to disk, though reads still show it,
//! as systems do. When the power goes, any part of what waited for a sync is on disk, and of some
//! writes only some sectors.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{BackendError, StorageBackend};

use crate::files::Files;
use crate::journal_home::journal_path;
use crate::overlay::{Operation, Overlay};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What a file is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A write of bytes.
    Write,
    /// A change of the length.
    SetLength,
    /// A sync.
    Sync,
    /// A read.
    Read,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    NoSpace,
    /// The disk is broken.
    Io,
    /// The disk says that it is broken, and has done what it was asked to all the same.
    Unsure,
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
            Self::Io | Self::Unsure => io::Error::other("the disk is broken"),
        }
    }
}

/// What of the unsynced writes is on disk when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing: the file is as at the last sync.
    None,
    /// A random part, torn and out of order.
    Random {
        /// Equal seeds, equal parts.
        seed: u64,
    },
}

/// One of two files on the same disk: a store, and its journal. Their [`Faults`] say what happens to
/// both.
pub struct FaultyFile {
    core: Arc<Mutex<Core>>,
    /// How many power cuts it has seen; after one more it is gone.
    cuts: u64,
    /// Which of the two.
    index: usize,
}

/// Command over a [`FaultyFile`].
#[derive(Clone)]
pub struct Faults {
    core: Arc<Mutex<Core>>,
}

struct Core {
    files: [Contents; 2],
    planned: Vec<Planned>,
    cut_after: Option<(u64, Survivors)>,
    cuts: u64,
    calls: u64,
    syncs: u64,
    failures: u64,
}

/// What is in one file.
struct Contents {
    disk: Box<dyn StorageBackend>,
    /// What reads show beyond what is on disk.
    visible: Overlay,
    /// Reads show something that is not on disk and won't be.
    has_lost: bool,
    unsynced: VecDeque<Operation>,
}

struct Planned {
    call: Call,
    /// How many calls still go well.
    spared: u64,
    fault: Fault,
    stays: bool,
}

impl FaultyFile {
    /// An empty file in memory.
    pub fn in_memory() -> (Self, Faults) {
        let contents = || Contents::of(Box::new(InMemoryBackend::new()), 0);
        Self::over([contents(), contents()])
    }

    /// The file at `path` and its journal, made if they aren't there. What is unsynced lies in this
    /// process, so that the end of the process is a power cut after which nothing survives.
    pub fn open(path: &Path) -> io::Result<(Self, Faults)> {
        let open = |path: &Path| {
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let disk = FileBackend::new(options.open(path)?).map_err(io::Error::other)?;
            let length = disk.len()?;
            io::Result::Ok(Contents::of(Box::new(disk), length))
        };
        Ok(Self::over([open(path)?, open(&journal_path(path))?]))
    }

    /// The other file of the two.
    #[must_use]
    pub fn journal(&self) -> Self {
        Self {
            core: self.core.clone(),
            cuts: self.cuts,
            index: 1,
        }
    }

    fn over(files: [Contents; 2]) -> (Self, Faults) {
        let core = Arc::new(Mutex::new(Core {
            files,
            planned: Vec::new(),
            cut_after: None,
            cuts: 0,
            calls: 0,
            syncs: 0,
            failures: 0,
        }));
        let faults = Faults { core: core.clone() };
        let (cuts, index) = (0, 0);
        (Self { core, cuts, index }, faults)
    }

    fn core(&self) -> io::Result<MutexGuard<'_, Core>> {
        let core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        if core.cuts == self.cuts {
            Ok(core)
        } else {
            Err(io::Error::other("the power is off"))
        }
    }
}

impl From<FaultyFile> for Files {
    fn from(file: FaultyFile) -> Self {
        let journal = file.journal();
        Self::new(file, journal)
    }
}

impl Faults {
    /// After `spared` more calls of this kind one fails.
    pub fn fail_once(&self, call: Call, spared: u64, fault: Fault) {
        self.plan(call, spared, fault, false);
    }

    /// After `spared` more calls of this kind all fail, until [`Faults::heal`].
    pub fn fail_from(&self, call: Call, spared: u64, fault: Fault) {
        self.plan(call, spared, fault, true);
    }

    /// Nothing that was planned happens any more.
    pub fn heal(&self) {
        let mut core = self.core();
        core.planned.clear();
        core.cut_after = None;
    }

    /// The power goes at the call after `calls` more of any kind but reads.
    pub fn cut_power_after(&self, calls: u64, survivors: Survivors) {
        let mut core = self.core();
        core.cut_after = Some((core.calls + calls, survivors));
    }

    /// The power goes now: the file is gone for whoever has it open.
    pub fn cut_power(&self, survivors: Survivors) -> io::Result<()> {
        self.core().cut(survivors)
    }

    /// The file after the power has come back.
    pub fn restart(&self) -> FaultyFile {
        FaultyFile {
            core: self.core.clone(),
            cuts: self.core().cuts,
            index: 0,
        }
    }

    /// How many power cuts there were.
    pub fn cuts(&self) -> u64 {
        self.core().cuts
    }

    /// How many syncs there were, the failed ones included.
    pub fn syncs(&self) -> u64 {
        self.core().syncs
    }

    /// How many calls have failed as planned.
    pub fn failures(&self) -> u64 {
        self.core().failures
    }

    /// How many writes, changes of the length and syncs there were.
    pub fn calls(&self) -> u64 {
        self.core().calls
    }

    /// What is on disk: the store, then the journal.
    pub fn image(&self) -> io::Result<Vec<u8>> {
        let mut image = Vec::new();
        for file in &self.core().files {
            let from = image.len();
            image.resize(from + file.disk.len()? as usize, 0);
            file.disk.read(0, &mut image[from..])?;
        }
        Ok(image)
    }

    fn plan(&self, call: Call, spared: u64, fault: Fault, stays: bool) {
        self.core().planned.push(Planned {
            call,
            spared,
            fault,
            stays,
        });
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Does `work`, unless something else was planned for this call.
    fn meet<T>(
        &mut self,
        call: Call,
        work: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        if call != Call::Read {
            if let Some((last, survivors)) = self.cut_after
                && self.calls >= last
            {
                self.cut(survivors)?;
                return Err(io::Error::other("the power went"));
            }
            self.calls += 1;
        }
        let mut failed = None;
        self.planned.retain_mut(|plan| {
            if plan.call != call || failed.is_some() {
                return true;
            }
            if plan.spared > 0 {
                plan.spared -= 1;
                return true;
            }
            failed = Some(plan.fault);
            plan.stays
        });
        self.failures += u64::from(failed.is_some());
        match failed {
            None => work(self),
            Some(fault @ Fault::Unsure) => work(self).and(Err(fault.error())),
            Some(fault) => Err(fault.error()),
        }
    }

    fn sync(&mut self, index: usize) -> io::Result<()> {
        self.syncs += 1;
        let met = self.meet(Call::Sync, |core| core.files[index].sync());
        let file = &mut self.files[index];
        if met.is_err() {
            // The bytes that the sync was to bring to disk, and has not, will never get there.
            let before = file.unsynced.len();
            file.unsynced
                .retain(|operation| !matches!(operation, Operation::Write { .. }));
            file.has_lost |= file.unsynced.len() < before;
        }
        met
    }

    fn cut(&mut self, survivors: Survivors) -> io::Result<()> {
        let mut random = match survivors {
            Survivors::None => None,
            Survivors::Random { seed } => Some(fastrand::Rng::with_seed(seed)),
        };
        for file in &mut self.files {
            file.cut(random.as_mut())?;
        }
        self.planned.clear();
        self.cut_after = None;
        self.cuts += 1;
        Ok(())
    }
}

impl Contents {
    fn of(disk: Box<dyn StorageBackend>, length: u64) -> Self {
        Self {
            disk,
            visible: Overlay::new(length),
            has_lost: false,
            unsynced: VecDeque::new(),
        }
    }

    fn change(&mut self, operation: Operation) -> io::Result<()> {
        self.visible.perform(self.disk.as_ref(), &operation)?;
        self.unsynced.push_back(operation);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        for operation in std::mem::take(&mut self.unsynced) {
            self.bring_to_disk(&operation)?;
        }
        self.disk.sync_data()?;
        if !self.has_lost {
            self.visible = Overlay::new(self.disk.len()?);
        }
        Ok(())
    }

    fn bring_to_disk(&self, operation: &Operation) -> io::Result<()> {
        if let Operation::Write { offset, bytes } = operation {
            let end = offset + bytes.len() as u64;
            if end > self.disk.len()? {
                self.disk.set_len(end)?;
            }
        }
        operation.perform(self.disk.as_ref())
    }

    /// Of what is unsynced a random part survives, or nothing.
    fn cut(&mut self, random: Option<&mut fastrand::Rng>) -> io::Result<()> {
        let unsynced = std::mem::take(&mut self.unsynced);
        if let Some(random) = random {
            for operation in unsynced {
                for operation in surviving(operation, random) {
                    self.bring_to_disk(&operation)?;
                }
            }
        }
        self.disk.sync_data()?;
        self.visible = Overlay::new(self.disk.len()?);
        self.has_lost = false;
        Ok(())
    }
}

/// What of an unsynced operation is on disk.
fn surviving(operation: Operation, random: &mut fastrand::Rng) -> Vec<Operation> {
    match random.u8(0..4) {
        0 => Vec::new(),
        1 => sectors(operation, random),
        _ => vec![operation],
    }
}

/// Some sectors of a write.
fn sectors(operation: Operation, random: &mut fastrand::Rng) -> Vec<Operation> {
    let Operation::Write { offset, bytes } = operation else {
        return vec![operation];
    };
    let mut kept = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let in_sector = (offset as usize + from) % SECTOR_BYTES;
        let to = bytes.len().min(from + SECTOR_BYTES - in_sector);
        if random.bool() {
            kept.push(Operation::write(offset + from as u64, &bytes[from..to]));
        }
        from = to;
    }
    kept
}

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.core()?.files[self.index].visible.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.core()?.meet(Call::Read, |core| {
            let file = &core.files[self.index];
            file.visible.read(file.disk.as_ref(), offset, out)
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let operation = Operation::SetLength(length);
        let change = |core: &mut Core| core.files[self.index].change(operation);
        self.core()?.meet(Call::SetLength, change)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.core()?.sync(self.index)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let operation = Operation::write(offset, bytes);
        let change = |core: &mut Core| core.files[self.index].change(operation);
        self.core()?.meet(Call::Write, change)
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.core()?.files[self.index].disk.try_lock_range(from, to)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.core()?.files[self.index]
            .disk
            .try_lock_shared_range(from, to)
    }

    fn close(&self) -> io::Result<()> {
        self.core()?.files[self.index].disk.close()
    }
}

impl fmt::Debug for FaultyFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FaultyFile").finish_non_exhaustive()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Faults").finish_non_exhaustive()
    }
}
