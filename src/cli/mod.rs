//! The command line: subcommands and flags, made from the table of settings.
//!
//! Invariants: clap only splits the line into texts; [`crate::config`] judges the values, so that
//! a bad one gives the same single line wherever it came from. Nothing is printed and nothing
//! ends here: `main` prints a [`CliError`]'s text and returns its code.

mod ctl;
mod ctl_grammar;
mod error;
mod grammar;
mod key;
mod place;
mod replay;
mod tls;
mod token;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use agnt_outbound::ShownCertificate;
use clap::ArgMatches;

use crate::config::{
    Config, ENVIRONMENT_PREFIX, KEY_VARIABLE, Loaded, Rule, SETTINGS, Setting, TOKEN_VARIABLE,
    one_line,
};

pub use ctl::{Collection, CtlAction, CtlArgs, EventsArgs, TopArgs};
pub use error::CliError;
pub use key::KeyAction;
pub use place::Place;
pub use replay::ReplayArgs;
pub use token::TokenArgs;

use tls::TlsWords;

/// The largest configuration file that is read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run the server.
    Serve(Config),
    /// Run the server and a flock that publishes to it.
    Demo {
        /// The server's configuration.
        config: Config,
        /// Agents in the flock.
        agents: u32,
        /// Ticks a second.
        hz: u32,
        /// Whether somebody chose the data directory; if not, the demo's data goes with it.
        has_data_dir: bool,
        /// The certificate that the flock shows to a server that asks for one.
        shown: Option<ShownCertificate>,
    },
    /// Make, show or end API keys.
    Key {
        /// What to do.
        action: KeyAction,
        /// Where.
        place: Place,
    },
    /// Make a token.
    Token(TokenArgs),
    /// Copy a store.
    Backup {
        /// Where the copy is written.
        file: PathBuf,
        /// Which store.
        place: Place,
    },
    /// Check a store that no server uses.
    Check {
        /// The store.
        file: PathBuf,
    },
    /// Publish recorded trajectories.
    Replay(ReplayArgs),
    /// Ask a running server.
    Ctl(CtlArgs),
    /// Print this TOML, the configuration in effect, and end.
    PrintConfig(String),
    /// Say whether a server would start with this configuration, and end.
    CheckConfig {
        /// The configuration, each of whose values is allowed.
        config: Config,
        /// Whether its data directory is the one that would be used; if not, one is made for it.
        has_data_dir: bool,
    },
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// One line each, to be logged once logging works.
    pub warnings: Vec<String>,
    /// The configuration's file, if one was named.
    pub config_file: Option<PathBuf>,
}

