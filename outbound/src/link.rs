//! A connection that somebody at the command line asked for, plain or under TLS. It goes where they
//! said, so no policy stands before it; what the server sends by itself takes another way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::tls::Tls;

/// The connection; see the module.
#[derive(Debug)]
pub enum Link {
    /// Bytes go as they are.
    Plain(TcpStream),
    /// Under TLS.
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// The reading half of a connection.
pub type ReadHalf = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// The writing half of a connection.
pub type WriteHalf = Box<dyn AsyncWrite + Send + Sync + Unpin>;

impl Link {
    /// Connects to `HOST:PORT`; over TLS, if it is said how that is spoken.
    pub async fn connect(authority: &str, tls: Option<&Tls>) -> io::Result<Self> {
        let connector = tls.map(Tls::connector).transpose();
        let connector = connector.map_err(io::Error::other)?;
        let socket = TcpStream::connect(authority).await?;
        socket.set_nodelay(true)?;
        let Some(connector) = connector else {
            return Ok(Self::Plain(socket));
        };
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let stream = connector.connect(name, socket).await?;
        Ok(Self::Encrypted(Box::new(stream)))
    }

    /// Its two halves, for two tasks.
    pub fn into_halves(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Plain(socket) => {
                let (read, write) = socket.into_split();
                (Box::new(read), Box::new(write))
            }
            Self::Encrypted(stream) => {
                let (read, write) = tokio::io::split(stream);
                (Box::new(read), Box::new(write))
            }
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Encrypted(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
