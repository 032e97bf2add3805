//! An API key: who may come in by it and do what. Of its secret it has only the digest.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::extent::{Extent, InvalidNames, Reach, check_names};
use super::key_secret::{KeyDigest, KeySecret};
use super::scope::{Scope, Scopes};

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Names it in requests and logs; unique, made by the server, no secret.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The SHA-256 of its secret.
    pub digest: KeyDigest,
    /// What it allows.
    pub scopes: Scopes,
    /// For which streams; none is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<String>>,
    /// For which agents it speaks, `*` being everyone; none is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_as: Option<Vec<String>>,
    /// When it was made, in microseconds since 1970.
    pub created_at_us: u64,
    /// When it stopped being good, in microseconds since 1970.
    pub revoked_at_us: Option<u64>,
}

/// Why a key can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Its name is empty, too long, or would spoil a line.
    #[error(
        "name: '{0}' is not allowed; allowed are 1 to {max} characters, none of them a control \
         character",
        max = StoredKey::NAME_CHARACTERS_MAX
    )]
    Name(String),
    /// It would allow nothing.
    #[error("scopes: none are given; allowed are {names}", names = Scope::ALL.map(Scope::name).join(", "))]
    Scopes,
    /// It would be for no stream.
    #[error(
        "streams: the list is empty; allowed are the names of streams, or no list for all of them"
    )]
    Streams,
    /// It would speak for everyone all the same.
    #[error("act_as: a key of the scope admin speaks for everyone; allowed is no list")]
    Everyone,
    /// A list of streams or agents is none.
    #[error(transparent)]
    Names(#[from] InvalidNames),
}

/// A key that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOrder {
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// For which streams; none is all of them.
    pub streams: Option<Vec<String>>,
    /// For which agents it speaks, `*` being everyone; none is all of them.
    pub act_as: Option<Vec<String>>,
}

impl KeyOrder {
    /// A key for all streams and all agents.
    pub fn new(name: &str, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self {
            name: name.to_owned(),
            scopes: scopes.into_iter().collect(),
            streams: None,
            act_as: None,
        }
    }
}

impl StoredKey {
    /// The longest name, in characters.
    pub const NAME_CHARACTERS_MAX: usize = 128;

    /// A key that was made just now.
    pub fn new(
        id: String,
        order: KeyOrder,
        secret: &KeySecret,
        now_us: u64,
    ) -> Result<Self, InvalidKey> {
        let KeyOrder {
            name,
            scopes,
            streams,
            act_as,
        } = order;
        let len = name.chars().take(Self::NAME_CHARACTERS_MAX + 1).count();
        if !(1..=Self::NAME_CHARACTERS_MAX).contains(&len) || name.chars().any(char::is_control) {
            let shown = name.chars().take(Self::NAME_CHARACTERS_MAX);
            return Err(InvalidKey::Name(
                shown.flat_map(char::escape_default).collect(),
            ));
        }
        if scopes.is_empty() {
            return Err(InvalidKey::Scopes);
        }
        if act_as.is_some() && scopes.allow(Scope::Admin) {
            return Err(InvalidKey::Everyone);
        }
        if streams.as_ref().is_some_and(Vec::is_empty) {
            return Err(InvalidKey::Streams);
        }
        check_names("streams", streams.as_deref().unwrap_or_default())?;
        check_names("act_as", act_as.as_deref().unwrap_or_default())?;
        Ok(Self {
            id,
            name,
            digest: secret.digest(),
            scopes,
            streams,
            act_as,
            created_at_us: now_us,
            revoked_at_us: None,
        })
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The key that was stored as these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// A key that is known to the server, shared by all that came in by it: a revocation reaches them
/// at once, wherever they keep it.
#[derive(Debug)]
pub struct Key {
    id: Arc<str>,
    /// As it was read, but for its end.
    stored: StoredKey,
    extent: Extent,
    revoked_at_us: OnceLock<u64>,
}

impl Key {
    /// Names it in requests and logs.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// When it was made, in microseconds since 1970.
    pub fn created_at_us(&self) -> u64 {
        self.stored.created_at_us
    }

    /// How far it goes, whether or not it is good any more.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Whether it is good no more.
    pub fn is_revoked(&self) -> bool {
        self.revoked_at_us.get().is_some()
    }

    /// Whether it allows that now.
    pub fn allows(&self, scope: Scope) -> bool {
        !self.is_revoked() && self.extent.scopes.allow(scope)
    }

    /// The key as it is to be stored.
    pub fn stored(&self) -> StoredKey {
        StoredKey {
            revoked_at_us: self.revoked_at_us.get().copied(),
            ..self.stored.clone()
        }
    }

    /// Whether a secret with that digest is its own. Takes as long for every wrong one.
    pub(super) fn has_digest(&self, digest: &KeyDigest) -> bool {
        self.stored.digest.ct_eq(digest).into()
    }

    /// Ends it. Only the first time counts.
    pub(super) fn revoke(&self, now_us: u64) {
        self.revoked_at_us.get_or_init(|| now_us);
    }
}

impl From<StoredKey> for Key {
    fn from(stored: StoredKey) -> Self {
        let streams = Reach::of_streams(stored.streams.as_deref());
        let agents = Reach::of_agents(stored.act_as.as_deref());
        let key = Self {
            id: stored.id.as_str().into(),
            extent: Extent::new(stored.scopes, streams, agents),
            revoked_at_us: OnceLock::new(),
            stored,
        };
        if let Some(revoked_at_us) = key.stored.revoked_at_us {
            key.revoke(revoked_at_us);
        }
        key
    }
}

#[cfg(test)]
#[path = "tests/key.rs"]
mod tests;
