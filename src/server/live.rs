//! What can change while the server runs: how each part is told.
//!
//! A setting that is changed here has the word `live` in the table of settings, and no other has.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::bounds::{
    alert_settings, api_limits, client_bounds, connection_limits, door_rules, health_settings,
    visual_settings,
};
use crate::config::Config;
use crate::domain::Current;
use crate::net::http::Site;
use crate::relay::HealthSettings;
use crate::telemetry;

/// How a server stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DrainTimes {
    /// All that a drain may take.
    pub(super) within: Duration,
    /// Over what of it the ends of sessions are spread.
    pub(super) window: Duration,
}

impl DrainTimes {
    /// As the configuration says.
    pub(super) fn of(config: &Config) -> Self {
        let within = Duration::from_millis(config.drain_ms);
        let window = Duration::from_millis(config.drain_window_ms);
        Self {
            within,
            // The last to be told needs time to answer, and requests to end.
            window: window.min(within / 2),
        }
    }
}

/// The parts that can be told; see the module. Clones are the same ones.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) site: Arc<Site>,
    pub(super) drain: Arc<Current<DrainTimes>>,
    pub(super) health: watch::Sender<HealthSettings>,
}

impl Live {
    /// The parts of a site that runs as the configuration says.
    pub(super) fn new(site: Arc<Site>, config: &Config) -> Self {
        Self {
            site,
            drain: Arc::new(Current::new(DrainTimes::of(config))),
            health: watch::Sender::new(health_settings(config)),
        }
    }

    /// Brings everything that can change into line with a configuration.
    pub(super) fn apply(&self, config: &Config) {
        let site = &self.site;
        site.visual.replace(visual_settings(config));
        site.limits.replace(connection_limits(config));
        site.admission.set_sessions_max(config.max_connections);
        site.admission.set_bounds(client_bounds(config));
        site.door.replace(door_rules(config));
        site.hubs.set_alerts(alert_settings(config));
        if let Some(api) = site.api.get() {
            api.set_limits(api_limits(config));
        }
        self.drain.replace(DrainTimes::of(config));
        self.health.send_replace(health_settings(config));
        if let Err(error) = telemetry::set_filter(&config.log) {
            tracing::error!(%error, "the filter of log lines stays as it was");
        }
    }
}
