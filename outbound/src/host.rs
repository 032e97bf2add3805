//! The host of a URL: a name or an address, in the one way of writing that means the same to
//! everybody.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host, checked for its form only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// A name in lower case that no resolver takes for an address.
    Name(String),
    /// An address that stands in the URL itself.
    Address(IpAddr),
}

impl Host {
    /// Reads the host of a URL, IPv6 in brackets.
    ///
    /// An address has one form here: four decimal numbers, or IPv6 that embeds no mapped IPv4.
    /// Others, such as `0x7f.1`, mean different things to different programs and are refused.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(rest) = text.strip_prefix('[') {
            let within = rest.strip_suffix(']').ok_or("no ] ends it")?;
            let address: Ipv6Addr = within.parse().map_err(|_| "it is no IPv6 address")?;
            if address.to_ipv4_mapped().is_some() {
                return Err("write the IPv4 address without ::ffff:");
            }
            return Ok(Self::Address(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        checked_name(text).map(Self::Name)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

/// The name in lower case, if it is one that DNS and hosts files can hold.
pub(crate) fn checked_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > 253 {
        return Err("a name has at most 253 letters");
    }
    if text.ends_with('.') {
        return Err("it ends with a dot");
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("between dots stand 1 to 63 letters");
        }
        if !label.bytes().all(is_letter) {
            return Err(
                "a name has letters a-z, digits, - and _, others are written as xn-- labels",
            );
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no part begins or ends with -");
        }
    }
    let last = text.rsplit('.').next().unwrap_or(text);
    if is_number(last) {
        return Err("a last part that is a number makes it an address, which has one form only");
    }
    Ok(text.to_ascii_lowercase())
}

/// Whether old resolvers read a label as a number: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_have_one_form() {
        let name = |text: &str| Ok(Host::Name(text.to_owned()));
        assert_eq!(Host::parse("Agent-001"), name("agent-001"));
        assert_eq!(Host::parse("a_b.example"), name("a_b.example"));
        assert_eq!(
            Host::parse("xn--bcher-kva.example"),
            name("xn--bcher-kva.example")
        );
        assert_eq!(Host::parse("1.2.3.4.example"), name("1.2.3.4.example"));
        assert_eq!(
            Host::parse("10.1.2.3"),
            Ok(Host::Address("10.1.2.3".parse().unwrap()))
        );
        assert_eq!(
            Host::parse("[2606:4700::1111]"),
            Ok(Host::Address("2606:4700::1111".parse().unwrap()))
        );
    }

    #[test]
    fn other_forms_of_an_address_are_refused() {
        for text in [
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0X7F000001",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "127.0.0.256",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "0x",
            "[127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::1",
            "[fe80::1%25eth0]",
            "[::1]x",
            "::1",
            "%31%32%37.0.0.1",
            "localhost.",
            "a..b",
            ".a",
            "-a.example",
            "a-.example",
            "",
            "a b",
            "a/b",
            "a@b",
            "a\\b",
        ] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }
}
