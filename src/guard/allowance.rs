//! What may come over WebSocket within a second: so many bytes, so many text messages.
//!
//! All sessions of one credential share an allowance; a session without one has its own. An amount is
//! booked when it has come, and what is booked beyond a second's worth is too much. Whoever stays
//! within the rate on average and sends no more than a second's worth at once never meets it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::client::Client;

/// For how long what is refused again and again is put up with.
const PATIENCE: Duration = Duration::from_secs(5);

const SECOND_NS: u64 = 1_000_000_000;

/// Bounds of an allowance; none is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundRates {
    /// Bytes a second.
    pub bytes_per_s: Option<u64>,
    /// Text messages a second.
    pub texts_per_s: Option<u64>,
}

/// The allowance; see the module.
#[derive(Debug)]
pub struct Allowance {
    rates: InboundRates,
    began: Instant,
    bytes: Meter,
    texts: Meter,
}

/// When what was booked is worked off, in nanoseconds since the allowance began.
#[derive(Debug, Default)]
struct Meter {
    free_at_ns: AtomicU64,
}

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// More bytes came than this many a second.
    Bytes(u64),
    /// More text messages came than this many a second.
    Texts(u64),
}

/// How a session's excesses go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// Since when something is refused in every second.
    since: Option<Instant>,
    last_at: Option<Instant>,
    told_at: Option<Instant>,
}

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The client is told so.
    Tell,
    /// It has been told within this second.
    Nothing,
    /// It goes on and on: the session is closed.
    Close,
}

/// The allowances of all credentials that have a session.
#[derive(Debug, Default)]
pub struct Allowances {
    shared: Mutex<HashMap<Client, Weak<Allowance>>>,
}

impl Allowance {
    /// A full allowance, or none if nothing is bounded.
    pub fn new(rates: InboundRates, now: Instant) -> Option<Arc<Self>> {
        let is_bounded = rates != InboundRates::default();
        is_bounded.then(|| {
            Arc::new(Self {
                rates,
                began: now,
                bytes: Meter::default(),
                texts: Meter::default(),
            })
        })
    }

    /// Books bytes that have come.
    pub fn book_bytes(&self, bytes: usize, now: Instant) -> Result<(), Excess> {
        let Some(rate) = self.rates.bytes_per_s else {
            return Ok(());
        };
        let is_within = self
            .bytes
            .book(bytes as u64, rate, self.since_begin_ns(now));
        is_within.then_some(()).ok_or(Excess::Bytes(rate))
    }

    /// Books a text message that has come.
    pub fn book_text(&self, now: Instant) -> Result<(), Excess> {
        let Some(rate) = self.rates.texts_per_s else {
            return Ok(());
        };
        let is_within = self.texts.book(1, rate, self.since_begin_ns(now));
        is_within.then_some(()).ok_or(Excess::Texts(rate))
    }

    fn since_begin_ns(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.began);
        u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

impl Meter {
    /// Books an amount, unless more than a second's worth would be booked then.
    fn book(&self, amount: u64, rate_per_s: u64, now_ns: u64) -> bool {
        let cost_ns = u128::from(amount) * u128::from(SECOND_NS) / u128::from(rate_per_s.max(1));
        let cost_ns = u64::try_from(cost_ns).unwrap_or(u64::MAX / 4);
        let booked = |free_at_ns: u64| {
            let booked = free_at_ns.max(now_ns).saturating_add(cost_ns);
            (booked <= now_ns.saturating_add(SECOND_NS)).then_some(booked)
        };
        let order = Ordering::Relaxed;
        self.free_at_ns.fetch_update(order, order, booked).is_ok()
    }
}

impl Patience {
    /// Notes that something was refused.
    pub fn note(&mut self, now: Instant) -> Consequence {
        let passed = |at: Option<Instant>, span: Duration| {
            at.is_none_or(|at| now.saturating_duration_since(at) >= span)
        };
        if passed(self.last_at, Duration::from_secs(1)) {
            self.since = Some(now);
        }
        self.last_at = Some(now);
        if passed(self.since, PATIENCE) {
            return Consequence::Close;
        }
        if passed(self.told_at, Duration::from_secs(1)) {
            self.told_at = Some(now);
            return Consequence::Tell;
        }
        Consequence::Nothing
    }
}

impl Allowances {
    /// The allowance of a session of that client: shared by all that show one credential, its own for
    /// one without.
    pub fn of(&self, client: &Client, rates: InboundRates, now: Instant) -> Option<Arc<Allowance>> {
        if matches!(client, Client::Address(_)) {
            return Allowance::new(rates, now);
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // Those without a session are forgotten here: there are as many as sessions at most.
        if let Some(found) = shared.get(client).and_then(Weak::upgrade)
            && found.rates == rates
        {
            return Some(found);
        }
        shared.retain(|_, held| held.strong_count() > 0);
        let made = Allowance::new(rates, now)?;
        shared.insert(client.clone(), Arc::downgrade(&made));
        Some(made)
    }
}

impl std::fmt::Display for Excess {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(rate) => {
                write!(
                    out,
                    "more than {rate} bytes a second; ws_inbound_bytes_per_s allows {rate}"
                )
            }
            Self::Texts(rate) => write!(
                out,
                "more than {rate} text messages a second; ws_text_messages_per_s allows {rate}"
            ),
        }
    }
}

#[cfg(test)]
#[path = "tests/allowance.rs"]
mod tests;
