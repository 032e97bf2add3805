//! What the tests stand on: a server under test, a WebSocket client, AGNT frames made by hand,
//! plain HTTP, the agent API.

pub(crate) mod commanding;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod program;
pub(crate) mod rest;
pub(crate) mod server;
pub(crate) mod swarm;
pub(crate) mod tokens;
pub(crate) mod wire;
pub(crate) mod ws;

use std::time::{Duration, Instant};

/// How long a test waits for what must come before it counts as lost. No test passes by waiting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until `look` finds something.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// The same for what takes longer than a test waits otherwise.
pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "this never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
