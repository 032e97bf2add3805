//! Tests of compression against bytes and libraries that aren't those under test.
//!
//! Oracles: batches typed by hand, batches of Python's libraries, and Python and Node inflating
//! what is made here. Bombs have a binary of their own, which watches its memory.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// The names of algorithms and classes.
mod algorithms;
/// The budget of inflated bytes.
mod budget;
/// The fuzz corpus, each file and its first half.
mod corpus;
/// Batches that Python made, good and bad.
mod golden;
/// Streams typed by hand from the RFCs.
mod hand_made;
/// Batches that lie, are cut, or have something behind them.
mod lies;
/// Python's and Node's libraries inflate what is made here.
mod other_libraries;
/// What is compressed is inflated again, and when nothing is.
mod round_trips;
/// What several test files need.
mod support;
