//! Proves that only what RFC 6455, section 4.2.1, allows is upgraded: everything else is answered
//! in HTTP with a status that fits and a text that says what was wrong (F10).

use std::net::SocketAddr;

use crate::support::http::{self, Answer};
use crate::support::server::{PATH, TestServer};
use crate::support::ws::{self, FIN, Message};

/// The good request's lines, one of which each case spoils.
const GOOD: [&str; 6] = [
    "GET /api/visualisation/agents/ws HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// The answer to the good request with the line at `at` put another way, or left out.
fn spoilt(address: SocketAddr, at: usize, line: &str) -> Answer {
    let mut lines = GOOD.map(ToOwned::to_owned);
    line.clone_into(&mut lines[at]);
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    let request = format!("{}\r\n\r\n", lines.join("\r\n"));
    http::exchange(&mut http::open(address), &request).0
}

#[test]
fn f10_the_good_request_is_taken_on_every_path() {
    let server = TestServer::start();
    assert_eq!(spoilt(server.address, 1, GOOD[1]).status, 101);
    for path in [PATH, "/api/visualization/agents/ws", "/agents/ws"] {
        let mut client = ws::Client::connect(server.address, path);
        client.shake_hands(&["binary"], None);
    }
    for (at, line) in [
        (2, "uPgRaDe: WebSocket"),
        (3, "Connection: keep-alive, Upgrade"),
    ] {
        assert_eq!(spoilt(server.address, at, line).status, 101, "{line}");
    }
}

#[test]
fn f10_everything_else_is_refused_in_http() {
    let server = TestServer::start();
    let key = |text: &str| format!("Sec-WebSocket-Key: {text}");
    let two_keys = format!("{}\r\n{}", GOOD[5], GOOD[5]);
    let cases: Vec<(usize, String, u16)> = vec![
        (0, GOOD[0].replace("1.1", "1.0"), 400),
        (1, String::new(), 400),
        (2, String::new(), 426),
        (2, "Upgrade: h2c".to_owned(), 426),
        (3, String::new(), 426),
        (3, "Connection: close".to_owned(), 426),
        (4, String::new(), 400),
        (
            4,
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13".to_owned(),
            400,
        ),
        (5, String::new(), 400),
        (5, two_keys, 400),
        (5, key("x"), 400),
        (5, key(""), 400),
        (5, key("dGhlIHNhbXBsZSBub25jZQ="), 400),
        (5, key("dGhlIHNhbXBsZSBub25jZSE="), 400),
        (5, key("dGhlIHNhbXBsZSBub25j!Q=="), 400),
    ];
    for (at, line, status) in cases {
        let answer = spoilt(server.address, at, &line);
        let asked = if line.is_empty() { GOOD[at] } else { &line };
        assert_eq!(answer.status, status, "{asked}: {}", answer.text());
        assert!(answer.header("sec-websocket-accept").is_none(), "{asked}");
        let is_head = line.starts_with("HEAD");
        assert!(
            is_head || answer.text().len() > 5,
            "{asked}: the text says what is wrong"
        );
    }
    let refused = server.metric("agnt_connections_refused_total{reason=\"bad_request\"}");
    assert!(refused >= 14.0, "refusals are counted: {refused}");
}

#[test]
fn f10_another_version_is_told_which_one_is_spoken() {
    let server = TestServer::start();
    for version in ["8", "0", "14", "13, 8", "thirteen"] {
        let answer = spoilt(
            server.address,
            4,
            &format!("Sec-WebSocket-Version: {version}"),
        );
        assert_eq!(answer.status, 426, "{version}");
        assert_eq!(
            answer.header("sec-websocket-version"),
            Some("13"),
            "{version}"
        );
    }
}

#[test]
fn f10_no_other_method_upgrades() {
    let server = TestServer::start();
    for method in ["POST", "PUT", "HEAD", "OPTIONS"] {
        let answer = spoilt(server.address, 0, &GOOD[0].replace("GET", method));
        assert!(
            matches!(answer.status, 404 | 405 | 426),
            "{method}: {}",
            answer.status
        );
        let allows = answer.header("allow") == Some("GET, HEAD");
        assert!(
            answer.status != 405 || allows,
            "{method}: 405 says what is allowed"
        );
        assert!(answer.header("sec-websocket-accept").is_none(), "{method}");
    }
}

#[test]
fn f10_two_hosts_are_refused() {
    let server = TestServer::start();
    let answer = spoilt(server.address, 1, "Host: localhost\r\nHost: elsewhere");
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn frames_sent_in_one_piece_with_the_request_are_not_lost() {
    let server = TestServer::start();
    let text = "{\"type\":\"heartbeat\",\"timestamp\":4}";
    let whole = ws::frame(FIN | ws::TEXT, text.as_bytes(), [1, 9, 2, 8]);
    for cut in [whole.len(), 1, 20] {
        let socket = http::open(server.address);
        let mut client = ws::Client::upgrade(socket, PATH, "", &whole[..cut]);
        client.send_raw(&whole[cut..]);
        assert_eq!(client.json()["timestamp"], 4, "cut at {cut}");
        client.send_frame(FIN | ws::CLOSE, &1000u16.to_be_bytes());
        assert_eq!(client.next(), Message::Close(Some(1000), String::new()));
    }
}
