//! The writer: the one thread that changes anything.
//!
//! It takes all that waits, carries each mutation out against its own rows, and stores what changed
//! in one commit; meanwhile the next ones gather, so that a busy fleet needs few syncs and an idle
//! one does not wait (ruling 44). Then, and only then, the changes are shown and the askers answered.
//! If the commit fails, its rows are taken back to what is stored and all of its askers are told so.
//!
//! Whoever could have seen what is not stored yet waits for the commit too: a refusal because of an
//! agent that was registered a moment before is told after that agent is on disk.

use std::sync::Arc;
use std::time::Duration;

use agnt_store::{Batch, CommitError, Store};

use crate::fleet::Shared;
use crate::idempotency::IdempotencyBook;
use crate::intake::{Load, Request, Taken};
use crate::outlet::{Outlet, TimedCommit, TraceSpan};
use crate::persistence::{self, Logged};
use crate::presence::Clock;
use crate::reply::{Done, Reply};
use crate::tables::RowChange;
use crate::{Core, Refusal, RefusalKind, Timestamp};

/// The writer; see the module.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: Core,
    pub(crate) store: Store,
    pub(crate) idempotency: IdempotencyBook,
    pub(crate) outlet: Arc<dyn Outlet>,
    pub(crate) clock: Clock,
    pub(crate) load_max: Load,
    pub(crate) tick_ms: u64,
    /// When the clock's own work was last tried.
    pub(crate) ticked_at: Timestamp,
    /// The latest time seen; what is stored never goes back behind it.
    pub(crate) now: Timestamp,
    pub(crate) batch: Batch,
    /// What the requests of the commit under way are parts of.
    pub(crate) traces: Vec<TraceSpan>,
    /// Whether what relaxed commits left could not be brought to disk when it was last tried.
    pub(crate) is_sync_failing: bool,
}

/// The most traces that a commit remembers.
const TRACES_MAX: usize = 128;

/// Somebody who is answered after the commit.
type Held = Vec<(Reply, Result<Done, Refusal>)>;

/// What is in a commit.
struct Staged {
    /// For each change of the core whether it is its row's last.
    is_last: Vec<bool>,
    logged: Vec<Logged>,
    forgotten_below: Option<u64>,
}

impl Writer {
    /// Works until the intake is closed and empty; then the file is closed in order.
    pub(crate) fn run(mut self) -> Result<(), CommitError> {
        let mut requests = Vec::new();
        loop {
            let patience = self.patience();
            let taken = self
                .shared
                .intake
                .take(&mut requests, self.load_max, patience);
            if taken == Taken::Ended {
                return self.store.close();
            }
            self.turn(&mut requests);
        }
    }

    /// Carries out what was taken, and what is due, in one commit.
    fn turn(&mut self, requests: &mut Vec<Request>) {
        self.now = self.now.max((self.clock)());
        let mut held = Held::new();
        for request in requests.drain(..) {
            let trace = request.trace;
            let (reply, result) = self.carry_out(request);
            match self.is_changed() {
                true => {
                    held.push((reply, result));
                    let room = TRACES_MAX.saturating_sub(self.traces.len());
                    self.traces.extend(trace.into_iter().take(room));
                }
                false => reply.answer(result),
            }
        }
        let is_tick = self.ms_to_tick() == 0;
        if is_tick {
            self.ticked_at = (self.clock)();
            self.core.tick(&self.shared.presence, self.now);
        }
        self.commit(held);
        self.traces.clear();
        // While the disk fails, each tick tries again.
        if is_tick || !self.is_sync_failing {
            self.sync();
        }
    }

    /// How long to wait for requests: until the clock's own work is due, or a sync is.
    fn patience(&self) -> Duration {
        let to_tick = Duration::from_millis(self.ms_to_tick());
        let to_sync = self.store.sync_due_in().filter(|_| !self.is_sync_failing);
        to_sync.map_or(to_tick, |to_sync| to_sync.min(to_tick))
    }

    /// Brings to disk what relaxed commits left in memory, once it is time and nothing else came
    /// that would have done so.
    fn sync(&mut self) {
        let is_due = self.store.sync_due_in().is_some_and(|it| it.is_zero());
        if !is_due {
            return;
        }
        self.is_sync_failing = self.store.sync().is_err();
        if self.is_sync_failing {
            // Nothing is lost while the process lives.
            self.shared.counters.commit_failures.add(1);
        }
    }

    fn carry_out(&mut self, request: Request) -> (Reply, Result<Done, Refusal>) {
        let Request {
            mutation,
            idempotency,
            reply,
            ..
        } = request;
        let counters = &self.shared.counters;
        let earlier = idempotency.as_ref().map_or(Ok(None), |key| {
            self.idempotency.earlier(key, &self.shared.reader, self.now)
        });
        if let Some(known) = earlier.transpose() {
            counters.replayed.add(u64::from(known.is_ok()));
            return (reply, known);
        }
        let before = self.core.sequence_next();
        let outcome = self.core.execute(mutation, &self.shared.presence, self.now);
        counters.mutations.add(1);
        counters.refused.add(u64::from(outcome.is_err()));
        let result = outcome.map(|outcome| {
            let next = self.core.sequence_next();
            let done = Done {
                outcome,
                is_replay: false,
                sequence: if next > before { next - 1 } else { 0 },
            };
            if let Some(key) = &idempotency {
                self.idempotency.note(key, &done);
            }
            done
        });
        (reply, result)
    }

