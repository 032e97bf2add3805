//! What a start needs before it opens a socket or the store: files that are read, values that go
//! together. A check of the configuration is this and no more, so that both refuse the same.

use std::sync::Arc;

use agnt_outbound::SigningKeys;

use super::bounds::shared_limit;
use super::credentials::{Credentials, credentials};
use super::data_dir::{self, store_path};
use super::encryption;
use super::start_error::StartError;
use super::{Server, file_limit};
use crate::config::Config;
use crate::net::api::SharedLimit;
use crate::net::tls::Encryption;
use crate::telemetry::Metrics;

/// What was prepared; see the module.
pub(super) struct Preparation {
    pub(super) encryption: Option<Arc<Encryption>>,
    pub(super) credentials: Credentials,
    /// What callbacks are signed with.
    pub(super) signing_keys: Option<SigningKeys>,
    pub(super) shared_limit: Option<Arc<SharedLimit>>,
}

impl Preparation {
    /// Prepares a start, or says what is in its way.
    pub(super) fn new(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, StartError> {
        // Whether a store that is there has credentials is known only once it is open.
        if !store_path(config).exists() {
            config.check_without_credentials()?;
        }
        config.check_encryption()?;
        data_dir::check(&config.data_dir)?;
        let signing_keys = config.outbound_hmac_secret_file.as_deref();
        let signing_keys = signing_keys.map(SigningKeys::read).transpose();
        Ok(Self {
            encryption: encryption::encryption(config, metrics)?,
            credentials: credentials(config)?,
            signing_keys: signing_keys.map_err(StartError::SigningKeys)?,
            shared_limit: shared_limit(config)?,
        })
    }
}

impl Server {
    /// Refuses what [`Server::start`] would refuse, as far as that shows without a socket and without
    /// the store: nothing is opened, made or changed. To be called within a runtime.
    pub fn check(config: &Config) -> Result<(), StartError> {
        file_limit::raise(config)?;
        Preparation::new(config, &Arc::default()).map(drop)
    }
}
