//! A network of IP addresses, as `ADDRESS/BITS`; one address is the network of all its bits.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The network; see the module. Addresses of IPv4 in the clothes of IPv6 are those of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// With all bits behind the prefix zero.
    address: IpAddr,
    prefix_bits: u32,
}

/// A text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no network; allowed: ADDRESS or ADDRESS/BITS, no bit set behind the prefix")]
pub struct NetworkError;

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && masked(address, self.prefix_bits) == self.address
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let address = address.to_canonical();
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            None => bits_max,
            // "+8" and "08" are numbers to the library and mistakes here.
            Some(bits) if bits.len() > 1 && bits.starts_with(['0', '+']) => {
                return Err(NetworkError);
            }
            Some(bits) => bits.parse().map_err(|_| NetworkError)?,
        };
        if prefix_bits > bits_max || masked(address, prefix_bits) != address {
            return Err(NetworkError);
        }
        Ok(Self {
            address,
            prefix_bits,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            prefix_bits,
        } = self;
        match (address, prefix_bits) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => write!(out, "{address}"),
            _ => write!(out, "{address}/{prefix_bits}"),
        }
    }
}

fn masked(address: IpAddr, prefix_bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - prefix_bits.min(32))
                .unwrap_or_default();
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - prefix_bits.min(128))
                .unwrap_or_default();
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("192.168.0.0/23", "192.168.1.255", "192.168.2.0"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::7", "2001:db8::7", "2001:db8::8"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
            ("0.0.0.0/0", "8.8.8.8", "::8"),
            ("::/0", "2001::8", "8.8.8.8"),
        ] {
            let read: Network = network.parse().expect(network);
            assert_eq!(read.to_string(), network);
            assert!(read.contains(inside.parse().expect(inside)), "{network}");
            assert!(!read.contains(outside.parse().expect(outside)), "{network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "fd00::1/8",
            "::/129",
            "localhost",
            "10.0.0.0/8,",
            "10.0.0",
            "[::1]",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
