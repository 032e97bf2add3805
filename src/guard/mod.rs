//! The guard: who a request or a session is from, what it may do, and how many requests there may be
//! of it in a minute.
//!
//! [`doorkeeper::Doorkeeper`] turns what was [`presented::Presented`] into an [`identity::Identity`]:
//! nobody in particular, a key, a token. An identity allows a [`scope::Scope`], a stream, an agent,
//! or doesn't; a session wears it as a [`badge::Badge`], which is asked for each [`message::Message`].
//! [`rate::RateLimiter`] counts a request for its [`client::Client`] and answers with a
//! [`verdict::Verdict`]. Whoever serves a request asks both and acts on what they say.
//!
//! Invariants, as absences: no socket, no clock of its own (who calls passes the time in), no
//! verdict that outlives a revocation, no key in clear text but in the one answer that hands it
//! out, and nothing that grows without a bound.

pub mod allowance;
pub mod badge;
pub mod client;
pub mod client_bounds;
pub mod crowd;
pub mod doorkeeper;
pub mod extent;
pub mod identity;
pub mod key;
pub mod key_secret;
pub mod keyring;
pub mod message;
pub mod origins;
pub mod peer_certificate;
pub mod presented;
pub mod proxies;
pub mod rate;
pub mod scope;
pub mod seat;
pub mod stored;
pub mod token_client;
mod token_clients;
pub mod verdict;
pub mod window;
mod windows;

pub use allowance::{Allowance, Consequence, InboundRates, Patience};
pub use badge::{Badge, Denied, NotRenewed, NotShown, Validity};
pub use client::Client;
pub use client_bounds::ClientBounds;
pub use crowd::Crowd;
pub use doorkeeper::{Doorkeeper, NotIssued, OnUnknownKey, Terms};
pub use extent::{Extent, InvalidNames, Reach};
pub use identity::{CredentialRefusal, Identity};
pub use key::{Key, KeyOrder, StoredKey};
pub use key_secret::KeySecret;
pub use keyring::Keyring;
pub use message::{Family, Message};
pub use origins::{Arrival, Origins, Sender};
pub use peer_certificate::PeerCertificate;
pub use presented::{OfBrowser, Presented};
pub use proxies::{Contradiction, TrustedProxies};
pub use rate::RateLimiter;
pub use scope::{Scope, Scopes};
pub use seat::{NoSeat, Seat, Seating};
pub use stored::{StoredCredential, StoredRevocation};
pub use token_client::{Issued, TokenClient};
pub use verdict::Verdict;
pub use window::Standing;
