//! The span of a session, from its upgrade to its end.

use std::sync::Arc;

use hyper::HeaderMap;

use crate::domain::time;
use crate::telemetry::{Span, SpanKind, SpanValue, Spans, TraceContext};

/// A session that is told of when this is dropped.
#[derive(Debug)]
pub(super) struct SessionSpan {
    spans: Arc<Spans>,
    context: TraceContext,
    path: String,
    began_us: u64,
}

impl SessionSpan {
    /// The span of a session that was asked for now, at this path and with these header fields, if it is
    /// to be recorded.
    pub(super) fn begin(spans: &Arc<Spans>, headers: &HeaderMap, path: &str) -> Option<Self> {
        let asked = headers.get("traceparent");
        let asked = asked.and_then(|value| TraceContext::read(value.to_str().ok()?));
        Some(Self {
            spans: Arc::clone(spans),
            context: spans.begin(asked)?,
            path: path.to_owned(),
            began_us: time::unix_us(),
        })
    }
}

impl Drop for SessionSpan {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        self.spans.leave(Span {
            trace: self.context.trace,
            id: Spans::id(),
            parent: self.context.parent,
            name: format!("session {path}"),
            kind: SpanKind::Server,
            began_us: self.began_us,
            taken_us: time::unix_us().saturating_sub(self.began_us),
            is_failed: false,
            attributes: vec![("http.route", SpanValue::Text(path))],
            links: Vec::new(),
        });
    }
}
