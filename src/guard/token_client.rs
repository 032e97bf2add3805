//! A client that asks for tokens with its id and secret: an agent, mostly. Of its secret there is
//! only the digest.

use std::fmt;

use agnt_credentials::{ActAs, ClientSecret, Grant, SecretDigest};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::extent::{EVERYONE, InvalidNames, check_names};
use super::scope::{Scope, Scopes};

/// A client, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClient {
    /// Names it, and is the subject of its tokens: an agent's client has the agent's id.
    pub client_id: String,
    /// The SHA-256 of its secret.
    pub digest: SecretDigest,
    /// What its tokens allow.
    pub scopes: Scopes,
    /// For which streams; none is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<String>>,
    /// For whom else they speak; `*` is everyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub act_as: Vec<String>,
    /// The SHA-256 of the certificate that it must show over TLS as well, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<[u8; 32]>,
    /// When it got its secret, in microseconds since 1970.
    pub created_at_us: u64,
    /// When it stopped being good, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_us: Option<u64>,
}

/// Why there can't be such a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClient {
    /// Its id is none.
    #[error("client_id: '{0}' is not allowed; allowed are 1 to 128 of A-Z, a-z, 0-9, _ and -")]
    Id(String),
    /// Its tokens would allow nothing.
    #[error("scopes: none are given; allowed are {names}", names = Scope::ALL.map(Scope::name).join(", "))]
    Scopes,
    /// A list of streams or agents is none.
    #[error(transparent)]
    Names(#[from] InvalidNames),
}

/// The longest id, in bytes.
const ID_BYTES_MAX: usize = 128;

impl TokenClient {
    /// The same client, if it is one that there may be.
    pub fn checked(self) -> Result<Self, InvalidClient> {
        let is_long_enough = (1..=ID_BYTES_MAX).contains(&self.client_id.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !is_long_enough || !self.client_id.bytes().all(plain) {
            let shown = self.client_id.chars().take(ID_BYTES_MAX);
            return Err(InvalidClient::Id(
                shown.flat_map(char::escape_default).collect(),
            ));
        }
        if self.scopes.is_empty() {
            return Err(InvalidClient::Scopes);
        }
        check_names("streams", self.streams.as_deref().unwrap_or_default())?;
        check_names("act_as", &self.act_as)?;
        Ok(self)
    }

    /// What a token for it says, good for so many seconds.
    pub(super) fn grant(&self, ttl_s: u64) -> Grant {
        let act_as = match self.act_as.iter().any(|name| name == EVERYONE) {
            true => ActAs::Everyone,
            false => ActAs::These(self.act_as.clone()),
        };
        let scopes = self.scopes.iter().map(|scope| scope.name().to_owned());
        Grant {
            subject: self.client_id.clone(),
            scopes: scopes.collect(),
            streams: self.streams.clone(),
            act_as,
            ttl_s,
        }
    }

    /// Whether it is good, and that is its secret.
    pub(super) fn is_known_by(&self, secret: &ClientSecret) -> bool {
        secret.has_digest(&self.digest) && self.revoked_at_us.is_none()
    }

    /// Whether the certificate that was shown is its own, where it must show one (ruling 69).
    pub(super) fn has_shown(&self, certificate: Option<&[u8; 32]>) -> bool {
        match (&self.certificate, certificate) {
            (None, _) => true,
            (Some(own), Some(shown)) => own.ct_eq(shown).into(),
            (Some(_), None) => false,
        }
    }

    /// When it got its secret, in Unix seconds.
    pub(super) fn created_at_s(&self) -> u64 {
        self.created_at_us / 1_000_000
    }
}

/// A token that was issued, for the one who asked.
#[derive(Clone)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// For how long it is good.
    pub ttl_s: u64,
    /// What it allows.
    pub scopes: Scopes,
}

/// Shows everything but the token.
impl fmt::Debug for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ttl_s, scopes) = (self.ttl_s, self.scopes);
        write!(out, "Issued(token hidden, {ttl_s} s, {scopes:?})")
    }
}
