//! How an agent fares: its latest figures, and where they are heading.

use std::borrow::Cow;

use agnt_codec::AgentMetrics;

use super::agent_id::agent_id;
use super::fields::{Fields, number_json, quoted};

/// How much of a new figure goes into its moving average.
const NEW_SHARE: f64 = 0.3;

/// A moving average that moves by less than this share of itself stands still.
const DEAD_BAND: f64 = 0.01;

/// The figures that an update may hold, with their least and their most.
const FIGURES: [(&str, f64); 9] = [
    ("tasksCompleted", f64::INFINITY),
    ("successRate", 1.0),
    ("averageResponseTime", f64::INFINITY),
    ("resourceUtilization", f64::INFINITY),
    ("communicationEfficiency", 1.0),
    ("uptime", f64::INFINITY),
    ("messageQueueSize", f64::INFINITY),
    ("connectionCount", f64::INFINITY),
    ("memoryUsage", f64::INFINITY),
];

/// The figures that both JSON and `PERFORMANCE_METRICS` have; what was never said is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Tasks completed.
    pub tasks: Option<f64>,
    /// Share of tasks that succeeded.
    pub success_rate: Option<f64>,
    /// Average response time in milliseconds.
    pub response_ms: Option<f64>,
    /// Share of the agent's resources in use.
    pub load: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: Option<f64>,
}

impl Figures {
    /// Those of a binary record.
    pub fn of_record(record: &AgentMetrics) -> Self {
        let said = |value: f32| Some(f64::from(value)).filter(|value| value.is_finite());
        let memory_bytes = record.memory_bytes.get();
        Self {
            tasks: Some(f64::from(record.tasks.get())),
            success_rate: said(record.success.get()),
            response_ms: said(record.average_ms.get()),
            load: said(record.cpu_percent.get()).map(|percent| percent / 100.0),
            memory_bytes: (memory_bytes > 0).then_some(memory_bytes as f64),
        }
    }

    /// As a binary record; 0 stands for what was never said.
    pub fn to_record(self, id: u32) -> AgentMetrics {
        let or_zero = |value: Option<f64>| value.unwrap_or(0.0);
        AgentMetrics {
            id: id.into(),
            tasks: (or_zero(self.tasks) as u32).into(),
            success: (or_zero(self.success_rate) as f32).into(),
            average_ms: (or_zero(self.response_ms) as f32).into(),
            cpu_percent: ((or_zero(self.load) * 100.0) as f32).into(),
            memory_bytes: (or_zero(self.memory_bytes) as u64).into(),
        }
    }

    /// What is said newly, and the older where nothing is.
    #[must_use]
    pub fn or(self, older: Self) -> Self {
        Self {
            tasks: self.tasks.or(older.tasks),
            success_rate: self.success_rate.or(older.success_rate),
            response_ms: self.response_ms.or(older.response_ms),
            load: self.load.or(older.load),
            memory_bytes: self.memory_bytes.or(older.memory_bytes),
        }
    }

    /// As the `metrics` of an update.
    pub fn to_json(self) -> String {
        let members = [
            ("tasksCompleted", self.tasks),
            ("successRate", self.success_rate),
            ("averageResponseTime", self.response_ms),
            ("resourceUtilization", self.load),
            ("memoryUsage", self.memory_bytes),
        ];
        let said = members.iter().filter_map(|(name, value)| {
            let value = (*value)?;
            let is_count = value.fract() == 0.0 && value.abs() < 1e15;
            let json = match is_count {
                true => (value as i64).to_string(),
                false => number_json(value),
            };
            Some(format!("{}:{json}", quoted(name)))
        });
        format!("{{{}}}", said.collect::<Vec<_>>().join(","))
    }
}

/// Where a figure is heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heading {
    /// It grows.
    Up,
    /// It stands still, or nothing is known yet.
    #[default]
    Level,
    /// It shrinks.
    Down,
}

/// A figure's moving average and its slope.
#[derive(Clone, Copy, Debug, Default)]
struct Trend {
    average: Option<f64>,
    heading: Heading,
}

impl Trend {
    fn note(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            return;
        };
        let before = self.average.unwrap_or(value);
        let after = before + NEW_SHARE * (value - before);
        let band = DEAD_BAND * before.abs().max(after.abs());
        self.heading = match after - before {
            step if step > band => Heading::Up,
            step if step < -band => Heading::Down,
            _ => Heading::Level,
        };
        self.average = Some(after);
    }
}

