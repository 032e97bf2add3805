//! Prometheus' text format, version 0.0.4: families of samples, each with its help and type.
//!
//! Invariant: names, labels and helps are literals of this program and need no escaping.

use std::fmt::{Display, Write};

use super::histogram::HistogramTally;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that grows by one family of samples at a time.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

impl Exposition {
    /// The finished text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, help, "counter");
        self.line(format_args!("{name} {value}"));
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: i64) {
        self.family(name, help, "gauge");
        self.line(format_args!("{name} {value}"));
    }

    /// Counters, one for each value of a label.
    pub(super) fn counters<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'static str, V)>,
    ) {
        self.family(name, help, "counter");
        self.labelled(name, label, values);
    }

    /// Gauges, one for each value of a label.
    pub(super) fn gauges<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'static str, V)>,
    ) {
        self.family(name, help, "gauge");
        self.labelled(name, label, values);
    }

    /// A histogram of durations, shown in seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, tally: &HistogramTally) {
        self.family(name, help, "histogram");
        for (bound_ns, count) in tally.cumulative() {
            let bound = Seconds(bound_ns);
            self.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}"));
        }
        let (sum, count) = (Seconds(tally.sum_ns()), tally.count());
        self.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.line(format_args!("{name}_sum {sum}"));
        self.line(format_args!("{name}_count {count}"));
    }

    fn family(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn labelled<V: Display>(
        &mut self,
        name: &str,
        label: &str,
        values: impl Iterator<Item = (&'static str, V)>,
    ) {
        for (text, value) in values {
            self.line(format_args!("{name}{{{label}=\"{text}\"}} {value}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// Nanoseconds, shown as seconds without rounding and without needless zeros.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        out.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        for (ns, want) in [
            (0, "0"),
            (1, "0.000000001"),
            (50_000, "0.00005"),
            (1_000_000_000, "1"),
            (10_000_000_000, "10"),
            (2_500_000_000, "2.5"),
        ] {
            assert_eq!(Seconds(ns).to_string(), want);
        }
    }

    #[test]
    fn families_are_written_as_the_format_says() {
        let mut exposition = Exposition::default();
        exposition.counter("a_total", "A.", 3);
        exposition.gauges("b", "B.", "kind", [("x", 1), ("y", -2)].into_iter());
        assert_eq!(
            exposition.into_text(),
            "# HELP a_total A.\n# TYPE a_total counter\na_total 3\n\
             # HELP b B.\n# TYPE b gauge\nb{kind=\"x\"} 1\nb{kind=\"y\"} -2\n"
        );
    }
}
