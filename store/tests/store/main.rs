//! The store from outside: a file for each way to fail.
//!
//! Oracles: maps that the same changes happen to, files made by redb alone, bytes by hand.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail at once, its support too"
)]
#![allow(
    clippy::print_stdout,
    reason = "a child process tells its parent, and a skipped test why"
)]

mod backup;
mod damage;
mod disk_full;
mod faulty_disk;
mod journal;
mod kill;
mod model;
mod power;
mod refusals;
mod relaxed;
mod syncs;
mod world;
