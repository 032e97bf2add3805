//! The one sender of requests that leave an AGNT server: callbacks and health polls.
//!
//! Whoever may register an agent or ask a question may name a URL that the server calls. This crate
//! is what stands between such a URL and the network that the server sits in. Nothing else in the
//! server opens an outgoing HTTP connection. [`Link`] is beside that: the connection of a program that
//! somebody told where to connect, over [TLS](Tls) if they wish.
//!
//! # For operators
//!
//! **Nothing leaves by default.** Give an [allow-list](HostPattern) and a file with a signing key:
//!
//! | wish | allow-list |
//! |---|---|
//! | callbacks to one service | `hooks.example.com` |
//! | callbacks to all hosts of a company | `*.example.com` |
//! | agents in containers, polled at port 8080 | their names, `agent-001:8080`, and their network, `172.18.0.0/16:8080` |
//! | a receiver on the same machine | `127.0.0.1:9000` |
//!
//! **A name on the list doesn't open your network.** It is looked up once for each attempt, every
//! address that it leads to is judged, and the connection goes to one of those. Private and loopback
//! addresses are refused unless `allow_private` is set or the list names the address or its network;
//! link-local, metadata and special-purpose addresses unless the list names the very address;
//! unspecified, multicast and broadcast ones always; and so is this server itself. IPv6 addresses
//! that carry an IPv4 address count as that. A URL has one plain form: other ways to write an address,
//! a user before the host and a fragment are refused, not repaired.
//!
//! **What is sent.** `POST` with a JSON body and the headers
//!
//! | header | value |
//! |---|---|
//! | `X-AGNT-Delivery`, `Idempotency-Key` | the delivery's id, the same at each attempt |
//! | `X-AGNT-Signature` | `t=<unix seconds>,v1=<hex>`, with a second `v1=` while two keys are set |
//!
//! A receiver takes `t`, a dot and the raw body, makes their HMAC-SHA256 with the key (the bytes of
//! the line in the file, as they are), compares it in constant time with each `v1`, refuses a `t` that
//! is older than a few minutes, and remembers ids: a delivery may come more than once. To change the
//! key, put the new one into the first line and the old one into the second, until all receivers know
//! the new one.
//!
//! **When it is tried again.** 2xx is success. No reply, 408, 425, 429 and 5xx are tried again, by
//! default three times, after a random wait of up to 0.5, 1, 2 s, or what `Retry-After` asks for.
//! Redirects are not followed and, like all else, final. After five failures in a row a host is left
//! alone for 30 s. An attempt has 3 s, a delivery 60 s; of a reply 64 KiB are read and thrown away.
//! Each bound is in [`Limits`]. What waits is in memory: [`Delivery`] says what that asks of the caller.
//!
//! **No proxy** of the environment is used, and no connection is kept for later.

mod address;
mod authorities;
mod backoff;
mod breaker;
mod delivery;
mod errand;
mod exchange;
mod fault;
mod fetcher;
mod health;
mod host;
mod host_pattern;
mod hosts;
mod limits;
mod link;
mod measure;
mod outbound;
mod policy;
mod refused_target;
mod resolver;
mod settings;
mod signature;
mod target;
mod tls;
mod wire;

pub use address::AddressKind;
pub use delivery::{Delivery, Failure, OnDone, Outcome, SendError};
pub use exchange::DELIVERY_HEADER;
pub use fault::Fault;
pub use fetcher::{FetchFailure, Fetcher};
pub use health::{Health, PollFailure};
pub use host_pattern::{HostPattern, HostPatternError};
pub use limits::Limits;
pub use link::{Link, ReadHalf, WriteHalf};
pub use measure::{Load, Measure, Meter};
pub use outbound::Outbound;
pub use refused_target::RefusedTarget;
pub use resolver::{Boxed, Resolve, SystemResolver};
pub use settings::{Settings, SettingsError};
pub use signature::{SIGNATURE_HEADER, SigningKeys, SigningKeysError};
pub use target::{Target, URL_BYTES_MAX};
pub use tls::{ShownCertificate, Tls, Trust};
