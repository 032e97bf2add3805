//! A connection that publishes: one request at a time, its answer read as it comes.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::ledger::accepted_sequence;
use super::origin::{Origin, parse_answer};
use crate::failure::{Context, Failure, Result};

/// A publication that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Its number.
    pub(crate) number: usize,
    /// Where the server says that it stands.
    pub(crate) sequence: u64,
}

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing whole yet.
    Nothing,
    /// The answer.
    Receipt(Receipt),
    /// The server has closed the connection, which was idle for long.
    Closed,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Poster {
    stream: TcpStream,
    out: Vec<u8>,
    sent_bytes: usize,
    read: Vec<u8>,
    /// The publication that is under way.
    number: Option<usize>,
}

impl Poster {
    /// A new connection, non-blocking.
    pub(crate) fn open(origin: &Origin) -> Result<Self> {
        let stream = origin.connect()?;
        stream.set_nonblocking(true).context("socket")?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            out: Vec::new(),
            sent_bytes: 0,
            read: Vec::new(),
            number: None,
        })
    }

    /// The socket.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends publication `number`; the one before has been answered.
    pub(crate) fn publish(&mut self, origin: &Origin, number: usize, body: &[u8]) -> Result<()> {
        self.number = Some(number);
        self.out.clear();
        self.sent_bytes = 0;
        origin.write_request("POST", "/api/v1/events", "", Some(body), &mut self.out);
        self.send()
    }

    /// Sends what the socket takes.
    pub(crate) fn send(&mut self) -> Result<()> {
        while self.sent_bytes < self.out.len() {
            match self.stream.write(&self.out[self.sent_bytes..]) {
                Ok(bytes) => self.sent_bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("publishing"),
            }
        }
        Ok(())
    }

    /// Reads what is there.
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) -> Result<Received> {
        loop {
            match self.stream.read(scratch) {
                Ok(0) if self.number.is_none() => return Ok(Received::Closed),
                Ok(0) => return Err(Failure::new("the server closed a publisher's connection")),
                Ok(bytes) => self.read.extend_from_slice(&scratch[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("waiting for an answer"),
            }
        }
        let Some(answer) = parse_answer(&self.read)? else {
            return Ok(Received::Nothing);
        };
        let end = answer.head_bytes + answer.body_bytes;
        if self.read.len() < end {
            return Ok(Received::Nothing);
        }
        let sequence = accepted_sequence(answer.status, &self.read[answer.head_bytes..end])?;
        self.read.drain(..end);
        let number = self.number.take();
        let number = number.ok_or_else(|| Failure::new("an answer that nobody asked for"))?;
        Ok(Received::Receipt(Receipt { number, sequence }))
    }
}
