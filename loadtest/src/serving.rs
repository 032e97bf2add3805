//! What the floor and the baselines share: the little of the protocol that a viewer waits for,
//! and when to end.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Context, Result};
use crate::process_usage::terminate;
use crate::swarm::{FLAG_KEYFRAME, RECORDS_OFFSET, frame_head};

/// The path of the upgrade that the baselines serve.
pub(crate) const PATH: &str = "/api/visualisation/agents/ws";

/// The answer to a handshake.
pub(crate) fn acknowledgement() -> String {
    json!({
        "type": "handshake_ack",
        "sessionId": "session",
        "protocols": ["binary"],
        "heartbeatInterval": 30_000,
        "compression": "none",
        "serverTime": "2026-01-10T12:00:00Z",
    })
    .to_string()
}

/// The state of a stream that nobody has published to.
pub(crate) fn empty_state() -> [u8; RECORDS_OFFSET] {
    frame_head(0, FLAG_KEYFRAME)
}

/// Whether a handshake asks for the publisher's role.
pub(crate) fn is_publisher(handshake: &[u8]) -> bool {
    serde_json::from_slice::<Value>(handshake)
        .is_ok_and(|handshake| handshake["role"] == "publisher")
}

/// A flag that SIGTERM and SIGINT raise, and the end of standard input if `stdin` says so.
pub(crate) fn until_stopped(stdin: bool) -> Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        flag::register(signal, Arc::clone(&stopped)).context("signal")?;
    }
    if stdin {
        let stopped = Arc::clone(&stopped);
        thread::spawn(move || {
            let mut ignored = [0; 64];
            while matches!(io::stdin().read(&mut ignored), Ok(bytes) if bytes > 0) {}
            stopped.store(true, Ordering::Relaxed);
            // The signal ends a wait that is on; the flag alone would be seen later.
            drop(terminate(std::process::id()));
        });
    }
    Ok(stopped)
}
