//! Proves what is served beside the WebSocket paths: the viewer's files with their headers,
//! health, and metrics that are well formed and count what a client counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::support::PATIENCE;
use crate::support::http::{self, Answer, exchange, open, request};
use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Record};

fn conditional(server: &TestServer, target: &str, tag: &str) -> Answer {
    request(
        server.address,
        "GET",
        target,
        &format!("If-None-Match: {tag}\r\n"),
    )
}

#[test]
fn the_viewer_and_its_modules_are_served() {
    let server = TestServer::start();
    for (target, kind, begins) in [
        ("/", "text/html; charset=utf-8", "<!"),
        ("/main.mjs", "text/javascript; charset=utf-8", ""),
        ("/style.css", "text/css; charset=utf-8", ""),
        ("/icon.svg", "image/svg+xml", "<"),
    ] {
        let answer = http::get(server.address, target);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(kind)),
            "{target}"
        );
        assert!(answer.text().to_lowercase().starts_with(begins), "{target}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = answer.header("etag").unwrap();
        let same = conditional(&server, target, tag);
        assert_eq!((same.status, same.body.len()), (304, 0), "{target}");
        assert_eq!(same.header("etag"), Some(tag));
        assert_eq!(conditional(&server, target, "\"other\"").status, 200);
        let head = request(server.address, "HEAD", target, "");
        assert_eq!(
            (head.status, head.header("etag"), head.body.len()),
            (200, Some(tag), 0)
        );
    }
}

#[test]
fn the_page_names_only_files_that_are_served() {
    let server = TestServer::start();
    let page = http::get(server.address, "/");
    let names: Vec<&str> = page
        .text()
        .split(['"', '\''])
        .filter(|text| {
            [".mjs", ".css", ".svg"]
                .iter()
                .any(|ending| text.ends_with(ending))
        })
        .collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(!name.contains("//"), "{name} is on another host");
        let target = format!("/{}", name.trim_start_matches("./").trim_start_matches('/'));
        assert_eq!(http::get(server.address, &target).status, 200, "{name}");
    }
}

#[test]
fn what_does_not_exist_is_404_and_no_file_beside_the_viewer_is_reached() {
    let server = TestServer::start();
    for target in [
        "/nothing",
        "/index.html/",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "//etc/passwd",
        "/viewer/index.html",
        "/package.json",
        "/test/echo",
        "/metrics/",
    ] {
        let answer = http::get(server.address, target);
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
    }
}

#[test]
fn other_methods_are_405_and_told_what_is_allowed() {
    let server = TestServer::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
        for target in ["/", "/metrics", "/healthz", "/nothing"] {
            let answer = request(server.address, method, target, "Content-Length: 0\r\n");
            assert_eq!(answer.status, 405, "{method} {target}");
            assert_eq!(
                answer.header("allow"),
                Some("GET, HEAD"),
                "{method} {target}"
            );
        }
    }
}

#[test]
fn health_and_readiness_answer_on_a_connection_that_is_kept() {
    let server = TestServer::start();
    let mut socket = open(server.address);
    for (target, body) in [
        ("/healthz", "alive\n"),
        ("/readyz", "ready\n"),
        ("/healthz", "alive\n"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (answer, rest) = exchange(&mut socket, &head);
        assert_eq!((answer.status, answer.text(), rest.len()), (200, body, 0));
    }
}

#[test]
fn requests_that_are_no_http_are_refused_and_the_server_goes_on() {
    let server = TestServer::start();
    let many_headers = "X-Another: 1\r\n".repeat(200);
    let long_header = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many_headers}\r\n"),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{long_header}\r\n"),
            431,
        ),
    ] {
        let mut socket = open(server.address);
        let (answer, _) = exchange(&mut socket, &bytes);
        assert_eq!(answer.status, status, "{}", &bytes[..20]);
        assert_eq!(http::get(server.address, "/healthz").status, 200);
    }
}

/// The samples of a text in Prometheus' format; fails where the text breaks it.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let (mut helped, mut typed) = (BTreeSet::new(), BTreeMap::new());
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(helped.insert(name) && help.ends_with('.'), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name, kind).is_none(), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|ending| bare.strip_suffix(ending))
                .find(|family| typed.get(family) == Some(&"histogram"))
                .unwrap_or(bare);
            assert!(
                helped.contains(family) && typed.contains_key(family),
                "{line}"
            );
            assert!(
                samples
                    .insert(name.to_owned(), value.parse().unwrap())
                    .is_none(),
                "{line}"
            );
        }
    }
    samples
}

#[test]
fn metrics_are_well_formed_and_count_what_clients_count() {
    const TICKS: u32 = 50;
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.publisher("main");
    let frame = wire::positions(0, &[Record::counted(1, 1)]);
    for _ in 0..TICKS {
        publisher.send_binary(&frame);
        next_tick(&mut viewer);
    }
    publisher.send_binary(b"BAD!");
    let error = publisher.binary();
    // A client's head has six bytes up to 125 of payload, a server's two.
    let sent = TICKS as usize * (6 + frame.len()) + 6 + 4;
    let received = 2 + 12 + TICKS as usize * (2 + frame.len()) + 2 + error.len();
    let expected = [
        ("agnt_frames_in_total", f64::from(TICKS)),
        ("agnt_messages_in_total", f64::from(TICKS + 1)),
        ("agnt_bytes_in_total", sent as f64),
        ("agnt_frames_out_total", f64::from(TICKS + 1)),
        ("agnt_bytes_out_total", received as f64),
        ("agnt_decode_errors_total", 1.0),
        ("agnt_connections{kind=\"websocket\"}", 2.0),
        ("agnt_sessions{role=\"viewer\"}", 1.0),
        ("agnt_sessions{role=\"publisher\"}", 1.0),
        ("agnt_agents", 1.0),
        ("agnt_streams", 1.0),
        ("agnt_conflations_total", 0.0),
    ];
    // A loop shows what it counted when it next has time, and the sweep counts agents.
    let deadline = Instant::now() + PATIENCE;
    let found = loop {
        let answer = http::get(server.address, "/metrics");
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let found = samples(answer.text());
        let deviating = expected.map(|(name, value)| (name, value, found[name]));
        let mut deviating = deviating.to_vec();
        deviating.retain(|(_, value, found)| value.to_bits() != found.to_bits());
        if deviating.is_empty() {
            break found;
        }
        let is_early = Instant::now() < deadline;
        assert!(is_early, "name, expected, found: {deviating:?}");
    };
    let buckets = found["agnt_publish_to_write_seconds_bucket{le=\"+Inf\"}"];
    assert_eq!(
        buckets.to_bits(),
        found["agnt_publish_to_write_seconds_count"].to_bits()
    );
    assert!(buckets > 0.0, "latency was measured");
}
