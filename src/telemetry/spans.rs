//! Spans of the server's own work, for whoever collects traces: what was done, for whom, and how long
//! it took. They wait here, bounded, until they are sent; nothing waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::instrument::Counter;

/// The most spans that wait; further ones are dropped, which is counted.
const WAITING_MAX: usize = 4096;

/// As many at once are worth being sent before their time.
const BATCH: usize = 512;

/// Which trace something belongs to, as W3C Trace Context writes it in `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: u128,
    /// Who asked, in this trace.
    pub parent: u64,
    /// Whether the one who asked records it.
    pub is_recorded: bool,
}

impl TraceContext {
    /// Reads `00-TRACE-PARENT-FLAGS`; none if it is no such text, or from a version that none is.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, trace, parent, flags] = [2, 32, 16, 2].map(|digits| {
            let part = parts.next()?;
            let is_hex = part
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            (is_hex && part.len() == digits).then_some(part)
        });
        let version = version.filter(|version| *version != "ff")?;
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let context = Self {
            trace: u128::from_str_radix(trace?, 16).ok()?,
            parent: u64::from_str_radix(parent?, 16).ok()?,
            is_recorded: u8::from_str_radix(flags?, 16).ok()? & 1 == 1,
        };
        (context.trace != 0 && context.parent != 0).then_some(context)
    }
}

/// What kind of work a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Done within the server.
    Internal,
    /// Done for somebody who asked over the network.
    Server,
}

/// What is said of a span.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanValue {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// Another span that this one has to do with, of whichever trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLink {
    /// Its trace.
    pub trace: u128,
    /// Its number.
    pub span: u64,
}

/// Work that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// Its own number.
    pub id: u64,
    /// The number of what it is a part of; 0 for none.
    pub parent: u64,
    /// What was done.
    pub name: String,
    /// What kind of work.
    pub kind: SpanKind,
    /// When it began, in microseconds since 1970.
    pub began_us: u64,
    /// How long it took, in microseconds.
    pub taken_us: u64,
    /// Whether the server failed.
    pub is_failed: bool,
    /// What is said of it; names are those of OpenTelemetry's conventions where there are any.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// What else it has to do with.
    pub links: Vec<SpanLink>,
}

/// Where spans wait; see the module.
#[derive(Debug)]
pub struct Spans {
    /// The share of what has no trace yet that begins one, in percent.
    percent: u32,
    waiting: Mutex<VecDeque<Span>>,
    filled: Notify,
    /// Spans that there was no room for.
    pub dropped: Counter,
    /// Spans that were sent.
    pub sent: Counter,
    /// Spans that could not be sent.
    pub lost: Counter,
}

impl Spans {
    /// None wait; `percent` of what has no trace yet begins one.
    pub fn new(percent: u32) -> Arc<Self> {
        Arc::new(Self {
            percent,
            waiting: Mutex::default(),
            filled: Notify::new(),
            dropped: Counter::default(),
            sent: Counter::default(),
            lost: Counter::default(),
        })
    }

    /// The trace that work belongs to, and what it is a part of there: the one of who asked, or a new
    /// one; none if it is not to be traced.
    pub fn begin(&self, asked: Option<TraceContext>) -> Option<TraceContext> {
        match asked {
            Some(asked) => Some(asked).filter(|asked| asked.is_recorded),
            None => (fastrand::u32(0..100) < self.percent).then(Self::fresh),
        }
    }

    /// A new trace.
    pub fn fresh() -> TraceContext {
        TraceContext {
            trace: fastrand::u128(1..),
            parent: 0,
            is_recorded: true,
        }
    }

    /// A number for a span.
    pub fn id() -> u64 {
        fastrand::u64(1..)
    }

    /// Leaves a span to be sent. Never waits.
    pub fn leave(&self, span: Span) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            self.dropped.increment();
            return;
        }
        waiting.push_back(span);
        let is_batch = waiting.len() >= BATCH;
        drop(waiting);
        if is_batch {
            self.filled.notify_one();
        }
    }

    /// Returns once there are enough to be sent before their time.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes some of those that wait.
    pub fn take(&self) -> Vec<Span> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_as_the_recommendation_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = TraceContext::read(good).unwrap();
        assert_eq!(read.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(
            (read.parent, read.is_recorded),
            (0x00f0_67aa_0ba9_02b7, true)
        );
        for other in ["01", "cc"] {
            let newer = format!("{other}{}-more", &good[2..]);
            assert!(TraceContext::read(&newer).is_some(), "{newer}");
        }
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é1",
        ] {
            assert_eq!(TraceContext::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let spans = Spans::new(100);
        let span = Span {
            trace: 1,
            id: Spans::id(),
            parent: 0,
            name: "work".to_owned(),
            kind: SpanKind::Internal,
            began_us: 0,
            taken_us: 1,
            is_failed: false,
            attributes: Vec::new(),
            links: Vec::new(),
        };
        for _ in 0..WAITING_MAX + 3 {
            spans.leave(span.clone());
        }
        assert_eq!(spans.dropped.value(), 3);
        let mut taken = 0;
        while let count @ 1.. = spans.take().len() {
            assert!(count <= BATCH);
            taken += count;
        }
        assert_eq!(taken, WAITING_MAX);
    }

    #[test]
    fn who_asked_decides_and_else_the_share() {
        let asked = TraceContext {
            trace: 7,
            parent: 8,
            is_recorded: true,
        };
        let not = TraceContext {
            is_recorded: false,
            ..asked
        };
        for percent in [0, 100] {
            let spans = Spans::new(percent);
            assert_eq!(spans.begin(Some(asked)), Some(asked));
            assert_eq!(spans.begin(Some(not)), None);
            assert_eq!(spans.begin(None).is_some(), percent == 100);
        }
    }
}
