//! Who a bearer token is from: keys, signatures, claims, revocations, tickets and client secrets.
//!
//! The crate knows no HTTP, no socket and no clock: callers hand in what they were sent and the time
//! in Unix seconds. All cryptography is `ring`'s; what is here are the rules around it.
//!
//! # Promises
//!
//! - **The key says how a token is signed, never the token.** A key has one [`Algorithm`]; the header
//!   is compared with it. `none` isn't one, a public key is no secret, and keys in a header (`jwk`,
//!   `jku`, `x5u`, `x5c`) are not read.
//! - **An issuer speaks for itself.** A token is judged by the policy of the issuer that it names, with
//!   that issuer's keys alone.
//! - **What isn't understood is refused**: `crit`, a claim that is known and has an odd shape, one that
//!   stands there twice or is `null`, padding and stray bits in base64. Unknown claims and unknown
//!   scopes are ignored: they let nobody do anything.
//! - **Nothing is remembered longer than it is true**: not beyond a token's end, its revocation, or the
//!   removal of its key. [`TokenVerifier::recheck`] asks the same for a socket that is open.
//! - **Everything is bounded**: tokens, documents, keys, lists, revocations, tickets, memory of tokens.
//! - **No token, secret or ticket is in a `Debug` text or an error.** [`TokenRefusal`] tells the log
//!   what was wrong; the client learns [`ToldClient`].
//!
//! # Use
//!
//! ```
//! use agnt_credentials::{ActAs, Grant, TokenKeys, TokenMint, TokenPolicy, TokenVerifier};
//!
//! let audiences = vec!["agnt".to_owned()];
//! let mint = TokenMint::from_secret(&[7; 32], Some("me".to_owned()), audiences.clone())?;
//! let policy = TokenPolicy {
//!     issuer: Some("me".to_owned()),
//!     audiences,
//!     scopes: vec!["read".to_owned()],
//!     ..TokenPolicy::default()
//! };
//! let keys = TokenKeys::new([mint.verifying_key().clone()])?;
//! let verifier = TokenVerifier::new(vec![(policy, keys)])?;
//!
//! let grant = Grant {
//!     subject: "agent-001".to_owned(),
//!     scopes: vec!["read".to_owned()],
//!     streams: None,
//!     act_as: ActAs::These(Vec::new()),
//!     ttl_s: 600,
//! };
//! let minted = mint.mint(&grant, 1_800_000_000)?;
//! let verified = verifier.verify(minted.token.as_bytes(), 1_800_000_001)?;
//! assert!(verified.has_scope("read") && verified.speaks_for("agent-001"));
//!
//! verifier.revocations().revoke(&minted.id, verified.ends_at_s(), 1_800_000_002)?;
//! assert!(verifier.verify(minted.token.as_bytes(), 1_800_000_002).is_err());
//! assert!(verifier.recheck(&verified, 1_800_000_002).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Keys that an issuer publishes are a [`JwksCache`]: it says when to fetch what; the caller fetches,
//! and hands changed keys to [`TokenVerifier::set_keys`].

mod algorithm;
mod claims;
mod client_secret;
mod compact;
mod discovery;
mod jwks;
mod jwks_cache;
mod mint;
mod policy;
mod public_key;
mod refusal;
mod revocations;
mod secret;
mod seen;
mod tickets;
mod token;
mod token_key;
mod token_keys;
mod verifier;

pub use algorithm::Algorithm;
pub use claims::{ENTRIES_MAX, NAME_BYTES_MAX};
pub use client_secret::{CLIENT_SECRET_PREFIX, ClientSecret};
pub use discovery::{DISCOVERY_BYTES_MAX, DiscoveryFault};
pub use jwks::{JWKS_BYTES_MAX, Jwks, JwksFault, SkippedKey};
pub use jwks_cache::{Fetched, FetchedFault, JwksCache, JwksPace, JwksSource, Step};
pub use mint::{Grant, MintFault, Minted, TokenMint};
pub use policy::TokenPolicy;
pub use public_key::KeyFault;
pub use refusal::{Shown, TokenRefusal, ToldClient};
pub use revocations::{REVOCATIONS_MAX, RevocationRefused, Revocations};
pub use secret::{NoRandomness, SecretDigest};
pub use tickets::{
    TICKET_PREFIX, TICKET_TTL_S, TICKETS_MAX, TicketRefusal, TicketRefused, Tickets,
};
pub use token::{ActAs, Token, Verified};
pub use token_key::{KEY_ID_BYTES_MAX, PEM_BYTES_MAX, SECRET_BYTES_MIN, TokenKey};
pub use token_keys::{KEYS_MAX, KeysFault, TokenKeys};
pub use verifier::{SEEN_MAX, SameIssuer, TOKEN_BYTES_MAX, TokenVerifier};
