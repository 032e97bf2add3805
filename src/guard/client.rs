//! For whom requests are counted: a credential, or the address that they come from.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Who shares one quota. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// All that show this API key, by its id.
    Key(Arc<str>),
    /// All at this address without a credential that counts.
    Address(AddressBlock),
}

/// The addresses that one peer has at its hand: one of IPv4, the 2^64 of a network of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

/// The bits that tell networks of IPv6 apart.
const NETWORK_BITS: u128 = !0 << 64;

impl From<IpAddr> for AddressBlock {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl Client {
    /// What tells it from all others, in a text of its own.
    pub fn tag(&self) -> String {
        match self {
            Self::Key(id) => format!("key:{id}"),
            Self::Address(AddressBlock(address)) => format!("address:{address}"),
        }
    }

    /// The client that has no credential, by where it comes from.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(address.into())
    }
}

#[cfg(test)]
mod tests {
    use super::Client;

    fn at(address: &str) -> Client {
        Client::at(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_so_is_an_address_of_ipv4() {
        let same = [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8:0:7::1", "2001:db8:0:7:ffff:ffff:ffff:ffff"),
        ];
        let other = [
            ("192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("2001:db8:0:7::1", "2001:db8:0:8::1"),
            ("::1", "127.0.0.1"),
        ];
        for (one, two) in same {
            assert_eq!(at(one), at(two), "{one} {two}");
        }
        for (one, two) in other {
            assert_ne!(at(one), at(two), "{one} {two}");
        }
    }

    #[test]
    fn a_key_is_never_an_address() {
        assert_ne!(Client::Key("127.0.0.1".into()), at("127.0.0.1"));
    }
}
