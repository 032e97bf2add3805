//! One run: requests go out when they are due, every answer is checked.
//!
//! One thread waits for all connections, so that the generator takes little from the server beside
//! it. The latency of a request counts from when it was due, even if no connection was free then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::connection::{Asked, Connection};
use super::mix::Mix;
use super::outcome::{Outcome, Tally};
use super::requests::Requests;
use super::schedule::{Rate, Schedule};
use crate::failure::{Context, Result};
use crate::process_usage::{CpuTime, ProcessUsage};
use crate::timer::Timer;

/// What is still on its way when the window ends has so long.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The loop looks at the clock at least so often.
const PAUSE_MAX: Duration = Duration::from_millis(100);

const SCRATCH_BYTES: usize = 256 << 10;

const TIMER: Token = Token(usize::MAX);

/// What a run does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Which requests.
    pub(crate) mix: Mix,
    /// How often.
    pub(crate) rate: Rate,
    /// Over how many connections.
    pub(crate) connections: usize,
    /// How long before the window.
    pub(crate) warmup: Duration,
    /// How long is measured.
    pub(crate) window: Duration,
}

/// The processes whose time is taken.
#[derive(Debug)]
struct Meter {
    server: Option<ProcessUsage>,
    own: ProcessUsage,
}

/// Totals at one moment.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    server: Option<CpuTime>,
    own: CpuTime,
    answers: u64,
}

impl Meter {
    fn read(&mut self, answers: u64) -> Result<Mark> {
        Ok(Mark {
            at: Instant::now(),
            server: self
                .server
                .as_mut()
                .map(ProcessUsage::cpu_time)
                .transpose()?,
            own: self.own.cpu_time()?,
            answers,
        })
    }
}

/// The run.
#[derive(Debug)]
struct Load<'a> {
    address: SocketAddr,
    requests: &'a Requests,
    mix: Mix,
    schedule: Schedule,
    poll: Poll,
    timer: Timer,
    connections: Vec<Connection>,
    /// Those without a request; the last one that was used comes first, so that others rest.
    free: Vec<usize>,
    sent: u64,
    random: fastrand::Rng,
    scratch: Vec<u8>,
    tally: Tally,
}

/// Runs `plan` against the server at `address`, whose process `pid` is.
pub(crate) fn run(
    address: SocketAddr,
    pid: Option<u32>,
    requests: &Requests,
    plan: &Plan,
) -> Result<Outcome> {
    let mut meter = Meter {
        server: pid.map(ProcessUsage::new),
        own: ProcessUsage::new(std::process::id()),
    };
    let mut load = Load::new(address, requests, plan)?;
    let mut events = Events::with_capacity(1024);
    let start = Instant::now();
    load.schedule = Schedule::new(plan.rate, start);
    let window = (start + plan.warmup, start + plan.warmup + plan.window);
    load.tally.measure(window);
    let mut begin = None;
    let end = loop {
        let now = Instant::now();
        if now >= window.1 {
            break meter.read(load.tally.answers)?;
        }
        if begin.is_none() && now >= window.0 {
            begin = Some(meter.read(load.tally.answers)?);
        }
        load.send_due(now)?;
        let next = if begin.is_some() { window.1 } else { window.0 };
        load.turn(&mut events, next)?;
    };
    // What became due in the last turn still goes out, if anything is free.
    load.send_due(window.1)?;
    load.tally.unsent = load
        .schedule
        .due_before(window.1)
        .map_or(0, |due| due.saturating_sub(load.sent));
    load.drain(&mut events)?;
    let begin = begin.unwrap_or(end);
    let mut outcome = Outcome::new(&load.tally, end.at - begin.at, end.answers - begin.answers);
    outcome.used(
        end.server
            .zip(begin.server)
            .map(|(end, begin)| end.since(begin)),
        end.own.since(begin.own),
    );
    Ok(outcome)
}

