//! The proxies whose word about a client's address is believed.
//!
//! A proxy appends the address that it was asked from, so that of what stands in `Forwarded` and
//! `X-Forwarded-For` only the end is known to be true: the last address that isn't a proxy's own.
//! What others put before it is what they like.

use std::net::{IpAddr, SocketAddr};

use crate::domain::Network;

/// The most addresses of a chain that are looked at; no real one is as long.
const HOPS_MAX: usize = 32;

/// The proxies; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<Network>,
}

/// Both header fields are there and tell of different clients, so that one of them is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Forwarded and X-Forwarded-For: they name different clients; a proxy sets one of them")]
pub struct Contradiction;

impl TrustedProxies {
    /// All that have an address in one of these.
    pub fn new(networks: Vec<Network>) -> Self {
        Self { networks }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether this is the address of one.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|it| it.contains(address))
    }

    /// Where a request comes from whose connection is from `peer`: there, unless that is a proxy. A
    /// proxy that names nobody, or what is no address, is the client itself.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
        x_forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Result<IpAddr, Contradiction> {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return Ok(peer);
        }
        let forwarded = forwarded.flat_map(elements).map(of_element);
        let plain = x_forwarded_for
            .flat_map(|value| value.split(','))
            .map(address_of);
        match (self.last(peer, forwarded), self.last(peer, plain)) {
            (Some(one), Some(other)) if one != other => Err(Contradiction),
            (one, other) => Ok(one.or(other).unwrap_or(peer)),
        }
    }

    /// The last address of a chain that isn't a proxy's; none if the chain is empty.
    fn last(
        &self,
        peer: IpAddr,
        chain: impl DoubleEndedIterator<Item = Option<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut nearest = None;
        for hop in chain.rev().take(HOPS_MAX) {
            // What is no address says nothing of those before it either.
            let Some(address) = hop else {
                return nearest.or(Some(peer));
            };
            nearest = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        nearest
    }
}

/// The elements of a `Forwarded` header field (RFC 7239); a comma within quotes doesn't divide.
fn elements(value: &str) -> std::vec::IntoIter<&str> {
    split_unquoted(value, b',').into_iter()
}

fn split_unquoted(value: &str, divider: u8) -> Vec<&str> {
    let (mut parts, mut began) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == divider && !is_quoted => {
                parts.push(&value[began..at]);
                began = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[began..]);
    parts
}

/// The address that an element of `Forwarded` is for.
fn of_element(element: &str) -> Option<IpAddr> {
    let pairs = split_unquoted(element, b';');
    let mut of_for = pairs.iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim())
    });
    let (Some(value), None) = (of_for.next(), of_for.next()) else {
        return None;
    };
    address_of(value)
}

/// An address as either header field has it, with or without a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let unquoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let text = unquoted.unwrap_or(text);
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()));
    address.ok().map(|it| it.to_canonical())
}

#[cfg(test)]
#[path = "tests/proxies.rs"]
mod tests;
