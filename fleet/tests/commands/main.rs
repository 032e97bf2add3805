//! Commands, requests and messages: accepted, answered once and by whom they were for, or waited
//! for in vain; what the six verbs of document A make of an agent; where answers are kept.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails at once, its scaffolding too"
)]

mod answering;
mod asked;
mod callbacks;
mod credentials;
mod issuing;
#[path = "../workflows/swarm.rs"]
mod swarm;
mod verbs;
