//! The arguments of `agnt replay`.

use std::ffi::OsString;
use std::path::PathBuf;

use agnt_outbound::Tls;
use clap::ArgMatches;

use super::tls::TlsWords;
use super::{CliError, credential, text, whole};
use crate::config::Rule;
use crate::domain::{HiddenText, StreamName};

/// What `agnt replay` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayArgs {
    /// The recording, CSV or CSV.gz.
    pub file: PathBuf,
    /// The server, `ws://HOST:PORT/PATH` or `wss://HOST:PORT/PATH`.
    pub url: String,
    /// How TLS is spoken, if it is.
    pub tls: Tls,
    /// The stream to publish to; without it, what `url` says.
    pub stream: Option<StreamName>,
    /// How much faster than recorded.
    pub speed: f64,
    /// Ticks a second; 0 publishes only the recorded points.
    pub hz: u32,
    /// Begin again at the end.
    pub repeat: bool,
    /// Start every agent at t = 0.
    pub align: bool,
    /// Where to write every published record, for comparison with what viewers saw.
    pub log: Option<PathBuf>,
    /// The type that the agents are announced with.
    pub agent_type: String,
    /// The API key or the token to show, if any.
    pub credential: Option<HiddenText>,
}

impl ReplayArgs {
    /// Judges what clap has split.
    pub(super) fn read(
        matches: &ArgMatches,
        env: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<ReplayArgs, CliError> {
        let (mut shown, mut tls) = (text(matches, "key"), TlsWords::of(matches));
        for (name, value) in env {
            tls.hear(&name, &value)?;
            if shown.is_none() {
                shown = credential(&name, &value)?;
            }
        }
        let url = text(matches, "url").unwrap_or_default();
        let rest = url.split_once("://");
        let rest = rest.filter(|(scheme, _)| matches!(*scheme, "ws" | "wss"));
        if !rest.is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with('/')) {
            let allowed = "ws://HOST:PORT/PATH or wss://HOST:PORT/PATH";
            return Err(CliError::bad_flag("url", url, allowed));
        }
        let stream = match text(matches, "stream") {
            Some(name) => Some(
                StreamName::parse(&name).map_err(|error| CliError::mistake(&error.to_string()))?,
            ),
            None => None,
        };
        let speed_text = text(matches, "speed").unwrap_or_default();
        let speed = match speed_text.parse::<f64>() {
            Ok(speed) if (0.001..=1_000_000.0).contains(&speed) => speed,
            _ => {
                return Err(CliError::bad_flag(
                    "speed",
                    speed_text,
                    "a number from 0.001 to 1000000",
                ));
            }
        };
        Ok(ReplayArgs {
            file: text(matches, "file").unwrap_or_default().into(),
            url,
            tls: tls.tls()?,
            stream,
            speed,
            hz: whole(
                matches,
                "hz",
                Rule::WholeOrZero {
                    min: 1,
                    max: 1000,
                    zero: "only the recorded points",
                },
            )?,
            repeat: matches.get_flag("loop"),
            align: matches.get_flag("align"),
            log: text(matches, "log").map(PathBuf::from),
            agent_type: text(matches, "type").unwrap_or_default(),
            credential: shown.filter(|text| !text.is_empty()).map(Into::into),
        })
    }
}
