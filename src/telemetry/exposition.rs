//! Prometheus' text format, version 0.0.4: families of samples, each with its help and type.
//!
//! Invariant: names, labels and helps are literals of this program and need no escaping.

use std::fmt::{Display, Write};

use super::histogram::HistogramTally;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that grows by one family of samples at a time.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// The finished text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// A counter without labels.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, help, "counter");
        self.line(format_args!("{name} {value}"));
    }

    /// A counter of nanoseconds, in seconds.
    pub fn time_counter(&mut self, name: &str, help: &str, duration_ns: u64) {
        self.family(name, help, "counter");
        self.line(format_args!("{name} {}", Seconds(duration_ns)));
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: i64) {
        self.family(name, help, "gauge");
        self.line(format_args!("{name} {value}"));
    }

    /// Counters, one for each value of a label.
    pub fn counters<V: Display>(
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
    pub fn gauges<V: Display>(
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
    pub fn histogram(&mut self, name: &str, help: &str, tally: &HistogramTally) {
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

    /// Counters with several labels, one for each list of their values.
    pub fn counters_by<'a, const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; LABELS],
        samples: impl Iterator<Item = ([&'a str; LABELS], u64)>,
    ) {
        self.family(name, help, "counter");
        for (values, count) in samples {
            let pairs = labels.iter().zip(values);
            let pairs: Vec<_> = pairs
                .map(|(label, value)| format!("{label}=\"{value}\""))
                .collect();
            self.line(format_args!("{name}{{{}}} {count}", pairs.join(",")));
        }
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
    fn several_labels_stand_side_by_side() {
        let mut exposition = Exposition::default();
        let samples = [(["/a", "2xx"], 1), (["/a", "5xx"], 2)];
        exposition.counters_by("c_total", "C.", ["route", "status"], samples.into_iter());
        assert_eq!(
            exposition.into_text(),
            "# HELP c_total C.\n# TYPE c_total counter\n\
             c_total{route=\"/a\",status=\"2xx\"} 1\nc_total{route=\"/a\",status=\"5xx\"} 2\n"
        );
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
