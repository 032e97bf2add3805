//! One publisher: makes its ticks into masked WebSocket frames and sends them without blocking.

use std::io::{self, Write};

use crate::inbox::{Filled, Inbox};
use crate::published::Published;
use crate::stream::Polled;
use crate::swarm::{FLAG_MORE, FRAME_RECORDS_MAX, RECORD_BYTES, frame_head};
use crate::wire::{BINARY, CLOSE, PING, PONG, write_client_frame};

/// Beyond this, no further tick is made before the socket has taken some.
const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// A publisher's connection.
#[derive(Debug)]
pub(crate) struct Publisher {
    stream: Polled,
    index: usize,
    inbox: Inbox,
    outbox: Vec<u8>,
    sent_bytes: usize,
    closed: Option<String>,
}

impl Publisher {
    /// Publisher number `index` on an open session.
    pub(crate) fn new(stream: Polled, index: usize) -> Self {
        Self {
            stream,
            index,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            sent_bytes: 0,
            closed: None,
        }
    }

    /// Why the connection ended, if it did.
    pub(crate) fn closed(&self) -> Option<&str> {
        self.closed.as_deref()
    }

    /// Whether another tick may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.closed.is_none() && self.outbox.len() - self.sent_bytes < OUTBOX_BYTES_MAX
    }

    /// Makes the next tick and returns its number; `send` sends it.
    pub(crate) fn publish(&mut self, published: &mut Published) -> u32 {
        let tick = published.advance(self.index);
        let records = published.records(self.index, tick);
        let mut frames = records.chunks(FRAME_RECORDS_MAX * RECORD_BYTES).peekable();
        while let Some(records) = frames.next() {
            let more = if frames.peek().is_some() {
                FLAG_MORE
            } else {
                0
            };
            let head = frame_head(records.len() / RECORD_BYTES, more);
            write_client_frame(BINARY, &[&head, records], &mut self.outbox);
        }
        tick
    }

    /// Sends what the socket takes.
    pub(crate) fn send(&mut self) {
        while self.sent_bytes < self.outbox.len() && self.closed.is_none() {
            match self.stream.write(&self.outbox[self.sent_bytes..]) {
                Ok(bytes) => self.sent_bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.sent_bytes >= OUTBOX_BYTES_MAX {
                        self.outbox.drain(..self.sent_bytes);
                        self.sent_bytes = 0;
                    }
                    return;
                }
                Err(error) => self.closed = Some(error.to_string()),
            }
        }
        self.outbox.clear();
        self.sent_bytes = 0;
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.closed.get_or_insert_with(|| error.to_string());
            }
            _ => {}
        }
    }

    /// Reads what the server says: pings are answered, the rest is of no interest.
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) {
        loop {
            let (outbox, closed) = (&mut self.outbox, &mut self.closed);
            let filled = self.inbox.read(&mut self.stream, scratch, |head, payload| {
                if head.opcode == PING {
                    write_client_frame(PONG, &[payload], outbox);
                } else if head.opcode == CLOSE {
                    *closed = Some(format!("close {}", crate::connect::code(payload)));
                }
            });
            match filled {
                Ok(Filled::Full) => {}
                Ok(Filled::Drained) => break,
                Ok(Filled::Closed) => {
                    self.closed
                        .get_or_insert_with(|| "end of stream".to_owned());
                    break;
                }
                Err(error) => {
                    self.closed.get_or_insert_with(|| error.to_string());
                    break;
                }
            }
        }
        self.send();
    }
}
