//! How requests of the agent API were answered, counted in one place: what `/metrics` shows and what
//! document B's metrics say are the same numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::exposition::Exposition;
use super::histogram::Histogram;

/// The dialects, as labels.
const DIALECTS: [&str; 2] = ["v1", "api_v1"];

/// The classes of statuses, as labels.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The class of failures of the server itself.
const FAILED: usize = 3;

/// The figures; see the module. The routes are those that they were made with, and one more for
/// requests that led nowhere.
#[derive(Debug)]
pub struct RequestFigures {
    /// Methods and templates of paths.
    routes: Box<[(&'static str, &'static str)]>,
    /// By route, dialect, class.
    counts: Box<[AtomicU64]>,
    durations: Histogram,
}

/// What an answer was an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The place of its route; none if the request led nowhere.
    pub route: Option<usize>,
    /// Whether the request was in document B's dialect.
    pub is_b: bool,
    /// The status.
    pub status: u16,
    /// From the request's head to the answer's.
    pub duration: Duration,
}

impl RequestFigures {
    /// Nothing was answered yet on these routes, named by their methods and the templates of their
    /// paths.
    pub fn new(routes: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let routes: Box<[_]> = routes.chain([("any", "other")]).collect();
        let cells = routes.len() * DIALECTS.len() * CLASSES.len();
        Self {
            routes,
            counts: (0..cells).map(|_| AtomicU64::new(0)).collect(),
            durations: Histogram::default(),
        }
    }

    /// The template of the path of a route.
    pub fn route(&self, route: Option<usize>) -> &'static str {
        let other = self.routes.len() - 1;
        self.routes[route.unwrap_or(other).min(other)].1
    }

    /// Counts an answer.
    pub fn record(&self, answered: Answered) {
        let other = self.routes.len() - 1;
        let route = answered.route.unwrap_or(other).min(other);
        let class = usize::from(answered.status / 100).clamp(2, 5) - 2;
        let cell = (route * DIALECTS.len() + usize::from(answered.is_b)) * CLASSES.len() + class;
        self.counts[cell].fetch_add(1, Ordering::Relaxed);
        let duration_ns = u64::try_from(answered.duration.as_nanos()).unwrap_or(u64::MAX);
        self.durations.record(duration_ns);
    }

    /// How long an answer took on average, in milliseconds; 0 before the first.
    pub fn average_ms(&self) -> f64 {
        let durations = self.durations.snapshot();
        match durations.count() {
            0 => 0.0,
            count => durations.sum_ns() as f64 / count as f64 / 1e6,
        }
    }

    /// The share of answers that were failures of the server itself, 0 to 1.
    pub fn error_rate(&self) -> f64 {
        let (mut all, mut failed) = (0, 0);
        for (cell, count) in self.counts.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            all += count;
            failed += if cell % CLASSES.len() == FAILED {
                count
            } else {
                0
            };
        }
        match all {
            0 => 0.0,
            all => failed as f64 / all as f64,
        }
    }

    /// Writes the families.
    pub fn show(&self, exposition: &mut Exposition) {
        let samples = self.counts.iter().enumerate().map(|(cell, count)| {
            let (place, class) = (cell / CLASSES.len(), cell % CLASSES.len());
            let (route, dialect) = (place / DIALECTS.len(), place % DIALECTS.len());
            let (method, route) = self.routes[route];
            let labels = [method, route, DIALECTS[dialect], CLASSES[class]];
            (labels, count.load(Ordering::Relaxed))
        });
        exposition.counters_by(
            "agnt_requests_total",
            "Requests of the agent API that were answered.",
            ["method", "route", "dialect", "status"],
            samples,
        );
        exposition.histogram(
            "agnt_request_seconds",
            "Time from a request's head to its answer's.",
            &self.durations.snapshot(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_once_under_its_labels() {
        let figures = RequestFigures::new([("GET", "/agents"), ("POST", "/agents")].into_iter());
        assert_eq!((figures.average_ms(), figures.error_rate()), (0.0, 0.0));
        let answered = |route, is_b, status, ms| {
            figures.record(Answered {
                route,
                is_b,
                status,
                duration: Duration::from_millis(ms),
            });
        };
        answered(Some(0), false, 200, 10);
        answered(Some(0), false, 201, 20);
        answered(Some(1), true, 503, 30);
        answered(None, false, 404, 40);
        assert!((figures.average_ms() - 25.0).abs() < 1e-9);
        assert!((figures.error_rate() - 0.25).abs() < 1e-9);
        let mut exposition = Exposition::default();
        figures.show(&mut exposition);
        let text = exposition.into_text();
        for line in [
            "agnt_requests_total{method=\"GET\",route=\"/agents\",dialect=\"v1\",status=\"2xx\"} 2",
            "agnt_requests_total{method=\"POST\",route=\"/agents\",dialect=\"api_v1\",status=\"5xx\"} 1",
            "agnt_requests_total{method=\"any\",route=\"other\",dialect=\"v1\",status=\"4xx\"} 1",
            "agnt_requests_total{method=\"POST\",route=\"/agents\",dialect=\"v1\",status=\"2xx\"} 0",
            "agnt_request_seconds_count 4",
            "agnt_request_seconds_sum 0.1",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}:\n{text}"
            );
        }
    }
}
