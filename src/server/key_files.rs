//! The files that hold the keys of an issuer: read at the start, on demand, and when they change.
//!
//! A file that is wrong changes nothing. One that changes is read once it has stood still from one
//! look to the next, so that half a file, which may be a good one of fewer keys, ends nobody's session.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agnt_credentials::{JWKS_BYTES_MAX, Jwks, TokenKey, TokenKeys};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::Server;
use super::bounded_file::read_bounded;
use super::start_error::StartError;
use super::trusted_keys::{TrustedKeys, show_issuers_without_keys};
use crate::config::{Config, KeySource};
use crate::guard::Doorkeeper;
use crate::telemetry::{Metrics, ReloadResult};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The files; see the module.
#[derive(Clone, Debug)]
pub(super) struct KeyFiles {
    pems: Vec<PathBuf>,
    jwks: Option<PathBuf>,
    secret: Option<PathBuf>,
}

/// What tells one state of the files from another.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

/// Files that were read at the start, and whose keys these are.
#[derive(Clone, Debug)]
pub(super) struct FollowedFiles {
    /// The files.
    pub(super) files: KeyFiles,
    /// How they stood before they were read.
    pub(super) stamp: Stamp,
    /// The keys of their issuer.
    pub(super) trusted: Arc<TrustedKeys>,
}

/// Keeps the keys of an issuer as its files say.
#[derive(Clone, Debug)]
struct KeyFilesUpkeep {
    followed: FollowedFiles,
    doorkeeper: Arc<Doorkeeper>,
    metrics: Arc<Metrics>,
    asked: watch::Receiver<u64>,
}

impl KeyFiles {
    /// Those that the configuration names.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            pems: config.jwt_key.clone(),
            jwks: match &config.jwks {
                Some(KeySource::File(path)) => Some(path.clone()),
                _ => None,
            },
            secret: config.jwt_hs256_secret_file.clone(),
        }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.paths().next().is_none()
    }

    /// All keys that they hold.
    pub(super) fn read(&self) -> Result<TokenKeys, StartError> {
        let mut keys = TokenKeys::none();
        let mut add = |name, key| keys.add(key).map_err(|error| bad(name, &error));
        for path in &self.pems {
            let text = read("jwt_key", path)?;
            let found = TokenKey::from_pem(&text);
            for key in found.map_err(|error| bad_file("jwt_key", path, &error))? {
                add("jwt_key", key)?;
            }
        }
        if let Some(path) = &self.jwks {
            let text = read("jwks", path)?;
            let found = Jwks::read(&text).map_err(|error| bad_file("jwks", path, &error))?;
            for skipped in &found.skipped {
                tracing::warn!(%skipped, "a key of the file is not used");
            }
            for key in found.keys.iter() {
                add("jwks", key.clone())?;
            }
        }
        if let Some(path) = &self.secret {
            let name = "jwt_hs256_secret_file";
            let text = read(name, path)?;
            let key = TokenKey::from_secret(text.trim_ascii());
            add(name, key.map_err(|error| bad_file(name, path, &error))?)?;
        }
        Ok(keys)
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let pems = self.pems.iter();
        pems.chain(&self.jwks)
            .chain(&self.secret)
            .map(PathBuf::as_path)
    }

    /// How they stand now.
    pub(super) fn stamp(&self) -> Stamp {
        let stamps = self.paths().map(|file| {
            let about = fs::metadata(file).ok()?;
            // When anything about it changed, which nobody sets back.
            let (s, ns) = (about.ctime(), about.ctime_nsec());
            Some((s, ns, about.len(), about.ino()))
        });
        stamps.collect()
    }
}

/// Keeps the keys of these files as they are, from now on.
pub(super) fn follow(server: &mut Server, doorkeeper: &Arc<Doorkeeper>, followed: FollowedFiles) {
    if followed.files.is_empty() {
        return;
    }
    let upkeep = KeyFilesUpkeep {
        followed,
        doorkeeper: Arc::clone(doorkeeper),
        metrics: Arc::clone(&server.site.metrics),
        asked: server.calls(),
    };
    let run = move || upkeep.clone().run();
    server.background.lasting("key files", run);
}

impl KeyFilesUpkeep {
    /// Does that for as long as the server runs.
    async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The store may have taken its time to open since they were read.
        let mut read = self.followed.stamp.clone();
        let mut seen = read.clone();
        let mut can_be_asked = true;
        loop {
            let is_asked = tokio::select! {
                _ = look.tick() => false,
                news = self.asked.changed(), if can_be_asked => {
                    can_be_asked = news.is_ok();
                    can_be_asked
                }
            };
            // Before the files are read: what changes meanwhile is seen at the next look.
            let now = self.followed.files.stamp();
            let stands_still = now == seen;
            seen = now;
            if is_asked || stands_still && seen != read {
                read.clone_from(&seen);
                self.renew().await;
            }
        }
    }

    async fn renew(&self) {
        let files = self.followed.files.clone();
        // Reading files blocks.
        let found = tokio::task::spawn_blocking(move || files.read()).await;
        let found = found.map_err(|error| error.to_string());
        let found = found.and_then(|keys| keys.map_err(|error| error.to_string()));
        let result = match found {
            Ok(keys) => self.take(keys),
            Err(error) => {
                tracing::error!(error, "the keys of files stay as they are");
                ReloadResult::Refused
            }
        };
        self.metrics.key_file_reloads.increment(result);
    }

    fn take(&self, keys: TokenKeys) -> ReloadResult {
        let tokens = self.doorkeeper.tokens();
        if !self.followed.trusted.differ_from_files(&keys) {
            return ReloadResult::Unchanged;
        }
        let count = keys.len();
        self.followed.trusted.put_of_files(keys, tokens);
        show_issuers_without_keys(tokens, &self.metrics);
        let issuer = self.followed.trusted.issuer().unwrap_or("any");
        tracing::info!(issuer, keys = count, "the keys of files have changed");
        ReloadResult::Applied
    }
}

/// What a file of that setting holds, which is not much.
pub(super) fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    read_bounded(path, JWKS_BYTES_MAX).map_err(|error| bad_file(name, path, &error))
}

pub(super) fn bad(name: &'static str, error: &dyn std::fmt::Display) -> StartError {
    StartError::Credentials(format!("{name}: {error}"))
}

pub(super) fn bad_file(
    name: &'static str,
    path: &Path,
    error: &dyn std::fmt::Display,
) -> StartError {
    StartError::Credentials(format!("{name}: {}: {error}", path.display()))
}
