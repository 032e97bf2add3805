//! The sender of requests that leave the server, started as the configuration says.

use std::sync::Arc;

use agnt_outbound::{HostPattern, Measure, Outbound, SigningKeys};

use super::{Server, StartError};
use crate::config::Config;
use crate::domain::time;
use crate::telemetry::Metrics;

impl Server {
    /// Starts it, for the address at which this server listens.
    pub(super) fn start_outbound(
        &self,
        config: &Config,
        signing_keys: Option<SigningKeys>,
    ) -> Result<Outbound, StartError> {
        let mut settings = agnt_outbound::Settings::closed(|| time::unix_us() / 1_000_000);
        settings.allow.clone_from(&config.outbound_allow);
        settings.allow_private = config.outbound_allow_private;
        settings.own_addresses = vec![self.address];
        let own_host = config
            .public_url
            .as_deref()
            .and_then(|url| url.split("://").nth(1));
        let own_host = own_host.and_then(|host| host.parse::<HostPattern>().ok());
        settings.own_hosts = own_host.into_iter().collect();
        settings.signing_keys = signing_keys;
        let metrics = Arc::clone(&self.site.metrics);
        let meter = Arc::new(move |measure| count(&metrics, measure));
        let started = Outbound::start(settings, meter);
        started.map_err(|error| StartError::Outbound(error.to_string()))
    }
}

/// Counts what the sender tells.
fn count(metrics: &Metrics, measure: Measure) {
    match measure {
        Measure::Accepted => metrics.callbacks_accepted.increment(),
        Measure::Overflowed => metrics.callbacks_overflowed.increment(),
        Measure::Attempted { duration_us } => {
            metrics.callback_attempts.increment();
            metrics
                .callback_attempt
                .record(duration_us.saturating_mul(1000));
        }
        Measure::Retried => metrics.callbacks_retried.increment(),
        Measure::Delivered => metrics.callbacks_delivered.increment(),
        Measure::Failed { .. } => metrics.callbacks_failed.increment(),
        Measure::CircuitOpened => metrics.callback_circuits_opened.increment(),
        Measure::Polled {
            result: "healthy", ..
        } => {
            metrics.health_polls_healthy.increment();
        }
        Measure::Polled { .. } => metrics.health_polls_unhealthy.increment(),
    }
}
