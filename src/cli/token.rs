//! The arguments of `agnt token`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::grammar::value_flag;
use super::{CliError, text, words};
use crate::config::Rule;
use crate::guard::{Scope, Scopes};

/// What token `agnt token` is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenArgs {
    /// The file with the private key, or the secret, that it is signed with.
    pub key: PathBuf,
    /// Who it is for.
    pub subject: String,
    /// What it allows.
    pub scopes: Scopes,
    /// For which streams; none is all of them.
    pub streams: Option<Vec<String>>,
    /// For which other agents; `*` is everyone.
    pub act_as: Vec<String>,
    /// For how many seconds it is good.
    pub ttl_s: u64,
    /// Who makes it; without a name it is nobody's in particular.
    pub issuer: Option<String>,
    /// Whom it is meant for.
    pub audiences: Vec<String>,
}

const TTL: Rule = Rule::Whole {
    min: 1,
    max: 31_536_000,
};

impl TokenArgs {
    /// Reads them.
    pub(super) fn read(matches: &ArgMatches) -> Result<Self, CliError> {
        let given = |name| text(matches, name).unwrap_or_default();
        let list = |name| text(matches, name).map(|text| words(&text));
        // One that allows nothing is a mistake, as of a variable that is not set.
        for (flag, allowed) in [
            ("scope", "one scope at least"),
            ("stream", "one stream at least"),
        ] {
            if list(flag).is_some_and(|words| words.is_empty()) {
                return Err(CliError::bad_flag(flag, given(flag), allowed));
            }
        }
        let scopes = words(&given("scope"));
        let scopes = scopes.iter().map(|name| Scope::parse(name));
        let scopes = scopes.collect::<Result<Scopes, _>>();
        let ttl = given("ttl");
        let ttl_s = TTL.number(&ttl);
        Ok(Self {
            key: given("key").into(),
            subject: given("sub"),
            scopes: scopes.map_err(|error| CliError::mistake(&error.to_string()))?,
            streams: list("stream"),
            act_as: list("act-as").unwrap_or_default(),
            ttl_s: ttl_s.ok_or_else(|| CliError::bad_flag("ttl", ttl, &TTL.to_string()))?,
            issuer: text(matches, "issuer"),
            audiences: list("audience").unwrap_or_default(),
        })
    }
}

pub(super) fn token_command() -> Command {
    let required = |arg: Arg| arg.required(true);
    Command::new("token")
        .about("Makes a token with a private key, and prints it; no server is asked")
        .args_override_self(true)
        .args([
            required(value_flag(
                "key",
                "FILE",
                "Private key (PEM: RSA, EC on P-256, Ed25519), or a file with a secret for HS256.",
            )),
            required(value_flag(
                "sub",
                "NAME",
                "Who it is for: an agent's id, a person.",
            )),
            required(value_flag(
                "scope",
                "SCOPES",
                "What it allows, with commas between: read, publish, control, agents, tasks, \
                 metrics, or admin for everything.",
            )),
            value_flag("ttl", "S", "Seconds that it is good.").default_value("3600"),
            value_flag(
                "stream",
                "NAMES",
                "Streams that it is for, with commas between; all without it.",
            ),
            value_flag(
                "act-as",
                "IDS",
                "Agents that it speaks for beside NAME, with commas between; * is all of them.",
            ),
            value_flag(
                "issuer",
                "NAME",
                "Who makes it, as in iss: the server's --jwt-issuer, or, with the key of its --token-key, \
                 its --token-issuer; none without it.",
            ),
            value_flag(
                "audience",
                "NAMES",
                "Whom it is meant for, as in aud, with commas between.",
            ),
        ])
}
