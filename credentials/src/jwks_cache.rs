//! Keys that an issuer publishes and changes: when to fetch them, and what to do with what came.
//!
//! It fetches nothing itself and has no clock: the caller asks for the next [`Step`] and tells what
//! came of it. Fetches are due at the start, at an interval, and when a token names a key that isn't
//! known, but for that not more often than at another interval, or anyone could send the server
//! fetching. A failure, or a document that is no good, keeps the keys that there are and backs off;
//! keys that couldn't be confirmed for too long are given up. At most one fetch is under way.

use crate::discovery::{DiscoveryFault, discovery_url, jwks_url};
use crate::jwks::{Jwks, JwksFault, SkippedKey};
use crate::token_keys::TokenKeys;

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// At this URL.
    Url(String),
    /// Where this issuer says that they are.
    Discovery {
        /// The issuer, as in `iss`.
        issuer: String,
    },
}

/// How often keys are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksPace {
    /// The time between fetches when all is well.
    pub interval_s: u64,
    /// The least time between a fetch and the next one that an unknown key leads to.
    pub unknown_interval_s: u64,
    /// The wait after the first failure; it doubles with each.
    pub backoff_s: u64,
    /// The longest wait after a failure.
    pub backoff_s_max: u64,
    /// After which time a fetch of which nothing is heard has failed.
    pub fetch_s_max: u64,
    /// For how long keys are used that can't be fetched anew.
    pub stale_s_max: u64,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before then, unless a key is unknown.
    Wait {
        /// Unix seconds.
        until_s: u64,
    },
    /// To fetch this URL, and to tell [`JwksCache::fetched`] or [`JwksCache::failed`].
    Fetch {
        /// The URL.
        url: String,
    },
    /// To use the keys no longer: nobody has confirmed them for too long.
    GiveUp,
}

/// What a fetched document meant.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// Where the keys are; they are to be fetched next.
    Discovered,
    /// The keys are the same as before.
    Same,
    /// The keys are these from now on.
    Changed {
        /// The keys.
        keys: TokenKeys,
        /// What else the document had.
        skipped: Vec<SkippedKey>,
    },
    /// Nobody asked for it, or not any more.
    Unasked,
}

