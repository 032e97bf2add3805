//! Why the server did not start: always one line, with what to change.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use agnt_fleet::OpenError;
use agnt_outbound::SigningKeysError;
use agnt_shared_rate::BadAddress;

use crate::config::ConfigError;
use crate::net::tls::TlsError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("{key}: {address} can't be used: {error}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// More connections than the process may have files.
    #[error(
        "max_connections: {asked} connections need {needed} files and the process may open \
         {allowed}; allowed here are at most {fitting}"
    )]
    TooManyConnections {
        /// What was asked for.
        asked: usize,
        /// Files for that.
        needed: u64,
        /// What the system allows.
        allowed: u64,
        /// What fits.
        fitting: u64,
    },
    /// The data directory can't be used.
    #[error("data_dir: {path:?} can't be used: {error}; allowed: a directory that can be written")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The store can't be used.
    #[error("data_dir: {0}")]
    Store(#[from] OpenError),
    /// What callbacks are signed with can't be read.
    #[error("outbound_hmac_secret_file: {0}")]
    SigningKeys(SigningKeysError),
    /// Nothing can be sent out as configured.
    #[error("outbound: {0}")]
    Outbound(String),
    /// TLS can't be spoken as configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The credentials that the configuration names can't be used.
    #[error("{0}")]
    Credentials(String),
    /// The limits can't be kept with other servers as configured.
    #[error("redis_url: {0}")]
    Redis(#[from] BadAddress),
    /// The configuration does not go with what the store says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system refused something else.
    #[error("start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// Whether a setting is at fault, so that another start fails alike until somebody has changed it.
    /// An address that is taken may be free again, and a disk that is full may have room.
    pub fn is_of_settings(&self) -> bool {
        match self {
            Self::TooManyConnections { .. }
            | Self::SigningKeys(_)
            | Self::Outbound(_)
            | Self::Tls(_)
            | Self::Credentials(_)
            | Self::Redis(_)
            | Self::Config(_) => true,
            Self::DataDir { error, .. } => matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::AlreadyExists
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidFilename
                    | io::ErrorKind::InvalidInput
            ),
            Self::Listen { .. } | Self::Store(_) | Self::System(_) => false,
        }
    }
}
