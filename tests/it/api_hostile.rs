//! Proves that bodies which are too large, too deep, too slow or cut off get a clear answer, take no
//! memory, and leave everybody else alone.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::eventually;
use crate::support::http::{self, Answer, open, read_answer};
use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::TestServer;

fn code(answer: &Answer) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["error_code"].clone()
}

/// Sends a head and as much of a body as the server takes, and reads the answer.
fn send(address: SocketAddr, headers: &str, parts: impl Iterator<Item = Vec<u8>>) -> Answer {
    let mut socket = open(address);
    let head = format!(
        "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    for part in parts {
        if socket.write_all(&part).is_err() {
            break;
        }
    }
    read_answer(&mut socket, false).0
}

#[test]
fn a_hundred_megabytes_are_refused_and_take_no_memory() {
    const BYTES: usize = 100 << 20;
    let (program, address) = Program::serve(&["--rate-limit", "0"]);
    http::get(address, "/healthz");
    let before = program.resident_bytes();
    let parts = || std::iter::repeat_with(|| vec![b' '; 1 << 20]).take(BYTES >> 20);
    let announced = send(address, &format!("Content-Length: {BYTES}\r\n"), parts());
    assert_eq!(
        (announced.status, code(&announced)),
        (413, "PAYLOAD_TOO_LARGE".into())
    );
    let chunk = |part: Vec<u8>| {
        let head = format!("{:x}\r\n", part.len());
        [head.as_bytes(), &part, b"\r\n"].concat()
    };
    let chunked = parts().map(chunk).chain([b"0\r\n\r\n".to_vec()]);
    let unannounced = send(address, "Transfer-Encoding: chunked\r\n", chunked);
    assert_eq!(
        (unannounced.status, code(&unannounced)),
        (413, "PAYLOAD_TOO_LARGE".into())
    );
    let grown = program.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    Rest::to(address).expect(200, "GET", "/v1/tasks", None);
}

#[test]
fn depth_and_nonsense_are_told() {
    let server = TestServer::start();
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let cut = b"{\"type\": \"analysis\"".to_vec();
    let binary = vec![0xFF, 0xFE, 0x00];
    for body in [
        deep,
        cut,
        binary,
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
    ] {
        let headers = format!("Content-Length: {}\r\n", body.len());
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let answer = send(server.address, &headers, std::iter::once(body));
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
    }
    let other = send(
        server.address,
        "Content-Length: 2\r\nContent-Type: text/csv\r\n",
        std::iter::once(b"{}".to_vec()),
    );
    assert!(
        other.status == 415 || other.status == 400,
        "{}",
        other.status
    );
}

#[test]
fn slow_bodies_are_ended_and_hold_nobody_up() {
    const SLOW: usize = 50;
    let server = TestServer::with(|config| config.request_timeout_ms = 8000);
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let mut socket = open(server.address);
            let head = "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                        Content-Length: 1000\r\n\r\n{";
            socket.write_all(head.as_bytes()).unwrap();
            socket
        })
        .collect();
    eventually("all of them are being read", || {
        let under_way = server.metric("agnt_requests_under_way") as usize;
        (under_way > 0).then_some(())
    });
    let mut rest = Rest::to(server.address);
    for _ in 0..20 {
        rest.expect(200, "GET", "/v1/agents", None);
    }
    for mut socket in slow {
        let (answer, _) = read_answer(&mut socket, false);
        assert_eq!(answer.status, 408, "{}", answer.text());
    }
    eventually("none of them is being read", || {
        (server.metric("agnt_requests_under_way") < 0.5).then_some(())
    });
}

#[test]
fn a_client_that_never_reads_its_answers_takes_no_memory() {
    let (program, address) = Program::serve(&["--rate-limit", "0"]);
    let before = program.resident_bytes();
    let flooding = thread::spawn(move || {
        let mut socket = open(address);
        socket
            .set_write_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let request = "GET /openapi/v1.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
        for _ in 0..1000 {
            if socket.write_all(request.as_bytes()).is_err() {
                break;
            }
        }
        socket
    });
    let socket = flooding.join().unwrap();
    let grown = program.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    Rest::to(address).expect(200, "GET", "/v1/tasks", None);
    drop(socket);
}
