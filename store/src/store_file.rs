//! The file under the store: locked for one process, and its header as the last sync left it.
//!
//! redb writes new pages beside those of the last commit and then the header that points to them.
//! So the header of the last sync, written back, is the last commit again, whatever else has
//! reached the file since; `StoreFile` keeps it.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use redb::{BackendError, StorageBackend};

use crate::disk_figures::DiskCounter;

/// How long redb's header is: 64 bytes, and 128 for each of its two commits.
pub(crate) const HEADER_BYTES: usize = 320;

/// What every redb file begins with.
pub(crate) const REDB_MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// The byte of the header that says how the file stands, and its bit for "in use, or was when its
/// process ended".
const STATE_BYTE: usize = REDB_MAGIC.len();
const IN_USE: u8 = 2;

/// redb's header.
pub(crate) type Header = [u8; HEADER_BYTES];

/// Who else may have the file open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Nobody.
    Exclusive,
    /// Others that only read.
    Shared,
}

/// The file, held locked until it is closed or dropped.
pub(crate) struct StoreFile {
    device: Box<dyn StorageBackend>,
    headers: Mutex<Headers>,
    syncs: DiskCounter,
}

struct Headers {
    written: Header,
    synced: Header,
}

impl StoreFile {
    /// Locks the file; nothing, if somebody else holds it.
    pub(crate) fn locked(device: Box<dyn StorageBackend>, lock: Lock) -> io::Result<Option<Self>> {
        let whole = (Bound::Unbounded, Bound::Unbounded);
        let taken = match lock {
            Lock::Exclusive => device.try_lock_range(whole.0, whole.1),
            Lock::Shared => device.try_lock_shared_range(whole.0, whole.1),
        };
        match taken {
            // Storage without locks belongs to this process anyway.
            Ok(true) | Err(BackendError::Unsupported) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let mut header = [0; HEADER_BYTES];
        let length = device.len()?.min(HEADER_BYTES as u64) as usize;
        device.read(0, &mut header[..length])?;
        Ok(Some(Self {
            device,
            headers: Mutex::new(Headers {
                written: header,
                synced: header,
            }),
            syncs: DiskCounter::default(),
        }))
    }

    /// The file itself, to read from.
    pub(crate) fn device(&self) -> &dyn StorageBackend {
        self.device.as_ref()
    }

    /// The header that surely is on disk.
    pub(crate) fn synced_header(&self) -> Header {
        self.headers().synced
    }

    /// How often it was synced.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.value()
    }

    /// Whether the file was closed in order when it was locked, or synced last.
    pub(crate) fn was_closed(&self) -> bool {
        self.synced_header()[STATE_BYTE] & IN_USE == 0
    }

    fn headers(&self) -> std::sync::MutexGuard<'_, Headers> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file with an eye on its header.
impl StorageBackend for StoreFile {
    fn len(&self) -> io::Result<u64> {
        self.device.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.device.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.device.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        // A header that is written during the sync may miss it.
        let written = self.headers().written;
        self.syncs.add(1);
        self.device.sync_data()?;
        self.headers().synced = written;
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.device.close()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.device.write(offset, bytes)?;
        if offset < HEADER_BYTES as u64 {
            let from = offset as usize;
            let length = bytes.len().min(HEADER_BYTES - from);
            self.headers().written[from..from + length].copy_from_slice(&bytes[..length]);
        }
        Ok(())
    }
}

impl fmt::Debug for StoreFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StoreFile").finish_non_exhaustive()
    }
}
