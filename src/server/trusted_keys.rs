//! The keys of one issuer, put together from those of files and those that are fetched: both may
//! change while the server runs, each by itself.

use std::sync::{Mutex, PoisonError};

use agnt_credentials::{TokenKeys, TokenVerifier};

use crate::telemetry::Metrics;

/// The keys; see the module.
#[derive(Debug)]
pub(super) struct TrustedKeys {
    issuer: Option<String>,
    parts: Mutex<Parts>,
}

#[derive(Debug)]
struct Parts {
    of_files: TokenKeys,
    fetched: TokenKeys,
}

impl TrustedKeys {
    /// Those of files; none is fetched yet.
    pub(super) fn new(issuer: Option<String>, of_files: TokenKeys) -> Self {
        Self {
            issuer,
            parts: Mutex::new(Parts {
                of_files,
                fetched: TokenKeys::none(),
            }),
        }
    }

    /// The issuer, as its policy names it.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Whether these keys of files are others than those that are used.
    pub(super) fn differ_from_files(&self, keys: &TokenKeys) -> bool {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        !parts.of_files.are_those_of(keys)
    }

    /// From the return of this call on, the keys of files are these.
    pub(super) fn put_of_files(&self, keys: TokenKeys, tokens: &TokenVerifier) {
        self.change(|parts| parts.of_files = keys, tokens);
    }

    /// From the return of this call on, the fetched keys are these.
    pub(super) fn put_fetched(&self, keys: TokenKeys, tokens: &TokenVerifier) {
        self.change(|parts| parts.fetched = keys, tokens);
    }

    /// The verifier is told under the lock, so that it has what was put last.
    fn change(&self, change: impl FnOnce(&mut Parts), tokens: &TokenVerifier) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        let mut all = parts.fetched.clone();
        for key in parts.of_files.iter() {
            if let Err(error) = all.add(key.clone()) {
                tracing::warn!(%error, "a key of a file gives way to a fetched one");
            }
        }
        tokens.set_keys(self.issuer(), all);
    }
}

/// Shows how many issuers there are none of whose tokens is good.
pub(super) fn show_issuers_without_keys(tokens: &TokenVerifier, metrics: &Metrics) {
    let keys = tokens.issuers().filter_map(|issuer| tokens.keys(issuer));
    let without = keys.filter(|keys| keys.is_empty()).count();
    metrics.issuers_without_keys.set(without as i64);
}
