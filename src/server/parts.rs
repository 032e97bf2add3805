//! The parts of a server that must run for ever, and what is noticed when one ends.

use std::time::Duration;

use super::Server;

/// Parts that run for ever and are no tasks in the background, by name.
const ACCEPTING: &str = "accepting";
const EVENT_LOOPS: &str = "event loops";
const ENCODER: &str = "encoder";
const MEMORY_WATCH: &str = "watch over memory";
const WRITER: &str = "the store's writer";

impl Server {
    /// Waits until something that must run for ever has ended, and names it: the server is of no more
    /// use.
    pub async fn failed(&mut self) -> &'static str {
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = &mut self.accepting => return ACCEPTING,
                name = self.background.ended() => return name,
                _ = look.tick() => {
                    let api = self.site.api.get();
                    if !self.site.loops.are_alive() {
                        return EVENT_LOOPS;
                    } else if !self.memory.is_alive() {
                        return MEMORY_WATCH;
                    } else if !self.site.encoder.is_alive() {
                        return ENCODER;
                    } else if api.is_some_and(|api| !api.fleet.is_alive()) {
                        return WRITER;
                    }
                }
            }
        }
    }

    /// The names of all that runs for ever.
    pub fn parts(&self) -> Vec<&'static str> {
        let mut parts = self.background.names();
        parts.extend([ACCEPTING, EVENT_LOOPS, ENCODER, MEMORY_WATCH, WRITER]);
        parts
    }

    /// Ends one of these parts, as a mistake in it would: for the proof that its end is noticed.
    pub async fn end_part(&self, part: &str) {
        match part {
            ACCEPTING => self.accepting.abort(),
            EVENT_LOOPS => self.site.loops.stop().await,
            ENCODER => self.site.encoder.end(),
            MEMORY_WATCH => self.memory.end(),
            WRITER => {
                if let Some(fleet) = self.site.api.get().map(|api| api.fleet.clone()) {
                    // How it ends is of no interest; that it does is.
                    let _ = tokio::task::spawn_blocking(move || fleet.close()).await;
                }
            }
            // One that was not begun yet can't be ended.
            task => {
                while !self.background.end(task) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}
