//! A table of chains, as proxies make them and as attackers do.

use std::net::IpAddr;

use super::{Contradiction, TrustedProxies};

const PROXY: &str = "10.0.0.1";

fn client(peer: &str, forwarded: &[&str], plain: &[&str]) -> Result<String, Contradiction> {
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|it| it.parse().expect("a network"));
    let proxies = TrustedProxies::new(networks.to_vec());
    let peer: IpAddr = peer.parse().expect("an address");
    let found = proxies.client(peer, forwarded.iter().copied(), plain.iter().copied());
    found.map(|address| address.to_string())
}

#[test]
fn only_a_proxy_is_believed() {
    let lie = ["192.0.2.7"];
    assert_eq!(
        client("198.51.100.1", &[], &lie),
        Ok("198.51.100.1".to_owned())
    );
    assert_eq!(
        client("198.51.100.1", &["for=192.0.2.7"], &[]),
        Ok("198.51.100.1".to_owned())
    );
    assert_eq!(client(PROXY, &[], &lie), Ok("192.0.2.7".to_owned()));
    assert_eq!(
        client("::ffff:10.0.0.1", &[], &lie),
        Ok("192.0.2.7".to_owned())
    );
    let nobody = TrustedProxies::default();
    let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
    let found = nobody.client(loopback, std::iter::empty(), lie.into_iter());
    assert_eq!(found, Ok(loopback));
}

#[test]
fn the_last_that_is_no_proxy_counts_whatever_stands_before_it() {
    for (chain, expected) in [
        (&["192.0.2.7"][..], "192.0.2.7"),
        (&["8.8.8.8, 192.0.2.7"], "192.0.2.7"),
        (&["8.8.8.8", "192.0.2.7"], "192.0.2.7"),
        (&["192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        (&["192.0.2.7", "10.0.0.9, 10.1.1.1"], "192.0.2.7"),
        (&["10.0.0.9"], "10.0.0.9"),
        (&["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (&["2001:db8::5"], "2001:db8::5"),
        (&["[2001:db8::5]:99"], "2001:db8::5"),
        (&["192.0.2.7:4711"], "192.0.2.7"),
        // What is no address hides all before it.
        (&["unknown"], PROXY),
        (&[""], PROXY),
        (&["192.0.2.7, unknown"], PROXY),
        (&["192.0.2.7, unknown, 10.0.0.9"], "10.0.0.9"),
        (&["192.0.2.7,"], PROXY),
        (&[], PROXY),
    ] {
        assert_eq!(
            client(PROXY, &[], chain),
            Ok(expected.to_owned()),
            "{chain:?}"
        );
    }
}

#[test]
fn forwarded_is_read_as_the_rfc_writes_it() {
    for (chain, expected) in [
        (
            &["for=192.0.2.60;proto=http;by=203.0.113.43"][..],
            "192.0.2.60",
        ),
        (&["FOR = 192.0.2.60"], "192.0.2.60"),
        (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
        (&["for=8.8.8.8, for=198.51.100.17"], "198.51.100.17"),
        (
            &["for=8.8.8.8", "for=198.51.100.17, for=10.0.0.7"],
            "198.51.100.17",
        ),
        (&["for=\"a,for=8.8.8.8\""], PROXY),
        (&["for=\"_a\\\",for=8.8.8.8\", for=192.0.2.9"], "192.0.2.9"),
        (&["for=_hidden"], PROXY),
        (&["for=8.8.8.8;for=192.0.2.9"], PROXY),
        (&["by=192.0.2.9"], PROXY),
    ] {
        assert_eq!(
            client(PROXY, chain, &[]),
            Ok(expected.to_owned()),
            "{chain:?}"
        );
    }
}

#[test]
fn two_header_fields_must_agree() {
    assert_eq!(
        client(PROXY, &["for=192.0.2.7"], &["192.0.2.7"]),
        Ok("192.0.2.7".to_owned())
    );
    assert_eq!(
        client(PROXY, &["for=192.0.2.8"], &["192.0.2.7"]),
        Err(Contradiction)
    );
    assert_eq!(
        client(PROXY, &["for=unknown"], &["192.0.2.7"]),
        Err(Contradiction)
    );
}

#[test]
fn a_chain_without_end_is_looked_at_no_further_than_is_real() {
    let chain = ["10.0.0.9,".repeat(10_000)];
    let chain = chain[0].trim_end_matches(',');
    assert_eq!(client(PROXY, &[], &[chain]), Ok("10.0.0.9".to_owned()));
}
