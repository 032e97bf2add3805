//! Many viewers that only have to live: they answer pings and count what they get.

use std::io::{self, Write};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use crate::connect::{Client, Endpoint, Role, code, open};
use crate::failure::{Context, Result};
use crate::inbox::{Filled, Inbox, SCRATCH_BYTES};
use crate::stream::Polled;
use crate::swarm::{FLAG_KEYFRAME, POSITION_UPDATE, RECORDS_OFFSET};
use crate::wire::{BINARY, CLOSE, Head, PING, PONG, write_client_frame};

/// Between so many connects the others are served, so that none misses a heartbeat.
const CONNECTS_PER_TURN: usize = 50;

#[derive(Debug)]
struct Member {
    stream: Polled,
    inbox: Inbox,
    tally: Tally,
}

/// What one member has received and answered.
#[derive(Debug, Default)]
struct Tally {
    pongs: Vec<u8>,
    pings: u32,
    live_frames: u32,
    closed: Option<String>,
}

/// The members and their event loop.
#[derive(Debug)]
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    members: Vec<Member>,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new().context("epoll")?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH_BYTES],
            members: Vec::new(),
        })
    }

    /// Connects `count` viewers.
    pub(crate) fn join(&mut self, endpoint: &Endpoint, count: usize) -> Result<()> {
        for index in 0..count {
            let name = format!("load-crowd-{index}");
            let session = open(endpoint, &Client::plain(Role::Viewer, &name))?;
            let mut stream = session.stream.into_polled()?;
            let token = Token(self.members.len());
            let registry = self.poll.registry();
            registry
                .register(stream.source(), token, Interest::READABLE)
                .context("epoll")?;
            let mut member = Member {
                stream,
                inbox: Inbox::default(),
                tally: Tally::default(),
            };
            member.feed(&session.leftover, &mut self.scratch);
            self.members.push(member);
            if index % CONNECTS_PER_TURN == 0 {
                self.turn(Duration::ZERO)?;
            }
        }
        Ok(())
    }

    /// Waits for sockets, at most `wait`, and serves them.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(error).context("epoll");
            }
            _ => {}
        }
        for event in &self.events {
            let Token(index) = event.token();
            self.members[index].read(&mut self.scratch);
        }
        Ok(())
    }

    /// The fewest pings that any member has answered.
    pub(crate) fn pings_min(&self) -> u32 {
        self.members
            .iter()
            .map(|member| member.tally.pings)
            .min()
            .unwrap_or(0)
    }

    /// Members that have received at least one live frame with records.
    pub(crate) fn reached(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.tally.live_frames > 0)
            .count()
    }

    /// Members that were closed, and the first reason.
    pub(crate) fn closed(&self) -> (usize, Option<&str>) {
        let mut reasons = self
            .members
            .iter()
            .filter_map(|member| member.tally.closed.as_deref());
        let first = reasons.next();
        (reasons.count() + usize::from(first.is_some()), first)
    }
}

impl Member {
    fn feed(&mut self, leftover: &[u8], scratch: &mut [u8]) {
        let tally = &mut self.tally;
        let fed = self.inbox.feed(leftover, scratch, |head, payload| {
            tally.frame(head, payload);
        });
        if let Err(error) = fed {
            self.tally.closed = Some(error.to_string());
        }
        self.answer();
    }

    fn read(&mut self, scratch: &mut [u8]) {
        loop {
            let tally = &mut self.tally;
            let on_frame = |head: Head, payload: &[u8]| tally.frame(head, payload);
            match self.inbox.read(&mut self.stream, scratch, on_frame) {
                Ok(Filled::Full) => {}
                Ok(Filled::Drained) => break,
                Ok(Filled::Closed) => {
                    self.tally
                        .closed
                        .get_or_insert_with(|| "end of stream".to_owned());
                    break;
                }
                Err(error) => {
                    self.tally.closed.get_or_insert_with(|| error.to_string());
                    break;
                }
            }
        }
        self.answer();
    }

    fn answer(&mut self) {
        if self.tally.pongs.is_empty() {
            return;
        }
        match self.stream.write(&self.tally.pongs) {
            Ok(bytes) => drop(self.tally.pongs.drain(..bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                self.tally.closed.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

impl Tally {
    fn frame(&mut self, head: Head, payload: &[u8]) {
        match head.opcode {
            PING => {
                self.pings += 1;
                write_client_frame(PONG, &[payload], &mut self.pongs);
            }
            CLOSE => self.closed = Some(format!("close {}", code(payload))),
            BINARY => {
                let position = payload.get(4) == Some(&POSITION_UPDATE);
                let live = payload
                    .get(5)
                    .is_some_and(|flags| flags & FLAG_KEYFRAME == 0);
                let records = payload.len() > RECORDS_OFFSET;
                self.live_frames += u32::from(position && live && records);
            }
            _ => {}
        }
    }
}
