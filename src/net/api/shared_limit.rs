//! The limit on requests where several servers keep it together: what Redis says, and what holds while
//! it says nothing.
//!
//! What Redis grants is counted here too, so that a client which has had its share gets no second one
//! when Redis goes away. In the minute after it came back both must grant: what was granted without it
//! is not known to it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use agnt_shared_rate::SharedWindows;

use crate::guard::{Client, RateLimiter, Standing, Verdict};

/// How long what was granted without Redis counts.
const SETTLING_FOR: Duration = Duration::from_millis(60_500);

/// The limit; see the module.
#[derive(Debug)]
pub struct SharedLimit {
    windows: SharedWindows,
    /// Of all servers together.
    limit: AtomicU32,
    instances: NonZeroU32,
    /// This server's part of it.
    own: RateLimiter,
    came_back_at: Mutex<Option<Instant>>,
}

impl SharedLimit {
    /// The limit that so many servers keep together in these windows.
    pub fn new(
        windows: SharedWindows,
        limit: Option<NonZeroU32>,
        instances: NonZeroU32,
        now: Instant,
    ) -> Self {
        Self {
            windows,
            limit: AtomicU32::new(limit.map_or(0, NonZeroU32::get)),
            instances,
            own: RateLimiter::new(part_of(limit, instances), now),
            came_back_at: Mutex::default(),
        }
    }

    /// From now on all servers together grant so many a minute.
    pub fn set_limit(&self, limit: Option<NonZeroU32>) {
        let all = limit.map_or(0, NonZeroU32::get);
        self.limit.store(all, Ordering::Relaxed);
        self.own.set_limit(part_of(limit, self.instances));
    }

    /// Counts a request if there is quota left for it; the times are those of
    /// [`RateLimiter::check`].
    pub async fn check(&self, client: &Client, now: Instant, unix_us: u64) -> Option<Verdict> {
        if self.is_settling(now) {
            let own = self.own.check(client, now, unix_us)?;
            return match own.is_granted() {
                true => self.ask(client, unix_us).await.or(Some(own)),
                false => Some(own),
            };
        }
        match self.ask(client, unix_us).await {
            Some(verdict) => {
                if verdict.is_granted() {
                    self.own.note(client, now);
                }
                Some(verdict)
            }
            None => self.own.check(client, now, unix_us),
        }
    }

    /// Counts in this server's part, without asking Redis.
    pub(super) fn check_here(
        &self,
        client: &Client,
        now: Instant,
        unix_us: u64,
    ) -> Option<Verdict> {
        self.own.check(client, now, unix_us)
    }

    async fn ask(&self, client: &Client, unix_us: u64) -> Option<Verdict> {
        let limit = NonZeroU32::new(self.limit.load(Ordering::Relaxed))?.get();
        let standing = self.windows.ask(&client.tag(), limit).await.ok()?;
        let standing = Standing {
            remaining: standing.remaining,
            full_in_us: standing.full_in_us,
            refused_for_us: standing.refused_for_us,
        };
        Some(Verdict::told(limit, standing, unix_us))
    }

    fn is_settling(&self, now: Instant) -> bool {
        let came_back_at = self.came_back_at.lock();
        let came_back_at = *came_back_at.unwrap_or_else(PoisonError::into_inner);
        came_back_at.is_some_and(|at| now.saturating_duration_since(at) < SETTLING_FOR)
    }

    /// Tries whether Redis is back whenever it is away. Never returns.
    pub async fn watch(&self, now: impl Fn() -> Instant) {
        let came_back = || {
            if self.own.clients() == 0 {
                // Nothing was granted that it doesn't know of.
                return;
            }
            let mut came_back_at = self
                .came_back_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *came_back_at = Some(now());
        };
        self.windows.watch(came_back).await;
    }

    /// Whether Redis is away, so that this server gives its part only.
    pub fn is_away(&self) -> bool {
        self.windows.is_away()
    }

    /// How often it went away.
    pub fn departures(&self) -> u64 {
        self.windows.departures()
    }

    /// Gives back the memory of clients that are idle.
    pub fn forget_idle(&self, now: Instant) {
        self.own.forget_idle(now);
    }
}

/// One server's part of a limit; of one that can't be divided, each gets at least one.
fn part_of(limit: Option<NonZeroU32>, instances: NonZeroU32) -> Option<NonZeroU32> {
    let part = limit?.get() / instances;
    Some(NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN))
}
