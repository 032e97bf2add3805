//! The configuration, read anew: when SIGHUP says so or its file has changed.
//!
//! What can change does so at once; what can't is named in the log and waits for the next start. A
//! configuration that is wrong changes nothing, and a file that is being written is not read yet. Whoever holds files of its own, certificates and
//! keys, hears the same call and looks at them again, whatever became of the configuration.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::file_limit;
use super::live::Live;
use super::service::Service;
use super::watched_file::WatchedFile;
use crate::config::{Config, Difference, one_line};
use crate::telemetry::ReloadResult;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the configuration from all its sources; one line where it is wrong.
pub type ReadConfig = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Where a configuration comes from.
pub struct ConfigSource {
    /// Reads it.
    pub read: ReadConfig,
    /// The file that is watched, as it was when it was read first.
    pub file: Option<WatchedFile>,
}

impl fmt::Debug for ConfigSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ConfigSource")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The reload; see the module.
#[derive(Debug)]
pub(super) struct Reload {
    source: ConfigSource,
    live: Live,
    /// What holds now.
    running: Mutex<Config>,
    calls: watch::Sender<u64>,
    service: Service,
}

impl Reload {
    /// The reload of what runs as `running` says.
    pub(super) fn new(
        source: ConfigSource,
        live: Live,
        running: Config,
        (calls, service): (watch::Sender<u64>, Service),
    ) -> Self {
        Self {
            source,
            live,
            running: Mutex::new(running),
            calls,
            service,
        }
    }

    /// Follows the signal and the file for ever.
    pub(super) async fn run(self: Arc<Self>, hangup: Arc<tokio::sync::Mutex<Signal>>) {
        let mut hangup = hangup.lock().await;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut file = self.source.file.clone();
        loop {
            tokio::select! {
                heard = hangup.recv() => {
                    if heard.is_none() {
                        return;
                    }
                }
                _ = look.tick(), if file.is_some() => {
                    if !file.as_mut().is_some_and(WatchedFile::has_news) {
                        continue;
                    }
                }
            }
            if let Some(file) = &mut file {
                file.is_read();
            }
            self.service.tell("RELOADING=1");
            self.reload();
            self.calls.send_modify(|count| *count += 1);
            self.service.tell("READY=1");
        }
    }

    /// Reads the configuration and brings what can change into force.
    fn reload(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = &self.live.site.metrics;
        match self.wished(&running) {
            Ok((difference, applied)) => {
                metrics
                    .settings_awaiting_restart
                    .set(difference.restart.len() as i64);
                if !difference.restart.is_empty() {
                    let keys = Difference::keys(&difference.restart);
                    tracing::warn!("these settings hold only after a restart: {keys}");
                }
                if difference.live.is_empty() {
                    metrics.reloads.increment(ReloadResult::Unchanged);
                    tracing::info!("the configuration was read anew; nothing changes now");
                    return;
                }
                self.live.apply(&applied);
                *running = applied;
                metrics.reloads.increment(ReloadResult::Applied);
                let keys = Difference::keys(&difference.live);
                tracing::info!("the configuration was read anew; changed: {keys}");
            }
            Err(line) => {
                metrics.reloads.increment(ReloadResult::Refused);
                tracing::error!("the configuration stays as it is: {}", one_line(&line));
            }
        }
    }

    /// What differs now, and what would hold then.
    fn wished(&self, running: &Config) -> Result<(Difference, Config), String> {
        let wished = (self.source.read)()?;
        let difference = Difference::between(running, &wished);
        let applied = difference.applied(running, &wished);
        let applied = applied.map_err(|error| error.to_string())?;
        let api = self.live.site.api.get();
        if api.is_some_and(|api| api.doorkeeper.is_open()) {
            let checked = applied.check_without_credentials();
            checked.map_err(|error| error.to_string())?;
        }
        if applied.max_connections > running.max_connections {
            file_limit::raise(&applied).map_err(|error| error.to_string())?;
        }
        Ok((difference, applied))
    }
}
