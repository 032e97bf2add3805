//! The command line: subcommands and flags, made from the table of settings.
//!
//! Invariants: clap only splits the line into texts; [`crate::config`] judges the values, so that
//! a bad one gives the same single line wherever it came from. Nothing is printed and nothing
//! ends here: `main` prints a [`CliError`]'s text and returns its code.

mod error;
mod grammar;
mod replay;

use std::ffi::OsString;

use clap::ArgMatches;

use crate::config::{Config, ENVIRONMENT_PREFIX, Loaded, Rule, SETTINGS, one_line};

pub use error::CliError;
pub use replay::ReplayArgs;

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
    },
    /// Publish recorded trajectories.
    Replay(ReplayArgs),
    /// Print this TOML, the configuration in effect, and end.
    PrintConfig(String),
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// One line each, to be logged once logging works.
    pub warnings: Vec<String>,
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
            let Loaded { config, warnings } = load(matches, env)?;
            let command = print_config(matches, &config).unwrap_or(Command::Serve(config));
            Ok(Invocation { command, warnings })
        }
        Some(("demo", matches)) => {
            let Loaded { config, warnings } = load(matches, env)?;
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
            let command =
                print_config(matches, &config).unwrap_or(Command::Demo { config, agents, hz });
            Ok(Invocation { command, warnings })
        }
        Some(("replay", matches)) => {
            let command = Command::Replay(ReplayArgs::read(matches)?);
            Ok(Invocation {
                command,
                warnings: Vec::new(),
            })
        }
        _ => Err(CliError::mistake(
            "no subcommand; allowed: serve, demo, replay",
        )),
    }
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
    std::fs::read_to_string(path).map_err(|error| {
        let path = one_line(path);
        let line = format!("config: \"{path}\" cannot be read ({error}); allowed: a TOML file");
        CliError::mistake(&line)
    })
}

fn print_config(matches: &ArgMatches, config: &Config) -> Option<Command> {
    matches
        .get_flag("print-config")
        .then(|| Command::PrintConfig(config.to_toml()))
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
