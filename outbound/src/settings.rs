//! What the operator sets.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::host_pattern::HostPattern;
use crate::limits::Limits;
use crate::signature::SigningKeys;

/// What the operator sets. By default nothing leaves: the allow-list is empty.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which hosts may be called. Empty: none, and nothing else here is looked at.
    pub allow: Vec<HostPattern>,
    /// Whether names on the list may lead to private and loopback addresses. Link-local and
    /// special ones stay closed unless the list names the address itself.
    pub allow_private: bool,
    /// The keys that callbacks are signed with; needed as soon as the list has an entry.
    pub signing_keys: Option<SigningKeys>,
    /// A file of PEM certificates of authorities, in place of the system's.
    pub authorities_file: Option<PathBuf>,
    /// Where this server listens; calls that lead there are refused.
    pub own_addresses: Vec<SocketAddr>,
    /// Other names by which this server is reached, such as a proxy's; refused likewise.
    pub own_hosts: Vec<HostPattern>,
    /// Each bound.
    pub limits: Limits,
    /// The wall clock, in seconds since 1970, for the signatures.
    pub unix_time_s: fn() -> u64,
}

/// Settings with which the sender can't start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is an allow-list and no key to sign with.
    #[error("no signing key is not allowed with an allow-list; allowed: a file of signing keys")]
    NoSigningKey,
    /// A bound of nothing.
    #[error("{name}: 0 is not allowed; allowed: 1 and more")]
    Zero {
        /// The bound.
        name: &'static str,
    },
    /// The certificates of authorities can't be had.
    #[error("{origin}: the certificates of authorities can't be read: {reason}")]
    Authorities {
        /// The file, or the system.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The certificate that is to be shown can't be.
    #[error(
        "{path}: it can't be shown: {reason}; allowed: PEM files of a certificate and of its key"
    )]
    Certificate {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Settings {
    /// Settings with which nothing leaves.
    pub fn closed(unix_time_s: fn() -> u64) -> Self {
        Self {
            allow: Vec::new(),
            allow_private: false,
            signing_keys: None,
            authorities_file: None,
            own_addresses: Vec::new(),
            own_hosts: Vec::new(),
            limits: Limits::default(),
            unix_time_s,
        }
    }
}
