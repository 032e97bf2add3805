//! Why a certificate, its key or an authority can't be used.

use std::path::PathBuf;

/// The error; each names the setting, what it was and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificates can't be read.
    #[error(
        "tls_cert: {path:?} can't be used: {problem}; allowed: a PEM file with the certificate \
             first and those of its issuers behind it"
    )]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of the key can't be read.
    #[error(
        "tls_key: {path:?} can't be used: {problem}; allowed: a PEM file with the certificate's \
             key, which has no password"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of authorities can't be read.
    #[error(
        "tls_client_ca: {path:?} can't be used: {problem}; allowed: a PEM file with the \
             certificates of those who sign clients' certificates"
    )]
    ClientAuthorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate and the key don't go together, or not with this server.
    #[error("tls_cert: {0}; allowed: a certificate with its own key")]
    Together(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("tls_self_signed: no certificate could be made: {0}")]
    SelfSigned(#[from] rcgen::Error),
}
