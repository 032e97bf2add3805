//! When a tick is due.
//!
//! At a fixed rate the loop is open: the due moment of each tick follows from the start alone, a
//! late tick is sent late, and its latency counts from when it was due, so that a server that
//! stalls the publisher pays for it (no coordinated omission). At `max` the loop is closed: a tick
//! is due when the slowest verifying viewer leaves room in the window.

use std::time::{Duration, Instant};

use crate::verify::Step;

const SENT_KEPT: usize = 1 << 16;
const SENT_KEPT_MIN: usize = 1 << 10;

/// How often each publisher publishes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// Ticks a second.
    Hz(f64),
    /// As fast as the slowest verifying viewer follows, this many ticks ahead of it.
    Max {
        /// Ticks that may be on their way, all publishers together.
        window_ticks: u32,
    },
}

/// The schedule of one run.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    start: Instant,
    publishers: usize,
    /// When each of the last ticks was sent, in a closed loop.
    sent_ns: Vec<u64>,
    sent_kept: usize,
    window: Window,
}

impl Pace {
    /// A schedule that starts now, for a closed loop over `viewers` verifying viewers.
    pub(crate) fn new(rate: Rate, publishers: usize, viewers: usize) -> Self {
        let closed = matches!(rate, Rate::Max { .. });
        let sent_kept = (SENT_KEPT / publishers.max(1)).max(SENT_KEPT_MIN);
        Self {
            rate,
            start: Instant::now(),
            publishers,
            sent_ns: if closed {
                vec![0; sent_kept * publishers]
            } else {
                Vec::new()
            },
            sent_kept,
            window: Window::new(publishers, viewers),
        }
    }

    /// When the run started.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// Whether `publisher` may send `tick` now.
    pub(crate) fn is_due(&self, publisher: usize, tick: u32, now: Instant) -> bool {
        match self.rate {
            Rate::Hz(hz) => self.start + offset(hz, publisher, self.publishers, tick) <= now,
            Rate::Max { window_ticks } => self.window.in_flight < u64::from(window_ticks),
        }
    }

    /// Whether ticks are due by the clock alone.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.rate, Rate::Hz(_))
    }

    /// Notes that `tick` was sent.
    pub(crate) fn sent(&mut self, publisher: usize, tick: u32, now: Instant) {
        if matches!(self.rate, Rate::Max { .. }) {
            let place = publisher * self.sent_kept + tick as usize % self.sent_kept;
            self.sent_ns[place] = now.duration_since(self.start).as_nanos() as u64;
            self.window.in_flight += 1;
        }
    }

    /// Notes that a viewer is done with some ticks.
    pub(crate) fn done(&mut self, step: Step) {
        if matches!(self.rate, Rate::Max { .. }) {
            self.window.done(step);
        }
    }

    /// The moment that the latency of a tick counts from.
    pub(crate) fn due_at(&self, publisher: usize, tick: u32) -> Instant {
        match self.rate {
            Rate::Hz(hz) => self.start + offset(hz, publisher, self.publishers, tick),
            Rate::Max { .. } => {
                let place = publisher * self.sent_kept + tick as usize % self.sent_kept;
                self.start + Duration::from_nanos(self.sent_ns[place])
            }
        }
    }

    /// The ticks that each publisher owes after `run`; `None` when the loop is closed.
    pub(crate) fn ticks_owed(&self, run: Duration) -> Option<u32> {
        match self.rate {
            Rate::Hz(hz) => Some((run.as_secs_f64() * hz) as u32),
            Rate::Max { .. } => None,
        }
    }
}

/// Publishers take turns within a period, so that they don't all send at once.
fn offset(hz: f64, publisher: usize, publishers: usize, tick: u32) -> Duration {
    let phase = publisher as f64 / publishers as f64;
    Duration::from_secs_f64((f64::from(tick) - 1.0 + phase) / hz)
}

/// Which ticks all viewers are done with.
#[derive(Debug)]
struct Window {
    viewers: u32,
    /// Per publisher and tick, how many viewers are done; no more than the window is in use.
    done: Vec<u32>,
    all_done_tick: Vec<u32>,
    in_flight: u64,
}

const DONE_KEPT: usize = 4096;

impl Window {
    fn new(publishers: usize, viewers: usize) -> Self {
        Self {
            viewers: viewers as u32,
            done: vec![0; publishers * DONE_KEPT],
            all_done_tick: vec![0; publishers],
            in_flight: 0,
        }
    }

    fn done(&mut self, step: Step) {
        let base = step.publisher * DONE_KEPT;
        for tick in step.from_tick..=step.to_tick {
            self.done[base + tick as usize % DONE_KEPT] += 1;
        }
        let newest = &mut self.all_done_tick[step.publisher];
        loop {
            let count = &mut self.done[base + (*newest as usize + 1) % DONE_KEPT];
            if *count < self.viewers || self.in_flight == 0 {
                break;
            }
            *count = 0;
            *newest += 1;
            self.in_flight -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from_tick: u32, to_tick: u32) -> Step {
        Step {
            publisher: 0,
            from_tick,
            to_tick,
            received: true,
        }
    }

    #[test]
    fn the_window_opens_with_the_slowest_viewer() {
        let mut pace = Pace::new(Rate::Max { window_ticks: 2 }, 1, 2);
        let now = pace.start();
        for tick in 1..=2 {
            assert!(pace.is_due(0, tick, now));
            pace.sent(0, tick, now);
        }
        assert!(!pace.is_due(0, 3, now));
        pace.done(step(1, 2));
        assert!(!pace.is_due(0, 3, now), "the other viewer has seen nothing");
        pace.done(step(1, 1));
        assert!(pace.is_due(0, 3, now));
        pace.sent(0, 3, now);
        assert!(!pace.is_due(0, 4, now));
    }

    #[test]
    fn publishers_of_a_fixed_rate_take_turns() {
        let pace = Pace::new(Rate::Hz(10.0), 2, 1);
        let after = |publisher, tick| pace.due_at(publisher, tick) - pace.start();
        assert_eq!(after(0, 1), Duration::ZERO);
        assert_eq!(after(1, 1), Duration::from_millis(50));
        assert_eq!(after(0, 11), Duration::from_secs(1));
        assert_eq!(pace.ticks_owed(Duration::from_secs(3)), Some(30));
    }
}
