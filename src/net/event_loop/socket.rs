//! The socket of a connection: as it is, or under TLS.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::ServerConnection;

use crate::net::tls::{Taken, TlsSocket};

/// The socket; see the module.
pub struct Socket(Kind);

enum Kind {
    Plain(TcpStream),
    Encrypted(Box<TlsSocket>),
}

impl Socket {
    /// One that doesn't block, over which bytes go as they are.
    pub fn plain(socket: std::net::TcpStream) -> Self {
        Self(Kind::Plain(TcpStream::from_std(socket)))
    }

    /// One that doesn't block, with the TLS session that was agreed on over it.
    pub fn encrypted(socket: std::net::TcpStream, session: ServerConnection) -> Self {
        let socket = TlsSocket::new(TcpStream::from_std(socket), session);
        Self(Kind::Encrypted(Box::new(socket)))
    }

    /// What the poll watches.
    pub(super) fn source(&mut self) -> &mut TcpStream {
        match &mut self.0 {
            Kind::Plain(socket) => socket,
            Kind::Encrypted(socket) => socket.tcp(),
        }
    }

    /// One read, into the front of `into`; all of it may be written to.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<Taken> {
        match &mut self.0 {
            Kind::Plain(socket) => socket.read(into).map(|bytes| match bytes {
                0 => Taken::End,
                bytes if bytes == into.len() => Taken::Part(bytes),
                bytes => Taken::All(bytes),
            }),
            Kind::Encrypted(socket) => socket.read(into),
        }
    }

    /// Writes what it takes of the slices.
    pub(super) fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<usize> {
        match (&mut self.0, slices) {
            (Kind::Plain(socket), [slice]) => socket.write(slice),
            (Kind::Plain(socket), slices) => socket.write_vectored(slices),
            (Kind::Encrypted(socket), slices) => socket.write(slices),
        }
    }

    /// Whether the kernel has all that was written.
    pub(super) fn is_clear(&self) -> bool {
        match &self.0 {
            Kind::Plain(_) => true,
            Kind::Encrypted(socket) => socket.is_clear(),
        }
    }

    /// Hands the kernel what was written and waits here. Returns whether it took all.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        match &mut self.0 {
            Kind::Plain(_) => Ok(true),
            Kind::Encrypted(socket) => socket.flush(),
        }
    }

    /// Shuts the sending side. Returns whether that is done.
    pub(super) fn shut(&mut self) -> io::Result<bool> {
        match &mut self.0 {
            Kind::Plain(socket) => socket.shutdown(Shutdown::Write).map(|()| true),
            Kind::Encrypted(socket) => socket.shut(),
        }
    }
}
