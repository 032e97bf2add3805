//! `floor`: the least that delivering these frames can cost.
//!
//! One thread and one edge-triggered epoll. Each frame of a publisher is unmasked and appended,
//! with its server header, to one contiguous log; a viewer is a position in it; all that waits
//! for a viewer goes out in one `send`. Nothing is dropped, checked or remembered, so what is left
//! is the kernel's work. It is a yardstick, not a server: it knows one stream, the key of this
//! program's clients, and stops when a stalled viewer makes the log too long.

mod connection;
mod log;
mod stats;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::cli::ServeArgs;
use crate::failure::{Context, Failure, Result};
use crate::inbox::{Filled, SCRATCH_BYTES};
use crate::report::{complain, print};
use crate::serving::until_stopped;
use connection::Connection;
use log::Log;
use stats::Stats;

const LISTENER: Token = Token(usize::MAX);
/// How soon a signal is noticed that came just before the wait.
const WAIT: Duration = Duration::from_millis(500);

struct Floor {
    poll: Poll,
    listener: TcpListener,
    scratch: Vec<u8>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    unread: Vec<usize>,
    log: Log,
    stats: Stats,
}

/// Serves until SIGTERM, SIGINT or, if asked, the end of standard input.
pub(crate) fn run(arguments: &ServeArgs) -> Result<()> {
    let stopped = until_stopped(arguments.until_stdin_closes)?;
    let mut listener = TcpListener::bind(arguments.listen).context(arguments.listen)?;
    let poll = Poll::new().context("epoll")?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)
        .context("epoll")?;
    print(format!(
        "listening on http://{}",
        listener.local_addr().context("listener")?
    ));
    let floor = Floor {
        poll,
        listener,
        scratch: vec![0; SCRATCH_BYTES],
        connections: Vec::new(),
        free: Vec::new(),
        unread: Vec::new(),
        log: Log::default(),
        stats: Stats::default(),
    };
    floor.serve(&stopped)
}

impl Floor {
    fn serve(mut self, stopped: &Arc<AtomicBool>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        while !stopped.load(Ordering::Relaxed) {
            let wait = if self.unread.is_empty() {
                WAIT
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error).context("epoll");
                }
                _ => {}
            }
            for index in std::mem::take(&mut self.unread) {
                self.read(index);
            }
            for event in &events {
                self.handle(event)?;
            }
            self.walk()?;
        }
        complain(self.stats.json());
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<()> {
        if event.token() == LISTENER {
            return self.accept();
        }
        let Token(index) = event.token();
        if event.is_writable()
            && let Some(Some(connection)) = self.connections.get_mut(index)
        {
            connection.writable();
        }
        if event.is_readable() {
            self.read(index);
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("accept"),
            };
            stream.set_nodelay(true).context("socket")?;
            let index = self.free.pop().unwrap_or(self.connections.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry
                .register(&mut stream, Token(index), interest)
                .context("epoll")?;
            if index == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[index] = Some(Connection::new(stream));
        }
    }

    /// Reads once, so that what was read is passed on before more is; an edge is remembered.
    fn read(&mut self, index: usize) {
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return;
        };
        match connection.read(&mut self.scratch, &mut self.log, &mut self.stats) {
            Ok(Filled::Full) => self.unread.push(index),
            Ok(Filled::Drained) => {}
            Ok(Filled::Closed) | Err(_) => self.forget(index),
        }
    }

    /// One send to each viewer that has something waiting and room for it.
    fn walk(&mut self) -> Result<()> {
        let mut oldest = self.log.end();
        for index in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[index] else {
                continue;
            };
            match connection.send(&self.log, &mut self.stats) {
                Ok(position) => oldest = oldest.min(position.unwrap_or(oldest)),
                Err(_) => self.forget(index),
            }
        }
        if self.log.trim(oldest) {
            Ok(())
        } else {
            Err(Failure::new(
                "a viewer is more than 256 MiB behind; the floor drops nothing",
            ))
        }
    }

    fn forget(&mut self, index: usize) {
        if self.connections[index].take().is_some() {
            self.free.push(index);
        }
    }
}
