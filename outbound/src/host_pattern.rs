//! One entry of an allow-list: which host, and at which port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::address::AddressKind;
use crate::host::{Host, checked_name};

/// One entry of an allow-list.
///
/// | form | what it allows |
/// |---|---|
/// | `hooks.example.com` | this name |
/// | `*.example.com` | every name below this one, not the name itself |
/// | `10.1.2.3`, `[fd00::5]` | this address, in a URL or as what an allowed name leads to |
/// | `10.1.0.0/16`, `[fd00::/8]` | every address of this network, likewise |
/// | `*` | every name, and every public address |
///
/// Without a port an entry means 80 for `http` and 443 for `https`; `:8080` behind it means that
/// port instead, `:*` means any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    hosts: Hosts,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    Name(String),
    Below(String),
    Network { address: IpAddr, prefix_bits: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    OfScheme,
    Is(u16),
    Any,
}

/// Why a text is no entry of an allow-list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not allowed ({reason}); allowed: NAME, *.NAME, ADDRESS, NETWORK/BITS or *, each \
     with :PORT or :* if need be, IPv6 in brackets"
)]
pub struct HostPatternError {
    text: String,
    reason: &'static str,
}

/// Networks wider than this are no entry: whoever means everything writes `*`, which keeps to
/// public addresses.
const PREFIX_BITS_MIN_V4: u32 = 8;
/// All unique local addresses are one network of seven bits.
const PREFIX_BITS_MIN_V6: u32 = 7;

impl HostPattern {
    /// Whether a URL may name this host and port; what a name leads to is another question.
    pub(crate) fn admits(&self, host: &Host, port: u16, scheme_port: u16) -> bool {
        let host_fits = match (&self.hosts, host) {
            (Hosts::Any, _) => true,
            (Hosts::Name(allowed), Host::Name(name)) => allowed == name,
            (Hosts::Below(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_str())
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            (Hosts::Network { .. }, Host::Address(address)) => self.contains(*address),
            _ => false,
        };
        host_fits && self.admits_port(port, scheme_port)
    }

    /// Whether this entry names the address or its network. A network opens private and loopback
    /// addresses; a link-local or special one must be named itself.
    pub(crate) fn names_address(&self, address: IpAddr, port: u16, scheme_port: u16) -> bool {
        let kind = AddressKind::of(address);
        let is_open = match kind {
            AddressKind::Nowhere => false,
            AddressKind::LinkLocal | AddressKind::Special => self.is_one_address(),
            _ => true,
        };
        is_open && self.contains(address) && self.admits_port(port, scheme_port)
    }

    fn admits_port(&self, port: u16, scheme_port: u16) -> bool {
        match self.port {
            Port::OfScheme => port == scheme_port,
            Port::Is(allowed) => port == allowed,
            Port::Any => true,
        }
    }

    fn is_one_address(&self) -> bool {
        matches!(
            self.hosts,
            Hosts::Network { address, prefix_bits } if prefix_bits == width_bits(address)
        )
    }

    fn contains(&self, other: IpAddr) -> bool {
        let Hosts::Network {
            address,
            prefix_bits,
        } = self.hosts
        else {
            return false;
        };
        match (address, other) {
            (IpAddr::V4(network), IpAddr::V4(other)) => {
                (network.to_bits() ^ other.to_bits()).leading_zeros() >= prefix_bits
            }
            (IpAddr::V6(network), IpAddr::V6(other)) => {
                (network.to_bits() ^ other.to_bits()).leading_zeros() >= prefix_bits
            }
            _ => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let refuse = |reason| HostPatternError {
            text: text.chars().take(255).collect(),
            reason,
        };
        let (hosts, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (within, after) = rest.split_once(']').ok_or(refuse("no ] follows"))?;
                let hosts = network(within).map_err(refuse)?;
                if !matches!(hosts, Some(Hosts::Network { address, .. }) if address.is_ipv6()) {
                    return Err(refuse("brackets hold an IPv6 address"));
                }
                let port = match after {
                    "" => None,
                    _ => Some(after.strip_prefix(':').ok_or(refuse("a port follows :"))?),
                };
                (hosts, port)
            }
            None => match text.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(refuse("IPv6 stands in brackets"));
                }
                Some((host, port)) => (named_or_network(host).map_err(refuse)?, Some(port)),
                None => (named_or_network(text).map_err(refuse)?, None),
            },
        };
        let port = match port {
            None => Port::OfScheme,
            Some("*") => Port::Any,
            Some(digits) => match digits.parse() {
                Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Port::Is(port)
                }
                _ => return Err(refuse("a port is a number from 1 to 65535")),
            },
        };
        let hosts = hosts.ok_or(refuse("no address"))?;
        Ok(Self { hosts, port })
    }
}

fn named_or_network(text: &str) -> Result<Option<Hosts>, &'static str> {
    if text == "*" {
        return Ok(Some(Hosts::Any));
    }
    if let Some(parent) = text.strip_prefix("*.") {
        return checked_name(parent).map(|name| Some(Hosts::Below(name)));
    }
    if let Some(network) = network(text)? {
        return Ok(Some(network));
    }
    checked_name(text).map(|name| Some(Hosts::Name(name)))
}

