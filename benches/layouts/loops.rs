//! Layouts (c) and (d): one loop owns all sockets, and a viewer is a position in a log.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;

use mio::{Events, Interest, Poll, Token, Waker};

use crate::feed::Feed;

const WAKE: Token = Token(usize::MAX);

/// Most bytes of one write.
pub(crate) const WRITE_BYTES_MAX: usize = 512 * 1024;

/// Where messages wait; offsets count from the first message of all.
pub(crate) trait Log {
    /// Appends a message so many times, as one publication each.
    fn append(&mut self, message: &[u8], count: u64);
    /// The offset behind the last byte.
    fn end(&self) -> u64;
    /// Writes what is there from an offset on, with one system call.
    fn write(&self, from: u64, socket: &mut mio::net::TcpStream) -> io::Result<usize>;
    /// Forgets what lies before an offset.
    fn forget_before(&mut self, offset: u64);
}

struct Viewer {
    socket: mio::net::TcpStream,
    at: u64,
    is_blocked: bool,
}

/// Writes what is due to all sockets until the feed is over.
pub(crate) fn serve(sockets: Vec<TcpStream>, message: &[u8], feed: &Arc<Feed>, mut log: impl Log) {
    let mut poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), WAKE).unwrap();
    let mut viewers: Vec<Viewer> = Vec::with_capacity(sockets.len());
    for socket in sockets {
        let mut socket = mio::net::TcpStream::from_std(socket);
        let token = Token(viewers.len());
        poll.registry()
            .register(&mut socket, token, Interest::WRITABLE)
            .unwrap();
        viewers.push(Viewer {
            socket,
            at: 0,
            is_blocked: false,
        });
    }
    feed.served_by_this_thread(Box::new(move || waker.wake().unwrap()));
    let mut events = Events::with_capacity(1024);
    let mut published = 0;
    while !feed.is_over() {
        poll.poll(&mut events, None).unwrap();
        for event in events.iter().filter(|event| event.token() != WAKE) {
            viewers[event.token().0].is_blocked = false;
        }
        let due = feed.due();
        log.append(message, due - published);
        published = due;
        let mut writes = 0;
        let mut slowest = log.end();
        for viewer in &mut viewers {
            writes += viewer.catch_up(&log);
            slowest = slowest.min(viewer.at);
        }
        feed.count_writes(writes);
        log.forget_before(slowest);
    }
}

impl Viewer {
    /// Writes until nothing waits or the socket takes no more; returns how many writes it took.
    fn catch_up(&mut self, log: &impl Log) -> u64 {
        let mut writes = 0;
        while self.at < log.end() && !self.is_blocked {
            match log.write(self.at, &mut self.socket) {
                Ok(bytes) => {
                    self.at += bytes as u64;
                    writes += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) => panic!("a viewer's socket: {error}"),
            }
        }
        writes
    }
}
