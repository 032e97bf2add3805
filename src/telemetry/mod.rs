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
mod process;
mod request_figures;
mod spans;
mod tally;

pub use exposition::{CONTENT_TYPE, Exposition};
pub use histogram::{Histogram, HistogramTally};
pub use instrument::{Counter, CounterBy, Gauge, GaugeBy};
pub use label::{
    CertificateReload, ConnectionKind, DropReason, HandshakeResult, Label, QueueKind,
    RefusalReason, ReloadResult, Role, TlsHandshake,
};
pub use log::{LogError, init, set_filter};
pub use metrics::Metrics;
pub use request_figures::{Answered, RequestFigures};
pub use spans::{Span, SpanKind, SpanLink, SpanValue, Spans, TraceContext};
pub use tally::Tally;
