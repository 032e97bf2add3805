//! The fleet as a running thing: mutations go in, rows and events can be read.
//!
//! ```text
//! execute, submit -> Intake -> Writer's thread: Core -> Store::commit -> Index, EventStore, Outlet -> answer
//! read, events    <------------------------------------------------------ Index, EventStore
//! ```
//!
//! Nothing is visible or answered before it is on disk, unless syncs are
//! [relaxed](agnt_store::Sync::Relaxed).
//!
//! A start reads all rows and lists all events (`benches/running.rs`): with 272,000 tasks and as many
//! events, 0.30 GB on disk, it took 2.7 to 4.3 s on two busy cores, 9 to 14 s a GB, and 310 MB of
//! memory. After a crash the store verifies the file before that. So it is no work for a thread that
//! serves.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use std::thread::JoinHandle;

use agnt_store::{BackupError, Batch, CommitError, ReadError, Reader, RowKind, Store};

use crate::event_store::{EventStore, EventsPage, PAGE_BYTES_MAX};
use crate::idempotency::{IdempotencyBook, IdempotencyKey};
use crate::index::{Index, Rows};
use crate::intake::{Intake, Load, Request};
use crate::outlet::{Outlet, TraceSpan};
use crate::persistence;
use crate::presence::{Clock, PresenceBook};
use crate::reply::{self, Done, Reply};
use crate::settings::{EventsKept, FleetSettings};
use crate::stats::{Counters, FleetStats};
use crate::tables::Tables;
use crate::topics::Pattern;
use crate::writer::{Unsaved, Writer};
use crate::{Core, Mutation, Refusal, Timestamp, weight};

/// A running fleet. Clones are the same one; when the last is dropped, what waits is finished.
#[derive(Clone)]
pub struct Fleet(Arc<Handle>);

/// Why a fleet was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] agnt_store::OpenError),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row of the store is none of ours.
    #[error("a row of {kind} can't be understood: {key:?}: {found}")]
    Row {
        /// Of which table.
        kind: &'static str,
        /// Under which key.
        key: String,
        /// What is wrong with it.
        found: String,
    },
    /// What is to be done at a start can't be stored.
    #[error("what the start changed can't be stored: {0}")]
    Resume(#[from] Unsaved),
    /// There is no thread for the writer.
    #[error("the writer's thread can't be started: {0}")]
    Thread(io::Error),
}

/// What the writer's thread and everybody else share.
pub(crate) struct Shared {
    pub(crate) intake: Intake,
    pub(crate) index: Arc<Index>,
    pub(crate) events: EventStore,
    pub(crate) presence: PresenceBook,
    pub(crate) counters: Counters,
    pub(crate) reader: Reader,
    is_alive: AtomicBool,
    events_kept: EventsKept,
    idempotency_keys_max: usize,
}

/// What the last clone of a fleet drops.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<(), CommitError>>>>,
}

impl Fleet {
    /// Opens the store at `path`, or makes it, reads it and starts the thread `agnt-fleet`.
    pub fn open(
        path: &Path,
        settings: &FleetSettings,
        outlet: Arc<dyn Outlet>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let (store, _) = Store::open(path, settings.store)?;
        Self::open_on(store, settings, outlet, clock)
    }

