//! Which pages in browsers may send requests that change something, and open sockets.
//!
//! A browser says in `Origin` whose page it is. The server's own page may, and those that are listed;
//! all others may not. What sends no `Origin` is no browser's page.

use std::net::IpAddr;

use crate::domain::WebOrigin;

/// The origins; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    listed: Vec<WebOrigin>,
    own: Option<WebOrigin>,
}

/// What a request says of where it came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The host that it asks, as it writes it.
    pub host: Option<&'a str>,
    /// The scheme that it came by, where that is known.
    pub scheme: Option<&'a str>,
    /// Whether it came from this machine itself.
    pub is_local: bool,
}

/// Whose page sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// None that says so.
    NoPage,
    /// The server's own.
    OwnPage,
    /// One that is listed.
    Listed,
    /// Another.
    Foreign,
}

impl Origins {
    /// The pages of these origins, and of the server under `public_url`.
    pub fn new(listed: Vec<WebOrigin>, public_url: Option<&str>) -> Self {
        Self {
            listed,
            own: public_url.and_then(|url| url.parse().ok()),
        }
    }

    /// Whether any are listed, so that answers differ by who asks.
    pub fn has_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// Whether somebody on this machine may ask for it by that name (and port): one that leads here for
    /// everyone, or that of a page that may send requests.
    pub fn may_be_asked_by(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            // The colons of an IPv6 address lie within brackets.
            Some((name, port)) if !port.contains(']') => name,
            _ => host,
        };
        let known = || self.listed.iter().chain(&self.own);
        is_local_name(name) || known().any(|it| it.host().eq_ignore_ascii_case(name))
    }

    /// Whose page a request with these `Origin` header fields is from.
    pub fn sender<'a>(
        &self,
        mut origins: impl Iterator<Item = Option<&'a str>>,
        arrival: Arrival<'_>,
    ) -> Sender {
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return Sender::NoPage,
            (Some(Some(origin)), None) => origin,
            _ => return Sender::Foreign,
        };
        // It must be written as browsers write it: what isn't, `null` above all, is nobody's.
        let Some(origin) = origin
            .parse::<WebOrigin>()
            .ok()
            .filter(|it| it.as_str() == origin)
        else {
            return Sender::Foreign;
        };
        if self.listed.contains(&origin) {
            Sender::Listed
        } else if self.own.as_ref() == Some(&origin) || is_own(&origin, arrival) {
            Sender::OwnPage
        } else {
            Sender::Foreign
        }
    }
}

/// Whether a page is from where it sends its request to.
fn is_own(origin: &WebOrigin, arrival: Arrival<'_>) -> bool {
    let Some(host) = arrival.host else {
        return false;
    };
    let scheme = arrival.scheme.unwrap_or_else(|| origin.scheme());
    let asked = format!("{scheme}://{host}").parse::<WebOrigin>();
    asked.is_ok_and(|asked| asked == *origin) && (!arrival.is_local || is_local_name(origin.host()))
}

/// Whether a name leads to this machine for everyone. A page from elsewhere whose name was made to
/// lead here says of itself what our own page says; a person who browses from this machine has no
/// need of such names.
fn is_local_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
#[path = "tests/origins.rs"]
mod tests;
