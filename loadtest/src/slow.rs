//! A viewer that completes its handshake and then reads nothing, for ever or for a while.
//!
//! When it reads again, two things matter: how many bytes of older frames it has to swallow
//! before the state tick, and how old that state is when it arrives.

use std::time::Instant;

use crate::pace::Pace;
use crate::viewer::{Reference, Viewer};

/// A stalled viewer.
#[derive(Debug)]
pub(crate) struct Slow {
    /// Its connection.
    pub(crate) viewer: Viewer,
    leftover: Vec<u8>,
    state_age_us: Option<u64>,
}

impl Slow {
    /// A stalled viewer; `leftover` is what came with its handshake.
    pub(crate) fn new(viewer: Viewer, leftover: Vec<u8>) -> Self {
        Self {
            viewer,
            leftover,
            state_age_us: None,
        }
    }

    /// Takes what came with the handshake; the socket is read from now on.
    pub(crate) fn resume(&mut self, scratch: &mut [u8], reference: &mut Reference) {
        let leftover = std::mem::take(&mut self.leftover);
        self.viewer
            .feed(&leftover, scratch, reference, &mut Vec::new());
    }

    /// Notes the age of the first state tick behind the one of the start, once it is complete.
    pub(crate) fn note_state(&mut self, at: Instant, pace: &Pace) {
        let verifier = self.viewer.verifier();
        if self.state_age_us.is_some() || verifier.seen().state_ticks < 2 {
            return;
        }
        if let Some((publisher, tick)) = verifier.state_newest_tick() {
            let age = at.saturating_duration_since(pace.due_at(publisher, tick));
            self.state_age_us = Some(age.as_micros() as u64);
        }
    }

    /// Age of the newest record of that state tick when it had been read, in microseconds.
    pub(crate) fn state_age_us(&self) -> Option<u64> {
        self.state_age_us
    }
}
