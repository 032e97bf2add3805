//! How the whole stream fares (`system.metrics`): measured, and compared with what is set.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::configuration::Targets;
use super::machine::MachineLoad;
use super::moment::{Moment, iso_8601};
use super::settings::AlertSettings;

/// What others measure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vitals {
    /// Agents heard of lately.
    pub agents_active: usize,
    /// Agents that are not gone.
    pub agents_total: usize,
    /// The machine's load.
    pub load: MachineLoad,
    /// Messages that wait in mailboxes.
    pub queue_depth: u64,
    /// Share of the sessions that lost no mail lately.
    pub network_health: f64,
    /// Share of the coordinations that were decided.
    pub coordination_efficiency: f64,
    /// Mean of the agents' success rates, if any was stated.
    pub success_rate: Option<f64>,
}

/// Something that is beyond what is set.
struct Alert {
    /// What tells it apart from others.
    name: &'static str,
    component: &'static str,
    message: String,
}

/// What is counted between two reports.
#[derive(Debug, Default)]
pub struct SystemMonitor {
    told_at: Option<Instant>,
    messages: u64,
    refused: u64,
    timed: u64,
    latency_sum_ms: f64,
    /// Since when each alert holds, in milliseconds since 1970.
    alerts: BTreeMap<&'static str, i64>,
}

impl SystemMonitor {
    /// Messages came.
    pub fn note_messages(&mut self, count: u64) {
        self.messages += count;
    }

    /// A message was refused.
    pub fn note_refusal(&mut self) {
        self.refused += 1;
    }

    /// A message took this long to get here.
    pub fn note_latency(&mut self, ms: f64) {
        self.timed += 1;
        self.latency_sum_ms += ms;
    }

    /// Whether it is time for a report; the first is due one interval after the first question.
    pub fn is_due(&mut self, every_ms: u64, now: Instant) -> bool {
        let told_at = *self.told_at.get_or_insert(now);
        let passed = now.saturating_duration_since(told_at);
        every_ms > 0 && passed >= Duration::from_millis(every_ms)
    }

    /// The payload of a report on the time since the last one.
    pub fn report(
        &mut self,
        vitals: Vitals,
        settings: &AlertSettings,
        targets: Targets,
        now: Moment,
    ) -> String {
        let since = self.told_at.replace(now.instant).unwrap_or(now.instant);
        let seconds = now.instant.saturating_duration_since(since).as_secs_f64();
        let per = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
        let rate = per(self.messages as f64, seconds);
        let latency_ms = per(self.latency_sum_ms, self.timed as f64);
        let error_rate = per(self.refused as f64, self.messages as f64);
        let mut alerts = alerts_by_settings(vitals, latency_ms, error_rate, settings);
        alerts.extend(alerts_by_targets(vitals, latency_ms, rate, targets));
        let alerts = self.dated(&alerts, now.unix_ms);
        (self.messages, self.refused) = (0, 0);
        (self.timed, self.latency_sum_ms) = (0, 0.0);
        json!({
            "activeAgents": vitals.agents_active,
            "totalAgents": vitals.agents_total,
            "systemLoad": { "cpu": vitals.load.cpu, "memory": vitals.load.memory, "gpu": 0 },
            "messageMetrics": {
                "rate": rate,
                "queueDepth": vitals.queue_depth,
                "averageLatency": latency_ms,
                "errorRate": error_rate,
            },
            "networkHealth": vitals.network_health,
            "coordinationEfficiency": vitals.coordination_efficiency,
            "alerts": alerts,
        })
        .to_string()
    }

    /// The alerts with the time at which each began.
    fn dated(&mut self, alerts: &[Alert], now_unix_ms: i64) -> Vec<Value> {
        self.alerts
            .retain(|name, _| alerts.iter().any(|alert| alert.name == *name));
        let dated = alerts.iter().map(|alert| {
            let since = *self.alerts.entry(alert.name).or_insert(now_unix_ms);
            json!({
                "level": "warning",
                "message": alert.message,
                "component": alert.component,
                "timestamp": iso_8601(since),
            })
        });
        dated.collect()
    }
}

fn alerts_by_settings(
    vitals: Vitals,
    latency_ms: f64,
    error_rate: f64,
    settings: &AlertSettings,
) -> Vec<Alert> {
    let depth = vitals.queue_depth as f64;
    let rows = [
        (
            "cpu",
            "machine",
            "High processor use",
            vitals.load.cpu,
            "alert_cpu",
            settings.alert_cpu,
        ),
        (
            "memory",
            "machine",
            "High memory use",
            vitals.load.memory,
            "alert_memory",
            settings.alert_memory,
        ),
        (
            "errors",
            "message-bus",
            "High error rate",
            error_rate,
            "alert_error_rate",
            settings.alert_error_rate,
        ),
        (
            "queue",
            "message-bus",
            "High message queue depth",
            depth,
            "alert_queue_depth",
            settings.alert_queue_depth as f64,
        ),
        (
            "latency",
            "message-bus",
            "High message latency",
            latency_ms,
            "alert_latency_ms",
            settings.alert_latency_ms as f64,
        ),
    ];
    let beyond = rows.into_iter().filter(|row| row.3 > row.5);
    beyond
        .map(|(name, component, what, value, setting, limit)| Alert {
            name,
            component,
            message: format!("{what} detected: {}, {setting} is {limit}", rounded(value)),
        })
        .collect()
}

