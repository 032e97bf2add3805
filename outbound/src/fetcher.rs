//! The fetcher: documents that the server itself must read, such as the keys of an issuer that its
//! operator trusts.
//!
//! What is fetched is named by the operator, or by who the operator named. So any name may be asked,
//! also inside the own network; what is link-local or special stays closed, redirects are not followed,
//! and what is read and how long that may take are bounded.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::authorities;
use crate::exchange;
use crate::fault::Fault;
use crate::host_pattern::HostPattern;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::refused_target::RefusedTarget;
use crate::resolver::SystemResolver;
use crate::settings::{Settings, SettingsError};
use crate::wire::{Fate, Wire};

/// For how long one fetch may take, in ms.
const FETCH_MS: u64 = 10_000;

/// Names that are looked up at the same time.
const LOOKUPS_MAX: usize = 2;

/// The fetcher; see the module.
pub struct Fetcher(Wire);

/// Why a document did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    /// The URL is none that is asked.
    #[error(transparent)]
    Refused(#[from] RefusedTarget),
    /// There was no reply.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The reply is no document.
    #[error("the status is {0}; 200 is needed")]
    Status(u16),
    /// It is too large, or broke off.
    #[error("the document broke off, or has more than {0} bytes")]
    Body(usize),
}

impl Fetcher {
    /// A fetcher of documents of at most so many bytes, which trusts the authorities of that file, else
    /// the system's.
    pub fn start(
        bytes_max: usize,
        authorities_file: Option<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let anywhere: Option<HostPattern> = "*:*".parse().ok();
        let settings = Settings {
            allow: anywhere.into_iter().collect(),
            allow_private: true,
            authorities_file,
            limits: Limits {
                attempt_ms: FETCH_MS,
                reply_bytes_max: bytes_max.saturating_add(1),
                ..Limits::default()
            },
            // Nothing is signed, so that no time is needed.
            ..Settings::closed(|| 0)
        };
        Ok(Self(Wire {
            policy: Arc::new(Policy::new(&settings)),
            resolver: Arc::new(SystemResolver::new(LOOKUPS_MAX)),
            tls: Some(authorities::connector(
                settings.authorities_file.as_deref(),
            )?),
            limits: settings.limits,
        }))
    }

    /// The document at a URL.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchFailure> {
        let target = self.0.policy.judge(url)?;
        let request = exchange::poll(&target);
        let (reply, body) = self.0.ask(&target, request, Fate::Kept).await?;
        match reply.status {
            200 => body.ok_or(FetchFailure::Body(self.0.limits.reply_bytes_max - 1)),
            status => Err(FetchFailure::Status(status)),
        }
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fetcher").finish_non_exhaustive()
    }
}
