//! The load generator from outside: against servers that are right and servers that are wrong.

#![allow(clippy::unwrap_used)] // a test ends where it fails

mod broken_server;
mod program;

mod compressed;
mod options;
mod right;
mod wrong;
