//! Configuration: one table of settings, filled from a file, the environment and flags.
//!
//! Invariants: a flag stands over the environment, that over the file, that over the default.
//! Every given value is checked, also one that another stands over. A [`Config`] that
//! [`Config::load`] returns has been checked as a whole. Nothing here reads files, the
//! environment or the command line itself; all three are arguments.

mod difference;
mod error;
mod nearest;
mod settings;
mod text;
mod value;

use std::collections::BTreeSet;

pub use difference::Difference;
pub use error::{ConfigError, Origin, one_line};
pub use settings::{Change, Config, SETTINGS, Setting};
pub use text::{KeySource, Text};
pub use value::{ClientAuth, Durability, Rule};

use nearest::nearest;

/// A configuration, and what its user should be told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// One line each; none of them keeps the server from starting.
    pub warnings: Vec<String>,
    /// The keys of the settings that were given, wherever; all others have their defaults.
    pub given: BTreeSet<&'static str>,
}

/// What the names of our environment variables begin with.
pub const ENVIRONMENT_PREFIX: &str = "AGNT_";

/// The variable in which the subcommands that ask a server find their API key; no setting.
pub const KEY_VARIABLE: &str = "AGNT_KEY";

/// The variable in which they find a token, where there is no key; no setting either.
pub const TOKEN_VARIABLE: &str = "AGNT_TOKEN";

/// The variable in which subcommands that connect over TLS find the file of the authorities that they
/// trust in place of the system's; no setting.
pub const AUTHORITIES_VARIABLE: &str = "AGNT_CA";

/// The variable in which they find the file of the certificate that they show to a server which asks
/// for one; no setting.
pub const CERTIFICATE_VARIABLE: &str = "AGNT_CLIENT_CERT";

/// The variable in which they find the file of its key; no setting either.
pub const CERTIFICATE_KEY_VARIABLE: &str = "AGNT_CLIENT_KEY";

/// The variables with our prefix that are no settings.
const OTHER_VARIABLES: [&str; 5] = [
    KEY_VARIABLE,
    TOKEN_VARIABLE,
    AUTHORITIES_VARIABLE,
    CERTIFICATE_VARIABLE,
    CERTIFICATE_KEY_VARIABLE,
];