/// An address with or without the length of its prefix; none if the text has no address.
fn network(text: &str) -> Result<Option<Hosts>, &'static str> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return match bits {
            Some(_) => Err("a network begins with an address"),
            None => Ok(None),
        };
    };
    let width_bits = width_bits(address);
    let prefix_bits = match bits {
        None => width_bits,
        Some(bits) => bits
            .parse()
            .map_err(|_| "the length of a prefix is a number")?,
    };
    let prefix_bits_min = match address {
        IpAddr::V4(_) => PREFIX_BITS_MIN_V4,
        IpAddr::V6(_) => PREFIX_BITS_MIN_V6,
    };
    if prefix_bits < prefix_bits_min {
        return Err("the network is too wide");
    }
    if prefix_bits > width_bits {
        return Err("the prefix is longer than the address");
    }
    if AddressKind::of(address) == AddressKind::Nowhere {
        return Err("no single host has this address");
    }
    Ok(Some(Hosts::Network {
        address,
        prefix_bits,
    }))
}

fn width_bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Any => formatter.write_str("*")?,
            Hosts::Name(name) => formatter.write_str(name)?,
            Hosts::Below(parent) => write!(formatter, "*.{parent}")?,
            Hosts::Network {
                address,
                prefix_bits,
            } => {
                let (open, close) = match address {
                    IpAddr::V4(_) => ("", ""),
                    IpAddr::V6(_) => ("[", "]"),
                };
                if self.is_one_address() {
                    write!(formatter, "{open}{address}{close}")?;
                } else {
                    write!(formatter, "{open}{address}/{prefix_bits}{close}")?;
                }
            }
        }
        match self.port {
            Port::OfScheme => Ok(()),
            Port::Is(port) => write!(formatter, ":{port}"),
            Port::Any => formatter.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(pattern: &str, host: &str, port: u16) -> bool {
        let host = match host.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(host.to_owned()),
        };
        pattern
            .parse::<HostPattern>()
            .unwrap()
            .admits(&host, port, 443)
    }

    #[test]
    fn a_name_is_itself_and_a_star_is_what_lies_below() {
        assert!(admits("hooks.example.com", "hooks.example.com", 443));
        assert!(admits("HOOKS.example.com", "hooks.example.com", 443));
        assert!(!admits("hooks.example.com", "a.hooks.example.com", 443));
        assert!(!admits("hooks.example.com", "hooks.example.com", 80));
        assert!(!admits("hooks.example.com", "hooks.example.com.test", 443));
        assert!(admits("*.example.com", "a.example.com", 443));
        assert!(admits("*.example.com", "a.b.example.com", 443));
        assert!(!admits("*.example.com", "example.com", 443));
        assert!(!admits("*.example.com", "badexample.com", 443));
        assert!(!admits("*.example.com", ".example.com", 443));
        assert!(admits("agent-001:8080", "agent-001", 8080));
        assert!(!admits("agent-001:8080", "agent-001", 443));
        assert!(admits("agent-001:*", "agent-001", 9));
        assert!(admits("*", "anything.example", 443) && !admits("*", "anything.example", 22));
    }

    #[test]
    fn a_network_is_its_prefix() {
        assert!(admits("10.1.0.0/16:*", "10.1.255.255", 1));
        assert!(!admits("10.1.0.0/16:*", "10.2.0.0", 1));
        assert!(admits("[fd00::/8]:8080", "fd12::1", 8080));
        assert!(!admits("[fd00::/8]:8080", "fc12::1", 8080));
        assert!(admits("127.0.0.1:9", "127.0.0.1", 9) && !admits("127.0.0.1:9", "127.0.0.2", 9));
        assert!(!admits("127.0.0.1:9", "::ffff:127.0.0.1", 9));
    }

    #[test]
    fn what_is_link_local_or_special_must_be_named_itself() {
        let names = |pattern: &str, address: &str| {
            pattern
                .parse::<HostPattern>()
                .unwrap()
                .names_address(address.parse().unwrap(), 80, 80)
        };
        assert!(names("169.254.169.254", "169.254.169.254"));
        assert!(!names("169.254.0.0/16", "169.254.169.254"));
        assert!(names("10.0.0.0/8", "10.2.3.4"));
        assert!(!names("192.0.0.0/8", "192.0.2.1"));
        assert!(!names("*", "127.0.0.1"), "a star names no address");
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in [
            "hooks.example.com",
            "*.example.com:8443",
            "10.1.2.3:*",
            "10.1.0.0/16",
            "[fd00::5]:8080",
            "[fd00::/8]",
            "*",
            "*:*",
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_entry_says_why() {
        for (text, reason) in [
            ("", "empty"),
            ("0.0.0.0", "no single host"),
            ("0.0.0.0/0", "too wide"),
            ("[::/0]", "too wide"),
            ("10.0.0.0/33", "longer"),
            ("10.0.0.0/x", "a number"),
            ("name/8", "begins with an address"),
            ("::1", "brackets"),
            ("[::1", "no ]"),
            ("[::1]8080", "follows :"),
            ("[10.0.0.1]", "IPv6"),
            ("[name]", "IPv6"),
            ("name:0", "1 to 65535"),
            ("name:+80", "1 to 65535"),
            ("name:65536", "1 to 65535"),
            ("name:", "1 to 65535"),
            ("https://name", "1 to 65535"),
            ("a b", "letters"),
            ("a.*.example", "letters"),
            ("0x7f.1", "number"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
