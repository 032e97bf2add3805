//! What the server says about itself: log lines on standard error, numbers for Prometheus.
//!
//! Invariants: no label and no metric name comes from a peer, so the number of series is fixed
//! when the program is built. Counting on the hot path is a plain addition in a [`Tally`]; its
//! owner adds it to the shared [`Metrics`] once a turn. A log line never holds a raw control
//! character, so that no peer can forge a line or steer a terminal.

mod exposition;
mod histogram;
mod instrument;
mod label;
mod log;
mod metrics;
mod tally;

pub use exposition::CONTENT_TYPE;
pub use histogram::{Histogram, HistogramTally};
pub use instrument::{Counter, CounterBy, Gauge, GaugeBy};
pub use label::{
    ConnectionKind, DropReason, HandshakeResult, Label, QueueKind, RefusalReason, Role,
};
pub use log::{LogError, init};
pub use metrics::Metrics;
pub use tally::Tally;
