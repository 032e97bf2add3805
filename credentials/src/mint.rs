//! Makes tokens: for `agnt token`, and for clients that ask with their id and secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rustls_pki_types::pem::{PemObject, SectionKind};
use serde_json::{Map, Value, json};

use crate::claims::{ENTRIES_MAX, NAME_BYTES_MAX};
use crate::public_key::{KeyFault, PublicKey};
use crate::secret::{NoRandomness, random_bytes};
use crate::token::ActAs;
use crate::token_key::{PEM_BYTES_MAX, TokenKey};
use crate::verifier::TOKEN_BYTES_MAX;

/// The random bytes of a token's id.
const ID_BYTES: usize = 16;

/// The mint; see the module. It never shows its key.
pub struct TokenMint {
    key: PrivateKey,
    public: TokenKey,
    issuer: Option<String>,
    audiences: Vec<String>,
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who it is for.
    pub subject: String,
    /// What it lets them do.
    pub scopes: Vec<String>,
    /// For which streams; `None` is all of them.
    pub streams: Option<Vec<String>>,
    /// For whom else they may speak.
    pub act_as: ActAs,
    /// For how long it is good, in seconds.
    pub ttl_s: u64,
}

/// A token that was made.
#[derive(Clone)]
pub struct Minted {
    /// The token, for the one who asked for it.
    pub token: String,
    /// Its id, by which it can be revoked.
    pub id: String,
    /// When it ends, in Unix seconds.
    pub expires_at_s: u64,
}

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintFault {
    /// A subject that no token may have.
    #[error("subject: not 1 to {NAME_BYTES_MAX} bytes without control characters")]
    Subject,
    /// A scope that would be read as several, or as none.
    #[error("scope: '{0}' is empty or has a space in it")]
    Scope(String),
    /// A list that nobody would read.
    #[error("{name}: {entries} entries; {ENTRIES_MAX} are allowed")]
    Entries {
        /// The list.
        name: &'static str,
        /// How many it has.
        entries: usize,
    },
    /// A token that would end at once.
    #[error("ttl: 0 s; at least 1 s is needed")]
    Ttl,
    /// A token that no verifier would look at.
    #[error("token: {0} bytes; {TOKEN_BYTES_MAX} are allowed. Name fewer streams or agents")]
    Bytes(usize),
    /// The key failed, or there was no randomness for it.
    #[error("the key did not sign")]
    Unsigned,
    /// There was no randomness for the token's id.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

enum PrivateKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(hmac::Key),
}

impl TokenMint {
    /// A mint with a private key: `PRIVATE KEY` (PKCS #8: RSA of 2048 to 4096 bits, EC on P-256,
    /// Ed25519) or `RSA PRIVATE KEY`. The id of the key is its thumbprint (RFC 7638).
    pub fn from_pem(
        text: &[u8],
        issuer: Option<String>,
        audiences: Vec<String>,
    ) -> Result<Self, KeyFault> {
        let key = PrivateKey::from_pem(text)?;
        let public = TokenKey::public(key.public()?);
        Ok(Self {
            key,
            public,
            issuer,
            audiences,
        })
    }

    /// A mint with a secret of at least 32 bytes (HS256).
    pub fn from_secret(
        secret: &[u8],
        issuer: Option<String>,
        audiences: Vec<String>,
    ) -> Result<Self, KeyFault> {
        let public = TokenKey::from_secret(secret)?;
        Ok(Self {
            key: PrivateKey::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret)),
            public,
            issuer,
            audiences,
        })
    }

    /// What its tokens are verified with. For a secret, that is the secret.
    pub const fn verifying_key(&self) -> &TokenKey {
        &self.public
    }

    /// A token that says so, made at that time.
    pub fn mint(&self, grant: &Grant, now_s: u64) -> Result<Minted, MintFault> {
        self.sign(grant, grant.claims(), now_s)
    }

    /// The same for a client that has its secret since then, in microseconds since 1970.
    pub fn mint_for_client(
        &self,
        grant: &Grant,
        since_us: u64,
        now_s: u64,
    ) -> Result<Minted, MintFault> {
        let mut claims = grant.claims();
        claims.insert("agnt_secret_since".into(), since_us.into());
        self.sign(grant, claims, now_s)
    }

    fn sign(
        &self,
        grant: &Grant,
        mut claims: Map<String, Value>,
        now_s: u64,
    ) -> Result<Minted, MintFault> {
        grant.check()?;
        let id = URL_SAFE_NO_PAD.encode(random_bytes::<ID_BYTES>()?);
        let expires_at_s = now_s.saturating_add(grant.ttl_s);
        claims.insert("jti".into(), id.clone().into());
        claims.insert("iat".into(), now_s.into());
        claims.insert("exp".into(), expires_at_s.into());
        if let Some(issuer) = &self.issuer {
            claims.insert("iss".into(), issuer.clone().into());
        }
        match &self.audiences[..] {
            [] => {}
            [audience] => drop(claims.insert("aud".into(), audience.clone().into())),
            several => drop(claims.insert("aud".into(), several.into())),
        }
        let (alg, kid) = (self.public.algorithm().name(), self.public.id());
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let parts = [header, Value::Object(claims)];
        let parts = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = parts.join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())?);
        let token = format!("{signed}.{signature}");
        match token.len() > TOKEN_BYTES_MAX {
            true => Err(MintFault::Bytes(token.len())),
            false => Ok(Minted {
                token,
                id,
                expires_at_s,
            }),
        }
    }
}

