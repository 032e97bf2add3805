//! Who may be called: the list, the kinds of addresses, and never ourselves.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::address::AddressKind;
use crate::host::Host;
use crate::host_pattern::HostPattern;
use crate::refused_target::RefusedTarget;
use crate::settings::Settings;
use crate::target::Target;

/// Who may be called.
#[derive(Debug)]
pub(crate) struct Policy {
    allow: Vec<HostPattern>,
    allow_private: bool,
    own_addresses: Vec<SocketAddr>,
    own_hosts: Vec<HostPattern>,
}

impl Policy {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            allow: settings.allow.clone(),
            allow_private: settings.allow_private,
            own_addresses: settings.own_addresses.clone(),
            own_hosts: settings.own_hosts.clone(),
        }
    }

    /// Judges a URL by what it says, without asking where its name leads.
    pub(crate) fn judge(&self, url: &str) -> Result<Target, RefusedTarget> {
        let target = Target::parse(url)?;
        if lists(&self.own_hosts, &target) {
            return Err(own_server(&target));
        }
        if !lists(&self.allow, &target) {
            return Err(RefusedTarget::Unlisted {
                host: target.host().to_string(),
                port: target.port(),
            });
        }
        if let Host::Address(address) = target.host() {
            self.check_address(&target, *address)?;
        }
        Ok(target)
    }

    /// Where to connect: every address that the target's name led to, or a refusal if a single
    /// one of them is not allowed. A name with one foot inside is not a name to be trusted.
    pub(crate) fn checked_addresses(
        &self,
        target: &Target,
        addresses: &[IpAddr],
    ) -> Result<Vec<SocketAddr>, RefusedTarget> {
        let port = target.port();
        addresses
            .iter()
            .map(|address| {
                self.check_address(target, *address)?;
                Ok(SocketAddr::new(address.to_canonical(), port))
            })
            .collect()
    }

    fn check_address(&self, target: &Target, address: IpAddr) -> Result<(), RefusedTarget> {
        // A mapped address is the IPv4 address, for the rules and for the kernel.
        let address = address.to_canonical();
        if self.is_own(SocketAddr::new(address, target.port())) {
            return Err(own_server(target));
        }
        let kind = AddressKind::of(address);
        let is_allowed = kind == AddressKind::Public
            || (self.allow_private && kind.is_internal())
            || self
                .allow
                .iter()
                .any(|pattern| pattern.names_address(address, target.port(), target.scheme_port()));
        if is_allowed {
            Ok(())
        } else {
            Err(RefusedTarget::Address { address, kind })
        }
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        self.own_addresses.iter().any(|own| {
            let own_ip = own.ip().to_canonical();
            own.port() == address.port()
                && (own_ip == address.ip() || (own_ip.is_unspecified() && is_local(address.ip())))
        })
    }
}

fn lists(patterns: &[HostPattern], target: &Target) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.admits(target.host(), target.port(), target.scheme_port()))
}

fn own_server(target: &Target) -> RefusedTarget {
    RefusedTarget::OwnServer {
        host: target.host().to_string(),
        port: target.port(),
    }
}

/// Whether an address is one of this machine's: only to those can a socket be bound.
fn is_local(address: IpAddr) -> bool {
    AddressKind::of(address) == AddressKind::Loopback || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str]) -> Policy {
        let mut settings = Settings::closed(|| 0);
        settings.allow = allow.iter().map(|text| text.parse().unwrap()).collect();
        Policy::new(&settings)
    }

    fn leads_to(policy: &Policy, url: &str, addresses: &[&str]) -> Result<(), RefusedTarget> {
        let target = policy.judge(url)?;
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let checked = policy.checked_addresses(&target, &addresses)?;
        assert_eq!(checked.len(), addresses.len());
        Ok(())
    }

    #[test]
    fn an_empty_list_lets_nothing_pass() {
        let closed = policy(&[]);
        for url in [
            "https://hooks.example.com/",
            "http://8.8.8.8/",
            "http://127.0.0.1/",
        ] {
            assert!(
                matches!(closed.judge(url), Err(RefusedTarget::Unlisted { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn one_bad_address_among_good_ones_refuses_all() {
        let policy = policy(&["hooks.example.com"]);
        let url = "https://hooks.example.com/x";
        assert_eq!(leads_to(&policy, url, &["8.8.8.8", "2606:4700::1"]), Ok(()));
        for bad in [
            "10.0.0.1",
            "127.0.0.1",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            let refused = leads_to(&policy, url, &["8.8.8.8", bad]);
            assert!(
                matches!(refused, Err(RefusedTarget::Address { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn private_addresses_open_by_flag_or_by_name_and_metadata_does_not() {
        let url = "http://agent-001:8080/health";
        let mut policy = policy(&["agent-001:8080", "172.18.0.0/16:8080"]);
        assert_eq!(leads_to(&policy, url, &["172.18.0.5"]), Ok(()));
        assert_eq!(leads_to(&policy, url, &["::ffff:172.18.0.5"]), Ok(()));
        assert!(leads_to(&policy, url, &["172.19.0.5"]).is_err());
        policy.allow_private = true;
        assert_eq!(
            leads_to(&policy, url, &["172.19.0.5", "127.0.0.1", "fd00::1"]),
            Ok(())
        );
        for closed in [
            "169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
            "fe80::1",
            "198.18.0.1",
        ] {
            assert!(leads_to(&policy, url, &[closed]).is_err(), "{closed}");
        }
    }

    #[test]
    fn this_server_is_not_called_by_any_of_its_addresses_or_names() {
        let mut policy = policy(&["*:*", "127.0.0.0/8:*", "[::1]:*"]);
        policy.own_addresses = vec!["0.0.0.0:8080".parse().unwrap()];
        policy.own_hosts = vec!["agnt.example.com".parse().unwrap()];
        let is_own = |result| matches!(result, Err(RefusedTarget::OwnServer { .. }));
        assert!(is_own(policy.judge("http://127.0.0.1:8080/x").map(|_| ())));
        assert!(is_own(policy.judge("http://127.9.9.9:8080/x").map(|_| ())));
        assert!(is_own(
            policy.judge("https://agnt.example.com/x").map(|_| ())
        ));
        assert!(is_own(leads_to(
            &policy,
            "http://name:8080/",
            &["127.0.0.1"]
        )));
        assert!(is_own(leads_to(&policy, "http://name:8080/", &["::1"])));
        assert_eq!(
            leads_to(&policy, "http://name:8081/", &["127.0.0.1"]),
            Ok(())
        );
        assert_eq!(leads_to(&policy, "http://name:8080/", &["8.8.8.8"]), Ok(()));
        policy.own_addresses = vec!["127.0.0.1:8080".parse().unwrap()];
        assert_eq!(
            leads_to(&policy, "http://127.0.0.2:8080/", &["127.0.0.2"]),
            Ok(())
        );
    }
}
