//! Integration tests of the server over real sockets: a module per failure mode, each opening
//! with what it proves.
//!
//! The tests share no code with the server: `support` has a WebSocket client and AGNT frames of
//! its own, so that a mistake of the server's reader or codec can't hide behind itself. Waits
//! are bounded and generous, and no test asserts a time.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail at once, its support too"
)]

mod support;

mod big_swarm;
mod drain;
mod flights_replay;
mod handshake;
mod heartbeat;
mod hostile_frames;
mod hostile_messages;
mod http;
mod json_viewer;
mod limits;
mod order;
mod own_frames;
mod rfc6455;
mod rfc6455_differential;
mod rfc6455_suite;
mod rfc6455_upgrade;
mod slow_events;
mod slow_viewer;
mod state_on_join;