fn alerts_by_targets(vitals: Vitals, latency_ms: f64, rate: f64, targets: Targets) -> Vec<Alert> {
    let alert = |name, component, what, value: f64, target, limit: f64| Alert {
        name,
        component,
        message: format!("{what}: {}, {target} is {limit}", rounded(value)),
    };
    let late = targets.latency_ms_max.filter(|limit| latency_ms > *limit);
    let slow = targets.throughput_min.filter(|limit| rate < *limit);
    let success_rate = vitals.success_rate;
    let failing = targets.success_rate_min.zip(success_rate);
    let failing = failing.filter(|(limit, success_rate)| success_rate < limit);
    [
        late.map(|limit| {
            alert(
                "maxLatency",
                "message-bus",
                "Latency misses its target",
                latency_ms,
                "maxLatency",
                limit,
            )
        }),
        slow.map(|limit| {
            alert(
                "minThroughput",
                "message-bus",
                "Throughput misses its target",
                rate,
                "minThroughput",
                limit,
            )
        }),
        failing.map(|(limit, success_rate)| {
            alert(
                "targetSuccessRate",
                "agents",
                "Success rate misses its target",
                success_rate,
                "targetSuccessRate",
                limit,
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A number as people read it.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Moment {
        Moment {
            instant: Instant::now(),
            unix_ms: 1_704_888_000_000,
        }
    }

    fn healthy() -> Vitals {
        Vitals {
            agents_active: 42,
            agents_total: 50,
            load: MachineLoad {
                cpu: 0.67,
                memory: 0.45,
            },
            queue_depth: 234,
            network_health: 0.98,
            coordination_efficiency: 0.87,
            success_rate: Some(0.95),
        }
    }

    fn report(monitor: &mut SystemMonitor, vitals: Vitals, targets: Targets, now: Moment) -> Value {
        let text = monitor.report(vitals, &AlertSettings::default(), targets, now);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn the_report_has_the_documents_members_and_what_was_measured() {
        let start = noon();
        let now = start.at(start.instant + Duration::from_secs(5));
        let mut monitor = SystemMonitor::default();
        assert!(!monitor.is_due(5000, start.instant));
        assert!(!monitor.is_due(5000, start.instant + Duration::from_millis(4999)));
        assert!(monitor.is_due(5000, now.instant) && !monitor.is_due(0, now.instant));
        monitor.note_messages(1000);
        for ms in [20.0, 27.0] {
            monitor.note_latency(ms);
        }
        for _ in 0..2 {
            monitor.note_refusal();
        }
        assert_eq!(
            report(&mut monitor, healthy(), Targets::default(), now),
            json!({
                "activeAgents": 42, "totalAgents": 50,
                "systemLoad": { "cpu": 0.67, "memory": 0.45, "gpu": 0 },
                "messageMetrics": { "rate": 200.0, "queueDepth": 234, "averageLatency": 23.5, "errorRate": 0.002 },
                "networkHealth": 0.98, "coordinationEfficiency": 0.87, "alerts": []
            })
        );
        assert!(!monitor.is_due(5000, now.instant));
        let later = now.at(now.instant + Duration::from_secs(5));
        let quiet = report(&mut monitor, healthy(), Targets::default(), later);
        assert_eq!(
            quiet["messageMetrics"]["rate"], 0.0,
            "counted since the last report"
        );
    }

    #[test]
    fn an_alert_stands_from_when_it_began_until_it_is_over() {
        let start = noon();
        let later = start.at(start.instant + Duration::from_secs(5));
        let deep = Vitals {
            queue_depth: 12_000,
            ..healthy()
        };
        let mut monitor = SystemMonitor::default();
        let expected = json!([{
            "level": "warning",
            "message": "High message queue depth detected: 12000, alert_queue_depth is 10000",
            "component": "message-bus",
            "timestamp": "2024-01-10T12:00:00.000Z"
        }]);
        for now in [start, later] {
            assert_eq!(
                report(&mut monitor, deep, Targets::default(), now)["alerts"],
                expected
            );
        }
        assert_eq!(
            report(&mut monitor, healthy(), Targets::default(), later)["alerts"],
            json!([])
        );
        let again = &report(&mut monitor, deep, Targets::default(), later)["alerts"][0];
        assert_eq!(again["timestamp"], "2024-01-10T12:00:05.000Z");
    }

    #[test]
    fn every_threshold_and_every_target_is_watched() {
        let now = noon();
        let mut monitor = SystemMonitor::default();
        monitor.note_messages(10);
        monitor.note_refusal();
        monitor.note_latency(300.0);
        let bad = Vitals {
            load: MachineLoad {
                cpu: 0.95,
                memory: 0.91,
            },
            queue_depth: 10_001,
            ..healthy()
        };
        let targets = Targets {
            latency_ms_max: Some(100.0),
            throughput_min: Some(1000.0),
            success_rate_min: Some(0.99),
        };
        let report = report(&mut monitor, bad, targets, now);
        let messages: Vec<&str> = report["alerts"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|alert| alert["message"].as_str())
            .collect();
        assert_eq!(
            messages,
            [
                "High processor use detected: 0.95, alert_cpu is 0.9",
                "High memory use detected: 0.91, alert_memory is 0.9",
                "High error rate detected: 0.1, alert_error_rate is 0.05",
                "High message queue depth detected: 10001, alert_queue_depth is 10000",
                "High message latency detected: 300, alert_latency_ms is 250",
                "Latency misses its target: 300, maxLatency is 100",
                "Throughput misses its target: 0, minThroughput is 1000",
                "Success rate misses its target: 0.95, targetSuccessRate is 0.99",
            ]
        );
    }
}
