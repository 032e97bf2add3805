//! Proves that who sends too slowly, or too much of a head, is cut off with an answer that says so, and
//! that others are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::support::http;
use crate::support::server::TestServer;

/// All that comes until the server ends the connection; it must end it.
fn until_the_end(mut socket: TcpStream) -> String {
    let mut heard = Vec::new();
    let mut part = [0; 4096];
    loop {
        match socket.read(&mut part) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("it was not cut off: {error}"),
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn a_head_that_trickles_is_cut_off_with_408_and_an_idle_connection_without_a_word() {
    let server = TestServer::start();
    let trickle = |text: &'static str| {
        let mut socket = http::open(server.address);
        thread::spawn(move || {
            let mut writer = socket.try_clone().unwrap();
            let writing = thread::spawn(move || {
                for byte in text.bytes() {
                    if writer.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(500));
                }
            });
            socket.flush().unwrap();
            let heard = until_the_end(socket);
            writing.join().unwrap();
            heard
        })
    };
    let slow = trickle("GET /v1/agents HTTP/1.1\r\nHost: localhost\r\nX-Trickles: and trickles");
    let idle = http::open(server.address);
    let mut kept = http::open(server.address);
    let asked = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(http::exchange(&mut kept, asked).0.status, 200);
    assert_eq!(until_the_end(idle), "");
    assert_eq!(until_the_end(kept), "");
    let heard = slow.join().unwrap();
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard:?}");
    assert!(heard.contains("Connection: close"), "{heard:?}");
    assert_eq!(http::get(server.address, "/healthz").status, 200);
}

#[test]
fn a_body_that_trickles_is_cut_off_with_408() {
    let server = TestServer::with(|config| config.request_timeout_ms = 500);
    let mut socket = http::open(server.address);
    socket
        .write_all(b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{\"a")
        .unwrap();
    let heard = until_the_end(socket);
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard:?}");
}

#[test]
fn a_head_of_too_many_fields_or_bytes_is_refused_with_431() {
    let server = TestServer::start();
    let just_enough = "X: y\r\n".repeat(98);
    for (fields, status) in [
        (just_enough, 200),
        ("X: y\r\n".repeat(101), 431),
        (format!("X: {}\r\n", "y".repeat(20_000)), 431),
    ] {
        let mut socket = http::open(server.address);
        let text = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        let (answer, _) = http::exchange(&mut socket, &text);
        assert_eq!(answer.status, status, "{} bytes", fields.len());
    }
}
