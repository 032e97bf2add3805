//! One connection with at most one request on its way.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::answer::Answer;
use super::mix::Kind;
use super::requests::Expected;
use crate::failure::{Context, Failure, Result};

/// A server closes connections that are quiet; one that was quiet so long is opened anew.
const QUIET_MAX: Duration = Duration::from_secs(4);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Its kind.
    pub(crate) kind: Kind,
    /// When it was due, which its latency counts from.
    pub(crate) due: Instant,
    /// What answers it.
    pub(crate) expected: Expected,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// What is to be sent, and how much of it is.
    pub(crate) outgoing: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    /// The request that isn't answered yet.
    pub(crate) asked: Option<Asked>,
    used: Instant,
}

impl Connection {
    /// Connects, and registers as `token`.
    pub(crate) fn open(address: SocketAddr, registry: &Registry, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)
            .context(format!("connection to {address}"))?;
        stream.set_nodelay(true).context("socket")?;
        stream.set_nonblocking(true).context("socket")?;
        let mut stream = TcpStream::from_std(stream);
        registry
            .register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)
            .context("epoll")?;
        Ok(Self {
            stream,
            outgoing: Vec::new(),
            sent: 0,
            received: Vec::new(),
            asked: None,
            used: Instant::now(),
        })
    }

    /// Whether the server may have closed it for being quiet.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) > QUIET_MAX
    }

    /// Sends what is in `outgoing` as far as the socket takes it.
    pub(crate) fn send(&mut self) -> Result<()> {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(bytes) => self.sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(format!("a request: {error}"))),
            }
        }
        Ok(())
    }

    /// Reads what has come and gives the answer to `take`, once it is whole; then the connection is
    /// free.
    pub(crate) fn receive<T>(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        take: impl FnOnce(Asked, Answer<'_>) -> T,
    ) -> Result<Option<T>> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Err(Failure::new("the server closed the connection")),
                Ok(bytes) => {
                    self.received.extend_from_slice(&scratch[..bytes]);
                    // The next byte brings an event of its own.
                    if bytes < scratch.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(format!("an answer: {error}"))),
            }
        }
        if self.received.is_empty() {
            return Ok(None);
        }
        let Some(answer) = Answer::read(&self.received)? else {
            return Ok(None);
        };
        let is_one = answer.len == self.received.len();
        let Some(asked) = self.asked.take().filter(|_| is_one) else {
            return Err(Failure::new("the server sent more than was asked for"));
        };
        let taken = take(asked, answer);
        self.received.clear();
        self.outgoing.clear();
        self.sent = 0;
        self.used = now;
        Ok(Some(taken))
    }
}
