//! Workflows: their stages run in the order of their graph, and every end of a stage makes of the
//! workflow what its failure strategy says. The proof is document B's own example, cases written
//! out by hand, and a plain model of random graphs.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails at once, its scaffolding too"
)]

mod checks;
mod course;
mod failures;
mod model;
mod plan;
mod resuming;
mod swarm;
