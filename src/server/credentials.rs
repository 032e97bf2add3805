//! Which credentials the server takes, as the configuration says: the doorkeeper, with the keys that
//! tokens are verified with.

use std::sync::Arc;

use agnt_credentials::{
    JwksCache, JwksPace, JwksSource, TokenKeys, TokenMint, TokenPolicy, TokenVerifier,
};
use tokio::sync::Notify;

use super::Server;
use super::key_files::{FollowedFiles, KeyFiles, bad, bad_file, read};
use super::start_error::StartError;
use super::trusted_keys::TrustedKeys;
use crate::config::{Config, KeySource};
use crate::domain::{HiddenText, time};
use crate::guard::{Doorkeeper, Keyring, Scope, Terms};

/// An issuer whose keys are fetched.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    /// Its keys.
    pub(super) trusted: Arc<TrustedKeys>,
    /// What is fetched, and when.
    pub(super) cache: JwksCache,
    /// Told when a token names a key that isn't known.
    pub(super) missed: Arc<Notify>,
}

impl Server {
    /// What a publisher of the program's own shows to be let in by, made anew each time.
    pub(super) fn publisher_credential(
        &self,
        name: &'static str,
    ) -> impl Fn() -> Option<HiddenText> + Send + Sync + 'static {
        let site = Arc::clone(&self.site);
        move || {
            let doorkeeper = &site.api.get()?.doorkeeper;
            let issued = doorkeeper.issue_to_own(name, &[Scope::Publish], time::unix_s());
            issued.map(HiddenText::from)
        }
    }
}

/// The doorkeeper, and what brings it keys while the server runs.
#[derive(Debug)]
pub(super) struct Credentials {
    /// The doorkeeper.
    pub(super) doorkeeper: Doorkeeper,
    /// The issuers whose keys are to be fetched.
    pub(super) followed: Vec<Followed>,
    /// The files of keys.
    pub(super) files: FollowedFiles,
}

/// The credentials that are taken.
pub(super) fn credentials(config: &Config) -> Result<Credentials, StartError> {
    let mint = mint(config)?;
    let own_keys = TokenKeys::new([mint.verifying_key().clone()]);
    let own_keys = own_keys.map_err(|error| bad("token_key", &error))?;
    let mut trusts = vec![(
        policy(config, Some(config.token_issuer.to_string())),
        own_keys,
    )];
    let mut followed = Vec::new();
    let mut follow = |trusted: &Arc<TrustedKeys>, source| {
        followed.push(Followed {
            trusted: Arc::clone(trusted),
            cache: JwksCache::new(source, JwksPace::default()),
            missed: Arc::default(),
        });
    };
    // The keys of files are of one issuer: that of `jwt_issuer`.
    let files = KeyFiles::of(config);
    // Before they are read: what changes meanwhile is seen at the first look.
    let stamp = files.stamp();
    let of_files = files.read()?;
    let given = config.jwt_issuer.as_ref().map(ToString::to_string);
    let trusted = Arc::new(TrustedKeys::new(given.clone(), of_files.clone()));
    if let Some(KeySource::Url(url)) = &config.jwks {
        follow(&trusted, JwksSource::Url(url.clone()));
        trusts.push((policy(config, given), of_files));
    } else if !files.is_empty() {
        trusts.push((policy(config, given), of_files));
    }
    if let Some(issuer) = &config.oidc_issuer {
        let issuer = issuer.to_string();
        let source = JwksSource::Discovery {
            issuer: issuer.clone(),
        };
        let none = TokenKeys::none();
        let discovered = TrustedKeys::new(Some(issuer.clone()), none.clone());
        follow(&Arc::new(discovered), source);
        trusts.push((policy(config, Some(issuer)), none));
    }
    let verifier = TokenVerifier::new(trusts).map_err(|error| bad("jwt_issuer", &error))?;
    let missed: Vec<_> = followed
        .iter()
        .map(|it| {
            (
                it.trusted.issuer().map(str::to_owned),
                Arc::clone(&it.missed),
            )
        })
        .collect();
    let on_unknown_key = move |issuer: Option<&str>| {
        for (_, missed) in missed.iter().filter(|(of, _)| of.as_deref() == issuer) {
            missed.notify_one();
        }
    };
    let terms = Terms {
        are_configured: config.has_credentials(),
        token_ttl_s: config.token_ttl_s,
        token_ttl_s_max: config.token_lifetime_s_max,
    };
    let keyring = Arc::new(Keyring::default());
    let doorkeeper = Doorkeeper::new(keyring, (verifier, mint), terms, Box::new(on_unknown_key));
    Ok(Credentials {
        doorkeeper,
        followed,
        files: FollowedFiles {
            files,
            stamp,
            trusted,
        },
    })
}

/// What the server's own tokens are signed with. Without a file it is made up at the start, so that
/// they end with it.
fn mint(config: &Config) -> Result<TokenMint, StartError> {
    let (issuer, audiences) = (config.token_issuer.to_string(), audiences(config));
    let Some(path) = &config.token_key else {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| bad("token_key", &error))?;
        let mint = TokenMint::from_secret(&secret, Some(issuer), audiences);
        return mint.map_err(|error| bad("token_key", &error));
    };
    let text = read("token_key", path)?;
    let mint = TokenMint::from_pem(&text, Some(issuer), audiences);
    mint.map_err(|error| bad_file("token_key", path, &error))
}

fn policy(config: &Config, issuer: Option<String>) -> TokenPolicy {
    TokenPolicy {
        issuer,
        audiences: audiences(config),
        scopes: Scope::ALL.map(|scope| scope.name().to_owned()).to_vec(),
        lifetime_s_max: config.token_lifetime_s_max,
        ..TokenPolicy::default()
    }
}

fn audiences(config: &Config) -> Vec<String> {
    config
        .jwt_audience
        .iter()
        .map(ToString::to_string)
        .collect()
}
