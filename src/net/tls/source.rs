//! Where the certificate comes from, and what is made of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Take};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::error::TlsError;
use super::self_signed::SelfSigned;

/// What is read of a file at most: its name may lead to what never ends.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is spoken over a connection, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// PEM files.
    Files {
        /// The certificate, and those of its issuers.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
        /// Who signs clients' certificates, if those are asked for.
        clients: Option<ClientAuthorities>,
    },
    /// It was made here, for trying out, and stays the same as long as the process runs.
    SelfSigned {
        /// The certificate and its key.
        made: Arc<SelfSigned>,
        /// Who signs clients' certificates, if those are asked for.
        clients: Option<ClientAuthorities>,
    },
}

/// Who signs clients' certificates.
#[derive(Clone, Debug)]
pub struct ClientAuthorities {
    /// A PEM file of their certificates.
    pub file: PathBuf,
    /// Whether a client without a certificate is refused.
    pub is_required: bool,
}

/// What TLS is spoken with.
pub(super) struct Terms {
    pub(super) config: Arc<ServerConfig>,
    /// The server's own certificate.
    pub(super) certificate: CertificateDer<'static>,
}

/// What tells one state of the files from another: when they changed, how long they are, which
/// files they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(i64, i64, u64, u64)>>);

impl Source {
    /// A certificate that is made now, good for this machine's own names, for the address that is
    /// listened on and for `host`, a name under which clients reach the server.
    pub fn self_signed(
        listen: SocketAddr,
        host: Option<&str>,
        clients: Option<ClientAuthorities>,
    ) -> Result<Self, TlsError> {
        let made = Arc::new(SelfSigned::new(listen, host)?);
        Ok(Self::SelfSigned { made, clients })
    }

    /// Reads the files as they are now.
    pub(super) fn load(&self) -> Result<Terms, TlsError> {
        let (chain, key) = match self {
            Self::Files {
                certificate, key, ..
            } => (certificates(certificate)?, private_key(key)?),
            Self::SelfSigned { made, .. } => (vec![made.certificate.clone()], made.key.clone_key()),
        };
        let own = chain[0].clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match self.clients() {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(clients.verifier(provider)?),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // A fresh one each time: who was let in by authorities that are trusted no more must show a
        // certificate again.
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(Terms {
            config: Arc::new(config),
            certificate: own,
        })
    }

    /// The present state of the files; always the same if there are none.
    pub(super) fn stamp(&self) -> Stamp {
        let mut files = match self {
            Self::Files {
                certificate, key, ..
            } => vec![certificate.as_path(), key.as_path()],
            Self::SelfSigned { .. } => Vec::new(),
        };
        files.extend(self.clients().map(|clients| clients.file.as_path()));
        let stamps = files.into_iter().map(|file| {
            let about = fs::metadata(file).ok()?;
            // When anything about it changed, which nobody sets back.
            let (s, ns) = (about.ctime(), about.ctime_nsec());
            Some((s, ns, about.len(), about.ino()))
        });
        Stamp(stamps.collect())
    }

    /// Whether there is anything that can be read again.
    pub(super) fn has_files(&self) -> bool {
        matches!(self, Self::Files { .. }) || self.clients().is_some()
    }

    /// Whether the certificate is made here.
    pub(super) fn is_self_signed(&self) -> bool {
        matches!(self, Self::SelfSigned { .. })
    }

    fn clients(&self) -> Option<&ClientAuthorities> {
        match self {
            Self::Files { clients, .. } | Self::SelfSigned { clients, .. } => clients.as_ref(),
        }
    }
}

impl ClientAuthorities {
    fn verifier(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let failed = |problem: String| TlsError::ClientAuthorities {
            path: self.file.clone(),
            problem,
        };
        let found = read_certificates(&self.file).map_err(failed)?;
        let mut roots = RootCertStore::empty();
        for authority in found {
            roots
                .add(authority)
                .map_err(|error| failed(error.to_string()))?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if !self.is_required {
            builder = builder.allow_unauthenticated();
        }
        let built = builder.build();
        built.map_err(|error| failed(error.to_string()))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    read_certificates(path).map_err(|problem| TlsError::Certificate {
        path: path.to_owned(),
        problem,
    })
}

/// All certificates of a file, of which there is at least one.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    let found = CertificateDer::pem_reader_iter(file);
    match found.collect::<Result<Vec<_>, _>>() {
        Ok(found) if found.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let failed = |problem| TlsError::Key {
        path: path.to_owned(),
        problem,
    };
    let file = open(path).map_err(|error| failed(error.to_string()))?;
    PrivateKeyDer::from_pem_reader(file).map_err(|error| failed(error.to_string()))
}

/// Opens a file for reading without waiting for whoever writes it, should it be a pipe.
fn open(path: &Path) -> io::Result<Take<File>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    Ok(file.take(FILE_BYTES_MAX))
}
