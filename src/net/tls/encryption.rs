//! TLS as the server speaks it: what new handshakes are carried out with, and the handshakes.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::error::TlsError;
use super::fingerprint::fingerprint;
use super::handshakes::{Handshakes, Place};
use super::source::{Source, Stamp, Terms};
use super::validity::ends_at_s;
use crate::domain::time;
use crate::telemetry::{CertificateReload, Metrics, TlsHandshake};

/// What handshakes are bound by.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeBounds {
    /// How long one may take.
    pub within: Duration,
    /// How many may be under way; one more takes the place of the oldest.
    pub under_way_max: usize,
}

/// TLS; see the module.
pub struct Encryption {
    source: Source,
    current: RwLock<Terms>,
    handshakes: Arc<Handshakes>,
    within: Duration,
    metrics: Arc<Metrics>,
}

impl Encryption {
    /// Reads or makes the certificate.
    pub fn start(
        source: Source,
        bounds: HandshakeBounds,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        let terms = source.load()?;
        let shown = fingerprint(&terms.certificate);
        show_end(&terms, &metrics);
        if source.is_self_signed() {
            tracing::warn!(
                "the certificate is self-signed, for trying out; its SHA-256 fingerprint is {shown}"
            );
        } else {
            tracing::info!("TLS by the certificate with the SHA-256 fingerprint {shown}");
        }
        Ok(Self {
            source,
            current: RwLock::new(terms),
            handshakes: Handshakes::new(bounds.under_way_max),
            within: bounds.within,
            metrics,
        })
    }

    /// The server's own certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.certificate.clone()
    }

    /// Reads the files again. What is wrong with them is told and counted, and changes nothing:
    /// the certificate that was good goes on being shown.
    pub(super) fn renew(&self) {
        match self.source.load() {
            Ok(terms) => {
                let shown = fingerprint(&terms.certificate);
                show_end(&terms, &self.metrics);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = terms;
                self.metrics
                    .certificate_reloads
                    .increment(CertificateReload::Done);
                tracing::info!("TLS from now on by the certificate with the fingerprint {shown}");
            }
            Err(error) => {
                self.metrics
                    .certificate_reloads
                    .increment(CertificateReload::Failed);
                tracing::error!(%error, "the certificate was not replaced; the old one stays");
            }
        }
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.source.stamp()
    }

    pub(super) fn has_files(&self) -> bool {
        self.source.has_files()
    }

    /// A place for one handshake.
    pub(in crate::net) fn enter(&self) -> Place {
        self.handshakes.enter()
    }

    /// Carries out the handshake with a client. Nothing, if none comes of it: that is counted.
    pub(in crate::net) async fn accept(
        &self,
        socket: TcpStream,
        mut place: Place,
    ) -> Option<TlsStream<TcpStream>> {
        let config = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&current.config)
        };
        let accepting = TlsAcceptor::from(config).accept(socket);
        let outcome = tokio::select! {
            accepted = tokio::time::timeout(self.within, accepting) => match accepted {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err((TlsHandshake::Failed, Some(error))),
                Err(_) => Err((TlsHandshake::TimedOut, None)),
            },
            () = place.lost() => Err((TlsHandshake::CrowdedOut, None)),
        };
        match outcome {
            Ok(stream) => {
                self.metrics
                    .tls_handshakes
                    .increment(TlsHandshake::Accepted);
                Some(stream)
            }
            Err((result, error)) => {
                self.metrics.tls_handshakes.increment(result);
                let error: Option<io::Error> = error;
                tracing::debug!(?result, ?error, "no TLS session");
                None
            }
        }
    }
}

/// Tells until when the certificate is good.
fn show_end(terms: &Terms, metrics: &Metrics) {
    let ends_at_s = ends_at_s(&terms.certificate).unwrap_or(0);
    metrics.certificate_expires.set(ends_at_s);
    let now_s = i64::try_from(time::unix_us() / 1_000_000).unwrap_or(i64::MAX);
    if ends_at_s > 0 && ends_at_s <= now_s {
        tracing::error!("the certificate is over: clients will refuse it");
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Encryption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encryption")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
