//! Where a subcommand of the people who run a server works: at a running server, or at its store.

use std::path::PathBuf;

use agnt_outbound::Tls;
use clap::ArgMatches;

use super::tls::TlsWords;
use super::{CliError, text};

/// The place; see the module.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A running server, which is asked.
    Server {
        /// Its address, `http://HOST:PORT` or `https://HOST:PORT`.
        url: String,
        /// The API key to show, if any.
        key: Option<String>,
        /// How TLS is spoken with it, if it is.
        tls: Tls,
    },
    /// The data directory of a server that doesn't run.
    Store(PathBuf),
}

impl Place {
    /// The place that the flags name; `default` is the data directory and `key` the API key if they
    /// name none.
    pub(super) fn read(
        matches: &ArgMatches,
        default: PathBuf,
        (key, tls): (Option<String>, TlsWords),
    ) -> Result<Self, CliError> {
        let (url, data_dir) = (text(matches, "url"), text(matches, "data-dir"));
        match (url, data_dir) {
            (Some(_), Some(_)) => Err(CliError::mistake(
                "url: not allowed beside data-dir; allowed: one of them",
            )),
            (Some(url), None) => {
                let url = server_url(url)?;
                let key = text(matches, "key").or(key);
                let tls = tls.tls()?;
                Ok(Self::Server { url, key, tls })
            }
            (None, Some(path)) if path.is_empty() => {
                let allowed = "the path of a directory";
                Err(CliError::bad_flag("data-dir", path, allowed))
            }
            (None, Some(path)) => Ok(Self::Store(path.into())),
            (None, None) => Ok(Self::Store(default)),
        }
    }
}

/// The address of a server, if it is one.
pub(super) fn server_url(url: String) -> Result<String, CliError> {
    let authority = url.split_once("://");
    let authority = authority.filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let authority = authority.map_or("", |(_, authority)| authority);
    match authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
        true => Err(CliError::bad_flag(
            "url",
            url,
            "http://HOST:PORT or https://HOST:PORT",
        )),
        false => Ok(url),
    }
}

/// Shows everything but the key.
impl std::fmt::Debug for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server { url, .. } => write!(out, "Server({url})"),
            Self::Store(path) => write!(out, "Store({})", path.display()),
        }
    }
}
