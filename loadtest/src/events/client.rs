//! A blocking client: one connection, one request at a time.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::origin::{Origin, parse_answer};
use crate::failure::{Context, Failure, Result};

const PIECE_BYTES: usize = 64 << 10;

/// The connection.
#[derive(Debug)]
pub(crate) struct Client {
    origin: Origin,
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
    piece: Vec<u8>,
}

impl Client {
    /// A new connection.
    pub(crate) fn open(origin: &Origin) -> Result<Self> {
        Ok(Self {
            origin: origin.clone(),
            stream: origin.connect()?,
            request: Vec::new(),
            answer: Vec::new(),
            piece: vec![0; PIECE_BYTES],
        })
    }

    /// Sends a request and waits for its answer: the status and the body.
    pub(crate) fn exchange(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Result<(u16, &[u8])> {
        self.request.clear();
        self.origin
            .write_request(method, target, "", body, &mut self.request);
        self.stream.write_all(&self.request).context(target)?;
        self.answer.clear();
        loop {
            let got_bytes = self.stream.read(&mut self.piece).context(target)?;
            if got_bytes == 0 {
                return Err(Failure::new(format!("{target}: the connection was closed")));
            }
            self.answer.extend_from_slice(&self.piece[..got_bytes]);
            if let Some(answer) = parse_answer(&self.answer)? {
                let end = answer.head_bytes + answer.body_bytes;
                if self.answer.len() >= end {
                    return Ok((answer.status, &self.answer[answer.head_bytes..end]));
                }
            }
        }
    }
}
