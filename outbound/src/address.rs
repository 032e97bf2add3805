//! What an IP address is good for: whether it lies in the open internet, in somebody's own network,
//! or where no callback has business.
//!
//! An IPv6 address that carries an IPv4 address is what the address within is, so that no way of
//! writing opens a door that another way closes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Reachable from everywhere.
    Public,
    /// A network of somebody's own: RFC 1918, unique local, a carrier's shared space.
    Private,
    /// This machine.
    Loopback,
    /// The neighbours on one link, and the metadata services of the clouds that answer there.
    LinkLocal,
    /// Set aside for documents, measurements, tunnels or protocols.
    Special,
    /// No single host: unspecified, multicast, broadcast.
    Nowhere,
}

impl AddressKind {
    /// The kind of `address`.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether it belongs to a network that an operator may open as a whole.
    pub(crate) fn is_internal(self) -> bool {
        matches!(self, Self::Private | Self::Loopback)
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local or metadata address",
            Self::Special => "a special-purpose address",
            Self::Nowhere => "an address of no single host",
        })
    }
}

/// Metadata services of clouds that answer outside of the link-local ranges.
const METADATA_V4: [Ipv4Addr; 2] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

fn of_v4(address: Ipv4Addr) -> AddressKind {
    if METADATA_V4.contains(&address) {
        return AddressKind::LinkLocal;
    }
    match address.octets() {
        [0 | 224..=239, ..] | [255, 255, 255, 255] => AddressKind::Nowhere,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
            AddressKind::Private
        }
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => AddressKind::Special,
        _ => AddressKind::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressKind {
    if address.is_unspecified() || address.is_multicast() {
        return AddressKind::Nowhere;
    }
    if address.is_loopback() {
        return AddressKind::Loopback;
    }
    if address == METADATA_V6 {
        return AddressKind::LinkLocal;
    }
    if let Some(within) = embedded_v4(address) {
        return of_v4(within);
    }
    match address.segments() {
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => AddressKind::Private,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        // Protocol assignments (Teredo and benchmarking among them), documents.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressKind::Special,
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Special,
    }
}

/// The IPv4 address within an IPv6 address: mapped, translated (NAT64) or tunnelled (6to4).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0xffff, high, low]
    | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, ..]) = address.segments()
    else {
        return None;
    };
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> AddressKind {
        AddressKind::of(address.parse().unwrap())
    }

    /// First and last address of each block of the IANA registries of special-purpose addresses,
    /// with its neighbours outside.
    #[test]
    fn the_blocks_of_the_registries_end_where_they_end() {
        use AddressKind::{LinkLocal, Loopback, Nowhere, Private, Public, Special};
        let cases = [
            ("0.0.0.0", Nowhere),
            ("0.255.255.255", Nowhere),
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", Private),
            ("100.127.255.255", Private),
            ("100.128.0.0", Public),
            ("100.100.100.200", LinkLocal),
            ("126.255.255.255", Public),
            ("127.0.0.0", Loopback),
            ("127.255.255.255", Loopback),
            ("128.0.0.0", Public),
            ("168.63.129.16", LinkLocal),
            ("169.253.255.255", Public),
            ("169.254.0.0", LinkLocal),
            ("169.254.169.254", LinkLocal),
            ("169.255.0.0", Public),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Public),
            ("192.0.0.0", Special),
            ("192.0.1.0", Public),
            ("192.0.2.255", Special),
            ("192.88.99.1", Special),
            ("192.167.255.255", Public),
            ("192.168.0.0", Private),
            ("192.169.0.0", Public),
            ("198.17.255.255", Public),
            ("198.18.0.0", Special),
            ("198.19.255.255", Special),
            ("198.20.0.0", Public),
            ("198.51.100.7", Special),
            ("203.0.113.7", Special),
            ("223.255.255.255", Public),
            ("224.0.0.0", Nowhere),
            ("239.255.255.255", Nowhere),
            ("240.0.0.0", Special),
            ("255.255.255.255", Nowhere),
            ("::", Nowhere),
            ("::1", Loopback),
            ("::2", Special),
            ("::127.0.0.1", Special),
            ("100::1", Special),
            ("2000::1", Public),
            ("2001::1", Special),
            ("2001:2::1", Special),
            ("2001:1ff:ffff::", Special),
            ("2001:200::", Public),
            ("2001:db8::1", Special),
            ("2001:db9::1", Public),
            ("2606:4700::1111", Public),
            ("3fff:fff::1", Special),
            ("3fff:1000::1", Public),
            ("4000::1", Special),
            ("5f00::1", Special),
            ("fbff::1", Special),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fd00:ec2::254", LinkLocal),
            ("fe00::1", Special),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("feff::1", Private),
            ("ff02::1", Nowhere),
        ];
        for (address, expected) in cases {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn an_embedded_address_is_what_it_embeds() {
        use AddressKind::{LinkLocal, Loopback, Nowhere, Private, Public, Special};
        let cases = [
            ("127.0.0.1", "7f00:1", Loopback),
            ("10.1.2.3", "a01:203", Private),
            ("169.254.169.254", "a9fe:a9fe", LinkLocal),
            ("0.0.0.0", "0:0", Nowhere),
            ("198.18.0.1", "c612:1", Special),
            ("8.8.8.8", "808:808", Public),
        ];
        for (plain, hex, expected) in cases {
            assert_eq!(kind(&format!("::ffff:{plain}")), expected);
            assert_eq!(kind(&format!("64:ff9b::{plain}")), expected);
            assert_eq!(kind(&format!("2002:{hex}::1")), expected);
        }
        // NAT64 for local use, wherever its address lies, and Teredo.
        assert_eq!(kind("64:ff9b:1::808:808"), Special);
        assert_eq!(kind("2001:0:4136:e378:8000:63bf:3fff:fdd2"), Special);
    }
}
