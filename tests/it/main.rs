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

mod agent_sockets;
mod api_backup;
mod api_crash;
mod api_events;
mod api_flow;
mod api_hostile;
mod api_idempotency;
mod api_waits;
mod big_swarm;
mod client_limits;
mod compression;
mod credentials;
mod ctl;
mod drain;
mod extents;
mod flights_replay;
mod foreign_ids;
mod full_memory;
mod handshake;
mod heartbeat;
mod hostile_frames;
mod hostile_messages;
mod http;
mod issuer_keys;
mod json_viewer;
mod key_rotation;
mod keys;
mod limits;
mod long_requests;
mod lost_parts;
mod made_tokens;
mod matrix;
mod metrics_listener;
mod order;
mod origins;
mod own_frames;
mod own_work;
mod rate_of_many;
#[path = "../../shared_rate/tests/redis_server/mod.rs"]
mod redis_server;
mod registry_on_screen;
mod reload;
mod renewals;
mod rest_limits;
mod resume;
mod rfc6455;
mod rfc6455_differential;
mod rfc6455_suite;
mod rfc6455_upgrade;
mod slow_clients;
mod slow_events;
mod slow_viewer;
mod smuggling;
mod standstill;
mod state_on_join;
mod visual_agents;
mod visual_commands;
