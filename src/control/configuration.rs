//! Configurations of swarms (`control.multi-agent.configure`), stored and in force.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fields::{Fields, quoted};
use super::refusal::Refusal;

/// The key of a swarm's id as document C writes it, and the others that are understood.
const ID_KEYS: [&str; 3] = ["multi-agentId", "multiAgentId", "swarmId"];

/// The longest id, topology and strategy, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The most configurations of a stream; beyond, new ids are refused.
const CONFIGURATIONS_MAX: usize = 64;

/// An agent that is silent for so many of its heartbeat intervals counts as offline: one heartbeat
/// may be lost or late.
const SILENT_INTERVALS: f64 = 2.5;

/// What a swarm is to achieve; a target that was not set is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Targets {
    /// Most milliseconds that messages may take on the average.
    pub latency_ms_max: Option<f64>,
    /// Least messages a second.
    pub throughput_min: Option<f64>,
    /// Least share of tasks that succeed.
    pub success_rate_min: Option<f64>,
}

/// A configuration, as far as the server acts by it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct InForce {
    heartbeat: Option<Duration>,
    targets: Targets,
}

/// A `control.multi-agent.configure` of a peer.
#[derive(Debug)]
pub struct Configure {
    /// The swarm's id.
    pub id: Box<str>,
    /// The payload to announce, with the key as document C writes it.
    pub payload: Option<String>,
    in_force: InForce,
}

impl Configure {
    /// Reads the payload.
    pub fn read(payload: &Fields<'_>) -> Result<Self, String> {
        let found = ID_KEYS.into_iter().find(|key| payload.raw(key).is_some());
        let key = found.unwrap_or(ID_KEYS[0]);
        let id = payload.required_text(key, NAME_BYTES_MAX)?;
        let configuration = payload.required_object("configuration")?;
        configuration.text("topology", NAME_BYTES_MAX)?;
        configuration.text("coordinationStrategy", NAME_BYTES_MAX)?;
        let mut in_force = InForce::default();
        if let Some(tolerance) = configuration.object("faultTolerance")? {
            let is_enabled = tolerance.flag("enabled")?.unwrap_or(true);
            tolerance.whole("redundancy", 0..=u64::from(u32::MAX))?;
            let interval_ms = tolerance.whole("heartbeatInterval", 100..=600_000)?;
            in_force.heartbeat = interval_ms
                .filter(|_| is_enabled)
                .map(Duration::from_millis);
        }
        if let Some(targets) = configuration.object("performanceTargets")? {
            in_force.targets = Targets {
                latency_ms_max: targets.number("maxLatency", 0.0..=f64::INFINITY)?,
                throughput_min: targets.number("minThroughput", 0.0..=f64::INFINITY)?,
                success_rate_min: targets.number("targetSuccessRate", 0.0..=1.0)?,
            };
        }
        Ok(Self {
            payload: (key != ID_KEYS[0]).then(|| announced(payload, &id)),
            id: Box::from(id.as_ref()),
            in_force,
        })
    }
}

/// The payload with the id under the one key that document C knows.
fn announced(payload: &Fields<'_>, id: &str) -> String {
    let others = payload.members().iter();
    let others = others.filter(|(name, _)| !ID_KEYS.contains(&name.as_ref()));
    let id = format!("{}:{}", quoted(ID_KEYS[0]), quoted(id));
    let members = others.map(|(name, raw)| format!("{}:{}", quoted(name), raw.get()));
    let members: Vec<_> = std::iter::once(id).chain(members).collect();
    format!("{{{}}}", members.join(","))
}

/// The configurations of a stream, the latest of each id.
#[derive(Debug, Default)]
pub struct Configurations(BTreeMap<Box<str>, InForce>);

impl Configurations {
    /// Puts one in force.
    pub fn apply(&mut self, configure: &Configure) -> Result<(), Refusal> {
        if self.0.len() >= CONFIGURATIONS_MAX && !self.0.contains_key(&configure.id) {
            return Err(Refusal::bound(format!(
                "payload.multi-agentId: {CONFIGURATIONS_MAX} others of the stream are configured, \
                 and no more are allowed"
            )));
        }
        self.0.insert(configure.id.clone(), configure.in_force);
        Ok(())
    }

    /// How long an agent's session may be silent; the shortest that was asked for.
    pub fn silence_max(&self) -> Option<Duration> {
        let intervals = self.0.values().filter_map(|in_force| in_force.heartbeat);
        intervals.min().map(|least| least.mul_f64(SILENT_INTERVALS))
    }

