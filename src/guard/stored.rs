//! Credentials as the store has them: keys, clients and revocations of tokens, in rows of one kind.

use agnt_credentials::SecretDigest;
use serde::{Deserialize, Serialize};

use super::key::StoredKey;
use super::token_client::TokenClient;

/// What a row holds; see the module. A row of an API key says nothing of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredCredential {
    /// An API key.
    Key(StoredKey),
    /// A client that asks for tokens.
    Client(TokenClient),
    /// A token that was taken back.
    Revocation(StoredRevocation),
}

/// A token that was taken back, until it would have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRevocation {
    /// The token's id, its `jti`.
    pub token_id: String,
    /// Until when that is remembered, in Unix seconds.
    pub until_s: u64,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Serialize)]
struct Kinded<'a, T> {
    kind: &'static str,
    #[serde(flatten)]
    credential: &'a T,
}

const CLIENT: &str = "client";
const REVOCATION: &str = "revocation";

impl StoredCredential {
    /// The bytes to store.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Key(key) => key.to_bytes(),
            Self::Client(credential) => serde_json::to_vec(&Kinded {
                kind: CLIENT,
                credential,
            }),
            Self::Revocation(credential) => serde_json::to_vec(&Kinded {
                kind: REVOCATION,
                credential,
            }),
        }
    }

    /// What was stored as these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let Kind { kind } = serde_json::from_slice(bytes)?;
        match kind.as_deref() {
            None => StoredKey::from_bytes(bytes).map(Self::Key),
            Some(CLIENT) => serde_json::from_slice(bytes).map(Self::Client),
            Some(REVOCATION) => serde_json::from_slice(bytes).map(Self::Revocation),
            Some(other) => {
                let issue = format!("kind: '{}' is unknown", other.escape_debug());
                Err(serde::de::Error::custom(issue))
            }
        }
    }
}

/// The id of the row of a client or of a revocation: the same each time, and no key's.
pub fn row_id(kind: &str, name: &str) -> String {
    let digest: SecretDigest = sha2::Digest::finalize(
        <sha2::Sha256 as sha2::Digest>::new_with_prefix(format!("{kind} {name}")),
    )
    .into();
    let digits = digest[..16].iter().map(|byte| format!("{byte:02x}"));
    format!("{kind}-{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{KeyOrder, KeySecret, Scope};

    #[test]
    fn each_kind_comes_back_as_it_was_and_no_other_is_taken() {
        let scopes = [Scope::Read].into_iter().collect();
        let secret = KeySecret::generate().unwrap();
        let order = KeyOrder {
            streams: Some(vec!["main".into()]),
            act_as: Some(Vec::new()),
            ..KeyOrder::new("ci", [Scope::Read])
        };
        let key = StoredKey::new("k".into(), order, &secret, 1).unwrap();
        let client = TokenClient {
            client_id: "agent-001".into(),
            digest: [7; 32],
            scopes,
            streams: Some(vec!["main".into()]),
            act_as: vec!["*".into()],
            certificate: None,
            created_at_us: 1,
            revoked_at_us: None,
        };
        let revocation = StoredRevocation {
            token_id: "t".into(),
            until_s: 9,
        };
        for stored in [
            StoredCredential::Key(key),
            StoredCredential::Client(client),
            StoredCredential::Revocation(revocation),
        ] {
            let bytes = stored.to_bytes().unwrap();
            assert_eq!(StoredCredential::from_bytes(&bytes).unwrap(), stored);
        }
        for garbage in ["{", "{}", r#"{"kind":"root"}"#, r#"{"kind":"client"}"#] {
            let read = StoredCredential::from_bytes(garbage.as_bytes());
            assert!(read.is_err(), "{garbage}");
        }
        assert_ne!(row_id("client", "a"), row_id("client", "b"));
        assert!(row_id("client", "a").len() <= 128);
    }
}
