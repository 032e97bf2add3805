//! Proves that a page of another origin changes nothing and opens no socket, that listed ones may, and
//! that only a proxy's word about a client's address is believed.

use std::net::SocketAddr;

use crate::support::http::{self, Answer, request};
use crate::support::server::{PATH, TestServer};
use crate::support::ws::Client;

const LISTED: &str = "https://good.example";

/// Every way in which an origin can look like the listed one or the server's own, and be neither.
fn strangers(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    let other_port = if port == 1 { 2 } else { port - 1 };
    let mut strangers: Vec<String> = [
        "null",
        "https://evil.example",
        "http://good.example",
        "https://good.example:444",
        "https://good.example.evil.example",
        "https://evilgood.example",
        "https://sub.good.example",
        "https://good.example/",
        "https://good.example https://good.example",
        "*",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    strangers.push(format!("https://127.0.0.1:{port}"));
    strangers.push(format!("http://127.0.0.1:{other_port}"));
    strangers.push("http://127.0.0.1".to_owned());
    strangers.push(format!("http://127.0.0.1.evil.example:{port}"));
    strangers.push(format!("http://localhost:{port}"));
    strangers
}

fn listing() -> TestServer {
    TestServer::with(|config| config.origin = vec![LISTED.parse().unwrap()])
}

fn upgrade(address: SocketAddr, path: &str, headers: &str) -> Result<(), Answer> {
    let mut socket = http::open(address);
    let text = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {headers}\r\n"
    );
    let (answer, _) = http::exchange(&mut socket, &text);
    match answer.status {
        101 => Ok(()),
        _ => Err(answer),
    }
}

#[test]
fn no_stranger_opens_a_socket() {
    let server = listing();
    let own = format!("http://{}", server.address);
    for path in [
        PATH,
        "/api/graph/ws",
        "/api/control/ws",
        "/v1/ws",
        "/api/v1/ws",
    ] {
        for stranger in strangers(server.address) {
            let origin = format!("Origin: {stranger}\r\n");
            let answer = upgrade(server.address, path, &origin).expect_err(&stranger);
            assert_eq!(answer.status, 403, "{path} {stranger}: {}", answer.text());
            assert!(answer.header("sec-websocket-accept").is_none());
            assert!(answer.text().contains("rigin"), "{}", answer.text());
        }
        for welcome in [LISTED, &own] {
            let origin = format!("Origin: {welcome}\r\n");
            assert!(
                upgrade(server.address, path, &origin).is_ok(),
                "{path} {welcome}"
            );
        }
        let two = format!("Origin: {LISTED}\r\nOrigin: {LISTED}\r\n");
        assert_eq!(
            upgrade(server.address, path, &two).expect_err("two").status,
            403
        );
        assert!(
            upgrade(server.address, path, "").is_ok(),
            "{path}: no browser"
        );
    }
    assert!(server.metric("agnt_connections_refused_total{reason=\"origin\"}") >= 75.0);
}

#[test]
fn a_refusal_is_in_the_dialect_of_the_path() {
    let server = TestServer::start();
    let origin = "Origin: https://evil.example\r\n";
    for (path, pointer, code) in [
        (PATH, "/payload/code", "AUTH_FAILED"),
        ("/v1/ws", "/error_code", "FORBIDDEN"),
        ("/api/v1/ws", "/error/code", "FORBIDDEN"),
    ] {
        let answer = upgrade(server.address, path, origin).expect_err(path);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body.pointer(pointer).unwrap(), code, "{path}: {body}");
        assert!(body.to_string().contains("\"origin\""), "{body}");
    }
}

