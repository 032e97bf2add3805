//! Tokens that were taken back before their end, by their ids (`jti`).
//!
//! One is remembered until the token would have ended by itself. There is a bound, and beyond it a
//! revocation is refused aloud: forgetting one in silence would let somebody in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::claims::NAME_BYTES_MAX;

/// The most revocations that are remembered: some 40 MB at the longest ids, 10 MB at usual ones.
pub const REVOCATIONS_MAX: usize = 100_000;

/// The revocations; see the module. Shared by all threads.
#[derive(Debug)]
pub struct Revocations {
    ends: RwLock<HashMap<Box<str>, u64>>,
    /// How many there are, so that those who have none needn't wait for a lock.
    count: AtomicUsize,
    max: usize,
}

/// Why a revocation was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationRefused {
    /// There are as many as allowed, all of tokens that haven't ended.
    #[error(
        "jti: {0} tokens are revoked that haven't expired; no more are remembered. Change the key that they are signed with"
    )]
    Full(usize),
    /// No token has such an id.
    #[error("jti: has {0} bytes; 1 to {NAME_BYTES_MAX} are allowed")]
    Length(usize),
}

impl Default for Revocations {
    fn default() -> Self {
        Self::bounded(REVOCATIONS_MAX)
    }
}

impl Revocations {
    /// None yet, and at most that many.
    pub fn bounded(max: usize) -> Self {
        Self {
            ends: RwLock::default(),
            count: AtomicUsize::new(0),
            max,
        }
    }

    /// Takes back the token with that id. From the return of this call on it is refused, at least
    /// until then: when it ends, leeway included.
    pub fn revoke(&self, id: &str, until_s: u64, now_s: u64) -> Result<(), RevocationRefused> {
        if !(1..=NAME_BYTES_MAX).contains(&id.len()) {
            return Err(RevocationRefused::Length(id.len()));
        }
        let mut ends = self.write();
        if let Some(end_s) = ends.get_mut(id) {
            *end_s = until_s.max(*end_s);
            return Ok(());
        }
        if ends.len() >= self.max {
            ends.retain(|_, end_s| *end_s > now_s);
        }
        let is_full = ends.len() >= self.max;
        if !is_full {
            ends.insert(id.into(), until_s);
        }
        self.count.store(ends.len(), Ordering::Release);
        match is_full {
            true => Err(RevocationRefused::Full(self.max)),
            false => Ok(()),
        }
    }

    /// Whether the token with that id was taken back. A clock that goes back doesn't change that,
    /// as long as the revocation is remembered.
    pub fn contains(&self, id: &str) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.read().contains_key(id)
    }

    /// Until when the token with that id is taken back, if it is.
    pub fn end_s_of(&self, id: &str) -> Option<u64> {
        self.read().get(id).copied()
    }

    /// Forgets those whose tokens have ended.
    pub fn prune(&self, now_s: u64) {
        let mut ends = self.write();
        ends.retain(|_, end_s| *end_s > now_s);
        self.count.store(ends.len(), Ordering::Release);
    }

    /// Each with the time until which it holds, to be stored.
    pub fn list(&self) -> Vec<(String, u64)> {
        let ends = self.read();
        let listed = ends.iter().map(|(id, end_s)| (id.to_string(), *end_s));
        listed.collect()
    }

    // Each change is a single one, so the map is right even behind a lock that a panic left.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, u64>> {
        self.ends.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Box<str>, u64>> {
        self.ends.write().unwrap_or_else(PoisonError::into_inner)
    }
}
