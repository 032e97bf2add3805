//! The windows of many clients, in shards with a lock each.
//!
//! There are [`CLIENTS_MAX`] of them at most, spread over the shards. A window makes room for
//! another's only when it is empty, so no client ever gets a second quota by being forgotten. In a
//! shard that is full of windows in use, all further clients share one window until one of them can
//! have its own, which then begins as a copy of the shared one: they may be refused on account of
//! each other, and still nobody is granted more than the limit. All windows together take some
//! 75 MiB at the very most, when every client asks without a pause.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::client::Client;
use super::window::{Standing, Window};

/// The most clients that have a window of their own.
pub(super) const CLIENTS_MAX: usize = 65_536;

/// Many more than there are threads, so that two seldom meet.
const SHARDS: usize = 64;

const CLIENTS_PER_SHARD_MAX: usize = CLIENTS_MAX / SHARDS;

/// How long a full shard is not searched for empty windows again, in microseconds.
const SEARCH_AGAIN_US: u64 = 1_000_000;

/// The windows; see the module.
#[derive(Debug)]
pub(super) struct Windows {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    windows: HashMap<Client, Window>,
    /// The window of all that have none of their own.
    shared: Window,
    /// When it is worth while to look for empty windows.
    search_at_us: u64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Windows {
    /// Asks the window of that client.
    pub(super) fn ask(&self, client: &Client, now_us: u64, limit: u32) -> Standing {
        let shard = self.hasher.hash_one(client) as usize % SHARDS;
        lock(&self.shards[shard]).ask(client, now_us, limit)
    }

    /// Counts in the window of that client what was granted elsewhere.
    pub(super) fn note(&self, client: &Client, now_us: u64) {
        let shard = self.hasher.hash_one(client) as usize % SHARDS;
        lock(&self.shards[shard]).note(client, now_us);
    }

    /// Forgets the clients that were granted nothing within the last minute.
    pub(super) fn forget_idle(&self, now_us: u64) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.forget_idle(now_us);
            shard.windows.shrink_to_fit();
        }
    }

    /// How many clients have a window of their own.
    pub(super) fn len(&self) -> usize {
        let lens = self.shards.iter().map(|shard| lock(shard).windows.len());
        lens.sum()
    }
}

/// A window is right after each of its steps, so that what a panic left is right too.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn ask(&mut self, client: &Client, now_us: u64, limit: u32) -> Standing {
        if let Some(window) = self.windows.get_mut(client) {
            return window.ask(now_us, limit);
        }
        if !self.has_room(now_us) {
            return self.shared.ask(now_us, limit);
        }
        let mut window = match self.shared.is_empty(now_us) {
            true => Window::default(),
            false => self.shared.clone(),
        };
        let standing = window.ask(now_us, limit);
        self.windows.insert(client.clone(), window);
        standing
    }

    fn note(&mut self, client: &Client, now_us: u64) {
        if let Some(window) = self.windows.get_mut(client) {
            return window.note(now_us);
        }
        if !self.has_room(now_us) {
            return self.shared.note(now_us);
        }
        let mut window = self.shared.clone();
        window.note(now_us);
        self.windows.insert(client.clone(), window);
    }

    fn has_room(&mut self, now_us: u64) -> bool {
        let is_full = |shard: &Self| shard.windows.len() >= CLIENTS_PER_SHARD_MAX;
        if is_full(self) && now_us >= self.search_at_us {
            self.forget_idle(now_us);
            self.search_at_us = now_us + SEARCH_AGAIN_US;
        }
        !is_full(self)
    }

    fn forget_idle(&mut self, now_us: u64) {
        self.windows.retain(|_, window| !window.is_empty(now_us));
    }
}

#[cfg(test)]
#[path = "tests/windows.rs"]
mod tests;
