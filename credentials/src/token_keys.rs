//! The keys of one issuer: a token names the one that it is signed with, or there is only one that
//! it can be.

use crate::compact::Header;
use crate::refusal::{Shown, TokenRefusal};
use crate::token_key::TokenKey;

/// The most keys of an issuer.
pub const KEYS_MAX: usize = 64;

/// The keys; see the module. No two have both the id and the algorithm in common.
#[derive(Clone, Debug, Default)]
pub struct TokenKeys(Vec<TokenKey>);

/// Why a key isn't taken among the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// There are as many as allowed.
    #[error("keys: more than {KEYS_MAX} of them")]
    TooMany,
    /// Another key has its id and its algorithm.
    #[error("keys: two different ones have the id '{0}'")]
    SameId(Shown),
}

impl TokenKeys {
    /// None, with which no token is good.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// These; the same key twice counts once.
    pub fn new(keys: impl IntoIterator<Item = TokenKey>) -> Result<Self, KeysFault> {
        let mut all = Self::none();
        for key in keys {
            all.add(key)?;
        }
        Ok(all)
    }

    /// Takes one more.
    pub fn add(&mut self, key: TokenKey) -> Result<(), KeysFault> {
        let is_named_alike =
            |other: &&TokenKey| other.id() == key.id() && other.algorithm() == key.algorithm();
        match self.0.iter().find(is_named_alike) {
            Some(other) if other.is_same_key(&key) => return Ok(()),
            Some(_) => return Err(KeysFault::SameId(Shown::of(key.id()))),
            None => {}
        }
        if self.0.len() >= KEYS_MAX {
            return Err(KeysFault::TooMany);
        }
        self.0.push(key);
        Ok(())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &TokenKey> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public ones as a JWKS document, for others to verify with.
    pub fn to_jwks(&self) -> serde_json::Value {
        let keys: Vec<serde_json::Value> = self.iter().filter_map(TokenKey::to_jwk).collect();
        serde_json::json!({ "keys": keys })
    }

    pub(crate) fn has(&self, wanted: &TokenKey) -> bool {
        self.iter()
            .any(|key| key.algorithm() == wanted.algorithm() && key.is_same_key(wanted))
    }

    /// Whether both are the same keys under the same ids, in whatever order.
    pub fn are_those_of(&self, other: &Self) -> bool {
        let is_in_other = |key: &TokenKey| {
            let mut same = other.iter().filter(|candidate| candidate.id() == key.id());
            same.any(|candidate| candidate.is_same_key(key))
        };
        self.len() == other.len() && self.iter().all(is_in_other)
    }

    /// The key for a token with that header. The header's algorithm chooses among keys, never what a
    /// key is used for.
    pub(crate) fn find(
        &self,
        header: &Header,
        issuer: Option<&str>,
    ) -> Result<&TokenKey, TokenRefusal> {
        let algorithm = header.alg.as_str();
        let fits = |key: &&TokenKey| key.algorithm().is_named(algorithm);
        let Some(id) = header.kid.as_deref() else {
            let mut fitting = self.iter().filter(fits);
            return match (fitting.next(), fitting.count()) {
                (Some(key), 0) => Ok(key),
                (None, _) => Err(TokenRefusal::WhichKey(0)),
                (Some(_), others) => Err(TokenRefusal::WhichKey(1 + others)),
            };
        };
        let named = || self.iter().filter(|key| key.id() == id);
        let Some(first) = named().next() else {
            return Err(TokenRefusal::unknown_key(id, issuer));
        };
        named().find(fits).ok_or_else(|| TokenRefusal::Algorithm {
            said: Shown::of(algorithm),
            pinned: first.algorithm(),
        })
    }
}
