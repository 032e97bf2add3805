//! Tokens that were verified before, by the SHA-256 of what was sent, so that the same token isn't
//! verified again with each request.
//!
//! An entry belongs to one generation of the verifier's keys and is nothing in the next one. Whether
//! it is revoked or over is for the verifier to ask at each use: nothing here makes a token live
//! longer. The entries lie in shards with a lock each, and each shard forgets its oldest when it is
//! full.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};

use crate::token::Verified;

const SHARDS: usize = 16;

/// The tokens; see the module.
#[derive(Debug)]
pub(crate) struct Seen {
    shards: [Mutex<Shard>; SHARDS],
    shard_max: usize,
}

/// A token's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Fingerprint, Entry>,
    /// The same, oldest first.
    order: VecDeque<Fingerprint>,
}

#[derive(Debug)]
struct Entry {
    generation: u64,
    verified: Verified,
}

impl Fingerprint {
    pub(crate) fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(bytes)
    }
}

impl Seen {
    /// Room for about that many, spread over the shards.
    pub(crate) fn bounded(max: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            shard_max: max.div_ceil(SHARDS),
        }
    }

    pub(crate) fn find(&self, token: &Fingerprint, generation: u64) -> Option<Verified> {
        let shard = self.shard(token);
        let entry = shard.entries.get(token)?;
        (entry.generation == generation).then(|| entry.verified.clone())
    }

    pub(crate) fn insert(&self, token: Fingerprint, generation: u64, verified: Verified) {
        let mut shard = self.shard(&token);
        if self.shard_max == 0 {
            return;
        }
        let entry = Entry {
            generation,
            verified,
        };
        if shard.entries.insert(token, entry).is_some() {
            return;
        }
        shard.order.push_back(token);
        if shard.order.len() > self.shard_max
            && let Some(oldest) = shard.order.pop_front()
        {
            shard.entries.remove(&oldest);
        }
    }

    pub(crate) fn len(&self) -> usize {
        let lens = self.shards.iter().map(|shard| locked(shard).entries.len());
        lens.sum()
    }

    fn shard(&self, token: &Fingerprint) -> MutexGuard<'_, Shard> {
        locked(&self.shards[usize::from(token.0[0]) % SHARDS])
    }
}

// A panic between the two changes of an insertion is not possible, short of no memory.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
