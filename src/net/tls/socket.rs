//! The socket of a session under TLS, without waiting: what comes in is decrypted into the caller's
//! buffer, what goes out is encrypted piece by piece as the kernel takes it.
//!
//! What was encrypted can't be recalled, so little of it waits: nothing more is encrypted before the
//! kernel has taken what was.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use rustls::ServerConnection;

/// What is encrypted ahead of the kernel: four full records.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A record has no more than this on the wire; so much may lie cut off inside rustls, and as much
/// again decrypted and not yet taken.
const RECORD_BYTES_MAX: usize = 18 * 1024;

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Taken {
    /// So many bytes, and nothing more for now.
    All(usize),
    /// So many bytes, and there may be more.
    Part(usize),
    /// The peer has ended its side.
    End,
}

/// The socket; see the module.
pub(in crate::net) struct TlsSocket {
    tcp: TcpStream,
    tls: ServerConnection,
}

impl TlsSocket {
    /// Of a connection whose handshake is over. What has come of it already is not lost.
    pub(in crate::net) fn new(tcp: TcpStream, mut tls: ServerConnection) -> Self {
        tls.set_buffer_limit(Some(AHEAD_BYTES_MAX));
        Self { tcp, tls }
    }

    /// What the poll watches.
    pub(in crate::net) fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// One read from the kernel, decrypted into the front of `into`; its back is where the encrypted
    /// bytes lie meanwhile.
    pub(in crate::net) fn read(&mut self, into: &mut [u8]) -> io::Result<Taken> {
        let half = into.len() / 2;
        let (plain, sealed) = into.split_at_mut(half);
        let mut bytes = 0;
        let mut is_over = self.take_decrypted(plain, &mut bytes)?;
        // What lies inside already needs room as well.
        let room = plain.len().saturating_sub(bytes + 2 * RECORD_BYTES_MAX);
        if is_over || room == 0 {
            return Ok(taken(bytes, true, is_over));
        }
        let read = loop {
            match self.tcp.read(&mut sealed[..room]) {
                Ok(0) => return Ok(taken(bytes, true, true)),
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if bytes > 0 && error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Taken::All(bytes));
                }
                Err(error) => return Err(error),
            }
        };
        let mut left = &sealed[..read];
        while !left.is_empty() && !is_over {
            self.tls.read_tls(&mut left)?;
            if let Err(error) = self.tls.process_new_packets() {
                // The alert that says why; whether it arrives changes nothing.
                let _ = self.flush();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            is_over = self.take_decrypted(plain, &mut bytes)?;
        }
        // What TLS itself has to answer. What the kernel doesn't take now goes with the next write, which
        // also finds out if it can't be written at all; what was read counts all the same.
        let _ = self.flush();
        Ok(taken(bytes, read == room, is_over))
    }

    /// Takes what is decrypted. Returns whether the peer has said that nothing more comes.
    fn take_decrypted(&mut self, plain: &mut [u8], bytes: &mut usize) -> io::Result<bool> {
        while *bytes < plain.len() {
            match self.tls.reader().read(&mut plain[*bytes..]) {
                Ok(0) => return Ok(true),
                Ok(read) => *bytes += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Encrypts and writes as much as the kernel takes, and at most [`AHEAD_BYTES_MAX`] more. What
    /// was taken of the slices is on its way for good.
    pub(in crate::net) fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = 0;
        while self.flush()? && !slices.is_empty() {
            let taken = self.tls.writer().write_vectored(slices)?;
            if taken == 0 {
                break;
            }
            bytes += taken;
            IoSlice::advance_slices(&mut slices, taken);
        }
        match bytes {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }

    /// Whether the kernel has all that was encrypted.
    pub(in crate::net) fn is_clear(&self) -> bool {
        !self.tls.wants_write()
    }

    /// Hands the kernel what was encrypted. Returns whether it took all.
    pub(in crate::net) fn flush(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says that nothing more comes, and shuts the sending side. Returns whether that is done; if not,
    /// it is to be asked for again once the kernel takes more.
    pub(in crate::net) fn shut(&mut self) -> io::Result<bool> {
        // Said once, however often it is asked for.
        self.tls.send_close_notify();
        let is_done = self.flush()?;
        if is_done {
            self.tcp.shutdown(Shutdown::Write)?;
        }
        Ok(is_done)
    }
}

fn taken(bytes: usize, has_more: bool, is_over: bool) -> Taken {
    match bytes {
        0 if is_over => Taken::End,
        bytes if has_more || is_over => Taken::Part(bytes),
        bytes => Taken::All(bytes),
    }
}
