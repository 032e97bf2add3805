//! Where a request goes: a URL that was judged, taken apart once.

use std::fmt;

use hyper::Uri;

use crate::host::Host;
use crate::refused_target::RefusedTarget;

/// URLs longer than this are refused.
pub const URL_BYTES_MAX: usize = 2048;

/// A URL that the policy lets pass. Only [`Outbound::judge`](crate::Outbound::judge) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    host: Host,
    port: u16,
    authority: String,
    path_and_query: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Target {
    /// Takes a URL apart. It is never repaired: what is not in its plain form is refused, because
    /// what one program repairs another reads differently.
    pub(crate) fn parse(url: &str) -> Result<Self, RefusedTarget> {
        if url.len() > URL_BYTES_MAX {
            return Err(RefusedTarget::TooLong {
                length_bytes: url.len(),
            });
        }
        if let Some(letter) = url.chars().find(|letter| !letter.is_ascii_graphic()) {
            return Err(RefusedTarget::Letter { letter });
        }
        if let Some(letter) = url.chars().find(|letter| "\\^`{}|<>\"#".contains(*letter)) {
            return Err(RefusedTarget::Letter { letter });
        }
        let uri: Uri = url.parse().map_err(|_| RefusedTarget::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(RefusedTarget::NotAbsolute);
        };
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => {
                return Err(RefusedTarget::Scheme {
                    scheme: scheme.to_owned(),
                });
            }
        };
        let authority = authority.as_str();
        if authority.contains('@') {
            return Err(RefusedTarget::Userinfo);
        }
        let (host, port) = split(authority);
        let host = Host::parse(host).map_err(|reason| RefusedTarget::Host {
            host: host.to_owned(),
            reason,
        })?;
        let port = match port {
            None => scheme.port(),
            Some(digits) => checked_port(digits).ok_or_else(|| RefusedTarget::Port {
                port: digits.to_owned(),
            })?,
        };
        let authority = if port == scheme.port() {
            host.to_string()
        } else {
            format!("{host}:{port}")
        };
        // A query right behind the host gets its slash here.
        let path_and_query = uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Self {
            scheme,
            host,
            port,
            authority,
            path_and_query,
        })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port that a URL of this scheme means when it has none.
    pub(crate) fn scheme_port(&self) -> u16 {
        self.scheme.port()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Host and port as the `Host` header has them; what shares them shares slots and breaker.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// About how much memory it holds, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        2 * self.authority.len() + self.path_and_query.len()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        write!(
            formatter,
            "{scheme}://{}{}",
            self.authority, self.path_and_query
        )
    }
}

/// Host and port of an authority without user; a host in brackets keeps its colons.
fn split(authority: &str) -> (&str, Option<&str>) {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[host_end..].find(':') {
        Some(colon) => (
            &authority[..host_end + colon],
            Some(&authority[host_end + colon + 1..]),
        ),
        None => (authority, None),
    }
}

fn checked_port(digits: &str) -> Option<u16> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_written_back_in_its_short_form() {
        for (url, short) in [
            ("https://hooks.example.com", "https://hooks.example.com/"),
            (
                "HTTPS://Hooks.Example.com:443/a?b=c%20d",
                "https://hooks.example.com/a?b=c%20d",
            ),
            ("http://10.0.0.1:80/", "http://10.0.0.1/"),
            ("http://[fd00::5]:8080/x", "http://[fd00::5]:8080/x"),
            (
                "http://agent-001:8080/health",
                "http://agent-001:8080/health",
            ),
            ("https://h.example?x=1", "https://h.example/?x=1"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.to_string(), short);
            assert_eq!(Target::parse(short).unwrap(), target);
        }
    }

    #[test]
    fn what_is_refused_says_which_part() {
        let long = format!("http://a.example/{}", "x".repeat(URL_BYTES_MAX));
        for (url, part) in [
            ("/api/v1/callbacks/req-001", "absolute"),
            ("//evil.example/x", "absolute"),
            ("hooks.example.com/x", "absolute"),
            ("http:/evil.example", "absolute"),
            ("http:///evil.example", "absolute"),
            ("*", "absolute"),
            ("", "absolute"),
            ("file:///etc/passwd", "absolute"),
            ("ftp://a.example/", "ftp"),
            ("gopher://a.example/", "gopher"),
            ("http://u@a.example/", "user"),
            ("http://u:p@a.example/", "user"),
            ("http://a.example:/", "port"),
            ("http://a.example:0/", "port"),
            ("http://a.example:080/", "port"),
            ("http://a.example:+80/", "port"),
            ("http://a.example:65536/", "port"),
            ("http://a.example/#x", "'#'"),
            ("http://a.example\\@b.example/", r"'\\'"),
            ("http://a.example/\t", r"'\t'"),
            ("http://a.example/\r\nHost: b", r"'\r'"),
            ("http://bücher.example/", "'ü'"),
            ("http://127。0。0。1/", "'。'"),
            (&long, "2048"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(part), "{url:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_harm(url in "\\PC{0,80}") {
            let _ = Target::parse(&url);
        }

        #[test]
        fn what_passes_is_its_own_short_form(
            url in "https?://[a-z0-9.:@%\\[\\]x-]{0,24}(/[a-z?%@:./]{0,12})?",
        ) {
            if let Ok(target) = Target::parse(&url) {
                prop_assert_eq!(Target::parse(&target.to_string()).unwrap(), target);
            }
        }
    }
}