    /// Stores what changed, shows it and answers; or takes it back and says so.
    fn commit(&mut self, held: Held) {
        match self.save(held.len()) {
            Ok(()) => {
                for (reply, result) in held {
                    reply.answer(result);
                }
            }
            Err(error) => {
                let refusal = error.refusal();
                for (reply, _) in held {
                    reply.answer(Err(refusal.clone()));
                }
            }
        }
    }

    /// Stores what changed and shows it, or takes it back; `requests` wait for it.
    pub(crate) fn save(&mut self, requests: usize) -> Result<(), Unsaved> {
        let saved = self.try_save(requests);
        if saved.is_err() {
            self.core.roll_back();
            self.idempotency.roll_back();
        }
        saved
    }

    fn try_save(&mut self, requests: usize) -> Result<(), Unsaved> {
        let staged = self.stage()?;
        if self.batch.is_empty() {
            return Ok(());
        }
        let counters = &self.shared.counters;
        let begun = (self.clock)();
        let committed = self.store.commit(&self.batch);
        let taken_us = (self.clock)().as_micros().saturating_sub(begun.as_micros());
        counters.commit_us_sum.add(taken_us);
        if let Err(error) = &committed {
            counters.commit_failures.add(1);
            let no_space = matches!(error, CommitError::NoSpace { .. });
            counters.commits_without_space.add(u64::from(no_space));
        }
        committed?;
        counters.commits.add(1);
        counters.committed.add(requests as u64);
        counters.batch_len_max.raise_to(requests as u64);
        self.outlet.timed(&TimedCommit {
            began: begun,
            taken_us,
            requests,
            traces: &self.traces,
        });
        self.publish(staged);
        Ok(())
    }

    /// Writes into the batch what the core and the idempotency keys changed, and what goes.
    fn stage(&mut self) -> Result<Staged, Unsaved> {
        self.batch.clear();
        let (changes, events) = self.core.changes();
        let is_last = persistence::last_of_each(changes);
        for (change, is_last) in changes.iter().zip(&is_last) {
            if *is_last {
                persistence::put(&mut self.batch, change)?;
            }
        }
        let logged = events
            .iter()
            .map(|event| persistence::log(&mut self.batch, event))
            .collect::<serde_json::Result<Vec<_>>>()?;
        let forgotten_below = self.shared.events.surplus(&logged, self.now);
        if let Some(sequence) = forgotten_below {
            self.batch.forget_events_below(sequence);
        }
        self.idempotency.save(&mut self.batch, self.now)?;
        Ok(Staged {
            is_last,
            logged,
            forgotten_below,
        })
    }

    /// Shows what is on disk now.
    fn publish(&mut self, staged: Staged) {
        let (changes, events) = self.core.confirm();
        self.idempotency.confirm(self.now);
        let counters = &self.shared.counters;
        counters.idempotency_keys.set(self.idempotency.len() as u64);
        let changes: Vec<RowChange> = changes
            .into_iter()
            .zip(staged.is_last)
            .filter_map(|(change, is_last)| is_last.then_some(change))
            .collect();
        self.shared.index.apply(&changes);
        self.shared.presence.follow(&changes);
        self.shared
            .events
            .publish(&staged.logged, staged.forgotten_below);
        if !changes.is_empty() || !events.is_empty() {
            self.outlet.committed(&events, &changes);
        }
    }

    /// Whether something waits for its commit.
    fn is_changed(&self) -> bool {
        let (changes, events) = self.core.changes();
        !changes.is_empty() || !events.is_empty() || self.idempotency.is_changed()
    }

    /// How long it is until the clock's own work is due. A clock that was set back makes it due.
    fn ms_to_tick(&self) -> u64 {
        let now = (self.clock)();
        if now < self.ticked_at {
            return 0;
        }
        self.tick_ms.saturating_sub(now.ms_since(self.ticked_at))
    }
}

/// Why what changed was not stored.
#[derive(Debug, thiserror::Error)]
pub enum Unsaved {
    /// It can't be written as JSON.
    #[error("it can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] CommitError),
}

impl Unsaved {
    /// What those are told who asked for it.
    fn refusal(&self) -> Refusal {
        let kind = match self {
            Self::Json(_) | Self::Store(CommitError::Sequence { .. }) => RefusalKind::Internal,
            Self::Store(CommitError::NoSpace { .. }) => RefusalKind::NoSpace,
            Self::Store(CommitError::TooLarge { .. }) => RefusalKind::TooLarge,
            Self::Store(CommitError::Io { .. } | CommitError::Corrupt { .. }) => {
                RefusalKind::Unavailable
            }
        };
        // The store's own words name its path, which is nobody's business but the log's.
        let reason = match kind {
            RefusalKind::NoSpace => "the disk is full",
            RefusalKind::TooLarge => "it is larger than what is stored under one name may be",
            RefusalKind::Internal => "the server made a mistake in writing it down",
            _ => "the store can't be written now",
        };
        let refusal = Refusal::new(kind, format!("{reason}; nothing was changed"));
        match kind {
            RefusalKind::Unavailable | RefusalKind::NoSpace => refusal.retry_after(1),
            _ => refusal,
        }
    }
}