impl Config {
    /// Fills a configuration. `flags` are (flag without dashes, value) in the order given, `env`
    /// is the whole environment, `file` a path to name in errors and the TOML text behind it.
    pub fn load(
        flags: &[(String, String)],
        env: impl Iterator<Item = (String, String)>,
        file: Option<(&str, &str)>,
    ) -> Result<Loaded, ConfigError> {
        let mut config = Self::default();
        let mut given = BTreeSet::new();
        if let Some((path, text)) = file {
            config.apply_file(path, text, &mut given)?;
        }
        let warnings = config.apply_environment(env, &mut given)?;
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
            given.insert(setting.key);
        }
        config.check_together()?;
        Ok(Loaded {
            config,
            warnings,
            given,
        })
    }

    /// The whole configuration as a TOML file that [`Config::load`] reads back as it is but for
    /// passwords, which are left out, with each setting's help, what it allows and when a change of it holds as comments above it.
    pub fn to_toml(&self) -> String {
        let shown = SETTINGS.iter().map(|setting| {
            let Setting {
                key,
                rule,
                help,
                change,
                ..
            } = setting;
            format!(
                "#{help}\n# Allowed: {rule}.\n# Changes: {change}.\n{key} = {}\n",
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

    fn apply_file(
        &mut self,
        path: &str,
        text: &str,
        given: &mut BTreeSet<&'static str>,
    ) -> Result<(), ConfigError> {
        if text.trim().is_empty() {
            return Err(ConfigError::EmptyFile {
                path: path.to_owned(),
            });
        }
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
            match text_of(value, setting.rule) {
                Ok(text) => self.apply(setting, &text, origin)?,
                Err(kind) => return Err(bad_value(setting, kind, origin)),
            }
            given.insert(setting.key);
        }
        Ok(())
    }

    /// Applies what has our prefix. A name that no setting has only earns a warning: other
    /// programs may use the prefix, and a newer server's variable must not stop an older one.
    fn apply_environment(
        &mut self,
        env: impl Iterator<Item = (String, String)>,
        given: &mut BTreeSet<&'static str>,
    ) -> Result<Vec<String>, ConfigError> {
        let mut ours: Vec<_> = env
            .filter(|(name, _)| {
                name.starts_with(ENVIRONMENT_PREFIX) && !OTHER_VARIABLES.contains(&name.as_str())
            })
            .collect();
        ours.sort();
        let mut warnings = Vec::new();
        for (name, value) in ours {
            match SETTINGS
                .iter()
                .find(|setting| setting.environment() == name)
            {
                Some(setting) => {
                    self.apply(setting, &value, Origin::Environment(name))?;
                    given.insert(setting.key);
                }
                None => warnings.push(unknown_variable(&name)),
            }
        }
        Ok(warnings)
    }

    /// Refuses to let everyone on the network do everything, unless that is wished: for a server
    /// that has no credentials. Which it has is in its store, not here.
    pub fn check_without_credentials(&self) -> Result<(), ConfigError> {
        let (key, value, only) = if !self.listen.ip().to_canonical().is_loopback() {
            ("listen", self.listen.to_string(), "a loopback address")
        } else if let Some(proxy) = self.trusted_proxy.first() {
            ("trusted_proxy", proxy.to_string(), "no proxy")
        } else {
            return Ok(());
        };
        if self.allow_anonymous || self.has_credentials() {
            return Ok(());
        }
        let allowed = format!(
            "{only}, for no credentials are configured; or make a key (agnt key create), name the \
             keys of tokens (jwt_key, jwks, oidc_issuer), or set allow_anonymous \
             (--allow-anonymous) to let everyone on the network do everything"
        );
        Err(ConfigError::Conflict {
            key,
            value,
            allowed,
        })
    }

    /// Whether TLS is spoken.
    pub fn has_tls(&self) -> bool {
        self.tls_cert.is_some() || self.tls_self_signed
    }

    /// Refuses to send everything in the clear over a network, unless that is wished.
    pub fn check_encryption(&self) -> Result<(), ConfigError> {
        let is_local = self.listen.ip().to_canonical().is_loopback();
        if is_local || self.has_tls() || self.allow_plaintext {
            return Ok(());
        }
        Err(ConfigError::Conflict {
            key: "listen",
            value: self.listen.to_string(),
            allowed:
                "a loopback address, for nothing would be encrypted; or set tls_cert and tls_key \
                      (--tls-cert FILE --tls-key FILE), or set allow_plaintext (--allow-plaintext) \
                      where something else encrypts or everyone on the way may read along"
                    .to_owned(),
        })
    }

    /// Checks the settings of TLS beside each other.
    fn check_tls(&self) -> Result<(), ConfigError> {
        let conflict = |key, value: &str, allowed: &str| {
            Err(ConfigError::Conflict {
                key,
                value: value.to_owned(),
                allowed: allowed.to_owned(),
            })
        };
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => {
                return conflict("tls_key", "none", "the file of the key of tls_cert");
            }
            (None, Some(_)) => {
                return conflict("tls_cert", "none", "the file of the certificate of tls_key");
            }
            (Some(_), Some(_)) if self.tls_self_signed => {
                return conflict("tls_self_signed", "true", "false beside tls_cert");
            }
            _ => {}
        }
        if self.tls_client_ca.is_some() && !self.has_tls() {
            let allowed =
                "a file beside tls_cert and tls_key, without which no client shows anything";
            return conflict("tls_client_ca", "a file", allowed);
        }
        Ok(())
    }

    /// Whether it names credentials of other issuers, or a key of the server's own: then nobody comes
    /// in without any, even if no API key was ever made.
    pub fn has_credentials(&self) -> bool {
        let has_files = !self.jwt_key.is_empty() || self.jwt_hs256_secret_file.is_some();
        let has_issuers = self.jwks.is_some() || self.oidc_issuer.is_some();
        has_files || has_issuers || self.token_key.is_some()
    }

    /// Keys that an issuer publishes are those of all that it makes tokens for.
    fn check_tokens(&self) -> Result<(), ConfigError> {
        let conflict = |key, value: String, allowed: &str| {
            Err(ConfigError::Conflict {
                key,
                value,
                allowed: allowed.to_owned(),
            })
        };
        let is_published =
            matches!(self.jwks, Some(KeySource::Url(_))) || self.oidc_issuer.is_some();
        if is_published && self.jwt_audience.is_empty() {
            let allowed = "the name of this server in aud, for tokens for others are signed with \
                           the same keys as those for it";
            return conflict("jwt_audience", "none".to_owned(), allowed);
        }
        let issuers = [self.jwt_issuer.as_ref(), self.oidc_issuer.as_ref()];
        if issuers.contains(&Some(&self.token_issuer)) {
            let allowed = "a name that neither jwt_issuer nor oidc_issuer has";
            return conflict("token_issuer", self.token_issuer.to_string(), allowed);
        }
        match self.jwt_issuer.is_some() && self.jwt_issuer == self.oidc_issuer {
            true => conflict(
                "jwt_issuer",
                self.jwt_issuer
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
                "another name than oidc_issuer",
            ),
            false => Ok(()),
        }
    }

    /// Checks what no single setting's rule can say.
    fn check_together(&self) -> Result<(), ConfigError> {
        self.check_tokens()?;
        let conflict = |key, value: String, allowed: &str| {
            Err(ConfigError::Conflict {
                key,
                value,
                allowed: allowed.to_owned(),
            })
        };
        if !self.outbound_allow.is_empty() && self.outbound_hmac_secret_file.is_none() {
            return conflict(
                "outbound_hmac_secret_file",
                "none".to_owned(),
                "the path of a file with a key, for outbound_allow names hosts that are called",
            );
        }
        self.check_tls()?;
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
    let shown = match setting.is_secret {
        true => without_password(value),
        false => value.to_owned(),
    };
    ConfigError::BadValue {
        key: setting.key,
        value: shown,
        origin,
        allowed: setting.rule.to_string(),
    }
}

/// What of a text that was to be an address can't be the password in it: what is behind the last `@`.
fn without_password(text: &str) -> String {
    let host = text.rsplit_once('@').map(|(_, host)| format!("@{host}"));
    format!("...{}", host.unwrap_or_default())
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
fn text_of(value: toml::Value, rule: Rule) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(switch) => Ok(switch.to_string()),
        toml::Value::Array(entries)
            if matches!(
                rule,
                Rule::Hosts | Rule::Origins | Rule::Networks | Rule::Files | Rule::Texts
            ) =>
        {
            let texts = entries.into_iter().map(|entry| text_of(entry, rule));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join(","))
        }
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
