//! Publishers that the program brings along: a flock for the demo, and recorded trajectories.
//!
//! Both speak to the server as anyone else does, over a WebSocket: [`client`] holds that
//! connection. The flock ([`flock`]) and the timetable of a replay ([`schedule`]) know neither
//! clock nor socket; [`demo`] and [`replay`] pace them.

pub mod client;
pub mod client_error;
mod csv;
pub mod demo;
mod dial;
pub mod endpoint;
pub mod flock;
mod leg;
mod listener;
mod outgoing;
pub mod publish_log;
pub mod recording;
pub mod replay;
pub mod schedule;
pub mod track;

#[cfg(test)]
#[path = "tests/peer.rs"]
mod peer;

use tokio::sync::watch;

/// Resolves when `shutdown` becomes true; never, if its sender goes without saying so.
async fn stopping(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
