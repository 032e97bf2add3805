//! Both dialects over the fleet's own rules, without a server.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod documents_a;
mod documents_b;
mod events;
mod hostile;
mod lists;
mod refusals;
mod rig;
mod round_trip;
mod routes;
