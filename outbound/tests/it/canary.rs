//! Whatever a URL looks like, nothing reaches a listener on this machine that the operator has not
//! opened: not with the widest allow-list, not by judging, sending or polling.

use std::io::ErrorKind;
use std::sync::Arc;

use agnt_outbound::{Failure, Fault, PollFailure, RefusedTarget};

use crate::receiver::{Manner, OK, Receiver};
use crate::sender::{Names, sender};

/// Ways to write this machine, a neighbour or no URL at all; `PORT` is the canary's.
const URLS: &[&str] = &[
    // Addresses in their plain form.
    "http://127.0.0.1:PORT/",
    "http://127.0.0.2:PORT/",
    "http://127.255.255.254:PORT/",
    "http://0.0.0.0:PORT/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
    // Other forms of an IPv4 address.
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F000001:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://127.0.0.01:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://4294967297:PORT/",
    "http://0:PORT/",
    // IPv4 within IPv6.
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b:1::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::1]:PORT/",
    // Neighbours and metadata.
    "http://169.254.169.254:PORT/latest/meta-data/",
    "http://[fd00:ec2::254]:PORT/",
    "http://100.100.100.200:PORT/",
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://192.168.0.1:PORT/",
    "http://100.64.0.1:PORT/",
    "http://198.18.0.1:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[fd00::1]:PORT/",
    "http://[ff02::1]:PORT/",
    "http://224.0.0.1:PORT/",
    "http://255.255.255.255:PORT/",
    // Names that lead here, whatever they say.
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://a.localhost:PORT/",
    "http://ip6-localhost:PORT/",
    "http://127.0.0.1.names.example:PORT/",
    "https://hooks.example.com:PORT/",
    "http://xn--n3h.example:PORT/",
    // Users, fragments, slashes, percent signs, letters of other scripts.
    "http://hooks.example.com@127.0.0.1:PORT/",
    "http://hooks.example.com:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@hooks.example.com/",
    "http://127.0.0.1:PORT\\@hooks.example.com/",
    "http:\\\\127.0.0.1:PORT\\",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    "http://127.0.0.1\t:PORT/",
    " http://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/\r\nX: y",
    "http://127.0.0.1:00PORT/",
    "http://127.0.0.1:PORT:80/",
    // Other schemes.
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_x",
    "ws://127.0.0.1:PORT/",
    "dict://127.0.0.1:PORT/",
    "file:///etc/hostname",
    "javascript:alert(1)",
    "unix:///run/x.sock",
];

#[tokio::test]
async fn no_form_of_a_url_reaches_this_machine() {
    // Every form is tried with a list that names no address and lets all the rest pass.
    let sender = sender(&["*:*"], Arc::default());
    // On a port that is free at both addresses.
    let (canary, canary_v6, port) = loop {
        let canary = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
        let port = canary.address.port();
        match Receiver::start_at(&format!("[::1]:{port}"), Manner::Writes(OK)).await {
            Ok(canary_v6) => break (canary, canary_v6, port),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        }
    };
    let (mut judged, mut called) = (0, 0);
    for form in URLS {
        let url = form.replace("PORT", &port.to_string());
        let Ok(target) = sender.outbound.judge(&url) else {
            judged += 1;
            continue;
        };
        // Only a name passes the judge, and is refused when it is seen where it leads.
        let outcome = sender.deliver(&url, b"{}").await;
        let refused =
            |fault: &Fault| matches!(fault, Fault::Refused(RefusedTarget::Address { .. }));
        assert_eq!(outcome.attempts, 1, "{url}");
        assert!(
            matches!(&outcome.result, Err(Failure::Fault(fault)) if refused(fault)),
            "{url}: {outcome:?}"
        );
        let polled = sender.outbound.poll(&target).await;
        assert!(
            matches!(&polled, Err(PollFailure::Fault(fault)) if refused(fault)),
            "{url}"
        );
        called += 1;
    }
    assert!(judged >= 60 && called >= 6, "{judged} {called}");
    assert_eq!((canary.hits(), canary_v6.hits()), (0, 0));
}

#[tokio::test]
async fn the_canary_sings_when_its_address_is_opened() {
    let canary = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let port = canary.address.port();
    let opened = format!("127.0.0.1:{port}");
    let sender = sender(
        &[&opened, "hooks.example.com:*"],
        Arc::new(Names::default().lead("hooks.example.com", &[&["127.0.0.1"]])),
    );
    for host in ["127.0.0.1", "hooks.example.com"] {
        let outcome = sender
            .deliver(&format!("http://{host}:{port}/"), b"{}")
            .await;
        assert_eq!(outcome.result, Ok(200), "{host}");
    }
    assert_eq!(canary.hits(), 2);
}

#[tokio::test]
async fn this_server_is_not_called_even_if_its_address_is_opened() {
    let own = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let mut settings = crate::sender::settings(&["*:*", "127.0.0.0/8:*"]);
    settings.own_addresses = vec![own.address];
    let sender = crate::sender::start(
        settings,
        Arc::new(Names::default().lead("hooks.example.com", &[&["127.0.0.1"]])),
    );
    let refused = sender.outbound.judge(&own.url());
    assert!(matches!(refused, Err(RefusedTarget::OwnServer { .. })));
    let by_name = format!("http://hooks.example.com:{}/", own.address.port());
    let outcome = sender.deliver(&by_name, b"{}").await;
    assert!(
        matches!(
            outcome.result,
            Err(Failure::Fault(Fault::Refused(
                RefusedTarget::OwnServer { .. }
            )))
        ),
        "{outcome:?}"
    );
    assert_eq!(own.hits(), 0);
}
