//! The demo's publisher: a flock that flies for ever.
//!
//! It keeps the newest tick only: when the server is slow, ticks are skipped and the flock moves
//! on by the time that has passed. When the server is away it connects again, after a random time
//! that grows from try to try.

use std::time::Duration;

use agnt_outbound::Tls;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::client::Publisher;
use super::client_error::ClientError;
use super::endpoint::Endpoint;
use super::flock::Flock;
use super::stopping;
use crate::domain::HiddenText;

/// The bound of the random wait after the first failed try; it doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_millis(250);

/// The largest bound of the random wait.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The longest time that one step of the flock stands for, in seconds; what is missing after a
/// stall is not caught up with.
const STEP_S_MAX: f64 = 0.1;

/// The rates that are kept, in ticks a second; others are brought to the nearest of them.
const HZ_MIN: f64 = 0.1;
const HZ_MAX: f64 = 1_000.0;

/// How a connection comes in.
#[derive(Debug)]
pub struct Entrance {
    /// How TLS is spoken, if it is.
    pub tls: Tls,
    /// What is shown to be let in by.
    pub credential: Option<HiddenText>,
}

/// Flies `agents` agents and publishes them to the server at `url`, `hz` ticks a second, until
/// `shutdown` becomes true. Each connection comes in as `entrance` says then.
///
/// The only error is an address that can't be used; failed connections are logged and tried again. It
/// also ends if the flock was lost to a mistake in a step of it.
pub async fn run(
    url: &str,
    agents: usize,
    hz: f64,
    entrance: &(impl Fn() -> Entrance + Send + Sync),
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ClientError> {
    let endpoint = Endpoint::parse(url, None)?;
    let hz = hz.clamp(HZ_MIN, HZ_MAX);
    let mut flight = Flight {
        flock: Some(Flock::new(agents, fastrand::u64(..))),
        hz,
    };
    tokio::select! {
        () = flight.go_on(&endpoint, entrance) => {}
        () = stopping(&mut shutdown) => {}
    }
    Ok(())
}

/// The flock and its rate; the flock is away while a step is being computed.
struct Flight {
    flock: Option<Flock>,
    hz: f64,
}

impl Flight {
    /// Connects and publishes, again and again, as long as there is a flock.
    async fn go_on(&mut self, endpoint: &Endpoint, entrance: &(impl Fn() -> Entrance + Sync)) {
        let mut tries = 0;
        while self.flock.is_some() {
            let Entrance { tls, credential } = entrance();
            let mut endpoint = endpoint.clone().speaking(tls);
            endpoint.credential = credential;
            match Publisher::connect(&endpoint, "agnt-demo").await {
                Ok(mut publisher) => {
                    tries = 0;
                    tracing::info!(session = publisher.session_id(), "the flock is published");
                    if let Err(error) = self.publish(&mut publisher).await {
                        tracing::warn!(%error, "the flock lost its server");
                    }
                }
                Err(error) => tracing::warn!(%error, "the flock cannot reach its server"),
            }
            sleep(retry_wait(tries)).await;
            tries += 1;
        }
    }

    /// Publishes until the session fails.
    async fn publish(&mut self, publisher: &mut Publisher) -> Result<(), ClientError> {
        let start = Instant::now();
        let mut tick = 0.0;
        let mut introduced = false;
        loop {
            // The newest tick that is due, or else the next one: those between are skipped.
            let next = (start.elapsed().as_secs_f64() * self.hz)
                .floor()
                .max(tick + 1.0);
            let step_s = ((next - tick) / self.hz).min(STEP_S_MAX);
            tick = next;
            let Some(mut flock) = self.flock.take() else {
                return Ok(());
            };
            // A step of a large flock takes milliseconds, which the server's own tasks don't have.
            let stepped = spawn_blocking(move || {
                flock.step(step_s as f32);
                flock
            });
            let Ok(flock) = stepped.await else {
                return Ok(());
            };
            let flock = self.flock.insert(flock);
            publisher
                .rest_until(start + Duration::from_secs_f64(tick / self.hz))
                .await?;
            if !introduced {
                let names: Vec<(u32, String)> = flock
                    .records()
                    .iter()
                    .map(|record| name(record.id.get()))
                    .collect();
                let birds = names.iter().map(|(id, name)| (*id, name.as_str()));
                publisher.introduce(birds, "bird").await?;
                introduced = true;
            }
            publisher.publish_tick(flock.records()).await?;
        }
    }
}

fn name(id: u32) -> (u32, String) {
    (id, format!("bird-{id}"))
}

/// A random time between nothing and a bound that doubles from try to try ("full jitter"), so that
/// many clients of one server don't come back together.
fn retry_wait(tries: u32) -> Duration {
    let bound = RETRY_FIRST
        .saturating_mul(1 << tries.min(16))
        .min(RETRY_MAX);
    bound.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_bound_that_doubles() {
        for (tries, bound_ms) in [
            (0, 250),
            (1, 500),
            (5, 8_000),
            (6, 10_000),
            (u32::MAX, 10_000),
        ] {
            for _ in 0..100 {
                assert!(
                    retry_wait(tries) <= Duration::from_millis(bound_ms),
                    "{tries}"
                );
            }
        }
    }
}