    /// The same over a store that is open.
    pub fn open_on(
        store: Store,
        settings: &FleetSettings,
        outlet: Arc<dyn Outlet>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let clock: Clock = Arc::new(clock);
        let mut writer = Self::load(store, settings, outlet, clock)?;
        writer.core.resume(writer.now);
        writer.save(0)?;
        let shared = Arc::clone(&writer.shared);
        let thread = std::thread::Builder::new()
            .name("agnt-fleet".to_owned())
            .spawn(move || work(writer))
            .map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Handle {
            shared,
            thread: Mutex::new(Some(thread)),
        })))
    }

    fn load(
        store: Store,
        settings: &FleetSettings,
        outlet: Arc<dyn Outlet>,
        clock: Clock,
    ) -> Result<Writer, OpenError> {
        let reader = store.reader();
        let tables = persistence::load(&reader)?;
        let (log, newest_at) = persistence::load_log(&reader, settings)?;
        let mut idempotency =
            IdempotencyBook::new(settings.idempotency_ms, settings.idempotency_keys_max);
        persistence::each_row(&reader, RowKind::Idempotency, |key, value| {
            idempotency.load(key, value)
        })?;
        idempotency.sort();
        let presence = PresenceBook::new(Arc::clone(&clock));
        presence.know(tables.agents.iter().map(|agent| &agent.id));
        let events = EventStore::new(log, reader.clone());
        let seed = fastrand::u64(..);
        let sequence_next = events.head() + 1;
        let core = Core::new(settings.core.clone(), tables.clone(), sequence_next, seed);
        let counters = Counters::default();
        counters.idempotency_keys.set(idempotency.len() as u64);
        let shared = Shared {
            intake: Intake::new(Load {
                requests: settings.queue_len_max,
                bytes: settings.queue_bytes_max,
            }),
            index: Arc::new(Index::new(tables)),
            events,
            presence,
            counters,
            reader,
            is_alive: AtomicBool::new(true),
            events_kept: settings.events_kept,
            idempotency_keys_max: settings.idempotency_keys_max,
        };
        let now = clock();
        Ok(Writer {
            shared: Arc::new(shared),
            core,
            store,
            idempotency,
            outlet,
            load_max: Load {
                requests: settings.batch_len_max,
                bytes: settings.batch_bytes_max,
            },
            tick_ms: settings.tick_ms,
            ticked_at: now,
            now: now.max(newest_at),
            clock,
            batch: Batch::new(),
            traces: Vec::new(),
            is_sync_failing: false,
        })
    }

    /// Changes something; the answer comes when it is on disk.
    ///
    /// Dropping the future does not take the mutation back.
    pub async fn execute(
        &self,
        mutation: Mutation,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Done, Refusal> {
        self.execute_in(None, mutation, idempotency).await
    }

    /// The same as a part of a trace, of which the outlet is told with the commit.
    pub async fn execute_in(
        &self,
        trace: Option<TraceSpan>,
        mutation: Mutation,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Done, Refusal> {
        let (answer, answered) = flume::bounded(1);
        // Whoever asked may have gone meanwhile; there is room for the one answer.
        let reply = move |result| {
            let _ = answer.try_send(result);
        };
        self.push(trace, mutation, idempotency, Reply::new(reply))?;
        let lost = |_| Err(reply::lost());
        answered.into_recv_async().await.unwrap_or_else(lost)
    }

    /// The same for a thread that may wait.
    pub fn execute_blocking(
        &self,
        mutation: Mutation,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Done, Refusal> {
        let (answer, answered) = flume::bounded(1);
        self.submit(mutation, idempotency, move |result| {
            let _ = answer.try_send(result);
        })?;
        answered.recv().unwrap_or_else(|_| Err(reply::lost()))
    }

    /// The same for a thread that must not wait: `reply` is called once, from the writer's thread,
    /// and must be quick and not panic. If this is refused, nobody calls it.
    pub fn submit(
        &self,
        mutation: Mutation,
        idempotency: Option<IdempotencyKey>,
        reply: impl FnOnce(Result<Done, Refusal>) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.push(None, mutation, idempotency, Reply::new(reply))
    }

    fn push(
        &self,
        trace: Option<TraceSpan>,
        mutation: Mutation,
        idempotency: Option<IdempotencyKey>,
        reply: Reply,
    ) -> Result<(), Refusal> {
        let bytes = weight::bytes_of(&mutation)?;
        idempotency.as_ref().map_or(Ok(()), IdempotencyKey::check)?;
        let request = Request {
            mutation,
            idempotency,
            bytes,
            trace,
            reply,
        };
        let pushed = self.0.shared.intake.push(request);
        self.0
            .shared
            .counters
            .turned_away
            .add(u64::from(pushed.is_err()));
        pushed
    }

    /// The committed rows, all of one commit. The writer waits for the guard: take what is needed
    /// and let go of it before anything slow.
    pub fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.shared.index.read()
    }

    /// The same rows for whoever must not keep the fleet running.
    pub fn rows(&self) -> Rows {
        Rows::new(&self.0.shared.index)
    }

    /// Who is there.
    pub fn presence(&self) -> &PresenceBook {
        &self.0.shared.presence
    }

    /// The first `limit` events behind `after` whose topic matches, if a pattern is given; fewer, if
    /// they would be more than [`PAGE_BYTES_MAX`] or hard to find. May read the file.
    pub fn events(
        &self,
        pattern: Option<&Pattern>,
        after: u64,
        limit: usize,
    ) -> Result<EventsPage, Refusal> {
        self.events_within(pattern, after, limit, PAGE_BYTES_MAX)
    }

    /// The same with fewer bytes a page, as stored; one event always fits.
    pub fn events_within(
        &self,
        pattern: Option<&Pattern>,
        after: u64,
        limit: usize,
        bytes_max: usize,
    ) -> Result<EventsPage, Refusal> {
        let events = &self.0.shared.events;
        events.page(pattern, after, limit, bytes_max.min(PAGE_BYTES_MAX))
    }

    /// Whether [`events`](Self::events) behind `after` are in memory, where all share them.
    pub fn has_in_memory(&self, after: u64) -> bool {
        self.0.shared.events.has_in_memory(after)
    }

    /// The newest event, 0 before the first.
    pub fn head(&self) -> u64 {
        self.0.shared.events.head()
    }

    /// Figures for whoever watches.
    pub fn stats(&self) -> FleetStats {
        let shared = &self.0.shared;
        let (counters, log) = (&shared.counters, shared.events.size());
        let (load, load_max) = (shared.intake.load(), shared.intake.load_max());
        FleetStats {
            mutations: counters.mutations.value(),
            refused: counters.refused.value(),
            replayed: counters.replayed.value(),
            turned_away: counters.turned_away.value(),
            commits: counters.commits.value(),
            committed: counters.committed.value(),
            batch_len_max: counters.batch_len_max.value(),
            commit_us_sum: counters.commit_us_sum.value(),
            commit_failures: counters.commit_failures.value(),
            commits_without_space: counters.commits_without_space.value(),
            queue_len: load.requests as u64,
            queue_len_max: load_max.requests as u64,
            queue_bytes: load.bytes as u64,
            queue_bytes_max: load_max.bytes as u64,
            events: log.events,
            events_max: shared.events_kept.count_max,
            events_bytes: log.bytes,
            events_bytes_max: shared.events_kept.bytes_max,
            ring_events: log.ring_events,
            ring_bytes: log.ring_bytes,
            topics: log.topics,
            head: shared.events.head(),
            idempotency_keys: counters.idempotency_keys.value(),
            idempotency_keys_max: shared.idempotency_keys_max as u64,
            sessions: shared.presence.sessions() as u64,
            disk_bytes: shared.reader.bytes_on_disk().unwrap_or_default(),
            disk: shared.reader.disk_figures(),
        }
    }

    /// Writes what is committed now to a new file, a store itself, and says how many bytes it has.
    /// Takes as long as the disk needs; the writer goes on.
    pub fn backup(&self, path: &Path) -> Result<u64, BackupError> {
        self.0.shared.reader.backup(path)
    }

    /// Whether the writer's thread runs. Once it does not, nothing can be changed any more.
    pub fn is_alive(&self) -> bool {
        self.0.shared.is_alive.load(Ordering::Acquire)
    }

    /// Finishes what waits, ends the thread and closes the file in order; clones can still read what
    /// is in memory. An error says that relaxed commits could not be brought to disk, or that the
    /// file has to be verified at the next start.
    pub fn close(self) -> Result<(), CommitError> {
        self.0.end()
    }
}

impl Handle {
    fn end(&self) -> Result<(), CommitError> {
        self.shared.intake.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // An outlet may drop the last clone: the thread does not wait for itself.
        let joined = thread
            .filter(|thread| thread.thread().id() != std::thread::current().id())
            .map(JoinHandle::join);
        // A panic of the thread was caught in it.
        joined.and_then(Result::ok).unwrap_or(Ok(()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Who wants to know calls `close`.
        let _ = self.end();
    }
}

/// The writer's thread. Whatever ends it, everybody who waits is answered.
fn work(writer: Writer) -> Result<(), CommitError> {
    let shared = Arc::clone(&writer.shared);
    // The panic was told where it happened; the rows that it may have left half changed went with
    // the writer.
    let ended = catch_unwind(AssertUnwindSafe(|| writer.run()));
    shared.is_alive.store(false, Ordering::Release);
    shared.intake.abandon();
    ended.unwrap_or(Ok(()))
}

impl fmt::Debug for Fleet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fleet")
            .field("is_alive", &self.is_alive())
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}
