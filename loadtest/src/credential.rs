//! What a client shows to a server to be let in: an API key, or a token.

use std::env;
use std::fmt;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::failure::{Context, Failure, Result};

const KEY_VARIABLE: &str = "AGNT_KEY";
const TOKEN_VARIABLE: &str = "AGNT_TOKEN";

/// One or the other.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// An API key.
    Key(String),
    /// A token.
    Token(String),
}

impl Credential {
    /// The header field that shows it, with its line end.
    pub(crate) fn field(&self) -> String {
        match self {
            Self::Key(key) => format!("X-API-Key: {key}\r\n"),
            Self::Token(token) => format!("Authorization: Bearer {token}\r\n"),
        }
    }
}

/// Shows which kind it is.
impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Key(_) => "Key",
            Self::Token(_) => "Token",
        })
    }
}

/// The header field of a credential, or nothing.
pub(crate) fn field_of(credential: Option<&Credential>) -> String {
    credential.map_or_else(String::new, Credential::field)
}

/// Options that name one.
#[derive(Clone, Default, Args)]
pub(crate) struct CredentialArgs {
    /// The API key to show, if the server wants one [env: `AGNT_KEY`]
    #[arg(long, conflicts_with = "token")]
    key: Option<String>,
    /// A token to show in its place [env: `AGNT_TOKEN`]
    #[arg(long)]
    token: Option<String>,
}

impl CredentialArgs {
    /// What was said at the command line.
    pub(crate) fn said(&self) -> Option<Credential> {
        let key = self.key.clone().map(Credential::Key);
        key.or_else(|| self.token.clone().map(Credential::Token))
    }

    /// The same, or else what the environment says: for servers that somebody else has started.
    pub(crate) fn credential(&self) -> Option<Credential> {
        let held = |name| env::var(name).ok().filter(|text| !text.is_empty());
        self.said()
            .or_else(|| held(KEY_VARIABLE).map(Credential::Key))
            .or_else(|| held(TOKEN_VARIABLE).map(Credential::Token))
    }
}

/// Shows whether there is any.
impl fmt::Debug for CredentialArgs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("CredentialArgs")
            .field(&self.said())
            .finish()
    }
}

/// Makes an API key with these scopes, with commas between, in a store that no server has open.
pub(crate) fn make_key(program: &Path, folder: &Path, scopes: &str) -> Result<Credential> {
    let output = Command::new(program)
        .args(["key", "create", "--name", "load", "--scopes", scopes])
        .arg("--data-dir")
        .arg(folder)
        .output()
        .context(program.display())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let key = said
        .split_whitespace()
        .find(|word| word.starts_with("agnt_"));
    let key = key.map(|key| Credential::Key(key.to_owned()));
    key.ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        Failure::new(format!("{} key create: {}", program.display(), why.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goes_in_its_own_field_and_is_never_shown() {
        let key = Credential::Key("agnt_k".to_owned());
        let token = Credential::Token("a.b.c".to_owned());
        assert_eq!(field_of(Some(&key)), "X-API-Key: agnt_k\r\n");
        assert_eq!(field_of(Some(&token)), "Authorization: Bearer a.b.c\r\n");
        assert_eq!(field_of(None), "");
        assert_eq!(format!("{key:?} {token:?}"), "Key Token");
        let said = CredentialArgs {
            key: None,
            token: Some("a.b.c".to_owned()),
        };
        assert_eq!(said.credential(), Some(token));
        assert!(!format!("{said:?}").contains("a.b.c"));
    }
}
