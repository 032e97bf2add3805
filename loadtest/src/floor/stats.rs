//! What the floor did: the figures that say whether it was a floor.

use std::process;

use serde_json::json;

use crate::process_usage::ProcessUsage;

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Stats {
    /// Frames that publishers sent.
    pub(super) received: u64,
    /// Bytes that viewers' sockets took.
    pub(super) bytes: u64,
    /// Calls of `send` to viewers.
    pub(super) sends: u64,
    /// Messages times viewers, counted when a viewer has caught up with the log.
    pub(super) messages: u64,
}

impl Stats {
    /// The counts and the process's times as JSON.
    pub(super) fn json(&self) -> String {
        let cpu = ProcessUsage::new(process::id())
            .cpu_time()
            .unwrap_or_default();
        json!({
            "received": self.received,
            "messages": self.messages,
            "sends": self.sends,
            "sends_per_message": self.sends as f64 / (self.messages as f64).max(1.0),
            "bytes": self.bytes,
            "user_ms": cpu.user_ns / 1_000_000,
            "system_ms": cpu.system_ns / 1_000_000,
            "user_share": cpu.user_share(),
        })
        .to_string()
    }
}