/// What is remembered of an agent's performance.
#[derive(Clone, Debug, Default)]
pub struct Performance {
    latest: Figures,
    success_rate: Trend,
    response: Trend,
    load: Trend,
}

impl Performance {
    /// Takes new figures in and returns all that is known now.
    pub fn note(&mut self, figures: Figures) -> Figures {
        self.success_rate.note(figures.success_rate);
        self.response.note(figures.response_ms);
        self.load.note(figures.load);
        self.latest = figures.or(self.latest);
        self.latest
    }

    /// The latest figures.
    pub fn latest(&self) -> Figures {
        self.latest
    }

    /// Where the figures are heading: each key of `trends` with its word.
    pub fn trends(&self) -> [(&'static str, &'static str); 3] {
        let word = |heading, up, down| match heading {
            Heading::Up => up,
            Heading::Level => "stable",
            Heading::Down => down,
        };
        [
            (
                "successRateTrend",
                word(self.success_rate.heading, "improving", "declining"),
            ),
            (
                "responseTrend",
                word(self.response.heading, "degrading", "improving"),
            ),
            (
                "loadTrend",
                word(self.load.heading, "increasing", "decreasing"),
            ),
        ]
    }

    /// The same as the `trends` of an update.
    pub fn trends_json(&self) -> String {
        let trends = self.trends();
        let members = trends.map(|(name, word)| format!("{}:{}", quoted(name), quoted(word)));
        format!("{{{}}}", members.join(","))
    }
}

/// An `agent.performance.update` of a peer.
#[derive(Debug)]
pub struct PerformanceUpdate<'a> {
    /// Whose figures.
    pub agent: Cow<'a, str>,
    /// Those that the binary form has as well.
    pub figures: Figures,
    /// The trends that the peer states itself.
    pub trends: Option<Fields<'a>>,
}

impl<'a> PerformanceUpdate<'a> {
    /// Reads the payload.
    pub fn read(payload: &Fields<'a>) -> Result<Self, String> {
        let metrics = payload.required_object("metrics")?;
        let mut values = [None; FIGURES.len()];
        for (value, (key, most)) in values.iter_mut().zip(FIGURES) {
            *value = metrics.number(key, 0.0..=most)?;
        }
        let [tasks, success_rate, response_ms, load, .., memory_bytes] = values;
        let trends = payload.object("trends")?;
        if let Some(trends) = &trends {
            trends.word("successRateTrend", &["improving", "stable", "declining"])?;
            trends.word("responseTrend", &["improving", "stable", "degrading"])?;
            trends.word("loadTrend", &["increasing", "stable", "decreasing"])?;
        }
        Ok(Self {
            agent: agent_id(payload, "agentId")?,
            figures: Figures {
                tasks,
                success_rate,
                response_ms,
                load,
                memory_bytes,
            },
            trends,
        })
    }

