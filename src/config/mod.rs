//! Configuration: one table of settings, filled from a file, the environment and flags.
//!
//! Invariants: a flag stands over the environment, that over the file, that over the default.
//! Every given value is checked, also one that another stands over. A [`Config`] that
//! [`Config::load`] returns has been checked as a whole. Nothing here reads files, the
//! environment or the command line itself; all three are arguments.

mod error;
mod nearest;
mod settings;
mod value;

pub use error::{ConfigError, Origin, one_line};
pub use settings::{Config, SETTINGS, Setting};
pub use value::Rule;

use nearest::nearest;

/// A configuration, and what its user should be told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// One line each; none of them keeps the server from starting.
    pub warnings: Vec<String>,
}

/// What the names of our environment variables begin with.
pub const ENVIRONMENT_PREFIX: &str = "AGNT_";

impl Config {
    /// Fills a configuration. `flags` are (flag without dashes, value) in the order given, `env`
    /// is the whole environment, `file` a path to name in errors and the TOML text behind it.
    pub fn load(
        flags: &[(String, String)],
        env: impl Iterator<Item = (String, String)>,
        file: Option<(&str, &str)>,
    ) -> Result<Loaded, ConfigError> {
        let mut config = Self::default();
        if let Some((path, text)) = file {
            config.apply_file(path, text)?;
        }
        let warnings = config.apply_environment(env)?;
        for (flag, value) in flags {
            let origin = Origin::Flag(format!("--{flag}"));
            let Some(setting) = SETTINGS.iter().find(|setting| setting.flag == flag) else {
                let nearest = nearest(flag, SETTINGS.iter().map(|setting| setting.flag));
                return Err(ConfigError::UnknownKey {
                    key: flag.clone(),
                    origin,
                    nearest,
                });
            };
            config.apply(setting, value, origin)?;
        }
        config.check_together()?;
        Ok(Loaded { config, warnings })
    }

    /// The whole configuration as a TOML file that [`Config::load`] reads back as it is, with
    /// each setting's help and what it allows as a comment above it.
    pub fn to_toml(&self) -> String {
        let shown = SETTINGS.iter().map(|setting| {
            let Setting {
                key, rule, help, ..
            } = setting;
            format!(
                "#{help}\n# Allowed: {rule}.\n{key} = {}\n",
                setting.toml(self)
            )
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    fn apply(
        &mut self,
        setting: &'static Setting,
        value: &str,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        if setting.apply(self, value) {
            return Ok(());
        }
        Err(bad_value(setting, value, origin))
    }

    fn apply_file(&mut self, path: &str, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| ConfigError::BadFile {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        for (key, value) in table {
            let origin = Origin::File(path.to_owned());
            let Some(setting) = Setting::of_key(&key) else {
                let nearest = nearest(&key, SETTINGS.iter().map(|setting| setting.key));
                return Err(ConfigError::UnknownKey {
                    key,
                    origin,
                    nearest,
                });
            };
            match text_of(value) {
                Ok(text) => self.apply(setting, &text, origin)?,
                Err(kind) => return Err(bad_value(setting, kind, origin)),
            }
        }
        Ok(())
    }

    /// Applies what has our prefix. A name that no setting has only earns a warning: other
    /// programs may use the prefix, and a newer server's variable must not stop an older one.
    fn apply_environment(
        &mut self,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Vec<String>, ConfigError> {
        let mut ours: Vec<_> = env
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
            .collect();
        ours.sort();
        let mut warnings = Vec::new();
        for (name, value) in ours {
            match SETTINGS
                .iter()
                .find(|setting| setting.environment() == name)
            {
                Some(setting) => self.apply(setting, &value, Origin::Environment(name))?,
                None => warnings.push(unknown_variable(&name)),
            }
        }
        Ok(warnings)
    }

    /// Checks what no single setting's rule can say.
    fn check_together(&self) -> Result<(), ConfigError> {
        let conflict = |key, value: String, allowed: &str| {
            Err(ConfigError::Conflict {
                key,
                value,
                allowed: allowed.to_owned(),
            })
        };
        if !self.listen.ip().to_canonical().is_loopback() && !self.allow_anonymous {
            return conflict(
                "listen",
                self.listen.to_string(),
                "a loopback address, for no credentials are configured; or set allow_anonymous \
                 (--allow-anonymous) to let everyone on the network do everything",
            );
        }
        if self.tick_bytes_max > self.log_bytes_max {
            return conflict(
                "tick_bytes_max",
                self.tick_bytes_max.to_string(),
                &format!(
                    "at most log_bytes_max ({}), which holds ticks",
                    self.log_bytes_max
                ),
            );
        }
        if self.message_bytes_max > self.events_bytes_max {
            return conflict(
                "message_bytes_max",
                self.message_bytes_max.to_string(),
                &format!(
                    "at most events_bytes_max ({}), which holds events",
                    self.events_bytes_max
                ),
            );
        }
        Ok(())
    }
}

fn bad_value(setting: &'static Setting, value: &str, origin: Origin) -> ConfigError {
    ConfigError::BadValue {
        key: setting.key,
        value: value.to_owned(),
        origin,
        allowed: setting.rule.to_string(),
    }
}

fn unknown_variable(name: &str) -> String {
    let key = name[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
    let nearest = nearest(&key, SETTINGS.iter().map(|setting| setting.key));
    let nearest = Setting::of_key(nearest)
        .map(Setting::environment)
        .unwrap_or_default();
    format!(
        "environment variable {} is not known and has no effect; nearest known: {nearest}",
        one_line(name)
    )
}

/// A file's value as the text that a flag would have, or the name of a type that no setting has.
fn text_of(value: toml::Value) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(switch) => Ok(switch.to_string()),
        other => Err(other.type_str()),
    }
}

/// The line that holds byte `offset` of `text`, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|&byte| byte == b'\n')
        .count()
}

#[cfg(test)]
mod tests;
