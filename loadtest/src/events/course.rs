//! The event loop under a run: publishers' connections and subscribers' sockets on one thread.
//!
//! The loop is open: publication `n` is due `n` periods after the start, whatever became of those
//! before. When it can't be sent then, because every connection waits for an answer or the loop was
//! held up, its latency counts from when it was due all the same.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use serde_json::json;

use super::heard::Heard;
use super::ledger::{Faults, Ledger};
use super::origin::Origin;
use super::poster::{Poster, Received};
use super::subscriber::{Means, Subscriber};
use crate::failure::{Context, Result};
use crate::inbox::SCRATCH_BYTES;
use crate::latency::Latency;
use crate::timer::Timer;

const TIMER: Token = Token(usize::MAX);

/// What is published, and when.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// The topic, of this run alone.
    pub(crate) topic: String,
    /// Publications a second.
    pub(crate) rate_hz: f64,
    /// How many in all.
    pub(crate) publications: usize,
    /// How many of the first are not measured.
    pub(crate) warmup_publications: usize,
    /// How long the text that each carries is.
    pub(crate) payload_bytes: usize,
}

impl Schedule {
    /// When publication `number` is due, from the start.
    pub(crate) fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate_hz)
    }
}

/// The connections of a run, and what they found.
#[derive(Debug)]
pub(crate) struct Course {
    origin: Origin,
    schedule: Schedule,
    poll: Poll,
    events: Events,
    timer: Timer,
    scratch: Vec<u8>,
    subscribers: Vec<Subscriber>,
    posters: Vec<Poster>,
    idle: Vec<usize>,
    ledger: Ledger,
    start: Instant,
    /// How many were sent.
    sent: usize,
    heard_us: Latency,
    answered_us: Latency,
    late_us: Latency,
    without_connection: u64,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Findings {
    /// How many were published.
    pub(crate) published: usize,
    /// How many reached subscribers, all together.
    pub(crate) delivered: usize,
    /// What was wrong.
    pub(crate) faults: Faults,
    /// From due to a subscriber's socket.
    pub(crate) heard_us: Latency,
    /// From due to the answer.
    pub(crate) answered_us: Latency,
    /// From due to sent.
    pub(crate) late_us: Latency,
    /// How many were late because every connection waited for an answer.
    pub(crate) without_connection: u64,
}

impl Course {
    /// Connects everybody; what is behind `head` will be heard.
    pub(crate) fn open(
        origin: &Origin,
        schedule: Schedule,
        (subscribers, means): (usize, Means),
        connections: usize,
        head: u64,
    ) -> Result<Self> {
        let poll = Poll::new().context("epoll")?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let mut course = Self {
            origin: origin.clone(),
            ledger: Ledger::new(schedule.publications, subscribers, head),
            heard_us: Latency::new(subscribers)?,
            answered_us: Latency::new(1)?,
            late_us: Latency::new(1)?,
            schedule,
            poll,
            events: Events::with_capacity(1024),
            timer,
            scratch: vec![0; SCRATCH_BYTES],
            subscribers: Vec::with_capacity(subscribers),
            posters: Vec::with_capacity(connections),
            idle: (0..connections).rev().collect(),
            start: Instant::now(),
            sent: 0,
            without_connection: 0,
        };
        for index in 0..subscribers {
            let mut subscriber = Subscriber::open(origin, means, head, &mut course.scratch)?;
            let registry = course.poll.registry();
            registry
                .register(subscriber.stream(), Token(index), Interest::READABLE)
                .context("epoll")?;
            course.subscribers.push(subscriber);
        }
        for index in 0..connections {
            let poster = course.open_poster(index)?;
            course.posters.push(poster);
        }
        Ok(course)
    }

    fn open_poster(&self, index: usize) -> Result<Poster> {
        let mut poster = Poster::open(&self.origin)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(self.subscribers.len() + index);
        let registered = self
            .poll
            .registry()
            .register(poster.stream(), token, interest);
        registered.context("epoll")?;
        Ok(poster)
    }

    /// Starts the clock: the first publication is due now.
    pub(crate) fn start(&mut self) {
        self.start = Instant::now();
    }

    /// Whether all was sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.schedule.publications
    }

