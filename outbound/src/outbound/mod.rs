//! The sender: what others are given to call out with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::authorities;
use crate::delivery::{Delivery, SendError};
use crate::errand::Errand;
use crate::exchange::{self, Exchange};
use crate::health::{Health, PollFailure};
use crate::hosts::Hosts;
use crate::limits::Limits;
use crate::measure::{Load, Measure, Meter};
use crate::policy::Policy;
use crate::refused_target::RefusedTarget;
use crate::resolver::{Resolve, SystemResolver};
use crate::settings::{Settings, SettingsError};
use crate::signature::SigningKeys;
use crate::target::Target;
use crate::wire::Wire;

/// The one sender of requests that leave this server. Dropping it ends what is under way;
/// [`drain`](Self::drain) lets it finish.
pub struct Outbound {
    core: Arc<Core>,
    policy: Arc<Policy>,
    signing_keys: Option<SigningKeys>,
    runtime: Handle,
    is_closed: AtomicBool,
    stop: watch::Sender<bool>,
}

/// What the sender shares with everything that is under way.
pub(crate) struct Core {
    pub(crate) exchange: Arc<dyn Exchange>,
    pub(crate) limits: Limits,
    pub(crate) meter: Meter,
    pub(crate) unix_time_s: fn() -> u64,
    pub(crate) attempts: Semaphore,
    pub(crate) stop: watch::Receiver<bool>,
    deliveries: Arc<Semaphore>,
    delivery_bytes: Arc<Semaphore>,
    polls: Semaphore,
    hosts: Hosts,
}

impl Outbound {
    /// Starts the sender on the runtime of the caller, with the system's resolver.
    pub fn start(settings: Settings, meter: Meter) -> Result<Self, SettingsError> {
        let resolver = Arc::new(SystemResolver::new(permits(settings.limits.lookups_max)));
        Self::start_with(settings, meter, resolver)
    }

