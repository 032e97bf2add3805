//! The arguments of `agnt key`.

use clap::ArgMatches;

use super::{CliError, text, words};
use crate::guard::{KeyOrder, Scope, Scopes};

/// What `agnt key` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Make a key.
    Create(KeyOrder),
    /// Show all keys.
    List,
    /// End a key.
    Revoke {
        /// Its id.
        id: String,
    },
}

impl KeyAction {
    /// The action that `matches` names, and its own flags.
    pub(super) fn read(matches: &ArgMatches) -> Result<(Self, &ArgMatches), CliError> {
        match matches.subcommand() {
            Some(("create", matches)) => {
                let listed = text(matches, "scopes").unwrap_or_default();
                let names = listed.split(',').map(str::trim);
                let scopes = names.map(Scope::parse).collect::<Result<Scopes, _>>();
                let scopes = scopes.map_err(|error| CliError::mistake(&error.to_string()))?;
                let list = |name| text(matches, name).map(|text| words(&text));
                let order = KeyOrder {
                    name: text(matches, "name").unwrap_or_default(),
                    scopes,
                    streams: list("stream"),
                    act_as: list("act-as"),
                };
                Ok((Self::Create(order), matches))
            }
            Some(("list", matches)) => Ok((Self::List, matches)),
            Some(("revoke", matches)) => {
                let id = text(matches, "id").unwrap_or_default();
                Ok((Self::Revoke { id }, matches))
            }
            _ => Err(CliError::mistake(
                "no subcommand; allowed: create, list, revoke",
            )),
        }
    }
}
