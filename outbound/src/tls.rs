//! TLS as a program speaks it that calls a server: whom it trusts, and what it shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::TlsConnector;

use crate::authorities;
use crate::settings::SettingsError;

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of the system.
    #[default]
    System,
    /// Those of a PEM file, in place of the system's.
    Authorities(PathBuf),
    /// Whoever has the key of this very certificate, under any name.
    Certificate(CertificateDer<'static>),
}

/// A certificate that is shown to servers which ask for one, and its key: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// The certificate, and those between it and its authority.
    pub chain: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// TLS; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whom to trust.
    pub trust: Trust,
    /// What to show to a server that asks.
    pub shown: Option<ShownCertificate>,
}

impl Tls {
    /// Whoever asks is shown nothing.
    pub fn trusting(trust: Trust) -> Self {
        Self { trust, shown: None }
    }

    /// A connector that speaks so.
    pub fn connector(&self) -> Result<TlsConnector, SettingsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::Authorities {
                origin: "TLS".to_owned(),
                reason: error.to_string(),
            })?;
        let builder = match &self.trust {
            Trust::System => builder.with_root_certificates(authorities::roots(None)?),
            Trust::Authorities(file) => {
                builder.with_root_certificates(authorities::roots(Some(file))?)
            }
            Trust::Certificate(certificate) => {
                let certificate = certificate.clone();
                let verifier = Pinned {
                    certificate,
                    provider,
                };
                let builder = builder.dangerous();
                builder.with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let config = match &self.shown {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let (chain, key) = shown.read()?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(|error| unusable(&shown.chain, &error))?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl ShownCertificate {
    #[allow(clippy::type_complexity, reason = "what rustls takes, once")]
    fn read(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), SettingsError> {
        let chain = CertificateDer::pem_file_iter(&self.chain)
            .and_then(Iterator::collect::<Result<Vec<_>, pem::Error>>)
            .map_err(|error| unusable(&self.chain, &error))?;
        if chain.is_empty() {
            return Err(unusable(&self.chain, &"it holds no certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| unusable(&self.key, &error))?;
        Ok((chain, key))
    }
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> SettingsError {
    SettingsError::Certificate {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Takes one certificate and no other. That the server has its key is checked as ever.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match *end_entity == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::General(
                "it is not the certificate that is trusted".to_owned(),
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