    /// Whether all that was sent was answered and heard by everybody.
    pub(crate) fn is_complete(&self) -> bool {
        self.ledger.is_complete(self.sent)
    }

    /// Whether publications are measured by now.
    pub(crate) fn is_warm(&self) -> bool {
        self.sent >= self.schedule.warmup_publications
    }

    /// Publishes what is due, then waits for sockets, at most `wait`, and serves them.
    pub(crate) fn turn(&mut self, wait: Duration) -> Result<()> {
        self.publish()?;
        let wait = if self.is_sent() || self.idle.is_empty() {
            wait
        } else {
            let due = self.schedule.due(self.sent);
            due.saturating_sub(self.start.elapsed()).min(wait)
        };
        self.timer.set(wait)?;
        match self.poll.poll(&mut self.events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(error).context("epoll");
            }
            _ => {}
        }
        let ready: Vec<(usize, bool)> = self
            .events
            .iter()
            .filter(|event| event.token() != TIMER)
            .map(|event| (event.token().0, event.is_readable()))
            .collect();
        let (to_subscribers, to_posters): (Vec<_>, Vec<_>) = ready
            .into_iter()
            .partition(|(index, _)| *index < self.subscribers.len());
        for (index, _) in to_subscribers {
            self.hear(index)?;
        }
        for (index, is_readable) in to_posters {
            self.serve_poster(index - self.subscribers.len(), is_readable)?;
        }
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn close(self) -> Findings {
        Findings {
            published: self.sent,
            delivered: self.ledger.delivered(),
            faults: self.ledger.close(self.sent),
            heard_us: self.heard_us,
            answered_us: self.answered_us,
            late_us: self.late_us,
            without_connection: self.without_connection,
        }
    }

    fn publish(&mut self) -> Result<()> {
        while !self.is_sent() {
            let number = self.sent;
            let due = self.schedule.due(number);
            if due > self.start.elapsed() {
                return Ok(());
            }
            let Some(poster) = self.idle.pop() else {
                return Ok(());
            };
            let text = "x".repeat(self.schedule.payload_bytes);
            let data = json!({"number": number, "text": text});
            let body = json!({"topic": self.schedule.topic, "data": data}).to_string();
            let late = self.start.elapsed().saturating_sub(due);
            self.posters[poster].publish(&self.origin, number, body.as_bytes())?;
            self.sent += 1;
            if number >= self.schedule.warmup_publications {
                self.late_us.record(0, late);
            }
            if self.idle.is_empty() && !self.is_sent() {
                let next_due = self.schedule.due(self.sent);
                self.without_connection += u64::from(next_due <= self.start.elapsed());
            }
        }
        Ok(())
    }

    fn hear(&mut self, index: usize) -> Result<()> {
        let at = self.start.elapsed();
        let (schedule, ledger, latency) = (&self.schedule, &mut self.ledger, &mut self.heard_us);
        let on_heard = |heard: Heard| match heard {
            Heard::Event { sequence, number } => {
                let is_new = ledger.hear(index, sequence, number);
                if let Some(number) = number
                    && is_new
                    && number >= schedule.warmup_publications
                {
                    latency.record(index, at.saturating_sub(schedule.due(number)));
                }
            }
            Heard::Gap => ledger.gap(index),
            Heard::Subscribed | Heard::Other => {}
        };
        let subscriber = &mut self.subscribers[index];
        subscriber.read(&mut self.scratch, &schedule.topic, on_heard)
    }

    fn serve_poster(&mut self, index: usize, is_readable: bool) -> Result<()> {
        let poster = &mut self.posters[index];
        poster.send()?;
        if !is_readable {
            return Ok(());
        }
        let receipt = match poster.receive(&mut self.scratch)? {
            Received::Receipt(receipt) => receipt,
            Received::Nothing => return Ok(()),
            Received::Closed => {
                self.posters[index] = self.open_poster(index)?;
                return Ok(());
            }
        };
        self.ledger.acknowledge(receipt.number, receipt.sequence);
        self.idle.push(index);
        if receipt.number >= self.schedule.warmup_publications {
            let took = self
                .start
                .elapsed()
                .saturating_sub(self.schedule.due(receipt.number));
            self.answered_us.record(0, took);
        }
        Ok(())
    }
}
