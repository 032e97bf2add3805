//! Why the command line leads to no command.

use clap::error::ErrorKind;

use crate::config::{ConfigError, Origin, one_line};

/// Why there is nothing to do: a mistake, or a wish for help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CliError {
    /// The process's exit code: 0 for help and version (print `text` to standard output), 2 for
    /// a mistake (print it to standard error).
    pub code: u8,
    /// What to print; one line for a mistake in a flag, file or variable.
    pub text: String,
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::mistake(&error.to_string())
    }
}

impl CliError {
    /// A mistake, told in one line.
    pub(super) fn mistake(line: &str) -> Self {
        Self {
            code: 2,
            text: format!("error: {line}"),
        }
    }

    /// A value that a flag of no setting does not allow.
    pub(super) fn bad_flag(flag: &'static str, value: String, allowed: &str) -> CliError {
        let origin = Origin::Flag(format!("--{flag}"));
        ConfigError::BadValue {
            key: flag,
            value,
            origin,
            allowed: allowed.to_owned(),
        }
        .into()
    }

    /// What clap has to say: help as it is, a mistake folded into one line.
    pub(super) fn from_clap(error: &clap::Error) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => CliError { code: 0, text },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => CliError { code: 2, text },
            _ => CliError {
                code: 2,
                text: folded(&text),
            },
        }
    }
}

/// The lines of a clap message up to its usage, as one.
fn folded(message: &str) -> String {
    let mut line = String::new();
    for part in message
        .lines()
        .map(str::trim)
        .take_while(|part| !part.starts_with("Usage:"))
    {
        if !line.is_empty() && !part.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(&one_line(part));
    }
    line
}
