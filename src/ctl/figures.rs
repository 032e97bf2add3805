//! The server's numbers, read from its `/metrics`.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::server::Server;

/// One reading; see the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Asks the server.
    pub(super) async fn of(server: &Server) -> Result<Self, Failure> {
        Ok(Self::read(&server.text("/metrics").await?))
    }

    /// Reads Prometheus' text.
    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// A sample, named with its labels; 0 if there is none.
    pub(super) fn value(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or(0.0)
    }

    /// The sum over all labels of a family, as far as they hold this text.
    pub(super) fn sum(&self, family: &str, label: &str) -> f64 {
        let samples = self.0.iter().filter(|(name, _)| {
            let labels = name.strip_prefix(family);
            labels.is_some_and(|labels| {
                (labels.is_empty() || labels.starts_with('{')) && labels.contains(label)
            })
        });
        samples.map(|(_, value)| value).sum()
    }

    /// The time within which this share of what a histogram has taken since `before` lies, in seconds,
    /// rounded up to one of its bounds; none if it has taken nothing, or longer than its last bound.
    pub(super) fn quantile_s(&self, before: &Self, family: &str, share: f64) -> Option<f64> {
        let head = format!("{family}_bucket{{le=\"");
        let mut bounds: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter_map(|(name, count)| {
                let bound = name.strip_prefix(&head)?.strip_suffix("\"}")?;
                let bound = match bound {
                    "+Inf" => f64::INFINITY,
                    bound => bound.parse().ok()?,
                };
                Some((bound, count - before.value(name)))
            })
            .collect();
        bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = bounds.last()?.1;
        if all <= 0.0 {
            return None;
        }
        let reached = bounds.iter().find(|(_, count)| *count >= all * share);
        reached.map(|(bound, _)| *bound).filter(|it| it.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_and_summed() {
        let figures = Figures::read(
            "# HELP a b\n# TYPE a counter\na{x=\"1\",s=\"4xx\"} 2\na{x=\"2\",s=\"5xx\"} 3\nab 7\nb 0.5\n",
        );
        assert!((figures.sum("a", "") - 5.0).abs() < 1e-9);
        assert!((figures.sum("a", "5xx") - 3.0).abs() < 1e-9);
        assert!((figures.value("b") - 0.5).abs() < 1e-9);
        assert!(figures.value("c").abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_of_what_came_between_two_readings() {
        let reading = |low: u32, high: u32| {
            Figures::read(&format!(
                "h_bucket{{le=\"0.001\"}} {low}\nh_bucket{{le=\"0.01\"}} {high}\nh_bucket{{le=\"+Inf\"}} {high}\n"
            ))
        };
        let (before, after) = (reading(1000, 1000), reading(1090, 1100));
        assert_eq!(after.quantile_s(&before, "h", 0.5), Some(0.001));
        assert_eq!(after.quantile_s(&before, "h", 0.99), Some(0.01));
        assert_eq!(after.quantile_s(&after, "h", 0.5), None);
    }
}
