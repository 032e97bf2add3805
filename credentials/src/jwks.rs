//! Keys as a document (JWKS, RFC 7517): from a file, or as an issuer publishes them.
//!
//! A document may hold keys for other ends and of other kinds; they are skipped, and it is told why.
//! Secrets are never taken from one, and neither is a public key that is published together with its
//! private half.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::compact::from_object;
use crate::public_key::{COORDINATE_BYTES, KeyFault, PublicKey};
use crate::refusal::Shown;
use crate::token_key::TokenKey;
use crate::token_keys::{KEYS_MAX, KeysFault, TokenKeys};

/// The largest document that is read.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// What a document held; see the module.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// The keys that tokens may be signed with: at least one.
    pub keys: TokenKeys,
    /// The others.
    pub skipped: Vec<SkippedKey>,
}

/// A key of a document that isn't taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {index} of the document, '{id}': {fault}")]
pub struct SkippedKey {
    /// Its place, from 0.
    pub index: usize,
    /// Its id, or nothing.
    pub id: Shown,
    /// Why.
    pub fault: KeyFault,
}

/// Why a document isn't taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksFault {
    /// It is larger than any sensible one.
    #[error("JWKS: {0} bytes; {JWKS_BYTES_MAX} are allowed")]
    Bytes(usize),
    /// It isn't one.
    #[error("JWKS: not a JSON object with a list of objects as keys")]
    Form,
    /// It has too many keys, or different ones with the same id.
    #[error("JWKS: {0}")]
    Keys(#[from] KeysFault),
    /// None of its keys is for tokens.
    #[error("JWKS: none of its {0} keys is taken{reason}", reason = first_reason(.1.as_ref()))]
    NoneUsable(usize, Option<SkippedKey>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The members that matter. Texts that a kind of key doesn't need are not looked at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    meant_for: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl Jwks {
    /// Reads a document.
    pub fn read(text: &[u8]) -> Result<Self, JwksFault> {
        if text.len() > JWKS_BYTES_MAX {
            return Err(JwksFault::Bytes(text.len()));
        }
        let document = from_object(text.trim_ascii_start());
        let document: Document = document.map_err(|_| JwksFault::Form)?;
        let count = document.keys.len();
        if count > KEYS_MAX {
            return Err(KeysFault::TooMany.into());
        }
        let (mut keys, mut skipped) = (TokenKeys::none(), Vec::new());
        for (index, value) in document.keys.into_iter().enumerate() {
            if !value.is_object() {
                return Err(JwksFault::Form);
            }
            let id = Shown::of(value["kid"].as_str().unwrap_or_default());
            match key_of(value) {
                Ok(key) => keys.add(key)?,
                Err(fault) => skipped.push(SkippedKey { index, id, fault }),
            }
        }
        match keys.is_empty() {
            true => Err(JwksFault::NoneUsable(count, skipped.into_iter().next())),
            false => Ok(Self { keys, skipped }),
        }
    }
}

fn key_of(value: Value) -> Result<TokenKey, KeyFault> {
    let form = |_| KeyFault::Form("not a JWK");
    let jwk: Jwk = serde_json::from_value(value).map_err(form)?;
    let key = jwk.public_key()?;
    let is_for_signatures = jwk.meant_for.as_deref().is_none_or(|it| it == "sig")
        && jwk
            .key_ops
            .is_none_or(|all| all.iter().any(|it| it == "verify"));
    if !is_for_signatures {
        return Err(KeyFault::Form("a key that is not for verifying signatures"));
    }
    let key = TokenKey::public(key);
    if jwk.alg.is_some_and(|name| !key.algorithm().is_named(&name)) {
        return Err(KeyFault::Form("an algorithm that is not taken"));
    }
    match jwk.kid {
        Some(id) => key.with_id(&id),
        None => Ok(key),
    }
}

impl Jwk {
    fn public_key(&self) -> Result<PublicKey, KeyFault> {
        if self.d.is_some() {
            return Err(KeyFault::Form("a private key, published"));
        }
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => PublicKey::rsa(&number(self.n.as_ref())?, &number(self.e.as_ref())?),
            ("EC", Some("P-256")) => {
                let (x, y) = (number(self.x.as_ref())?, number(self.y.as_ref())?);
                match x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES {
                    true => PublicKey::p256(&x, &y),
                    false => Err(KeyFault::Form("a coordinate of the wrong length")),
                }
            }
            ("OKP", Some("Ed25519")) => PublicKey::ed25519(&number(self.x.as_ref())?),
            ("oct", _) => Err(KeyFault::Form("a secret, published")),
            _ => Err(KeyFault::Kind),
        }
    }
}

fn number(digits: Option<&String>) -> Result<Vec<u8>, KeyFault> {
    let digits = digits.ok_or(KeyFault::Form("a number is missing"))?;
    let form = |_| KeyFault::Form("a number is not base64url without padding");
    URL_SAFE_NO_PAD.decode(digits).map_err(form)
}

fn first_reason(skipped: Option<&SkippedKey>) -> String {
    skipped.map_or_else(String::new, |skipped| format!("; {skipped}"))
}