    /// The payload's `trends` where the peer left some out: its own words and ours for the rest.
    pub fn completed_trends(&self, known: &Performance) -> Option<String> {
        let Some(said) = &self.trends else {
            return Some(known.trends_json());
        };
        let missing = known.trends().into_iter();
        let missing: Vec<_> = missing
            .filter(|(key, _)| said.raw(key).is_none())
            .map(|(key, word)| (key, quoted(word)))
            .collect();
        let set: Vec<_> = missing
            .iter()
            .map(|(key, json)| (*key, json.as_str()))
            .collect();
        (!set.is_empty()).then(|| said.with(&set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"agentId":"agent-001","metrics":{"tasksCompleted":42,"successRate":0.95,
        "averageResponseTime":234,"resourceUtilization":0.67,"communicationEfficiency":0.89,
        "uptime":3600000,"messageQueueSize":3,"connectionCount":7,"memoryUsage":104857600},
        "trends":{"successRateTrend":"improving","responseTrend":"stable","loadTrend":"increasing"}}"#;

    fn words(performance: &Performance) -> [&'static str; 3] {
        performance.trends().map(|(_, word)| word)
    }

    fn success(rate: f64) -> Figures {
        Figures {
            success_rate: Some(rate),
            ..Figures::default()
        }
    }

    #[test]
    fn the_documents_update_is_read_and_needs_nothing_computed() {
        let payload = Fields::of_text("payload", EXAMPLE).expect("an object");
        let update = PerformanceUpdate::read(&payload).expect("good");
        assert_eq!(
            update.figures,
            Figures {
                tasks: Some(42.0),
                success_rate: Some(0.95),
                response_ms: Some(234.0),
                load: Some(0.67),
                memory_bytes: Some(104_857_600.0),
            }
        );
        assert_eq!(update.completed_trends(&Performance::default()), None);
    }

    #[test]
    fn trends_are_the_sign_of_the_averages_slope() {
        let mut agent = Performance::default();
        assert_eq!(words(&agent), ["stable"; 3]);
        agent.note(success(0.5));
        assert_eq!(words(&agent)[0], "stable", "one figure has no slope");
        // Average 0.5 -> 0.5 + 0.3 * 0.1 = 0.53: 6 % up.
        agent.note(success(0.6));
        assert_eq!(words(&agent)[0], "improving");
        // 0.53 -> 0.53 + 0.3 * 0.01 = 0.533: 0.6 % up, within the dead band.
        agent.note(success(0.54));
        assert_eq!(words(&agent)[0], "stable");
        agent.note(success(0.1));
        assert_eq!(words(&agent)[0], "declining");
        agent.note(Figures::default());
        assert_eq!(
            words(&agent)[0],
            "declining",
            "nothing said, nothing changed"
        );
    }

    #[test]
    fn slower_is_worse_and_more_load_is_an_increase() {
        let mut agent = Performance::default();
        for (ms, load) in [(100.0, 0.0), (200.0, 0.5)] {
            agent.note(Figures {
                response_ms: Some(ms),
                load: Some(load),
                ..Figures::default()
            });
        }
        assert_eq!(words(&agent), ["stable", "degrading", "increasing"]);
        agent.note(Figures {
            response_ms: Some(10.0),
            load: Some(0.0),
            ..Figures::default()
        });
        assert_eq!(words(&agent), ["stable", "improving", "decreasing"]);
    }

    #[test]
    fn missing_trends_are_filled_in_and_stated_ones_stay() {
        let text = r#"{"agentId":"a","metrics":{},"trends":{"loadTrend":"stable","own":1}}"#;
        let payload = Fields::of_text("payload", text).expect("an object");
        let update = PerformanceUpdate::read(&payload).expect("good");
        let mut known = Performance::default();
        known.note(success(0.2));
        known.note(success(0.9));
        assert_eq!(
            update.completed_trends(&known).as_deref(),
            Some(
                r#"{"loadTrend":"stable","own":1,"successRateTrend":"improving","responseTrend":"stable"}"#
            )
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, begins) in [
            (r#"{"agentId":"a"}"#, "payload.metrics: missing; an object"),
            (
                r#"{"agentId":"a","metrics":{"successRate":95}}"#,
                "payload.metrics.successRate: 95 is not allowed; a number from 0 to 1",
            ),
            (
                r#"{"agentId":"a","metrics":{"uptime":"1h"}}"#,
                "payload.metrics.uptime: '1h' is not allowed; a number of 0 or more",
            ),
            (
                r#"{"agentId":"a","metrics":{},"trends":{"loadTrend":"up"}}"#,
                "payload.trends.loadTrend: 'up' is not allowed; increasing, stable, decreasing",
            ),
        ] {
            let payload = Fields::of_text("payload", text).expect("an object");
            let error = PerformanceUpdate::read(&payload).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
    }

    #[test]
    fn figures_go_to_a_record_and_back() {
        let figures = Figures {
            tasks: Some(42.0),
            success_rate: Some(0.5),
            response_ms: Some(234.5),
            load: Some(0.25),
            memory_bytes: Some(104_857_600.0),
        };
        let record = figures.to_record(7);
        assert_eq!((record.id.get(), record.cpu_percent.get()), (7, 25.0));
        assert_eq!(Figures::of_record(&record), figures);
        assert_eq!(
            figures.to_json(),
            r#"{"tasksCompleted":42,"successRate":0.5,"averageResponseTime":234.5,"resourceUtilization":0.25,"memoryUsage":104857600}"#
        );
        let silent = Figures::default().to_record(7);
        assert_eq!(
            Figures::of_record(&silent).memory_bytes,
            None,
            "0 is unknown"
        );
        let odd = Figures {
            tasks: Some(1e300),
            ..Figures::default()
        }
        .to_record(1);
        assert_eq!(odd.tasks.get(), u32::MAX);
    }
}
