//! The signals that a program obeys, caught before it does anything else: one that comes while it
//! starts is kept until it can be obeyed.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals; see the module.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// What asks a program to end.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Catches them from now on; to be called within a runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// As a server obeys them: SIGHUP, which has its configuration read anew, and what ends it.
    pub fn of_server(self) -> (Signal, StopSignals) {
        let stop = StopSignals {
            terminate: self.terminate,
            interrupt: self.interrupt,
            hangup: None,
        };
        (self.hangup, stop)
    }

    /// As a program obeys them that ends with the terminal which it was started from.
    pub fn of_client(self) -> StopSignals {
        StopSignals {
            terminate: self.terminate,
            interrupt: self.interrupt,
            hangup: Some(self.hangup),
        }
    }
}

impl StopSignals {
    /// Waits for the next one.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}