/// Why a fetched document isn't taken. The keys stay what they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchedFault {
    /// The document of the keys.
    #[error(transparent)]
    Jwks(#[from] JwksFault),
    /// The document that says where they are.
    #[error(transparent)]
    Discovery(#[from] DiscoveryFault),
}

/// The cache; see the module.
#[derive(Clone, Debug)]
pub struct JwksCache {
    source: JwksSource,
    pace: JwksPace,
    /// Where the keys are, once their issuer has said it.
    url: Option<String>,
    keys: TokenKeys,
    stage: Stage,
    failures: u32,
    /// When the keys were last confirmed.
    confirmed_at_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until the next fetch, and since when.
    Resting {
        since_s: u64,
        wait_s: u64,
    },
    Fetching {
        what: Document,
        since_s: u64,
    },
    /// The keys' own document is to be fetched at once.
    Discovered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    Discovery,
    Jwks,
}

impl Default for JwksPace {
    fn default() -> Self {
        Self {
            interval_s: 300,
            unknown_interval_s: 30,
            backoff_s: 2,
            backoff_s_max: 300,
            fetch_s_max: 30,
            stale_s_max: 86_400,
        }
    }
}

impl JwksCache {
    /// A cache without keys, whose first fetch is due at once.
    pub const fn new(source: JwksSource, pace: JwksPace) -> Self {
        Self {
            source,
            pace,
            url: None,
            keys: TokenKeys::none(),
            stage: Stage::Resting {
                since_s: 0,
                wait_s: 0,
            },
            failures: 0,
            confirmed_at_s: 0,
        }
    }

    /// The keys as they are now.
    pub const fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// How many fetches failed since the last good one.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// What is to be done now. A `Fetch` counts as begun.
    pub fn step(&mut self, now_s: u64) -> Step {
        self.follow_clock(now_s);
        if !self.keys.is_empty() && now_s >= self.gives_up_at_s() {
            self.keys = TokenKeys::none();
            return Step::GiveUp;
        }
        if let Stage::Fetching { since_s, .. } = self.stage {
            let lost_at_s = since_s.saturating_add(self.pace.fetch_s_max);
            if now_s < lost_at_s {
                return self.wait(lost_at_s);
            }
            self.failed(now_s);
        }
        match self.stage {
            Stage::Resting { since_s, wait_s } if now_s < since_s.saturating_add(wait_s) => {
                self.wait(since_s.saturating_add(wait_s))
            }
            Stage::Discovered => self.fetch(Document::Jwks, now_s),
            // A scheduled fetch asks the issuer again where its keys are; they may have moved.
            Stage::Resting { .. } | Stage::Fetching { .. } => match self.source {
                JwksSource::Url(_) => self.fetch(Document::Jwks, now_s),
                JwksSource::Discovery { .. } => self.fetch(Document::Discovery, now_s),
            },
        }
    }

    /// Takes what a fetch brought.
    pub fn fetched(&mut self, text: &[u8], now_s: u64) -> Result<Fetched, FetchedFault> {
        let Stage::Fetching { what, .. } = self.stage else {
            return Ok(Fetched::Unasked);
        };
        let taken = match what {
            Document::Discovery => self.take_discovery(text),
            Document::Jwks => self.take_jwks(text, now_s),
        };
        if taken.is_err() {
            self.failed(now_s);
        }
        taken
    }

    /// Takes note that a fetch failed.
    pub fn failed(&mut self, now_s: u64) {
        if !matches!(self.stage, Stage::Fetching { .. }) {
            return;
        }
        let doubled_s = self
            .pace
            .backoff_s
            .saturating_mul(1 << self.failures.min(32));
        self.failures = self.failures.saturating_add(1);
        self.rest(now_s, doubled_s.min(self.pace.backoff_s_max));
    }

    /// Takes note that a token named a key that isn't known. It says whether the next fetch is sooner
    /// for it: at once, or as soon as the last one is long enough ago. After a failure the back-off
    /// alone says when.
    pub fn unknown_key(&mut self, now_s: u64) -> bool {
        self.follow_clock(now_s);
        let Stage::Resting { since_s, wait_s } = self.stage else {
            return false;
        };
        let is_sooner = self.failures == 0 && self.pace.unknown_interval_s < wait_s;
        if is_sooner {
            self.rest(since_s, self.pace.unknown_interval_s);
        }
        is_sooner
    }

    /// Has the keys fetched at once, whatever was waited for, unless they are being fetched.
    pub fn hurry(&mut self, now_s: u64) {
        if let Stage::Resting { .. } = self.stage {
            self.rest(now_s, 0);
        }
    }

    fn fetch(&mut self, what: Document, now_s: u64) -> Step {
        let since_s = now_s;
        self.stage = Stage::Fetching { what, since_s };
        let url = match (&self.source, what) {
            (JwksSource::Url(url), _) => url.clone(),
            (JwksSource::Discovery { .. }, Document::Jwks) => self.url.clone().unwrap_or_default(),
            (JwksSource::Discovery { issuer }, Document::Discovery) => discovery_url(issuer),
        };
        Step::Fetch { url }
    }

    fn take_discovery(&mut self, text: &[u8]) -> Result<Fetched, FetchedFault> {
        if let JwksSource::Discovery { issuer } = &self.source {
            self.url = Some(jwks_url(issuer, text)?);
        }
        self.stage = Stage::Discovered;
        Ok(Fetched::Discovered)
    }

    fn take_jwks(&mut self, text: &[u8], now_s: u64) -> Result<Fetched, FetchedFault> {
        let Jwks { keys, skipped } = Jwks::read(text)?;
        self.failures = 0;
        self.confirmed_at_s = now_s;
        self.rest(now_s, self.pace.interval_s);
        if keys.are_those_of(&self.keys) {
            return Ok(Fetched::Same);
        }
        self.keys = keys.clone();
        Ok(Fetched::Changed { keys, skipped })
    }

    const fn rest(&mut self, since_s: u64, wait_s: u64) {
        self.stage = Stage::Resting { since_s, wait_s };
    }

    /// To wait until then, or until the keys are to be given up.
    fn wait(&self, until_s: u64) -> Step {
        let until_s = match self.keys.is_empty() {
            true => until_s,
            false => until_s.min(self.gives_up_at_s()),
        };
        Step::Wait { until_s }
    }

    const fn gives_up_at_s(&self) -> u64 {
        self.confirmed_at_s.saturating_add(self.pace.stale_s_max)
    }

    /// A clock that was put back must not make a wait longer than it was.
    fn follow_clock(&mut self, now_s: u64) {
        self.confirmed_at_s = self.confirmed_at_s.min(now_s);
        match &mut self.stage {
            Stage::Resting { since_s, .. } | Stage::Fetching { since_s, .. } => {
                *since_s = now_s.min(*since_s);
            }
            Stage::Discovered => {}
        }
    }
}