/// Parses `args`, the program's name included, beside the environment `env`. Reads the file that
/// `--config` names.
pub fn parse(
    args: impl Iterator<Item = OsString>,
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Invocation, CliError> {
    let args = args
        .map(|arg| utf8(arg, "arguments"))
        .collect::<Result<Vec<_>, _>>()?;
    let matches = grammar::command_line()
        .try_get_matches_from(args)
        .map_err(|error| CliError::from_clap(&error))?;
    match matches.subcommand() {
        Some(("serve", matches)) => {
            let loaded = load(matches, env)?;
            let command = about_config(matches, &loaded.config, true);
            Ok(Invocation {
                command: command.unwrap_or(Command::Serve(loaded.config)),
                warnings: loaded.warnings,
                config_file: config_file(matches),
            })
        }
        Some(("demo", matches)) => {
            let env: Vec<_> = env.collect();
            let mut tls = TlsWords::of(matches);
            for (name, value) in &env {
                tls.hear(name, value)?;
            }
            demo(matches, load(matches, env.into_iter())?, tls.tls()?.shown)
        }
        Some(("replay", matches)) => Ok(Command::Replay(ReplayArgs::read(matches, env)?).into()),
        Some(("ctl", matches)) => Ok(Command::Ctl(CtlArgs::read(matches, env)?).into()),
        Some(("key", matches)) => {
            let (action, matches) = KeyAction::read(matches)?;
            let place = place(matches, env)?;
            Ok(Command::Key { action, place }.into())
        }
        Some(("token", matches)) => Ok(Command::Token(TokenArgs::read(matches)?).into()),
        Some(("backup", matches)) => {
            let (file, place) = (file(matches), place(matches, env)?);
            Ok(Command::Backup { file, place }.into())
        }
        Some(("check", matches)) => {
            let file = file(matches);
            Ok(Command::Check { file }.into())
        }
        _ => Err(CliError::mistake(
            "no subcommand; allowed: serve, demo, replay, ctl, key, token, backup, check",
        )),
    }
}

impl From<Command> for Invocation {
    fn from(command: Command) -> Self {
        Self {
            command,
            warnings: Vec::new(),
            config_file: None,
        }
    }
}

fn demo(
    matches: &ArgMatches,
    loaded: Loaded,
    shown: Option<ShownCertificate>,
) -> Result<Invocation, CliError> {
    let Loaded {
        config,
        warnings,
        given,
    } = loaded;
    let agents_max = config.agents_per_stream_max.min(u32::MAX as usize) as u64;
    let agents = whole(
        matches,
        "agents",
        Rule::Whole {
            min: 1,
            max: agents_max,
        },
    )?;
    let hz = whole(matches, "hz", Rule::Whole { min: 1, max: 1000 })?;
    let has_data_dir = given.contains("data_dir");
    let command = about_config(matches, &config, has_data_dir).unwrap_or(Command::Demo {
        config,
        agents,
        hz,
        has_data_dir,
        shown,
    });
    Ok(Invocation {
        command,
        warnings,
        config_file: config_file(matches),
    })
}

fn file(matches: &ArgMatches) -> PathBuf {
    text(matches, "file").unwrap_or_default().into()
}

/// The API key or the token that a variable of the environment holds, if it is one of those.
fn credential(name: &OsString, value: &OsString) -> Result<Option<String>, CliError> {
    let known = [KEY_VARIABLE, TOKEN_VARIABLE];
    let found = known.into_iter().find(|known| name == known);
    found.map(|name| utf8(value.clone(), name)).transpose()
}

/// Where a subcommand works, with what the environment says of it.
fn place(
    matches: &ArgMatches,
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Place, CliError> {
    let mut data_dir = Config::default().data_dir;
    let (mut key, mut tls) = (None, TlsWords::of(matches));
    let directory = Setting::of_key("data_dir").map(Setting::environment);
    for (name, value) in env {
        tls.hear(&name, &value)?;
        if let Some(found) = credential(&name, &value)? {
            key = (name == KEY_VARIABLE || key.is_none())
                .then_some(found)
                .or(key);
        } else if name.to_str() == directory.as_deref() && !value.is_empty() {
            data_dir = value.into();
        }
    }
    Place::read(matches, data_dir, (key, tls))
}

/// The configuration from all its sources.
fn load(
    matches: &ArgMatches,
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, CliError> {
    let flags: Vec<_> = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.flag.to_owned(), text(matches, setting.flag)?)))
        .collect();
    let mut ours = Vec::new();
    for (name, value) in env {
        // What is not UTF-8 in its name cannot be ours.
        let Ok(name) = name.into_string() else {
            continue;
        };
        if name.starts_with(ENVIRONMENT_PREFIX) {
            let value = utf8(value, &name)?;
            ours.push((name, value));
        }
    }
    let path = text(matches, "config");
    let file = match &path {
        Some(path) => Some((path.as_str(), read_config(path)?)),
        None => None,
    };
    let file = file.as_ref().map(|(path, text)| (*path, text.as_str()));
    Ok(Config::load(&flags, ours.into_iter(), file)?)
}

fn read_config(path: &str) -> Result<String, CliError> {
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text))
        .and_then(|bytes| match bytes as u64 > CONFIG_BYTES_MAX {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(()),
        });
    match read {
        Ok(()) => Ok(text),
        Err(error) => {
            let path = one_line(path);
            Err(CliError::mistake(&format!(
                "config: \"{path}\" cannot be read ({error}); allowed: a TOML file of \
                 {CONFIG_BYTES_MAX} bytes at most"
            )))
        }
    }
}

/// What is asked of the configuration instead of a start.
fn about_config(matches: &ArgMatches, config: &Config, has_data_dir: bool) -> Option<Command> {
    if matches.get_flag("print-config") {
        return Some(Command::PrintConfig(config.to_toml()));
    }
    let check = || Command::CheckConfig {
        config: config.clone(),
        has_data_dir,
    };
    matches.get_flag("check-config").then(check)
}

fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    text(matches, "config").map(PathBuf::from)
}

/// The words of a list, with commas or spaces between.
fn words(text: &str) -> Vec<String> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn whole(matches: &ArgMatches, flag: &'static str, rule: Rule) -> Result<u32, CliError> {
    let text = text(matches, flag).unwrap_or_default();
    let number = rule
        .number(&text)
        .and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| CliError::bad_flag(flag, text, &rule.to_string()))
}

fn utf8(text: OsString, what: &str) -> Result<String, CliError> {
    text.into_string().map_err(|text| {
        let shown = one_line(&text.to_string_lossy());
        CliError::mistake(&format!(
            "{what}: \"{shown}\" is not allowed; allowed: UTF-8"
        ))
    })
}

#[cfg(test)]
mod tests;
