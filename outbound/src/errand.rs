//! One delivery on its way: attempts, waits, and the one report at the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::backoff;
use crate::delivery::{Delivery, Failure, OnDone, Outcome};
use crate::exchange::{self, Reply};
use crate::fault::Fault;
use crate::hosts::CalledHost;
use crate::measure::{Measure, Meter};
use crate::outbound::Core;
use crate::signature::SigningKeys;
use crate::target::Target;

/// One delivery on its way.
pub(crate) struct Errand {
    core: Arc<Core>,
    host: Arc<CalledHost>,
    keys: SigningKeys,
    id: String,
    target: Target,
    body: Bytes,
    deadline: Instant,
    report: Report,
    /// Its places in the queues. They stand behind the report, so that whoever waits for the
    /// places waits for the report.
    _places: [OwnedSemaphorePermit; 3],
}

/// Tells what became of it exactly once, even if the errand is dropped on its way.
struct Report {
    on_done: Option<OnDone>,
    meter: Meter,
    attempts: u32,
}

/// What an attempt means for the delivery.
enum Verdict {
    Delivered(u16),
    /// It may go well another time, but not before the wait that the receiver asks for.
    Again(Failure, Duration),
    Failed(Failure),
}

impl Errand {
    pub(crate) fn new(
        core: Arc<Core>,
        host: Arc<CalledHost>,
        keys: SigningKeys,
        delivery: Delivery,
        places: [OwnedSemaphorePermit; 3],
    ) -> Self {
        let report = Report {
            on_done: Some(delivery.on_done),
            meter: Arc::clone(&core.meter),
            attempts: 0,
        };
        Self {
            deadline: Instant::now() + Duration::from_millis(core.limits.delivery_ms),
            core,
            host,
            keys,
            id: delivery.id,
            target: delivery.target,
            body: delivery.body,
            report,
            _places: places,
        }
    }

    /// Goes until the delivery has arrived, has failed, or the sender stops.
    pub(crate) async fn run(mut self) {
        let mut stop = self.core.stop.clone();
        let deadline = self.deadline;
        let result = tokio::select! {
            biased;
            _ = stop.wait_for(|is_stopping| *is_stopping) => Err(Failure::Stopped),
            result = timeout_at(deadline, self.deliver()) => {
                result.unwrap_or(Err(Failure::Expired))
            }
        };
        if let Err(failure) = &result {
            let host = self.target.authority();
            let attempts = self.report.attempts;
            tracing::warn!(id = self.id, host, attempts, %failure, "a callback failed");
        }
        self.report.finish(result);
    }

    async fn deliver(&mut self) -> Result<u16, Failure> {
        loop {
            let (failure, asked) = match self.attempt().await? {
                Verdict::Delivered(status) => return Ok(status),
                Verdict::Failed(failure) => return Err(failure),
                Verdict::Again(failure, asked) => (failure, asked),
            };
            let retry = self.report.attempts;
            let wait = backoff::wait(retry, &self.core.limits).max(asked);
            let has_time = Instant::now()
                .checked_add(wait)
                .is_some_and(|next| next < self.deadline);
            if retry > self.core.limits.retries_max || !has_time {
                return Err(failure);
            }
            let host = self.target.authority();
            tracing::debug!(id = self.id, host, %failure, "a callback is tried again");
            (self.core.meter)(Measure::Retried);
            sleep(wait).await;
        }
    }

    /// One attempt, as soon as the host and the sender have a slot for it and the breaker lets it
    /// through.
    async fn attempt(&mut self) -> Result<Verdict, Failure> {
        let (core, host) = (Arc::clone(&self.core), Arc::clone(&self.host));
        let limit = Duration::from_millis(core.limits.attempt_ms);
        loop {
            let stopped = |_| Failure::Stopped;
            let host_slot = host.attempts.acquire().await.map_err(stopped)?;
            let slot = core.attempts.acquire().await.map_err(stopped)?;
            let now = Instant::now();
            if now >= self.deadline {
                return Err(Failure::Expired);
            }
            let admitted = host.breaker().admit(now, limit);
            let Err(until) = admitted else {
                self.report.attempts += 1;
                return Ok(self.exchange().await);
            };
            drop((slot, host_slot));
            if until >= self.deadline {
                return Err(Failure::CircuitOpen);
            }
            sleep_until(until).await;
        }
    }

    async fn exchange(&mut self) -> Verdict {
        let core = &self.core;
        let now_s = (core.unix_time_s)();
        let request = exchange::callback(&self.target, &self.id, &self.body, &self.keys, now_s);
        let begun = Instant::now();
        let result = core.exchange.exchange(&self.target, request).await;
        (core.meter)(Measure::Attempted {
            duration_us: begun.elapsed().as_micros() as u64,
        });
        let verdict = Verdict::of(result);
        match &verdict {
            // Our own rules kept it from being called: nothing was learned about the host.
            Verdict::Failed(Failure::Fault(_)) => {}
            Verdict::Delivered(_) | Verdict::Failed(_) => self.host.breaker().succeeded(),
            Verdict::Again(..) => {
                let limits = &core.limits;
                let rest = Duration::from_millis(limits.breaker_ms);
                let mut breaker = self.host.breaker();
                if breaker.failed(Instant::now(), limits.breaker_failures, rest) {
                    (core.meter)(Measure::CircuitOpened);
                }
            }
        }
        verdict
    }
}

impl Verdict {
    fn of(result: Result<Reply, Fault>) -> Self {
        let reply = match result {
            Ok(reply) => reply,
            Err(fault @ Fault::Refused(_)) => return Self::Failed(fault.into()),
            Err(fault) => return Self::Again(fault.into(), Duration::ZERO),
        };
        let status = reply.status;
        match status {
            200..=299 => Self::Delivered(status),
            300..=399 => Self::Failed(Failure::Redirected { status }),
            // Too slow, too early, too many, or broken: all that may pass.
            408 | 425 | 429 | 500..=599 => Self::Again(
                Failure::Unavailable { status },
                Duration::from_secs(reply.retry_after_s.unwrap_or(0)),
            ),
            _ => Self::Failed(Failure::Rejected { status }),
        }
    }
}

impl Report {
    fn finish(&mut self, result: Result<u16, Failure>) {
        let Some(on_done) = self.on_done.take() else {
            return;
        };
        (self.meter)(match &result {
            Ok(_) => Measure::Delivered,
            Err(failure) => Measure::Failed {
                reason: failure.label(),
            },
        });
        on_done(Outcome {
            attempts: self.attempts,
            result,
        });
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.finish(Err(Failure::Stopped));
    }
}
