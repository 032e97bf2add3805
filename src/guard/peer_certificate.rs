//! The certificate that a client has shown in the TLS handshake.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// A client's certificate as it came, in DER. TLS has verified that an authority which is trusted for
/// clients signed it, and that the client has its key. It stands among a request's extensions.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Arc<[u8]>);

impl PeerCertificate {
    /// The certificate of these bytes, which TLS has verified.
    pub fn new(der: &[u8]) -> Self {
        Self(Arc::from(der))
    }

    /// Its fingerprint.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// Its bytes, in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

/// Shows how long it is: what is in it is personal.
impl std::fmt::Debug for PeerCertificate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PeerCertificate({} bytes)", self.0.len())
    }
}
