//! A key that tokens are verified with: its id, its algorithm, pinned, and the key itself.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::algorithm::Algorithm;
use crate::public_key::{KeyFault, PublicKey};

/// The fewest bytes of a secret: as many as the hash has.
pub const SECRET_BYTES_MIN: usize = 32;

/// The longest id of a key.
pub const KEY_ID_BYTES_MAX: usize = 255;

/// The largest file of keys that is read.
pub const PEM_BYTES_MAX: usize = 64 * 1024;

/// The key; see the module. It is cheap to clone.
#[derive(Clone)]
pub struct TokenKey {
    id: Arc<str>,
    algorithm: Algorithm,
    kind: Arc<Kind>,
}

enum Kind {
    Public(PublicKey),
    Secret(hmac::Key),
}

impl TokenKey {
    pub(crate) fn public(key: PublicKey) -> Self {
        Self {
            id: key.thumbprint().into(),
            algorithm: key.algorithm(),
            kind: Arc::new(Kind::Public(key)),
        }
    }

    /// The public keys of a PEM text, in their order: `PUBLIC KEY` (RSA, EC on P-256, Ed25519).
    /// Anything else there that is known is refused, a private key above all: it doesn't belong on a
    /// server that only verifies. Their ids are their thumbprints (RFC 7638).
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, KeyFault> {
        if text.len() > PEM_BYTES_MAX {
            return Err(KeyFault::Form("more than 64 KiB of PEM"));
        }
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
            let (kind, der) = section.map_err(|_| KeyFault::Form("broken PEM"))?;
            let key = match kind {
                SectionKind::PublicKey => PublicKey::from_spki(&der)?,
                SectionKind::PrivateKey
                | SectionKind::RsaPrivateKey
                | SectionKind::EcPrivateKey => {
                    return Err(KeyFault::Form("a private key where a public one belongs"));
                }
                _ => return Err(KeyFault::Form("PEM of something else than a public key")),
            };
            keys.push(Self::public(key));
        }
        match keys.is_empty() {
            true => Err(KeyFault::Form("no PEM section PUBLIC KEY")),
            false => Ok(keys),
        }
    }

    /// The key of HS256. Its id is made from it by HMAC, so that it tells a guesser no more than any
    /// token does.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyFault> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyFault::SecretBytes(secret.len()));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, b"agnt: the id of this key");
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(tag).into(),
            algorithm: Algorithm::Hs256,
            kind: Arc::new(Kind::Secret(key)),
        })
    }

    /// The same key under the id that its issuer has for it.
    pub fn with_id(self, id: &str) -> Result<Self, KeyFault> {
        match is_key_id(id) {
            true => Ok(Self {
                id: id.into(),
                ..self
            }),
            false => Err(KeyFault::Form(
                "an id that is empty or longer than 255 bytes",
            )),
        }
    }

    /// Its id, a token's `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for, and nothing else.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key as a JWK (RFC 7517), for others to verify with; a secret has none.
    pub fn to_jwk(&self) -> Option<serde_json::Value> {
        let Kind::Public(key) = &*self.kind else {
            return None;
        };
        let mut jwk: serde_json::Value = serde_json::from_str(&key.required_members()).ok()?;
        jwk["kid"] = self.id().into();
        jwk["alg"] = self.algorithm.name().into();
        jwk["use"] = "sig".into();
        Some(jwk)
    }

    /// Whether the holder of the key signed the message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &*self.kind {
            Kind::Public(key) => key.has_signed(message, signature),
            Kind::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }

    /// Whether it is the same key, whatever its id: what one has signed, the other verifies.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.kind, &other.kind) {
            return true;
        }
        match (&*self.kind, &*other.kind) {
            (Kind::Public(one), Kind::Public(another)) => one == another,
            (Kind::Secret(one), Kind::Secret(another)) => {
                let message = b"agnt: the same key";
                hmac::verify(another, message, hmac::sign(one, message).as_ref()).is_ok()
            }
            _ => false,
        }
    }
}

/// Whether a text may be a key's id.
pub(crate) fn is_key_id(id: &str) -> bool {
    (1..=KEY_ID_BYTES_MAX).contains(&id.len())
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TokenKey({} {})", self.algorithm, self.id)
    }
}
