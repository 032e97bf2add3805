//! Whom TLS trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::settings::SettingsError;

/// A connector that trusts the authorities of the operator's file, else the system's.
pub(crate) fn connector(file: Option<&Path>) -> Result<TlsConnector, SettingsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::Authorities {
            origin: "TLS".to_owned(),
            reason: error.to_string(),
        })?
        .with_root_certificates(roots(file)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The authorities of the operator's file, else the system's.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCertStore, SettingsError> {
    let (origin, certificates) = if let Some(path) = file {
        let origin = path.display().to_string();
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| SettingsError::Authorities {
                origin: origin.clone(),
                reason: error.to_string(),
            })?;
        (origin, certificates)
    } else {
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            tracing::warn!(%error, "a certificate of the system can't be read");
        }
        ("the system".to_owned(), loaded.certs)
    };
    let mut roots = RootCertStore::empty();
    let (trusted, ignored) = roots.add_parsable_certificates(certificates);
    if trusted == 0 && file.is_some() {
        return Err(SettingsError::Authorities {
            origin,
            reason: "it holds no certificate".to_owned(),
        });
    }
    // Without any the server still runs: http and everything that isn't called stay as they are.
    if trusted == 0 {
        tracing::warn!("the system has no certificates of authorities: https calls will fail");
    }
    tracing::debug!(trusted, ignored, origin, "certificates of authorities");
    Ok(roots)
}
