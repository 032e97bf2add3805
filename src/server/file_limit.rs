//! How many files the process may have open: as many as the system allows, and enough for its connections.

use super::encryption;
use super::start_error::StartError;
use crate::config::Config;
use crate::net::admission::HTTP_KEPT_BACK;

/// Files that the process needs beside its connections.
const FILES_BESIDE: u64 = 64;

/// Raises the soft limit to the hard one, and refuses more connections than fit.
pub(super) fn raise(config: &Config) -> Result<(), StartError> {
    let max_connections = config.max_connections;
    let beside = FILES_BESIDE + HTTP_KEPT_BACK as u64 + encryption::files(config);
    let needed = max_connections as u64 + beside;
    let allowed = rlimit::increase_nofile_limit(u64::MAX)?;
    if allowed < needed {
        let fitting = allowed.saturating_sub(beside);
        let asked = max_connections;
        return Err(StartError::TooManyConnections {
            asked,
            needed,
            allowed,
            fitting,
        });
    }
    Ok(())
}
