//! The fleet as a running thing, over real files and failing ones: one binary, a file for each
//! promise.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod durability;
mod events;
mod failures;
mod idempotency;
mod resuming;
mod rig;
mod writer;
