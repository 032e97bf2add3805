//! The socket of a session, plain or under TLS: blocking while it is opened, polled afterwards.

use std::io::{self, IoSliceMut, Read, Write};
use std::net::TcpStream as Blocking;
use std::path::Path;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::failure::{Context, Failure, Result};

/// Whom TLS trusts.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The authorities of a PEM file, and no others.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let found = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .context(file.display())?;
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err(Failure::new(format!("{}: no certificate", file.display())));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// A socket that blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Bytes go as they are.
    Plain(Blocking),
    /// Under TLS.
    Encrypted(Box<StreamOwned<ClientConnection, Blocking>>),
}

impl Stream {
    /// What goes over this socket; the handshake of TLS comes with the first bytes.
    pub(crate) fn over(socket: Blocking, trust: Option<&Trust>) -> Result<Self> {
        let Some(trust) = trust else {
            return Ok(Self::Plain(socket));
        };
        let address = socket.peer_addr().context("socket")?;
        let name = ServerName::from(address.ip());
        let session = ClientConnection::new(Arc::clone(&trust.0), name).context("TLS")?;
        Ok(Self::Encrypted(Box::new(StreamOwned::new(session, socket))))
    }

    /// The socket beneath.
    pub(crate) fn socket(&self) -> &Blocking {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => &stream.sock,
        }
    }

    /// The same without blocking, for a poll.
    pub(crate) fn into_polled(self) -> Result<Polled> {
        self.socket().set_nonblocking(true).context("socket")?;
        Ok(match self {
            Self::Plain(socket) => Polled::Plain(TcpStream::from_std(socket)),
            Self::Encrypted(stream) => {
                let (session, socket) = stream.into_parts();
                let stream = StreamOwned::new(session, TcpStream::from_std(socket));
                Polled::Encrypted(Box::new(stream))
            }
        })
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Encrypted(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}

/// A socket that a poll watches. A read that leaves room has taken all there is.
#[derive(Debug)]
pub(crate) enum Polled {
    /// Bytes go as they are.
    Plain(TcpStream),
    /// Under TLS.
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Polled {
    /// What the poll watches.
    pub(crate) fn source(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => &mut stream.sock,
        }
    }
}

impl Read for Polled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Encrypted(stream) => fill(stream, into),
        }
    }

    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let stream = match self {
            Self::Plain(socket) => return socket.read_vectored(into),
            Self::Encrypted(stream) => stream,
        };
        let mut bytes = 0;
        for slice in into {
            match fill(stream, slice) {
                Ok(read) if read < slice.len() => return Ok(bytes + read),
                Ok(read) => bytes += read,
                Err(_) if bytes > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }
}

/// Reads until the socket is empty or `into` is full.
fn fill(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    into: &mut [u8],
) -> io::Result<usize> {
    let mut bytes = 0;
    while bytes < into.len() {
        match stream.read(&mut into[bytes..]) {
            Ok(0) => break,
            Ok(read) => bytes += read,
            // It comes again with the next read.
            Err(_) if bytes > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

impl Write for Polled {
    /// Over TLS what was written waits for the next write or flush where the kernel has no room.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}
