//! The sender against real sockets: what it must never reach, and receivers that misbehave.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail at once, its support too"
)]

mod canary;
mod encrypted;
mod rebinding;
mod receiver;
mod replies;
mod sender;
mod signed;