    /// The strictest of all targets.
    pub fn targets(&self) -> Targets {
        let strictest = |target: fn(&Targets) -> Option<f64>, stricter: fn(f64, f64) -> f64| {
            let all = self.0.values();
            all.filter_map(|in_force| target(&in_force.targets))
                .reduce(stricter)
        };
        Targets {
            latency_ms_max: strictest(|targets| targets.latency_ms_max, f64::min),
            throughput_min: strictest(|targets| targets.throughput_min, f64::max),
            success_rate_min: strictest(|targets| targets.success_rate_min, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Document C, multi-agent Configuration Update.
    const EXAMPLE: &str = r#"{"multi-agentId":"multi-agent-001","configuration":{"topology":"HIERARCHICAL",
        "coordinationStrategy":"consensus","faultTolerance":{"enabled":true,"redundancy":2,
        "heartbeatInterval":5000},"performanceTargets":{"maxLatency":100,"minThroughput":1000,
        "targetSuccessRate":0.99}}}"#;

    fn read(text: &str) -> Result<Configure, String> {
        Configure::read(&Fields::of_text("payload", text).expect("an object"))
    }

    fn applied(texts: &[String]) -> Configurations {
        let mut all = Configurations::default();
        for text in texts {
            all.apply(&read(text).expect("good")).expect("room");
        }
        all
    }

    #[test]
    fn the_documents_configuration_is_in_force() {
        let configure = read(EXAMPLE).expect("good");
        assert_eq!(
            (configure.id.as_ref(), configure.payload.as_ref()),
            ("multi-agent-001", None)
        );
        let all = applied(&[EXAMPLE.to_owned()]);
        assert_eq!(all.silence_max(), Some(Duration::from_millis(12_500)));
        assert_eq!(
            all.targets(),
            Targets {
                latency_ms_max: Some(100.0),
                throughput_min: Some(1000.0),
                success_rate_min: Some(0.99),
            }
        );
        assert_eq!(Configurations::default().targets(), Targets::default());
    }

    #[test]
    fn every_key_of_the_id_is_understood_and_the_documents_is_announced() {
        for key in ["multiAgentId", "swarmId"] {
            let text =
                format!(r#"{{"{key}":"s-1","configuration":{{"topology":"MESH"}},"own":1.50}}"#);
            let configure = read(&text).expect("good");
            assert_eq!(configure.id.as_ref(), "s-1");
            assert_eq!(
                configure.payload.as_deref(),
                Some(r#"{"multi-agentId":"s-1","configuration":{"topology":"MESH"},"own":1.50}"#)
            );
        }
    }

    #[test]
    fn the_latest_of_an_id_and_the_strictest_of_all_count() {
        let with = |id: &str, interval: u64, enabled: bool, latency: u64| {
            EXAMPLE
                .replace("multi-agent-001", id)
                .replace("5000", &interval.to_string())
                .replace("true", &enabled.to_string())
                .replace("100,", &format!("{latency},"))
        };
        let all = applied(&[with("a", 1000, true, 50), with("b", 200, false, 70)]);
        assert_eq!(all.silence_max(), Some(Duration::from_millis(2500)));
        assert_eq!(all.targets().latency_ms_max, Some(50.0));
        let all = applied(&[with("a", 1000, true, 50), with("b", 400, true, 70)]);
        assert_eq!(
            all.silence_max(),
            Some(Duration::from_secs(1)),
            "the shortest"
        );
        let slower = with("b", 400, true, 70).replace("1000", "500");
        let all = applied(&[with("a", 400, true, 50), slower.replace("0.99", "0.5")]);
        let targets = all.targets();
        assert_eq!(targets.throughput_min, Some(1000.0));
        assert_eq!(targets.success_rate_min, Some(0.99));
        let all = applied(&[with("a", 1000, true, 50), with("a", 4000, true, 90)]);
        assert_eq!(all.silence_max(), Some(Duration::from_secs(10)));
        assert_eq!(all.targets().latency_ms_max, Some(90.0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (old, new, begins) in [
            (
                r#""multi-agentId":"multi-agent-001","#,
                "",
                "payload.multi-agentId: missing",
            ),
            (
                "5000",
                "99",
                "payload.configuration.faultTolerance.heartbeatInterval: 99 is not allowed; a whole number from 100 to 600000",
            ),
            (
                "0.99",
                "99",
                "payload.configuration.performanceTargets.targetSuccessRate: 99 is not allowed; a number from 0 to 1",
            ),
            (
                "true",
                "1",
                "payload.configuration.faultTolerance.enabled: 1 is not allowed; true or false",
            ),
            (
                r#""HIERARCHICAL""#,
                "7",
                "payload.configuration.topology: 7",
            ),
        ] {
            let error = read(&EXAMPLE.replace(old, new)).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
        let error = read(r#"{"swarmId":"s"}"#).unwrap_err();
        assert!(
            error.starts_with("payload.configuration: missing"),
            "{error}"
        );
    }

    #[test]
    fn there_is_a_bound() {
        let named = |id: usize| EXAMPLE.replace("multi-agent-001", &id.to_string());
        let mut all = applied(&(0..64).map(named).collect::<Vec<_>>());
        let refusal = all.apply(&read(&named(64)).expect("good")).unwrap_err();
        assert!(
            refusal
                .to_string()
                .starts_with("RATE_LIMIT_EXCEEDED: payload.multi-agentId: 64"),
            "{refusal}"
        );
        assert_eq!(all.apply(&read(&named(3)).expect("good")), Ok(()));
    }
}
