//! The origin of a page in a browser: its scheme, host and port (RFC 6454).

use std::fmt;
use std::str::FromStr;

/// The longest host of an origin: that of a name in the DNS.
const HOST_BYTES_MAX: usize = 253;

/// The origin; see the module. Written as browsers write it: small letters, no port where it is that
/// of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    text: String,
    /// Where the host begins in the text.
    host_at: usize,
}

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no origin; allowed: http://HOST[:PORT] or https://HOST[:PORT], nothing behind")]
pub struct WebOriginError;

impl WebOrigin {
    /// As a browser writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        &self.text[..self.host_at - "://".len()]
    }

    /// The host, and the port if it isn't that of the scheme.
    pub fn authority(&self) -> &str {
        &self.text[self.host_at..]
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        split_port(self.authority()).0
    }
}

/// An authority's host and the text of its port.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address lie within brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl FromStr for WebOrigin {
    type Err = WebOriginError;

    fn from_str(text: &str) -> Result<Self, WebOriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(WebOriginError)?;
        let scheme = scheme.to_ascii_lowercase();
        let scheme_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(WebOriginError),
        };
        let (host, port) = split_port(authority);
        let port = match port {
            None => scheme_port,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let port: u16 = digits.parse().map_err(|_| WebOriginError)?;
                if port == 0 {
                    return Err(WebOriginError);
                }
                port
            }
            Some(_) => return Err(WebOriginError),
        };
        if !is_host(host) {
            return Err(WebOriginError);
        }
        let host_at = scheme.len() + "://".len();
        let mut text = format!("{scheme}://{}", host.to_ascii_lowercase());
        if port != scheme_port {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Ok(Self { text, host_at })
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|it| it.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=HOST_BYTES_MAX).contains(&host.len()) && host.bytes().all(is_name_byte)
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::WebOrigin;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, written, host) in [
            (
                "http://localhost:8080",
                "http://localhost:8080",
                "localhost",
            ),
            (
                "HTTPS://Maps.Example",
                "https://maps.example",
                "maps.example",
            ),
            (
                "https://maps.example:443",
                "https://maps.example",
                "maps.example",
            ),
            (
                "http://maps.example:443",
                "http://maps.example:443",
                "maps.example",
            ),
            ("http://[::1]:80", "http://[::1]", "[::1]"),
            ("http://10.0.0.1:81", "http://10.0.0.1:81", "10.0.0.1"),
        ] {
            let origin: WebOrigin = text.parse().expect(text);
            assert_eq!((origin.as_str(), origin.host()), (written, host));
            assert_eq!(
                format!("{}://{}", origin.scheme(), origin.authority()),
                written
            );
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "null",
            "*",
            "localhost:8080",
            "ws://localhost",
            "file://",
            "http://",
            "http://a/",
            "http://a?b",
            "http://u@a",
            "http://a b",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:+80",
            "http://[::1",
            "http://::1",
            "http://a, http://b",
            "http://é",
        ] {
            assert!(text.parse::<WebOrigin>().is_err(), "{text}");
        }
    }
}
