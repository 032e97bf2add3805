//! Where a publisher connects to: a server's WebSocket URL, checked and completed.
//!
//! Accepted: `ws://HOST[:PORT][/PATH][?QUERY]` and `wss://`, and the same with `http://` and `https://`
//! as the server prints it. Without a path the standard one is added.

use agnt_outbound::Tls;
use hyper::Uri;

use crate::domain::{HiddenText, StreamName};

/// The path that a URL without one stands for.
pub const STANDARD_PATH: &str = "/api/visualisation/agents/ws";

/// Why a URL is not one that a publisher can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The text is not a URL with a host and a scheme of WebSocket.
    #[error("url: {url:?} is not allowed; allowed is ws://HOST:PORT/PATH or wss://HOST:PORT/PATH")]
    Invalid {
        /// The URL as it was given.
        url: String,
    },
}

/// A checked address: whom to connect to and what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub authority: String,
    /// Path and query of the request.
    pub target: String,
    /// How TLS is spoken, if it is asked for: by the system's authorities, unless somebody says otherwise.
    pub tls: Option<Tls>,
    /// What the handshake shows to be let in by.
    pub credential: Option<HiddenText>,
}

impl Endpoint {
    /// Checks `url`; `stream` takes the place of a stream that the URL names.
    pub fn parse(url: &str, stream: Option<&StreamName>) -> Result<Self, EndpointError> {
        let invalid = || EndpointError::Invalid {
            url: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let (tls, standard_port) = match uri.scheme_str() {
            Some("ws" | "http") => (None, 80),
            Some("wss" | "https") => (Some(Tls::default()), 443),
            _ => return Err(invalid()),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(invalid)?;
        // What follows the host is nothing or a port; a name and password have no place here.
        let written = uri.authority().map_or("", |authority| authority.as_str());
        let port = match written
            .strip_prefix(host)
            .ok_or_else(invalid)?
            .strip_prefix(':')
        {
            Some(port) => port.parse::<u16>().map_err(|_| invalid())?,
            None => standard_port,
        };
        let authority = format!("{host}:{port}");
        let path = if uri.path().len() > 1 {
            uri.path()
        } else {
            STANDARD_PATH
        };
        let mut query: Vec<String> = uri
            .query()
            .unwrap_or("")
            .split('&')
            .filter(|part| !part.is_empty() && (stream.is_none() || !part.starts_with("stream=")))
            .map(str::to_owned)
            .collect();
        query.extend(stream.map(|name| format!("stream={name}")));
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(Self {
            authority,
            target: format!("{path}{mark}{}", query.join("&")),
            tls,
            credential: None,
        })
    }

    /// The same, with TLS spoken so if it is asked for.
    #[must_use]
    pub fn speaking(mut self, tls: Tls) -> Self {
        self.tls = self.tls.map(|_| tls);
        self
    }
}

#[cfg(test)]
mod tests {
    use agnt_outbound::Trust;

    use super::*;

    fn parsed(url: &str, stream: Option<&str>) -> (String, String) {
        let stream = stream.map(|name| StreamName::parse(name).expect("a good name"));
        let endpoint = Endpoint::parse(url, stream.as_ref()).expect("a good URL");
        (endpoint.authority, endpoint.target)
    }

    fn pair(authority: &str, target: &str) -> (String, String) {
        (authority.to_owned(), target.to_owned())
    }

    #[test]
    fn the_standard_path_is_added_where_none_is_given() {
        let standard = "/api/visualisation/agents/ws";
        assert_eq!(
            parsed("ws://127.0.0.1:8080", None),
            pair("127.0.0.1:8080", standard)
        );
        assert_eq!(
            parsed("http://127.0.0.1:8080/", None),
            pair("127.0.0.1:8080", standard)
        );
        assert_eq!(
            parsed("ws://[::1]:9/agents/ws", None),
            pair("[::1]:9", "/agents/ws")
        );
        assert_eq!(parsed("ws://host", None), pair("host:80", standard));
    }

    #[test]
    fn a_stream_takes_the_place_of_the_one_in_the_url() {
        assert_eq!(parsed("ws://h:1/p", Some("b")), pair("h:1", "/p?stream=b"));
        assert_eq!(
            parsed("ws://h:1/p?stream=a&x=1", Some("b")),
            pair("h:1", "/p?x=1&stream=b")
        );
        assert_eq!(
            parsed("ws://h:1/p?stream=a", None),
            pair("h:1", "/p?stream=a")
        );
    }

    #[test]
    fn tls_is_asked_for_by_the_scheme_and_has_its_own_port() {
        for (url, authority) in [("wss://h/p", "h:443"), ("https://h:80/p", "h:80")] {
            let endpoint = Endpoint::parse(url, None).expect("a good URL");
            assert_eq!(endpoint.authority, authority);
            assert_eq!(endpoint.tls, Some(Tls::default()));
            let file = Tls::trusting(Trust::Authorities("ca.pem".into()));
            assert_eq!(endpoint.speaking(file.clone()).tls, Some(file));
        }
        let plain = Endpoint::parse("ws://h", None).expect("a good URL");
        assert_eq!(plain.speaking(Tls::default()).tls, None);
    }

    #[test]
    fn other_urls_are_refused_with_what_is_allowed() {
        for url in [
            "",
            "127.0.0.1:8080",
            "ftp://h/",
            "ws://",
            "ws:///path",
            "/path",
            "ws://h:x/",
            "ws://u:p@h/",
        ] {
            let refused = Endpoint::parse(url, None);
            assert_eq!(
                refused,
                Err(EndpointError::Invalid {
                    url: url.to_owned()
                }),
                "{url}"
            );
        }
    }
}
