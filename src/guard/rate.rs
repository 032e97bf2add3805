//! The limit on requests: so many in any minute, for each client.
//!
//! It is exact: no span of 60 s, wherever it begins, has more requests of a client in it than the
//! limit, and a client that asks evenly is granted at least 98 % of it. A request that is refused
//! isn't counted. Keys and addresses are kept apart, so that a flood from many addresses takes no
//! room from those who have a key.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::client::Client;
use super::verdict::Verdict;
use super::windows::Windows;

/// The limiter; see the module. Shared by all threads.
#[derive(Debug)]
pub struct RateLimiter {
    /// Requests a minute; 0 while there is no limit.
    limit: AtomicU32,
    started: Instant,
    keys: Windows,
    addresses: Windows,
}

impl RateLimiter {
    /// A limiter that grants each client `limit` requests a minute and has seen none by `now`; none
    /// is no limit.
    pub fn new(limit: Option<NonZeroU32>, now: Instant) -> Self {
        Self {
            limit: AtomicU32::new(limit.map_or(0, NonZeroU32::get)),
            started: now,
            keys: Windows::default(),
            addresses: Windows::default(),
        }
    }

    /// From now on each client is granted so many requests a minute. What it was granted before counts.
    pub fn set_limit(&self, limit: Option<NonZeroU32>) {
        let limit = limit.map_or(0, NonZeroU32::get);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts a request if there is quota left for it; none while there is no limit. Both times are of
    /// the same moment: `now` decides, `unix_us`, microseconds since 1970, is what the client is told by.
    pub fn check(&self, client: &Client, now: Instant, unix_us: u64) -> Option<Verdict> {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == 0 {
            return None;
        }
        let windows = self.windows_of(client);
        let standing = windows.ask(client, self.since_start_us(now), limit);
        Some(Verdict::new(limit, standing, unix_us))
    }

    /// Counts a request that was granted elsewhere.
    pub fn note(&self, client: &Client, now: Instant) {
        let windows = self.windows_of(client);
        windows.note(client, self.since_start_us(now));
    }

    /// Gives back the memory of clients that were granted nothing within the last minute. Nothing
    /// else changes by it, so it is for a quiet moment.
    pub fn forget_idle(&self, now: Instant) {
        let now_us = self.since_start_us(now);
        self.keys.forget_idle(now_us);
        self.addresses.forget_idle(now_us);
    }

    /// How many clients are remembered.
    pub fn clients(&self) -> usize {
        self.keys.len() + self.addresses.len()
    }

    fn windows_of(&self, client: &Client) -> &Windows {
        match client {
            Client::Key(_) => &self.keys,
            Client::Address(_) => &self.addresses,
        }
    }

    fn since_start_us(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.started);
        u64::try_from(passed.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
#[path = "tests/rate.rs"]
mod tests;