    /// Starts the sender with another resolver.
    pub fn start_with(
        settings: Settings,
        meter: Meter,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, SettingsError> {
        if let Some(name) = settings.limits.first_zero() {
            return Err(SettingsError::Zero { name });
        }
        let mut tls = None;
        if !settings.allow.is_empty() {
            if settings.signing_keys.is_none() {
                return Err(SettingsError::NoSigningKey);
            }
            tls = Some(authorities::connector(
                settings.authorities_file.as_deref(),
            )?);
        }
        let policy = Arc::new(Policy::new(&settings));
        let wire = Wire {
            policy: Arc::clone(&policy),
            resolver,
            tls,
            limits: settings.limits.clone(),
        };
        Ok(Self::over(Arc::new(wire), policy, settings, meter))
    }

    fn over(
        exchange: Arc<dyn Exchange>,
        policy: Arc<Policy>,
        settings: Settings,
        meter: Meter,
    ) -> Self {
        let limits = settings.limits;
        let (stop, is_stopping) = watch::channel(false);
        let core = Core {
            exchange,
            meter,
            unix_time_s: settings.unix_time_s,
            attempts: Semaphore::new(permits(limits.attempts_max)),
            stop: is_stopping,
            deliveries: Arc::new(Semaphore::new(permits(limits.deliveries_max))),
            delivery_bytes: Arc::new(Semaphore::new(permits(limits.delivery_bytes_max))),
            polls: Semaphore::new(permits(limits.polls_max)),
            hosts: Hosts::new(&limits),
            limits,
        };
        Self {
            core: Arc::new(core),
            policy,
            signing_keys: settings.signing_keys,
            runtime: Handle::current(),
            is_closed: AtomicBool::new(false),
            stop,
        }
    }

    /// Whether a URL may be called, as far as the URL itself tells: names are not looked up, so
    /// that a name which leads astray is refused only when it is called.
    pub fn judge(&self, url: &str) -> Result<Target, RefusedTarget> {
        self.policy.judge(url)
    }

    /// Takes a delivery, or says at once that it can't. Never waits, so any thread may call it.
    pub fn send(&self, delivery: Delivery) -> Result<(), SendError> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let id = &delivery.id;
        if id.is_empty() || id.len() > 128 || !id.bytes().all(is_id) {
            return Err(SendError::Id {
                id: id.chars().take(128).collect(),
            });
        }
        let Some(keys) = &self.signing_keys else {
            return Err(SendError::Closed);
        };
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(SendError::Closed);
        }
        let core = &self.core;
        let full = |bound, allowed| {
            (core.meter)(Measure::Overflowed);
            SendError::Full { bound, allowed }
        };
        let limits = &core.limits;
        let host = core
            .hosts
            .called(delivery.target.authority())
            .ok_or_else(|| full("hosts_max", limits.hosts_max))?;
        let places = [
            place(&core.deliveries, 1)
                .ok_or_else(|| full("deliveries_max", limits.deliveries_max))?,
            place(&core.delivery_bytes, delivery.len_bytes())
                .ok_or_else(|| full("delivery_bytes_max", limits.delivery_bytes_max))?,
            place(&host.deliveries, 1)
                .ok_or_else(|| full("deliveries_per_host_max", limits.deliveries_per_host_max))?,
        ];
        (core.meter)(Measure::Accepted);
        let errand = Errand::new(Arc::clone(core), host, keys.clone(), delivery, places);
        self.runtime.spawn(errand.run());
        Ok(())
    }

    /// Asks a target how it is: one GET, one answer of which only the status is kept.
    pub async fn poll(&self, target: &Target) -> Result<Health, PollFailure> {
        let core = &self.core;
        let mut stop = core.stop.clone();
        let polled = async {
            let wait = Duration::from_millis(core.limits.attempt_ms);
            let slot = timeout(wait, core.polls.acquire()).await;
            let _slot = slot
                .map_err(|_| PollFailure::Busy)?
                .map_err(|_| PollFailure::Stopped)?;
            let begun = Instant::now();
            let answer = core.exchange.exchange(target, exchange::poll(target)).await;
            let latency = begun.elapsed();
            let health = answer.map(|reply| Health {
                status: reply.status,
                latency_ms: latency.as_millis() as u64,
            });
            (core.meter)(Measure::Polled {
                result: match &health {
                    Ok(health) if health.is_healthy() => "healthy",
                    Ok(_) => "unhealthy",
                    Err(fault) => fault.label(),
                },
                duration_us: latency.as_micros() as u64,
            });
            Ok(health?)
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|is_stopping| *is_stopping) => Err(PollFailure::Stopped),
            health = polled => health,
        }
    }

    /// Takes nothing more, and waits until all that was taken is reported; what isn't at the
    /// limit is reported as stopped.
    pub async fn drain(&self, limit: Duration) {
        self.is_closed.store(true, Ordering::SeqCst);
        let all = u32::try_from(permits(self.core.limits.deliveries_max)).unwrap_or(u32::MAX);
        let finished = timeout(limit, self.core.deliveries.acquire_many(all)).await;
        self.stop.send_replace(true);
        if finished.is_err() {
            // The semaphore is never closed, so this ends when the last report is made.
            let _ = self.core.deliveries.acquire_many(all).await;
        }
    }

    /// How much it holds.
    pub fn load(&self) -> Load {
        let core = &self.core;
        let limits = &core.limits;
        let taken = |places: &Semaphore, all| permits(all) - places.available_permits();
        Load {
            deliveries: taken(&core.deliveries, limits.deliveries_max),
            delivery_bytes: taken(&core.delivery_bytes, limits.delivery_bytes_max),
            attempts: taken(&core.attempts, limits.attempts_max),
            polls: taken(&core.polls, limits.polls_max),
            hosts: core.hosts.len(),
        }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outbound")
            .field("policy", &self.policy)
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

/// A bound as permits of a semaphore, of which [`place`] can take all at once.
fn permits(bound: usize) -> usize {
    bound.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS)
}

fn place(places: &Arc<Semaphore>, count: usize) -> Option<OwnedSemaphorePermit> {
    let count = u32::try_from(count).ok()?;
    Arc::clone(places).try_acquire_many_owned(count).ok()
}

#[cfg(test)]
mod tests;
