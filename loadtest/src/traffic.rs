//! The event loop under a run: one thread, one epoll, all publishers and viewers.
//!
//! One thread, because publishers and viewers share what was published without a lock, and
//! because the load must leave the other core to the server. Viewers come first in the numbering
//! of the sockets, verifying ones before slow ones; publishers follow.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::batches::Batches;
use crate::connect::{Client, Endpoint, Role, Session, open};
use crate::failure::{Context, Result};
use crate::inbox::{Filled, SCRATCH_BYTES};
use crate::latency::Latency;
use crate::pace::Pace;
use crate::published::Published;
use crate::publisher::Publisher;
use crate::slow::Slow;
use crate::stream::Polled;
use crate::swarm::Swarm;
use crate::terms::Terms;
use crate::timer::Timer;
use crate::verify::Step;
use crate::viewer::{Reference, Viewer};

const TIMER: Token = Token(usize::MAX);
/// A viewer that is always full must not keep the others waiting.
const READS_PER_TURN_MAX: usize = 4;

/// The connections of a run and what they share.
#[derive(Debug)]
pub(crate) struct Traffic {
    poll: Poll,
    events: Events,
    timer: Timer,
    scratch: Vec<u8>,
    steps: Vec<Step>,
    unread: Vec<usize>,
    next_publisher: usize,
    viewers: Vec<Viewer>,
    slow: Vec<Slow>,
    publishers: Vec<Publisher>,
    reference: Reference,
    terms: Terms,
    /// One viewer of so many inflates every batch for itself.
    verify_every: usize,
    pace: Option<Pace>,
    ticks_max: u32,
    latency: Latency,
    measured: Option<(Instant, Instant)>,
}