#[test]
fn no_stranger_changes_anything() {
    let server = listing();
    let body = "{\"agent_id\":\"a1\",\"capabilities\":[\"x\"]}";
    let post = |origin: &str| {
        let headers = format!(
            "Origin: {origin}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n",
            body.len()
        );
        let text = format!(
            "POST /v1/agents HTTP/1.1\r\nHost: {}\r\n{headers}\r\n{body}",
            server.address
        );
        http::exchange(&mut http::open(server.address), &text).0
    };
    for stranger in strangers(server.address) {
        let answer = post(&stranger);
        assert_eq!(answer.status, 403, "{stranger}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(http::get(server.address, "/v1/agents/a1").status, 404);
}

#[test]
fn only_a_listed_page_may_read_and_is_told_what_it_may_send() {
    let server = listing();
    let ask = |method: &str, headers: &str| request(server.address, method, "/v1/agents", headers);
    let answer = ask("GET", &format!("Origin: {LISTED}\r\n"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(LISTED));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("vary"), Some("Origin"));
    let preflight = "Access-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let answer = ask("OPTIONS", &format!("Origin: {LISTED}\r\n{preflight}"));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(LISTED));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    for stranger in strangers(server.address) {
        let answer = ask("OPTIONS", &format!("Origin: {stranger}\r\n{preflight}"));
        assert_eq!(answer.status, 403, "{stranger}");
        let looked = ask("GET", &format!("Origin: {stranger}\r\n"));
        for answer in [answer, looked] {
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{stranger}"
            );
        }
    }
    assert_eq!(
        ask("OPTIONS", "").header("access-control-allow-origin"),
        None
    );
}

#[test]
fn the_address_is_a_proxys_word_only_where_it_is_trusted() {
    const LIMIT: u32 = 3;
    let spend = |server: &TestServer, fields: &[String]| {
        let asked = fields.iter().map(|field| {
            let headers = format!("{field}\r\n");
            request(server.address, "GET", "/v1/agents", &headers).status
        });
        asked.collect::<Vec<_>>()
    };
    let distinct: Vec<_> = (1..=6)
        .map(|it| format!("X-Forwarded-For: 192.0.2.{it}"))
        .collect();
    // Whoever asks itself can't be many by saying so.
    let server = TestServer::with(|config| config.rate_limit = LIMIT);
    assert_eq!(spend(&server, &distinct), [200, 200, 200, 429, 429, 429]);
    let server = TestServer::with(|config| {
        config.rate_limit = LIMIT;
        config.trusted_proxy = vec!["127.0.0.0/8".parse().unwrap()];
        config.allow_anonymous = true;
    });
    assert_eq!(spend(&server, &distinct), [200; 6]);
    let spoofed: Vec<_> = (1..=4)
        .map(|it| format!("X-Forwarded-For: 198.51.100.{it}, 192.0.2.9"))
        .collect();
    assert_eq!(spend(&server, &spoofed), [200, 200, 200, 429]);
    let written = [
        "Forwarded: for=\"[2001:db8::1]:5\"",
        "Forwarded: for=\"[2001:db8::2]\"",
    ];
    let written: Vec<_> = written
        .iter()
        .cycle()
        .take(4)
        .map(|it| (*it).to_owned())
        .collect();
    assert_eq!(spend(&server, &written), [200, 200, 200, 429]);
    let contradiction = "Forwarded: for=192.0.2.77\r\nX-Forwarded-For: 192.0.2.78".to_owned();
    assert_eq!(spend(&server, &[contradiction]), [400]);
}

#[test]
fn a_name_that_was_made_to_lead_here_is_a_strangers() {
    let server = TestServer::start();
    let rebound = format!("evil.example:{}", server.address.port());
    let mut socket = http::open(server.address);
    let text = format!(
        "POST /v1/agents HTTP/1.1\r\nHost: {rebound}\r\nOrigin: http://{rebound}\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    assert_eq!(http::exchange(&mut socket, &text).0.status, 403);
    let _: Client = server.connect("protocols=json");
    // What it only reads is asked without an origin: a browser takes it for that page's own.
    let read = |host: &str, path: &str| {
        let mut socket = http::open(server.address);
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\n\r\n");
        http::exchange(&mut socket, &text).0.status
    };
    for path in [
        "/",
        "/v1/agents",
        "/api/v1/events",
        "/admin/keys",
        "/metrics",
        PATH,
    ] {
        assert_eq!(read(&rebound, path), 403, "{path}");
    }
    for host in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1",
        "[::1]:7",
        "agnt.localhost",
    ] {
        assert_eq!(read(host, "/v1/agents"), 200, "{host}");
    }
}

#[test]
fn by_a_listed_name_this_machine_may_be_asked() {
    let server = listing();
    for (host, status) in [
        ("good.example:1", 200),
        ("bad.example", 403),
        ("x.good.example", 403),
    ] {
        let mut socket = http::open(server.address);
        let text = format!("GET /v1/agents HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(
            http::exchange(&mut socket, &text).0.status,
            status,
            "{host}"
        );
    }
}
