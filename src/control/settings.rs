//! What can be set about the control plane.

/// The settings; times in milliseconds, shares of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct HubSettings {
    /// What awaits an ack is sent again this often.
    pub redelivery_ms: u64,
    /// The longest message in JSON that is taken, in bytes.
    pub json_bytes_max: usize,
}

/// When the server tells how it fares, and what it alerts of; changes while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// `system.metrics` is told this often; 0: never.
    pub system_metrics_ms: u64,
    /// More of the processors in use than this is alerted.
    pub alert_cpu: f64,
    /// More memory in use than this is alerted.
    pub alert_memory: f64,
    /// More messages refused than this is alerted.
    pub alert_error_rate: f64,
    /// More messages waiting in mailboxes than this are alerted.
    pub alert_queue_depth: u64,
    /// A longer average latency than this is alerted.
    pub alert_latency_ms: u64,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            redelivery_ms: 2_000,
            json_bytes_max: 65_536,
        }
    }
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            system_metrics_ms: 5_000,
            alert_cpu: 0.9,
            alert_memory: 0.9,
            alert_error_rate: 0.05,
            alert_queue_depth: 10_000,
            alert_latency_ms: 250,
        }
    }
}
