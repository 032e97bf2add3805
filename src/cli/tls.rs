//! How a subcommand speaks TLS with a server: by which authorities, and by which certificate of its own.

use std::ffi::OsString;

use agnt_outbound::{ShownCertificate, Tls, Trust};
use clap::{Arg, ArgMatches};

use super::grammar::value_flag;
use super::{CliError, utf8};
use crate::config::{AUTHORITIES_VARIABLE, CERTIFICATE_KEY_VARIABLE, CERTIFICATE_VARIABLE};

const AUTHORITIES: &str = "ca";
const CERTIFICATE: &str = "client-cert";
const CERTIFICATE_KEY: &str = "client-key";

/// The flag for authorities.
pub(super) fn authorities_flag() -> Arg {
    value_flag(
        AUTHORITIES,
        "FILE",
        "Over TLS: PEM file of the authorities to trust, in place of the system's [env: AGNT_CA]",
    )
}

/// The flags for a certificate of one's own.
pub(super) fn certificate_flags() -> [Arg; 2] {
    [
        value_flag(
            CERTIFICATE,
            "FILE",
            "Over TLS: PEM file of the certificate to show to a server that asks for one [env: \
             AGNT_CLIENT_CERT]",
        ),
        value_flag(
            CERTIFICATE_KEY,
            "FILE",
            "PEM file of its key [env: AGNT_CLIENT_KEY]",
        ),
    ]
}

/// What is said of it: flags first, then variables.
#[derive(Debug, Default)]
pub(super) struct TlsWords {
    authorities: Option<String>,
    certificate: Option<String>,
    certificate_key: Option<String>,
}

impl TlsWords {
    /// What the flags say, as far as the subcommand has them.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let said = |flag| matches.try_get_one::<String>(flag).ok().flatten().cloned();
        Self {
            authorities: said(AUTHORITIES),
            certificate: said(CERTIFICATE),
            certificate_key: said(CERTIFICATE_KEY),
        }
    }

    /// Takes a variable of the environment, if it is one of these and no flag stands over it.
    pub(super) fn hear(&mut self, name: &OsString, value: &OsString) -> Result<(), CliError> {
        for (variable, word) in [
            (AUTHORITIES_VARIABLE, &mut self.authorities),
            (CERTIFICATE_VARIABLE, &mut self.certificate),
            (CERTIFICATE_KEY_VARIABLE, &mut self.certificate_key),
        ] {
            if word.is_none() && name == variable {
                *word = Some(utf8(value.clone(), variable)?);
            }
        }
        Ok(())
    }

    /// All of it together; an empty word is none.
    pub(super) fn tls(self) -> Result<Tls, CliError> {
        let path = |word: Option<String>| word.filter(|word| !word.is_empty());
        let trust =
            path(self.authorities).map_or(Trust::System, |it| Trust::Authorities(it.into()));
        let shown = match (path(self.certificate), path(self.certificate_key)) {
            (Some(chain), Some(key)) => Some(ShownCertificate {
                chain: chain.into(),
                key: key.into(),
            }),
            (None, None) => None,
            (there, _) => {
                let (there, missing) = match there {
                    Some(_) => (CERTIFICATE, CERTIFICATE_KEY),
                    None => (CERTIFICATE_KEY, CERTIFICATE),
                };
                let line = format!("{missing}: missing beside {there}; allowed: both, or neither");
                return Err(CliError::mistake(&line));
            }
        };
        Ok(Tls { trust, shown })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(certificate: Option<&str>, key: Option<&str>) -> TlsWords {
        TlsWords {
            authorities: None,
            certificate: certificate.map(str::to_owned),
            certificate_key: key.map(str::to_owned),
        }
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_key_its_certificate() {
        assert_eq!(words(None, None).tls(), Ok(Tls::default()));
        assert_eq!(words(Some(""), Some("")).tls(), Ok(Tls::default()));
        let shown = words(Some("c"), Some("k")).tls().unwrap().shown.unwrap();
        assert_eq!((shown.chain, shown.key), ("c".into(), "k".into()));
        for (certificate, key, missing) in [
            (Some("c"), None, "client-key: missing"),
            (None, Some("k"), "client-cert: missing"),
        ] {
            let error = words(certificate, key).tls().unwrap_err();
            assert!(error.text.contains(missing), "{}", error.text);
        }
    }

    #[test]
    fn a_flag_stands_over_a_variable() {
        let mut heard = words(Some("flag"), None);
        for (name, value) in [
            ("AGNT_CLIENT_CERT", "variable"),
            ("AGNT_CLIENT_KEY", "key"),
            ("AGNT_CA", "ca"),
            ("AGNT_OTHER", "other"),
        ] {
            heard.hear(&name.into(), &value.into()).unwrap();
        }
        let tls = heard.tls().unwrap();
        assert_eq!(tls.trust, Trust::Authorities("ca".into()));
        let shown = tls.shown.unwrap();
        assert_eq!((shown.chain, shown.key), ("flag".into(), "key".into()));
    }
}