impl Grant {
    fn check(&self) -> Result<(), MintFault> {
        let subject = &self.subject;
        let is_named = (1..=NAME_BYTES_MAX).contains(&subject.len());
        if !is_named || subject.contains(char::is_control) {
            return Err(MintFault::Subject);
        }
        let is_odd = |scope: &&String| scope.is_empty() || scope.contains(char::is_whitespace);
        if let Some(scope) = self.scopes.iter().find(is_odd) {
            let shown = scope.chars().take(64).flat_map(char::escape_default);
            return Err(MintFault::Scope(shown.collect()));
        }
        let agents = match &self.act_as {
            ActAs::These(agents) => agents.len(),
            ActAs::Everyone => 0,
        };
        let streams = self.streams.as_ref().map_or(0, Vec::len);
        let lists = [("streams", streams), ("act_as", agents)];
        if let Some((name, entries)) = lists.into_iter().find(|(_, len)| *len > ENTRIES_MAX) {
            return Err(MintFault::Entries { name, entries });
        }
        match self.ttl_s {
            0 => Err(MintFault::Ttl),
            _ => Ok(()),
        }
    }

    fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), self.subject.clone().into());
        claims.insert("scope".into(), self.scopes.join(" ").into());
        if let Some(streams) = &self.streams {
            claims.insert("agnt_streams".into(), streams.as_slice().into());
        }
        match &self.act_as {
            ActAs::Everyone => drop(claims.insert("act_as".into(), "*".into())),
            ActAs::These(agents) if agents.is_empty() => {}
            ActAs::These(agents) => {
                claims.insert("act_as".into(), agents.as_slice().into());
            }
        }
        claims
    }
}

impl PrivateKey {
    fn from_pem(text: &[u8]) -> Result<Self, KeyFault> {
        if text.len() > PEM_BYTES_MAX {
            return Err(KeyFault::Form("more than 64 KiB of PEM"));
        }
        // Some tools put the curve's parameters before the key.
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text);
        let (kind, der) = match (sections.next(), sections.next()) {
            (Some(Ok(section)), None) => section,
            (None, _) => return Err(KeyFault::Form("no PEM of a private key")),
            _ => return Err(KeyFault::Form("more than one key, or broken PEM")),
        };
        match kind {
            SectionKind::PrivateKey => Self::from_pkcs8(&der),
            SectionKind::RsaPrivateKey => {
                let form = |_| KeyFault::Form("not an RSA key of 2048 to 4096 bits");
                RsaKeyPair::from_der(&der).map(Self::Rsa).map_err(form)
            }
            SectionKind::EcPrivateKey => Err(KeyFault::Form(
                "an EC key in its old form; `openssl pkcs8 -topk8 -nocrypt` makes the one that is read",
            )),
            _ => Err(KeyFault::Form("PEM of something else than a private key")),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFault> {
        // Without the public half, as OpenSSL writes it, there is nothing to compare with.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self::Ed25519(pair));
        }
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new()) {
            return Ok(Self::P256(pair));
        }
        let form = |_| KeyFault::Form("not RSA of 2048 to 4096 bits, EC on P-256 or Ed25519");
        RsaKeyPair::from_pkcs8(der).map(Self::Rsa).map_err(form)
    }

    fn public(&self) -> Result<PublicKey, KeyFault> {
        match self {
            Self::Rsa(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
                PublicKey::rsa(&public.n, &public.e)
            }
            Self::P256(pair) => PublicKey::p256_point(pair.public_key().as_ref()),
            Self::Ed25519(pair) => PublicKey::ed25519(pair.public_key().as_ref()),
            Self::Secret(_) => Err(KeyFault::Kind),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintFault> {
        let randomness = SystemRandom::new();
        let unsigned = |_| MintFault::Unsigned;
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &randomness, message, &mut signature);
                signed.map(|()| signature).map_err(unsigned)
            }
            Self::P256(pair) => {
                let signed = pair.sign(&randomness, message);
                signed.map(|it| it.as_ref().to_vec()).map_err(unsigned)
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

impl std::fmt::Debug for TokenMint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "TokenMint({:?}, key hidden)", self.public)
    }
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, until) = (&self.id, self.expires_at_s);
        write!(out, "Minted(token hidden, id {id}, until {until})")
    }
}
