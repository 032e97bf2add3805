//! AGNT streams a swarm: publishers send agents' positions, states and metrics, every viewer gets
//! them in bytes that a browser can hand to its GPU unparsed.
//!
//! Modules in layer order; each imports only from those above it (`ARCHITECTURE.md`,
//! `tests/tidy.rs`).

pub mod domain;
pub mod telemetry;

pub mod guard;

pub mod engine;

pub mod control;

pub mod relay;

pub mod dialect;

pub mod net;

pub mod publish;

pub mod config;

pub mod cli;
pub mod server;

pub mod admin;

pub mod ctl;
