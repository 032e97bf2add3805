//! Spans on their way to a collector: OTLP over HTTP, as JSON.
//!
//! A batch that does not arrive is tried once more after a pause and then lost, which is counted: a
//! collector that is away costs the server nothing but that.

use std::sync::Arc;
use std::time::Duration;

use agnt_outbound::{Link, Tls};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::telemetry::{Span, SpanKind, SpanValue, Spans};

/// How often spans are sent that are fewer than a batch.
const EVERY: Duration = Duration::from_secs(1);

/// How long a collector may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The pause before a batch is sent once more.
const PAUSE: Duration = Duration::from_secs(2);

/// What is read of a collector's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Who sends them; see the module. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct TraceExport {
    /// `http://HOST:PORT` or `https://HOST[:PORT]`.
    endpoint: String,
    spans: Arc<Spans>,
    /// Held by who sends: whether the last batch arrived.
    was_good: Arc<Mutex<bool>>,
}

/// The right to send what is left, when nobody else does.
pub(super) type Sending = OwnedMutexGuard<bool>;

impl TraceExport {
    /// Sends the spans that wait in `spans` to a collector.
    pub(super) fn new(endpoint: String, spans: Arc<Spans>) -> Self {
        Self {
            endpoint,
            spans,
            was_good: Arc::new(Mutex::new(true)),
        }
    }

    /// Sends spans for ever.
    pub(super) async fn run(self) {
        loop {
            // Whether there are many or it is time: what waits is sent.
            let _ = timeout(EVERY, self.spans.filled()).await;
            let mut was_good = self.was_good.lock().await;
            self.send_all(&mut was_good).await;
        }
    }

    /// Has the batch end that is under way, and begins no other.
    pub(super) async fn pause(&self) -> Option<Sending> {
        timeout(WITHIN, Arc::clone(&self.was_good).lock_owned())
            .await
            .ok()
    }

    /// Sends what is left, if there is a collector that takes it.
    pub(super) async fn finish(&self, mut sending: Sending) {
        if *sending {
            let _ = timeout(WITHIN, self.send_all(&mut sending)).await;
        }
    }

    async fn send_all(&self, was_good: &mut bool) {
        loop {
            let batch = self.spans.take();
            if batch.is_empty() {
                return;
            }
            let count = batch.len() as u64;
            let body = Bytes::from(document(&batch).to_string());
            let mut sent = self.send(body.clone()).await;
            if sent.is_err() {
                tokio::time::sleep(PAUSE).await;
                sent = self.send(body).await;
            }
            match &sent {
                Ok(()) => self.spans.sent.add(count),
                Err(_) => self.spans.lost.add(count),
            }
            if let (Err(error), true) = (&sent, *was_good) {
                let endpoint = &self.endpoint;
                tracing::warn!(endpoint, error, "spans can't be sent; this is told once");
            }
            *was_good = sent.is_ok();
        }
    }

    async fn send(&self, body: Bytes) -> Result<(), String> {
        let sent = timeout(WITHIN, self.post(body)).await;
        sent.map_err(|_| format!("no answer within {} s", WITHIN.as_secs()))?
    }

    async fn post(&self, body: Bytes) -> Result<(), String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let (scheme, authority) = self.endpoint.split_once("://").unwrap_or(("http", ""));
        let tls = (scheme == "https").then(Tls::default);
        let has_port = authority.rsplit(':').next();
        let has_port = has_port.is_some_and(|port| port.parse::<u16>().is_ok());
        let port = if tls.is_some() { ":443" } else { ":80" };
        let place = format!("{authority}{}", if has_port { "" } else { port });
        let link = Link::connect(&place, tls.as_ref()).await;
        let link = link.map_err(|error| told(&error))?;
        let opened = http1::handshake(TokioIo::new(link)).await;
        let (mut sender, connection) = opened.map_err(|error| told(&error))?;
        // What goes wrong here also fails the request, which tells it.
        tokio::spawn(connection);
        let request = Request::post("/v1/traces")
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| told(&error))?;
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| told(&error))?;
        let status = answer.status();
        // The status has decided; how the body ends changes nothing.
        let _ = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        match status {
            StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(()),
            status => Err(format!("the collector answers {status}")),
        }
    }
}

/// An `ExportTraceServiceRequest`.
fn document(spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            attribute("service.name", &SpanValue::Text("agnt".to_owned())),
            attribute("service.version", &SpanValue::Text(env!("CARGO_PKG_VERSION").to_owned())),
        ]},
        "scopeSpans": [{"scope": {"name": "agnt"}, "spans": spans}],
    }]})
}

fn span(span: &Span) -> Value {
    let nanoseconds = |us: u64| us.saturating_mul(1000).to_string();
    let parent = match span.parent {
        0 => String::new(),
        parent => span_id(parent),
    };
    let attributes = span.attributes.iter();
    let attributes: Vec<Value> = attributes
        .map(|(name, value)| attribute(name, value))
        .collect();
    let links = span.links.iter();
    let links: Vec<Value> = links
        .map(|link| json!({"traceId": trace_id(link.trace), "spanId": span_id(link.span)}))
        .collect();
    json!({
        "traceId": trace_id(span.trace),
        "spanId": span_id(span.id),
        "parentSpanId": parent,
        "name": span.name,
        "kind": match span.kind {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
        },
        "startTimeUnixNano": nanoseconds(span.began_us),
        "endTimeUnixNano": nanoseconds(span.began_us.saturating_add(span.taken_us)),
        "attributes": attributes,
        "links": links,
        "status": {"code": if span.is_failed { 2 } else { 0 }},
    })
}

fn trace_id(trace: u128) -> String {
    format!("{trace:032x}")
}

fn span_id(span: u64) -> String {
    format!("{span:016x}")
}

fn attribute(name: &str, value: &SpanValue) -> Value {
    let value = match value {
        SpanValue::Text(text) => json!({"stringValue": text}),
        SpanValue::Number(number) => json!({"intValue": number.to_string()}),
    };
    json!({"key": name, "value": value})
}
