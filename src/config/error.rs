//! Why a configuration was refused: always one line, with the key, the value and what is allowed.

use std::fmt;

use thiserror::Error;

/// Where a value came from; a flag stands over the environment, that over a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file of this path.
    File(String),
    /// The environment variable of this name.
    Environment(String),
    /// The command-line flag of this name, dashes included.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "file {}", one_line(path)),
            Self::Environment(name) => write!(out, "environment variable {}", one_line(name)),
            Self::Flag(name) => write!(out, "flag {}", one_line(name)),
        }
    }
}

/// A refused configuration. `Display` is exactly one line, whatever the user's text holds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A value that its setting does not allow.
    #[error(
        "{key}: \"{}\" from {origin} is not allowed; allowed: {allowed}",
        one_line(value)
    )]
    BadValue {
        /// The setting's key.
        key: &'static str,
        /// The value as it was given.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// What the setting allows, in words.
        allowed: String,
    },
    /// A key that no setting has.
    #[error(
        "{}: no such key (from {origin}); nearest known: {nearest}",
        one_line(key)
    )]
    UnknownKey {
        /// The key as it was given.
        key: String,
        /// Where it was given.
        origin: Origin,
        /// The known key that is spelled most like it.
        nearest: &'static str,
    },
    /// A file that is not TOML.
    #[error(
        "config: file {} is not TOML, line {line}: {}",
        one_line(path),
        one_line(problem)
    )]
    BadFile {
        /// The file's path.
        path: String,
        /// The line of the problem, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A file in which nothing is: one that is being written, most likely.
    #[error(
        "config: file {} is empty; allowed: a TOML file, with a comment in it if it is to set nothing",
        one_line(path)
    )]
    EmptyFile {
        /// The file's path.
        path: String,
    },
    /// Values that are allowed one by one and do not go together.
    #[error("{key}: {value} is not allowed; allowed: {allowed}")]
    Conflict {
        /// The setting to change.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it may be beside the other settings, or which other setting to change.
        allowed: String,
    },
}

/// `text` with every control character escaped, so that it stays on one line of a terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_value_stays_on_one_line() {
        let error = ConfigError::BadValue {
            key: "loops",
            value: "1\r\n\u{1b}[2J\u{85}".to_owned(),
            origin: Origin::File("a\nb".to_owned()),
            allowed: "a number".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "loops: \"1\\r\\n\\u{1b}[2J\\u{85}\" from file a\\nb is not allowed; allowed: a number"
        );
    }
}
