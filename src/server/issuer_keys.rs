//! The keys of issuers, fetched when they are due and brought to the doorkeeper.

use std::sync::Arc;
use std::time::Duration;

use agnt_credentials::{Fetched, JWKS_BYTES_MAX, Step, TokenKeys};
use agnt_outbound::Fetcher;
use tokio::sync::watch;

use super::Server;
use super::credentials::Followed;
use super::start_error::StartError;
use super::trusted_keys::show_issuers_without_keys;
use crate::domain::time;
use crate::guard::Doorkeeper;
use crate::telemetry::Metrics;

/// Keeps the keys of one issuer as it publishes them.
#[derive(Clone, Debug)]
struct IssuerKeys {
    followed: Followed,
    fetcher: Arc<Fetcher>,
    doorkeeper: Arc<Doorkeeper>,
    metrics: Arc<Metrics>,
    /// Has news when they are to be fetched at once.
    asked: watch::Receiver<u64>,
}

/// Keeps the keys of these issuers as they publish them, from now on.
pub(super) fn follow(
    server: &mut Server,
    doorkeeper: &Arc<Doorkeeper>,
    followed: Vec<Followed>,
) -> Result<(), StartError> {
    if followed.is_empty() {
        return Ok(());
    }
    let fetcher = Fetcher::start(JWKS_BYTES_MAX, None);
    let fetcher = fetcher.map_err(|error| StartError::Credentials(error.to_string()))?;
    let fetcher = Arc::new(fetcher);
    for followed in followed {
        let keys = IssuerKeys {
            followed,
            fetcher: Arc::clone(&fetcher),
            doorkeeper: Arc::clone(doorkeeper),
            metrics: Arc::clone(&server.site.metrics),
            asked: server.calls(),
        };
        let run = move || keys.clone().run();
        server.background.lasting("issuers' keys", run);
    }
    Ok(())
}

impl IssuerKeys {
    /// Does that for as long as the server runs.
    async fn run(mut self) {
        loop {
            show_issuers_without_keys(self.doorkeeper.tokens(), &self.metrics);
            let now_s = time::unix_s();
            match self.followed.cache.step(now_s) {
                Step::Fetch { url } => self.fetch(&url).await,
                Step::GiveUp => {
                    let issuer = self.name();
                    tracing::error!(
                        issuer,
                        "its keys could not be fetched for too long; given up"
                    );
                    self.take(TokenKeys::none());
                }
                Step::Wait { until_s } => {
                    let pause = Duration::from_secs(until_s.saturating_sub(now_s).max(1));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.followed.missed.notified() => {
                            self.followed.cache.unknown_key(time::unix_s());
                        }
                        Ok(()) = self.asked.changed() => {
                            self.followed.cache.hurry(time::unix_s());
                        }
                    }
                }
            }
        }
    }

    async fn fetch(&mut self, url: &str) {
        let issuer = self.name();
        let fetched = self.fetcher.fetch(url).await;
        let now_s = time::unix_s();
        let text = match fetched {
            Ok(text) => text,
            Err(error) => {
                self.followed.cache.failed(now_s);
                self.metrics.key_fetches_failed.increment();
                return tracing::warn!(issuer, url, %error, "keys can't be fetched; the old ones stay");
            }
        };
        match self.followed.cache.fetched(&text, now_s) {
            Ok(Fetched::Changed { keys, skipped }) => {
                for skipped in skipped {
                    tracing::debug!(issuer, %skipped, "a key is not used");
                }
                tracing::info!(issuer, keys = keys.len(), "the keys have changed");
                self.metrics.key_fetches_done.increment();
                self.take(keys);
            }
            Ok(_) => self.metrics.key_fetches_done.increment(),
            Err(error) => {
                self.metrics.key_fetches_failed.increment();
                tracing::warn!(issuer, url, %error, "what was fetched is no good; the old keys stay");
            }
        }
    }

    fn take(&self, keys: TokenKeys) {
        let tokens = self.doorkeeper.tokens();
        self.followed.trusted.put_fetched(keys, tokens);
    }

    fn name(&self) -> String {
        self.followed.trusted.issuer().unwrap_or("any").to_owned()
    }
}
