//! All API keys of the server, and the question whose one is.
//!
//! The first key ends at once and for good that everyone may do everything; revoking the last one
//! locks the server, it doesn't open it. Nothing is cached: each question is answered from the set
//! as it is, and an [`Identity`] that is kept shares the key itself, so that it ends with it.
//!
//! A key is found by the first eight bytes of its digest and then compared in constant time. What
//! the search tells by its duration is about the digest of what was sent, which nobody can steer
//! towards a digest that they don't know the secret of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::identity::{CredentialRefusal, Identity};
use super::key::{Key, StoredKey};
use super::key_secret::{KeyDigest, KeySecret};

/// The most keys, revoked ones included: some 4 MB.
pub const KEYS_MAX: usize = 10_000;

/// The keyring; see the module. Shared by all threads.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: RwLock<Keys>,
    /// So that those who ask for that alone needn't wait for a lock.
    has_any: AtomicBool,
}

/// Why a key was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// There are as many as allowed.
    #[error("keys: there are {KEYS_MAX} of them, revoked ones included; no more are allowed")]
    Full,
    /// Another one has its id.
    #[error("id: another key has the id '{0}'; each has its own")]
    SameId(Arc<str>),
}

#[derive(Debug, Default)]
struct Keys {
    by_id: HashMap<Arc<str>, Arc<Key>>,
    by_digest: HashMap<DigestStart, Vec<Arc<Key>>>,
}

/// Enough of a digest that hardly ever two keys share it.
type DigestStart = [u8; 8];

fn start_of(digest: &KeyDigest) -> DigestStart {
    std::array::from_fn(|index| digest[index])
}

impl Keyring {
    /// Takes a key, one that was stored before or was just made. From then on it is good, unless it
    /// was revoked, and the server isn't open any more.
    pub fn add(&self, stored: StoredKey) -> Result<(), KeyRefused> {
        let start = start_of(&stored.digest);
        let key = Arc::new(Key::from(stored));
        let mut keys = self.write();
        if keys.by_id.len() >= KEYS_MAX {
            return Err(KeyRefused::Full);
        }
        if keys.by_id.contains_key(key.id()) {
            return Err(KeyRefused::SameId(Arc::clone(key.id())));
        }
        keys.by_id.insert(Arc::clone(key.id()), Arc::clone(&key));
        keys.by_digest.entry(start).or_default().push(key);
        self.has_any.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends a key, for all that came in by it too, from the return of this call on. `None` if there
    /// is none.
    pub fn revoke(&self, id: &str, now_us: u64) -> Option<Arc<Key>> {
        let key = self.find(id)?;
        key.revoke(now_us);
        Some(key)
    }

    /// The key with that id.
    pub fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.read().by_id.get(id).map(Arc::clone)
    }

    /// All keys, revoked ones included, the oldest first.
    pub fn list(&self) -> Vec<Arc<Key>> {
        let mut keys: Vec<Arc<Key>> = self.read().by_id.values().map(Arc::clone).collect();
        keys.sort_by_cached_key(|key| (key.created_at_us(), Arc::clone(key.id())));
        keys
    }

    /// Whether no key was ever made.
    pub fn is_empty(&self) -> bool {
        !self.has_any.load(Ordering::Acquire)
    }

    /// Whether there is room for another key.
    pub fn has_room(&self) -> bool {
        self.read().by_id.len() < KEYS_MAX
    }

    /// Who shows this as an API key.
    pub fn identify(&self, text: &[u8]) -> Identity {
        let Some(secret) = KeySecret::parse(text) else {
            return Identity::Refused(CredentialRefusal::Unknown);
        };
        match self.key_with(&secret.digest()) {
            None => Identity::Refused(CredentialRefusal::Unknown),
            Some(key) if key.is_revoked() => Identity::Refused(CredentialRefusal::Revoked),
            Some(key) => Identity::Key(key),
        }
    }

    fn key_with(&self, digest: &KeyDigest) -> Option<Arc<Key>> {
        let keys = self.read();
        let candidates = keys.by_digest.get(&start_of(digest))?;
        let found = candidates.iter().find(|key| key.has_digest(digest));
        found.map(Arc::clone)
    }

    // The two maps are added to without anything between that could fail, so they are right even
    // behind a lock that a panic left.
    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "tests/keyring.rs"]
mod tests;
