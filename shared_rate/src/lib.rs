//! The limit on requests that several servers keep together, in Redis.
//!
//! It promises what the limit of one server does: no span of a minute, wherever it begins, has more
//! requests of a client in it than the limit, over all servers together, and a client that asks evenly
//! is granted at least 98 % of it. One script counts and decides, so that no two servers ever decide
//! on the same count; it goes by Redis' clock, so that theirs need not agree.
//!
//! A question takes [`ANSWER_WITHIN`] at most, unless it is told otherwise. One that gets no answer within it, or a wrong one, makes
//! Redis *away*: nothing more is asked until it answers again, which is tried twice a second. What is
//! granted meanwhile is up to whoever asks.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::Script;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// How long a question may take.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// How often it is tried whether Redis is back.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// How long a try may take.
const TRY_WITHIN: Duration = Duration::from_secs(2);

/// What the names of our keys in Redis begin with.
const KEY_PREFIX: &str = "agnt:rate:";

/// The windows that all servers share; see the crate.
pub struct SharedWindows {
    connection: ConnectionManager,
    script: Script,
    answer_within: Duration,
    is_away: AtomicBool,
    /// How often Redis went away.
    departures: AtomicU64,
}

/// How a client's window stands after a request was counted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many more would be granted at once.
    pub remaining: u32,
    /// How long a silent client waits for its full quota, in microseconds.
    pub full_in_us: u64,
    /// How long until one more is granted, in microseconds; only for a request that was refused.
    pub refused_for_us: Option<u64>,
}

/// Redis does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// An address that is none of a Redis.
#[derive(Debug, thiserror::Error)]
#[error("no address of a Redis; allowed: redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]")]
pub struct BadAddress;

impl SharedWindows {
    /// The windows in the Redis at this address. Whether it is there shows when it is asked. To be
    /// called within a runtime.
    pub fn at(address: &str) -> Result<Self, BadAddress> {
        let client = redis::Client::open(address).map_err(|_| BadAddress)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_response_timeout(Some(TRY_WITHIN))
            .set_connection_timeout(Some(TRY_WITHIN));
        let connection = ConnectionManager::new_lazy_with_config(client, config);
        Ok(Self {
            connection: connection.map_err(|_| BadAddress)?,
            script: Script::new(include_str!("window.lua")),
            answer_within: ANSWER_WITHIN,
            // Until it has answered once.
            is_away: AtomicBool::new(true),
            departures: AtomicU64::new(0),
        })
    }

    /// The same, with another time that a question may take.
    #[must_use]
    pub fn answering_within(self, answer_within: Duration) -> Self {
        Self {
            answer_within,
            ..self
        }
    }

    /// Whether Redis does not answer, so that nothing is asked.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// How often Redis went away.
    pub fn departures(&self) -> u64 {
        self.departures.load(Ordering::Relaxed)
    }

    /// Counts a request of that client if fewer than `limit`, which is at least one, were granted
    /// within the last minute.
    pub async fn ask(&self, client: &str, limit: u32) -> Result<Standing, Away> {
        if self.is_away() {
            return Err(Away);
        }
        let mut connection = self.connection.clone();
        let mut question = self.script.key(format!("{KEY_PREFIX}{client}"));
        let question = question.arg(limit);
        let answer = question.invoke_async::<(u32, u64, i64)>(&mut connection);
        match tokio::time::timeout(self.answer_within, answer).await {
            Ok(Ok((remaining, full_in_us, refused_for_us))) => Ok(Standing {
                remaining,
                full_in_us,
                refused_for_us: u64::try_from(refused_for_us).ok(),
            }),
            Ok(Err(error)) => Err(self.depart(&error.category())),
            Err(_) => Err(self.depart(&"no answer in time")),
        }
    }

    fn depart(&self, why: &dyn fmt::Display) -> Away {
        if !self.is_away.swap(true, Ordering::Relaxed) {
            self.departures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                %why,
                "Redis is away: until it is back, each server limits requests by itself"
            );
        }
        Away
    }

    /// Tries again and again whether Redis is back, while it is away; `came_back` is called each time
    /// that it is, before it is asked anything. Never returns.
    pub async fn watch(&self, mut came_back: impl FnMut()) {
        let mut is_told = false;
        loop {
            if self.is_away() {
                match self.try_once().await {
                    Ok(()) => {
                        came_back();
                        self.is_away.store(false, Ordering::Relaxed);
                        is_told = false;
                        tracing::info!("Redis is there: requests are limited over all servers");
                        continue;
                    }
                    Err(why) if !is_told && self.departures() == 0 => {
                        is_told = true;
                        tracing::warn!(
                            why,
                            "Redis is not there: until it is, each server limits requests by itself"
                        );
                    }
                    Err(_) => {}
                }
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// Asks for what takes nothing, and loads the script.
    async fn try_once(&self) -> Result<(), &'static str> {
        let mut connection = self.connection.clone();
        let script = self.script.prepare_invoke();
        let loading = script.load_async(&mut connection);
        match tokio::time::timeout(TRY_WITHIN, loading).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("it does not answer as it should"),
            Err(_) => Err("no answer in time"),
        }
    }
}

/// The address may hold a password.
impl fmt::Debug for SharedWindows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SharedWindows")
            .field("is_away", &self.is_away())
            .finish_non_exhaustive()
    }
}