impl<'a> Load<'a> {
    fn new(address: SocketAddr, requests: &'a Requests, plan: &Plan) -> Result<Self> {
        let poll = Poll::new().context("epoll")?;
        let connections = (0..plan.connections)
            .map(|place| Connection::open(address, poll.registry(), Token(place)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            address,
            requests,
            mix: plan.mix,
            schedule: Schedule::new(plan.rate, Instant::now()),
            timer: Timer::new(poll.registry(), TIMER)?,
            poll,
            free: (0..connections.len()).collect(),
            connections,
            sent: 0,
            random: fastrand::Rng::with_seed(1),
            scratch: vec![0; SCRATCH_BYTES],
            tally: Tally::new()?,
        })
    }

    /// Sends what is due, as far as connections are free.
    fn send_due(&mut self, now: Instant) -> Result<()> {
        while let Some(&place) = self.free.last() {
            let due = self.schedule.due(self.sent, now);
            if due > now {
                return Ok(());
            }
            self.free.pop();
            if self.connections[place].is_stale(now) {
                self.reopen(place)?;
            }
            let kind = self.mix.draw(&mut self.random);
            let connection = &mut self.connections[place];
            let expected = self
                .requests
                .write(kind, self.sent, &mut connection.outgoing);
            connection.asked = Some(Asked {
                kind,
                due,
                expected,
            });
            self.sent += 1;
            self.tally.sent(kind);
            if let Err(failure) = self.connections[place].send() {
                self.lose(place, &failure.to_string())?;
            }
        }
        Ok(())
    }

    /// Waits until something comes, a request is due or `until`.
    fn turn(&mut self, events: &mut Events, until: Instant) -> Result<()> {
        let now = Instant::now();
        let mut pause = until.saturating_duration_since(now).min(PAUSE_MAX);
        if !self.free.is_empty() {
            let due = self.schedule.due(self.sent, now);
            pause = pause.min(due.saturating_duration_since(now));
        }
        self.timer.set(pause)?;
        self.poll.poll(events, Some(PAUSE_MAX)).or_else(|error| {
            let is_signal = error.kind() == std::io::ErrorKind::Interrupted;
            if is_signal {
                Ok(())
            } else {
                Err(error).context("epoll")
            }
        })?;
        let now = Instant::now();
        for event in events.iter().filter(|event| event.token() != TIMER) {
            let place = event.token().0;
            let mut outcome = Ok(());
            if event.is_writable() {
                outcome = self.connections[place].send();
            }
            if outcome.is_ok() && event.is_readable() {
                outcome = self.receive(place, now);
            }
            if let Err(failure) = outcome {
                self.lose(place, &failure.to_string())?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, place: usize, now: Instant) -> Result<()> {
        let (requests, tally) = (self.requests, &mut self.tally);
        let connection = &mut self.connections[place];
        let taken = connection.receive(&mut self.scratch, now, |asked, answer| {
            let checked = requests.check(asked.expected, answer.status, answer.body);
            tally.answered(asked, now, checked);
        })?;
        if taken.is_some() {
            self.free.push(place);
        }
        Ok(())
    }

    /// A connection is gone; with it the request that was on its way, if any.
    fn lose(&mut self, place: usize, why: &str) -> Result<()> {
        if let Some(asked) = self.connections[place].asked.take() {
            self.tally.lost(asked.kind, why);
            self.free.push(place);
        }
        self.reopen(place)
    }

    fn reopen(&mut self, place: usize) -> Result<()> {
        self.tally.reopened += 1;
        let registry = self.poll.registry();
        self.connections[place] = Connection::open(self.address, registry, Token(place))?;
        Ok(())
    }

    /// Waits for the answers that are still to come.
    fn drain(&mut self, events: &mut Events) -> Result<()> {
        let until = Instant::now() + DRAIN_MAX;
        while self.free.len() < self.connections.len() && Instant::now() < until {
            // Nothing more is due, so nothing but an answer ends the wait.
            self.schedule = Schedule::new(Rate::PerSecond(1e-3), until);
            self.turn(events, until)?;
        }
        for connection in &self.connections {
            if let Some(asked) = connection.asked {
                self.tally
                    .lost(asked.kind, "no answer within ten seconds after the end");
            }
        }
        Ok(())
    }
}
