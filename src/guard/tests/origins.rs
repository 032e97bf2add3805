//! A table of origins: those of the server, those that are listed, and all that look like them.

use super::{Arrival, Origins, Sender};

fn sender(origin: &[Option<&str>], host: &str, scheme: Option<&str>, is_local: bool) -> Sender {
    let listed = ["https://good.example", "http://tools.example:9000"];
    let listed = listed.map(|it| it.parse().expect("an origin")).to_vec();
    let origins = Origins::new(listed, Some("https://swarm.example"));
    let arrival = Arrival {
        host: Some(host),
        scheme,
        is_local,
    };
    origins.sender(origin.iter().copied(), arrival)
}

#[test]
fn a_page_of_another_origin_is_foreign_however_like_it_looks() {
    let host = "agnt.example:8080";
    for (origin, expected) in [
        ("http://agnt.example:8080", Sender::OwnPage),
        ("https://swarm.example", Sender::OwnPage),
        ("https://good.example", Sender::Listed),
        ("http://tools.example:9000", Sender::Listed),
        ("null", Sender::Foreign),
        ("", Sender::Foreign),
        ("*", Sender::Foreign),
        ("http://good.example", Sender::Foreign),
        ("https://good.example:8443", Sender::Foreign),
        ("https://good.example.evil.example", Sender::Foreign),
        ("https://evil-good.example", Sender::Foreign),
        ("https://sub.good.example", Sender::Foreign),
        ("https://good.example/", Sender::Foreign),
        ("https://good.example@evil.example", Sender::Foreign),
        ("https://GOOD.example", Sender::Foreign),
        ("https://good.example:443", Sender::Foreign),
        ("https://good.example https://evil.example", Sender::Foreign),
        ("http://tools.example", Sender::Foreign),
        ("https://agnt.example:8080", Sender::Foreign),
        ("http://agnt.example", Sender::Foreign),
        ("http://agnt.example:8081", Sender::Foreign),
    ] {
        let found = sender(&[Some(origin)], host, Some("http"), false);
        assert_eq!(found, expected, "{origin}");
    }
}

#[test]
fn no_origin_is_no_page_and_two_are_nobodys() {
    let good = Some("https://good.example");
    assert_eq!(sender(&[], "a", Some("http"), false), Sender::NoPage);
    assert_eq!(
        sender(&[good, good], "a", Some("http"), false),
        Sender::Foreign
    );
    assert_eq!(sender(&[None], "a", Some("http"), false), Sender::Foreign);
}

#[test]
fn the_scheme_counts_where_it_is_known() {
    let own = [Some("https://agnt.example")];
    assert_eq!(
        sender(&own, "agnt.example", Some("https"), false),
        Sender::OwnPage
    );
    assert_eq!(
        sender(&own, "agnt.example:443", Some("https"), false),
        Sender::OwnPage
    );
    assert_eq!(
        sender(&own, "agnt.example", Some("http"), false),
        Sender::Foreign
    );
    assert_eq!(sender(&own, "agnt.example", None, false), Sender::OwnPage);
}

#[test]
fn a_name_that_was_made_to_lead_to_this_machine_is_foreign() {
    for (origin, host, expected) in [
        ("http://localhost:8080", "localhost:8080", Sender::OwnPage),
        (
            "http://a.localhost:8080",
            "a.localhost:8080",
            Sender::OwnPage,
        ),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", Sender::OwnPage),
        ("http://[::1]:8080", "[::1]:8080", Sender::OwnPage),
        (
            "http://evil.example:8080",
            "evil.example:8080",
            Sender::Foreign,
        ),
        (
            "http://localhost.evil.example",
            "localhost.evil.example",
            Sender::Foreign,
        ),
        ("https://swarm.example", "swarm.example", Sender::OwnPage),
        ("https://good.example", "good.example", Sender::Listed),
    ] {
        let found = sender(&[Some(origin)], host, None, true);
        assert_eq!(found, expected, "{origin}");
    }
}

#[test]
fn without_a_list_only_the_own_page_is_known() {
    let origins = Origins::new(Vec::new(), None);
    let arrival = Arrival {
        host: None,
        scheme: None,
        is_local: false,
    };
    assert!(!origins.has_listed());
    let good = std::iter::once(Some("https://good.example"));
    assert_eq!(origins.sender(good, arrival), Sender::Foreign);
}