impl Traffic {
    /// No connection yet, room for the latencies of `viewers`, who come on `terms`.
    pub(crate) fn new(
        swarm: Swarm,
        viewers: usize,
        terms: Terms,
        verify_every: usize,
    ) -> Result<Self> {
        let poll = Poll::new().context("epoll")?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            timer,
            scratch: vec![0; SCRATCH_BYTES],
            steps: Vec::new(),
            unread: Vec::new(),
            next_publisher: 0,
            viewers: Vec::with_capacity(viewers),
            slow: Vec::new(),
            publishers: Vec::new(),
            reference: Reference {
                published: Published::new(swarm),
                batches: Batches::new(terms.compression.map(|asked| asked.algorithm)),
            },
            terms,
            verify_every,
            pace: None,
            ticks_max: 0,
            latency: Latency::new(viewers)?,
            measured: None,
        })
    }

    /// Connects a verifying viewer.
    pub(crate) fn add_viewer(&mut self, endpoint: &Endpoint) -> Result<()> {
        let index = self.viewers.len();
        let name = format!("load-viewer-{index}");
        let client = self.client(Role::Viewer, &name);
        let (mut stream, leftover) = nonblocking(open(endpoint, &client)?)?;
        let token = Token(index);
        self.poll
            .registry()
            .register(stream.source(), token, Interest::READABLE)
            .context("epoll")?;
        let mut viewer = self.viewer(stream, index);
        viewer.feed(
            &leftover,
            &mut self.scratch,
            &mut self.reference,
            &mut self.steps,
        );
        self.viewers.push(viewer);
        Ok(())
    }

    /// Connects a viewer that reads nothing until it is resumed. All verifying ones come first.
    pub(crate) fn add_slow(&mut self, endpoint: &Endpoint, rcvbuf: Option<usize>) -> Result<()> {
        let name = format!("load-slow-{}", self.slow.len());
        let client = Client {
            rcvbuf_bytes: rcvbuf,
            ..self.client(Role::Viewer, &name)
        };
        let (stream, leftover) = nonblocking(open(endpoint, &client)?)?;
        let viewer = self.viewer(stream, self.slow.len());
        self.slow.push(Slow::new(viewer, leftover));
        Ok(())
    }

    fn client<'a>(&self, role: Role, id: &'a str) -> Client<'a> {
        Client {
            terms: self.terms,
            ..Client::plain(role, id)
        }
    }

    fn viewer(&self, stream: Polled, index: usize) -> Viewer {
        let publishers = self.published().swarm().publishers;
        let inflates_itself = index.is_multiple_of(self.verify_every);
        Viewer::new(stream, publishers, self.terms, inflates_itself)
    }

    /// Connects the publishers, once all viewers are there.
    pub(crate) fn add_publishers(&mut self, endpoint: &Endpoint) -> Result<()> {
        for index in 0..self.published().swarm().publishers {
            let name = format!("load-publisher-{index}");
            let (mut stream, _) =
                nonblocking(open(endpoint, &Client::plain(Role::Publisher, &name))?)?;
            let token = Token(self.viewers.len() + self.slow.len() + index);
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(stream.source(), token, interest)
                .context("epoll")?;
            self.publishers.push(Publisher::new(stream, index));
        }
        Ok(())
    }

    /// Whether every viewer has its first state tick.
    pub(crate) fn all_joined(&self) -> bool {
        self.viewers.iter().all(|viewer| viewer.verifier().joined())
    }

    /// Starts publishing; no publisher goes beyond `ticks_max`.
    pub(crate) fn start(&mut self, pace: Pace, ticks_max: u32, measured: (Instant, Instant)) {
        self.pace = Some(pace);
        self.ticks_max = ticks_max;
        self.measured = Some(measured);
    }

    /// Publishes nothing beyond what has been published by now.
    pub(crate) fn stop(&mut self) {
        self.ticks_max = 0;
    }

    /// Lets the slow viewers read from now on.
    pub(crate) fn resume_slow(&mut self) -> Result<()> {
        for (index, slow) in self.slow.iter_mut().enumerate() {
            let token = Token(self.viewers.len() + index);
            let stream = slow.viewer.source();
            self.poll
                .registry()
                .register(stream, token, Interest::READABLE)
                .context("epoll")?;
            slow.resume(&mut self.scratch, &mut self.reference);
        }
        Ok(())
    }

    /// Publishes what is due, then waits for sockets, at most `wait`, and serves them.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<()> {
        self.publish();
        let now = Instant::now();
        let wait = self.next_due(now).map_or(wait, |due| wait.min(due));
        let timeout = if self.unread.is_empty() {
            self.timer.set(wait)?;
            None
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(error).context("epoll");
            }
            _ => {}
        }
        let mut ready = std::mem::take(&mut self.unread);
        let (viewers, slow) = (self.viewers.len(), self.slow.len());
        for event in &self.events {
            match event.token() {
                TIMER => {}
                Token(index) if index < viewers + slow => ready.push(index),
                Token(index) => {
                    let publisher = &mut self.publishers[index - viewers - slow];
                    if event.is_readable() {
                        publisher.receive(&mut self.scratch);
                    }
                    publisher.send();
                }
            }
        }
        for index in ready.drain(..) {
            if index < viewers {
                self.read_viewer(index);
            } else {
                self.read_slow(index - viewers);
            }
        }
        ready.append(&mut self.unread);
        self.unread = ready;
        Ok(())
    }

    fn read_viewer(&mut self, index: usize) {
        let viewer = &mut self.viewers[index];
        for _ in 0..READS_PER_TURN_MAX {
            self.steps.clear();
            let read = viewer.read(&mut self.scratch, &mut self.reference, &mut self.steps);
            if let (Some(at), Some(pace)) = (read.at, &mut self.pace) {
                for &step in &self.steps {
                    let due = pace.due_at(step.publisher, step.to_tick);
                    pace.done(step);
                    let measured = |(from, to)| from <= due && due < to;
                    if step.received && self.measured.is_some_and(measured) {
                        self.latency
                            .record(index, at.saturating_duration_since(due));
                    }
                }
            }
            if read.filled != Filled::Full {
                return;
            }
        }
        self.unread.push(index);
    }

    fn read_slow(&mut self, index: usize) {
        let slow = &mut self.slow[index];
        self.steps.clear();
        let read = slow
            .viewer
            .read(&mut self.scratch, &mut self.reference, &mut self.steps);
        if let (Some(at), Some(pace)) = (read.at, &self.pace) {
            slow.note_state(at, pace);
        }
        if read.filled == Filled::Full {
            self.unread.push(self.viewers.len() + index);
        }
    }

    fn publish(&mut self) {
        let Some(pace) = &mut self.pace else {
            return;
        };
        let count = self.publishers.len();
        let mut quiet = 0;
        let now = Instant::now();
        // Each publisher in turn, one tick at a time, until a whole round had nothing to send.
        while quiet < count {
            let index = self.next_publisher;
            self.next_publisher = (index + 1) % count;
            let publisher = &mut self.publishers[index];
            let next = self.reference.published.newest(index) + 1;
            if next <= self.ticks_max && publisher.has_room() && pace.is_due(index, next, now) {
                publisher.publish(&mut self.reference.published);
                pace.sent(index, next, Instant::now());
                quiet = 0;
            } else {
                quiet += 1;
            }
        }
        for publisher in &mut self.publishers {
            publisher.send();
        }
    }

    /// How long until the next tick of any publisher is due.
    fn next_due(&self, now: Instant) -> Option<Duration> {
        let pace = self.pace.as_ref()?;
        let waits = self
            .publishers
            .iter()
            .enumerate()
            .filter_map(|(index, publisher)| {
                let next = self.reference.published.newest(index) + 1;
                let waits = next <= self.ticks_max
                    && publisher.has_room()
                    && !pace.is_due(index, next, now)
                    && pace.is_open();
                waits.then(|| pace.due_at(index, next).saturating_duration_since(now))
            });
        waits.min()
    }

    /// The verifying viewers.
    pub(crate) fn viewers(&self) -> &[Viewer] {
        &self.viewers
    }

    /// The viewers that read nothing, or only later.
    pub(crate) fn slow(&self) -> &[Slow] {
        &self.slow
    }

    /// The publishers.
    pub(crate) fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// What was published.
    pub(crate) fn published(&self) -> &Published {
        &self.reference.published
    }

    /// How many times a batch was inflated.
    pub(crate) fn inflations(&self) -> u64 {
        self.reference.batches.inflations()
    }

    /// What the ticks took.
    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }
}

fn nonblocking(session: Session) -> Result<(Polled, Vec<u8>)> {
    Ok((session.stream.into_polled()?, session.leftover))
}
