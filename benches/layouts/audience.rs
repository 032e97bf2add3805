//! The receivers: one thread reads all sockets into one buffer, counts, and orders what comes next.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::feed::Feed;

/// What sets the pace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many frames a second.
    Hz(f64),
    /// At most so many frames that the slowest receiver has not got.
    Window(u64),
}

impl fmt::Display for Pace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hz(hz) => write!(out, "{hz} Hz"),
            Self::Window(window) => write!(out, "saturated, window {window}"),
        }
    }
}

/// The receivers; see the module.
pub(crate) struct Audience<'a> {
    poll: Poll,
    events: Events,
    sockets: Vec<mio::net::TcpStream>,
    received_bytes: Vec<u64>,
    scratch: Vec<u8>,
    message: &'a [u8],
    is_checked: bool,
    ordered: u64,
}

impl<'a> Audience<'a> {
    pub(crate) fn new(sockets: Vec<TcpStream>, message: &'a [u8], is_checked: bool) -> Self {
        let poll = Poll::new().unwrap();
        let mut sockets: Vec<_> = sockets
            .into_iter()
            .map(mio::net::TcpStream::from_std)
            .collect();
        for (at, socket) in sockets.iter_mut().enumerate() {
            poll.registry()
                .register(socket, Token(at), Interest::READABLE)
                .unwrap();
        }
        Self {
            poll,
            events: Events::with_capacity(1024),
            received_bytes: vec![0; sockets.len()],
            sockets,
            scratch: vec![0; 256 * 1024],
            message,
            is_checked,
            ordered: 0,
        }
    }

    /// Messages received by all, parts counted as such.
    pub(crate) fn messages(&self) -> f64 {
        self.received_bytes.iter().sum::<u64>() as f64 / self.message.len() as f64
    }

    /// Orders and receives for so long.
    pub(crate) fn drain(&mut self, feed: &Feed, pace: Pace, length: Duration) {
        let start = Instant::now();
        let end = start + length;
        let first = self.ordered;
        loop {
            let now = Instant::now();
            if now >= end {
                return;
            }
            let (due, next) = match pace {
                Pace::Hz(hz) => {
                    let ticks = ((now - start).as_secs_f64() * hz) as u64 + 1;
                    (
                        first + ticks,
                        start + Duration::from_secs_f64(ticks as f64 / hz),
                    )
                }
                Pace::Window(window) => {
                    let slowest = self.received_bytes.iter().min().copied().unwrap_or(0);
                    (slowest / self.message.len() as u64 + window, end)
                }
            };
            if due > self.ordered {
                self.ordered = due;
                feed.order(due);
            }
            let wait = next.min(end).saturating_duration_since(Instant::now());
            self.poll.poll(&mut self.events, Some(wait)).unwrap();
            for event in &self.events {
                let Token(at) = event.token();
                let received = &mut self.received_bytes[at];
                loop {
                    match self.sockets[at].read(&mut self.scratch) {
                        Ok(0) => panic!("the server closed a socket"),
                        Ok(bytes) => {
                            if self.is_checked {
                                check(self.message, *received, &self.scratch[..bytes]);
                            }
                            *received += bytes as u64;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("a receiver: {error}"),
                    }
                }
            }
        }
    }
}

/// What came is the message over and over.
fn check(message: &[u8], offset: u64, bytes: &[u8]) {
    let begin = (offset % message.len() as u64) as usize;
    let expected = message.iter().cycle().skip(begin);
    assert!(
        bytes.iter().zip(expected).all(|(one, other)| one == other),
        "not what was sent"
    );
}
