//! Agents and tasks by their rules: who comes, what they are given, and how it ends.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails at once, its scaffolding too"
)]

mod agents;
mod assignment;
mod attempts;
mod claims;
mod creation;
mod dependencies;
mod ordinals;
mod retention;
mod scale;
mod scene;
mod silence;
mod transitions;
