//! Proves that no request hides in another: of what two readers could read in two ways, none is taken.
//! Each case is raw bytes with a second request hidden in or behind them, which changes something; what
//! comes back must be refusals or the end of the connection, and the change must not have happened. The
//! good cases beside them prove that the same bytes in order are served.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use crate::support::http;
use crate::support::server::{PATH, TestServer};

/// A request that changes something, as it would be hidden.
const HIDDEN: &str = "POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                      Content-Length: 44\r\n\r\n{\"agent_id\":\"smuggled\",\"capabilities\":[\"x\"]}";

/// All that comes back until the server ends the connection; it must end it.
fn answers(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = http::open(address);
    // It may be cut off while it still sends.
    let _ = socket.write_all(bytes);
    let mut heard = Vec::new();
    let mut part = [0; 8192];
    loop {
        match socket.read(&mut part) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!(
                "it was not ended: {error}: {:?}",
                String::from_utf8_lossy(bytes)
            ),
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// The statuses of all answers in order.
fn statuses(text: &str) -> Vec<u16> {
    let lines = text.split("HTTP/1.1 ").skip(1);
    lines
        .map(|rest| {
            rest.split(' ')
                .next()
                .and_then(|it| it.parse().ok())
                .unwrap()
        })
        .collect()
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// What must not be understood as anything: name, bytes.
fn smuggled() -> Vec<(&'static str, String)> {
    let post = |lines: &str, body: &str| {
        format!(
            "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n{body}"
        )
    };
    let behind_zero = format!("0\r\n\r\n{HIDDEN}");
    let length = |body: &str| format!("Content-Length: {}\r\n", body.len());
    let te = "Transfer-Encoding: chunked\r\n";
    vec![
        (
            "CL.TE",
            post(&format!("{}{te}", length(&behind_zero)), &behind_zero),
        ),
        (
            "TE.CL",
            post(
                &format!("{te}Content-Length: 4\r\n"),
                &format!("5c\r\n{HIDDEN}\r\n0\r\n\r\n"),
            ),
        ),
        (
            "two lengths",
            post(
                &format!("Content-Length: 2\r\n{}", length(HIDDEN)),
                &format!("{{}}{HIDDEN}"),
            ),
        ),
        (
            "two lengths in one",
            post("Content-Length: 2, 43\r\n", &format!("{{}}{HIDDEN}")),
        ),
        (
            "length with a sign",
            post("Content-Length: +2\r\n", &format!("{{}}{HIDDEN}")),
        ),
        ("negative length", post("Content-Length: -1\r\n", HIDDEN)),
        (
            "length in hex",
            post("Content-Length: 0x2\r\n", &format!("{{}}{HIDDEN}")),
        ),
        (
            "length too large",
            post(
                "Content-Length: 18446744073709551618\r\n",
                &format!("{{}}{HIDDEN}"),
            ),
        ),
        ("empty length", post("Content-Length:\r\n", HIDDEN)),
        (
            "length within letters",
            post("Content-Length: 2a\r\n", &format!("{{}}{HIDDEN}")),
        ),
        (
            "TE of another name",
            post("Transfer-Encoding: xchunked\r\n", &chunked(HIDDEN)),
        ),
        (
            "TE not last",
            post("Transfer-Encoding: chunked, identity\r\n", &chunked(HIDDEN)),
        ),
        (
            "TE and HTTP/1.0",
            post(te, &chunked(HIDDEN)).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        (
            "space before the colon",
            post("Transfer-Encoding : chunked\r\n", &chunked(HIDDEN)),
        ),
        (
            "space before a name",
            post(
                &format!(" Transfer-Encoding: chunked\r\n{}", length("{}")),
                &format!("{{}}{HIDDEN}"),
            ),
        ),
        (
            "folded field",
            post("X: a\r\n Transfer-Encoding: chunked\r\n", &chunked(HIDDEN)),
        ),
        (
            "tab for a name",
            post("\tTransfer-Encoding: chunked\r\n", &chunked(HIDDEN)),
        ),
        ("NUL in a value", post("X: a\0b\r\n", HIDDEN)),
        (
            "bare CR in a value",
            post("X: a\rTransfer-Encoding: chunked\r\n", &chunked(HIDDEN)),
        ),
        (
            "name with a letter that is none",
            post("X\u{e9}: a\r\n", HIDDEN),
        ),
        ("empty name", post(": a\r\n", HIDDEN)),
        ("no colon", post("Transfer-Encoding\r\n", &chunked(HIDDEN))),
        ("chunk of no size", post(te, &format!("\r\n{HIDDEN}"))),
        ("chunk with a sign", post(te, &format!("-1\r\n{HIDDEN}"))),
        ("chunk of letters", post(te, &format!("zz\r\n{HIDDEN}"))),
        (
            "chunk too large",
            post(te, &format!("fffffffffffffffff\r\n{HIDDEN}")),
        ),
        (
            "chunk with 0x",
            post(te, &format!("0x2\r\n{{}}\r\n0\r\n\r\n{HIDDEN}")),
        ),
        (
            "chunk without its end",
            post(te, &format!("2\r\n{{}}0\r\n\r\n{HIDDEN}")),
        ),
        (
            "chunk ended by LF",
            post(te, &format!("2\n{{}}\n0\n\n{HIDDEN}")),
        ),
        (
            "CR in a chunk extension",
            post(te, &format!("2;a=\r{{}}\r\n0\r\n\r\n{HIDDEN}")),
        ),
        (
            "LF in a chunk extension",
            post(te, &format!("2;a=\n{{}}\r\n0\r\n\r\n{HIDDEN}")),
        ),
        (
            "chunk extension without end",
            post(
                te,
                &format!("2;{}\r\n{{}}\r\n0\r\n\r\n{HIDDEN}", "a".repeat(70_000)),
            ),
        ),
        (
            "body for GET",
            format!(
                "GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\n{}{te}\r\n{behind_zero}",
                length(&behind_zero)
            ),
        ),
    ]
}

#[test]
fn what_could_be_read_in_two_ways_is_read_in_none() {
    let server = TestServer::start();
    for (name, bytes) in smuggled() {
        let text = answers(server.address, bytes.as_bytes());
        let found = statuses(&text);
        // The first may be answered as what it says it is; nothing behind it may be.
        assert!(found.len() <= 1, "{name}: {found:?}");
        let is_refused = found.iter().all(|status| (400..600).contains(status));
        assert!(is_refused || name == "body for GET", "{name}: {text}");
        let gone = http::get(server.address, "/v1/agents/smuggled");
        assert_eq!(gone.status, 404, "{name}");
    }
}

#[test]
fn the_same_in_order_is_served() {
    let server = TestServer::start();
    let task = "{\"type\":\"analysis\"}";
    let one = "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let last = |bytes: &str| {
        let (head, body) = bytes.rsplit_once("Host: localhost\r\n").unwrap();
        format!("{head}Host: localhost\r\nConnection: close\r\n{body}")
    };
    let text = answers(server.address, last(HIDDEN).as_bytes());
    assert_eq!(
        statuses(&text),
        [201],
        "what is hidden is good in itself: {text}"
    );
    for (name, bytes, expected) in [
        (
            "chunks",
            format!("{one}Transfer-Encoding: chunked\r\n\r\n{}", chunked(task)),
            vec![201],
        ),
        (
            "a chunk extension and a trailer",
            format!("{one}Transfer-Encoding: chunked\r\n\r\n12;a=b\r\n{task}\r\n0\r\nX: y\r\n\r\n"),
            vec![201],
        ),
        (
            "two requests at once",
            format!(
                "{one}Content-Length: 19\r\n\r\n{task}GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            .replace(
                "Content-Length: 19",
                &format!("Content-Length: {}", task.len()),
            ),
            vec![201, 200],
        ),
    ] {
        let bytes = bytes.replace("12;a=b", &format!("{:x};a=b", task.len()));
        let text = answers(server.address, last(&bytes).as_bytes());
        assert_eq!(statuses(&text), expected, "{name}: {text}");
    }
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_ends() {
    let server = TestServer::start();
    let many = "X: y\r\n".repeat(200);
    let long = "a".repeat(40_000);
    for (name, bytes) in [
        (
            "no version",
            "GET /v1/agents\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        ("HTTP/0.9", "GET /v1/agents\r\n\r\n".to_owned()),
        (
            "HTTP/3",
            "GET /v1/agents HTTP/3.0\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "HTTP/1.2",
            "GET /v1/agents HTTP/1.2\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "method of signs",
            "G(T /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "space in the target",
            "GET /v1/a gents HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "NUL in the target",
            "GET /v1/\0agents HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        ("no host", "GET /v1/agents HTTP/1.1\r\n\r\n".to_owned()),
        ("no host, elsewhere", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (
            "two hosts",
            "GET /v1/agents HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n".to_owned(),
        ),
        (
            "the same host twice",
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "TRACE",
            "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        (
            "CONNECT",
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".to_owned()),
        (
            "HTTP/2 without TLS",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ),
        (
            "200 fields",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        ),
        (
            "a field of 40 kB",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        ),
        (
            "a target of 40 kB",
            format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ),
        ("garbage", "\u{7f}ELF\u{1}\u{2}\u{3}\n\n\n\n".to_owned()),
    ] {
        let text = answers(server.address, format!("{bytes}{HIDDEN}").as_bytes());
        let found = statuses(&text);
        let is_refused = found.iter().all(|status| (400..600).contains(status));
        assert!(is_refused && found.len() <= 2, "{name}: {text}");
        let gone = http::get(server.address, "/v1/agents/smuggled");
        assert_eq!(gone.status, 404, "{name}");
    }
}

#[test]
fn a_target_with_a_host_of_its_own_asks_for_the_same_path() {
    let server = TestServer::start();
    for (target, status) in [
        ("http://localhost/v1/agents", 200),
        ("http://localhost/v1/agents/nobody", 404),
        ("http://elsewhere.example/v1/agents", 403),
        ("//v1/agents", 404),
        ("*", 405),
    ] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let text = answers(
            server.address,
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        assert_eq!(statuses(&text), [status], "{target}: {text}");
    }
}

#[test]
fn an_upgrade_that_is_refused_hides_nothing_either() {
    let server = TestServer::start();
    let good = [
        format!("GET {PATH} HTTP/1.1"),
        "Host: localhost".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
    ];
    let spoilt = [
        (1, ""),
        (1, "Host: localhost\r\nHost: b"),
        (2, ""),
        (2, "Upgrade: websocket\r\nContent-Length: 5"),
        (2, "Upgrade: websocket\r\nTransfer-Encoding: chunked"),
        (3, "Connection: close"),
        (4, ""),
        (4, "Sec-WebSocket-Version: 12"),
        (4, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13"),
        (5, ""),
        (5, "Sec-WebSocket-Key: short"),
        (
            5,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        (
            5,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example",
        ),
        (
            5,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: null",
        ),
    ];
    for (at, line) in spoilt {
        let mut lines = good.clone();
        line.clone_into(&mut lines[at]);
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let request = format!("{}\r\n\r\n", lines.join("\r\n"));
        let (answer, _) = http::exchange(&mut http::open(server.address), &request);
        assert!(answer.status >= 400, "{line}: {}", answer.status);
        assert!(answer.header("sec-websocket-accept").is_none(), "{line}");
        let is_ended = answer.header("connection") == Some("close");
        let asks = at != 2 || !line.is_empty();
        assert!(answer.status != 400 || is_ended || !asks, "{line}");
    }
}
