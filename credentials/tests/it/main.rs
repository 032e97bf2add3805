//! The crate from outside, tried on tokens that others made.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod documents;
mod forged;
mod good;
mod issuer_keys;
mod keys;
mod minting;
mod remembering;
mod rfc;
mod rig;
mod tickets;
