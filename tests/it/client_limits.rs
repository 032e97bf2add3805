//! Proves what one client may have: so many connections of an address and sessions of a credential, so
//! many bytes and text messages a second, also where a credential comes only in the handshake. Beyond it: 429 before the upgrade, `RATE_LIMIT_EXCEEDED` on a
//! socket, in the dialect that is spoken, and close 4429 when it goes on.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use agnt::domain::Bound;

use crate::support::http::{self, Answer};
use crate::support::rest::Rest;
use crate::support::server::{PATH, TestServer};
use crate::support::ws::{self, Client, FIN, Message};
use crate::support::{PATIENCE, eventually, tokens, wire};

fn try_session(server: &TestServer, path: &str, headers: &str) -> Result<Client, Answer> {
    Client::try_upgrade(http::open(server.address), path, headers, &[])
}

#[test]
fn an_address_has_so_many_sessions_and_is_told_in_its_dialect() {
    let server = TestServer::with(|config| config.connections_per_address = Bound::At(4));
    let held: Vec<_> = (0..4)
        .map(|_| try_session(&server, PATH, "").expect("room"))
        .collect();
    for (path, pointer) in [
        (PATH, "/payload/code"),
        ("/v1/ws", "/error_code"),
        ("/api/v1/ws", "/error/code"),
    ] {
        let refused = try_session(&server, path, "").err().expect(path);
        assert_eq!(refused.status, 429, "{path}");
        assert!(refused.header("retry-after").is_some());
        let body: Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(
            body.pointer(pointer),
            Some(&json!("RATE_LIMIT_EXCEEDED")),
            "{body}"
        );
    }
    assert!(server.metric("agnt_connections_refused_total{reason=\"client\"}") >= 3.0);
    drop(held);
    eventually("places come back", || try_session(&server, PATH, "").ok());
}

#[test]
fn an_address_has_so_many_connections_for_requests() {
    let server = TestServer::with(|config| config.connections_per_address = Bound::At(3));
    let open = || {
        let mut socket = http::open(server.address);
        let kept = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        (http::exchange(&mut socket, kept).0.status == 200).then_some(socket)
    };
    let held = eventually("they are open at once", || {
        let began = Instant::now();
        let held: Vec<_> = (0..3).map_while(|_| open()).collect();
        // The server ends those that are idle for ten seconds, and gives back the places of those
        // that were dropped when it has time.
        (held.len() == 3 && began.elapsed() < Duration::from_secs(6)).then_some(held)
    });
    let (refused, _) = http::read_answer(&mut http::open(server.address), false);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    drop(held);
    eventually("places come back", || {
        let mut socket = http::open(server.address);
        let asked = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        (http::exchange(&mut socket, asked).0.status == 200).then_some(())
    });
}

#[test]
fn the_servers_own_machine_has_a_bound_as_soon_as_there_are_credentials() {
    let server = TestServer::with(|config| config.max_connections = 3000);
    let open =
        |count: usize| -> Vec<_> { (0..count).map(|_| http::open(server.address)).collect() };
    let asks = |socket: &mut TcpStream| {
        let asked = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        http::exchange(socket, asked).0.status
    };
    let mut uncounted = open(1100);
    assert_eq!(asks(uncounted.last_mut().unwrap()), 200);
    drop(uncounted);
    let body = json!({"name": "k", "scopes": ["admin"]});
    Rest::to(server.address).expect(201, "POST", "/admin/keys", Some(&body));
    let counted = eventually("they are open at once", || {
        let began = Instant::now();
        let mut counted = open(1000);
        let is_last_in = asks(counted.last_mut().unwrap()) == 200;
        // The server ends those that are idle for ten seconds, and gives back the places of those
        // that were dropped when it has time.
        (is_last_in && began.elapsed() < Duration::from_secs(6)).then_some(counted)
    });
    let (refused, _) = http::read_answer(&mut http::open(server.address), false);
    assert_eq!(refused.status, 429);
    drop(counted);
    eventually("places come back", || {
        (asks(&mut http::open(server.address)) == 200).then_some(())
    });
}

#[test]
fn a_credential_has_so_many_sessions_wherever_they_come_from() {
    let server = TestServer::with(|config| {
        config.connections_per_credential = Bound::At(2);
        config.connections_per_address = Bound::Off;
    });
    let mut admin = Rest::to(server.address);
    let body = json!({"name": "k", "scopes": ["admin", "read"]});
    let first = admin.expect(201, "POST", "/admin/keys", Some(&body));
    let first = first["key"].as_str().unwrap().to_owned();
    let mut admin = Rest::with_key(server.address, &first);
    let second = admin.expect(201, "POST", "/admin/keys", Some(&body));
    let second = second["key"].as_str().unwrap().to_owned();
    let open = |key: &str| try_session(&server, "/v1/ws", &format!("X-API-Key: {key}\r\n"));
    let held: Vec<_> = (0..2).map(|_| open(&first).expect("room")).collect();
    assert_eq!(open(&first).err().expect("its share").status, 429);
    let other = open(&second).expect("its own share");
    drop(held);
    eventually("places come back", || open(&first).ok());
    drop(other);
}

/// Sends text messages until the server closes; returns the errors that came before, and the close.
fn flood(client: &mut Client, text: &str) -> (Vec<Value>, Option<u16>) {
    let mut errors = Vec::new();
    client
        .socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let deadline = Instant::now() + 4 * PATIENCE;
    while Instant::now() < deadline {
        let frame = ws::frame(FIN | ws::TEXT, text.as_bytes(), [1, 9, 2, 8]);
        // The server may have closed by now, which is told by what it sent before.
        let _ = client.socket.write_all(&frame.repeat(20));
        match client.fill(65_536) {
            Ok(0) => return (errors, None),
            Ok(_) => {}
            Err(_) => continue,
        }
        while let Some(message) = client.parse() {
            match message {
                Message::Text(text) if text.contains("RATE_LIMIT_EXCEEDED") => {
                    errors.push(serde_json::from_str(&text).unwrap());
                }
                Message::Close(code, _) => return (errors, code),
                _ => {}
            }
        }
    }
    panic!("the flood was never ended");
}

#[test]
fn a_flood_of_text_is_told_and_then_closed() {
    let server = TestServer::with(|config| config.ws_text_messages_per_s = Bound::At(50));
    for (path, pointer, text) in [
        (
            "/api/visualisation/agents/ws?protocols=json",
            "/payload/code",
            "{\"type\":\"heartbeat\",\"timestamp\":1}",
        ),
        (
            "/v1/ws",
            "/payload/code",
            "{\"type\":\"heartbeat\",\"id\":\"a\"}",
        ),
    ] {
        let mut client = Client::connect(server.address, path);
        let began = Instant::now();
        let (errors, code) = flood(&mut client, text);
        assert!(!errors.is_empty(), "{path}: an error comes first");
        // One a second.
        let errors_max = began.elapsed().as_secs() as usize + 1;
        assert!(
            errors.len() <= errors_max,
            "{path}: {} errors",
            errors.len()
        );
        let named = errors[0].to_string();
        assert!(named.contains("ws_text_messages_per_s"), "{named}");
        assert!(
            errors[0].pointer(pointer) == Some(&json!("RATE_LIMIT_EXCEEDED"))
                || named.contains("RATE_LIMIT_EXCEEDED"),
            "{named}"
        );
        assert_eq!(code, Some(4429), "{path}");
    }
    assert!(server.metric("agnt_disconnects_total{reason=\"rate_limit\"}") >= 2.0);
    assert!(server.metric("agnt_dropped_total{reason=\"over_rate\"}") > 0.0);
}

#[test]
fn who_keeps_to_the_rate_is_never_told() {
    let server = TestServer::with(|config| {
        config.ws_text_messages_per_s = Bound::At(100);
        config.ws_inbound_bytes_per_s = Bound::At(1 << 20);
    });
    let mut client = server.connect("protocols=json");
    for _ in 0..2 {
        for _ in 0..90 {
            client.send_text("{\"type\":\"heartbeat\",\"timestamp\":1}");
        }
        for _ in 0..90 {
            loop {
                let heard = client.json();
                assert_ne!(heard["type"], "error", "{heard}");
                if heard["type"] == "heartbeat_ack" {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert!(server.metric("agnt_dropped_total{reason=\"over_rate\"}") < 1.0);
}

#[test]
fn frames_beyond_the_bytes_of_a_second_are_refused_and_what_is_within_arrives() {
    let server = TestServer::with(|config| config.ws_inbound_bytes_per_s = Bound::At(65_536));
    let mut publisher = server.connect("protocols=binary,json&role=publisher");
    let records: Vec<_> = (0..2000).map(|id| wire::Record::counted(id, 1)).collect();
    for _ in 0..4 {
        publisher.send_tick(&records);
    }
    let error = loop {
        let heard = publisher.json();
        if heard["type"] == "error" {
            break heard;
        }
    };
    assert_eq!(error["payload"]["code"], "RATE_LIMIT_EXCEEDED", "{error}");
    assert!(
        error.to_string().contains("ws_inbound_bytes_per_s"),
        "{error}"
    );
    std::thread::sleep(Duration::from_millis(1100));
    publisher.send_tick(&records[..7]);
    eventually("what is within the rate arrives", || {
        (server.metric("agnt_frames_in_total") >= 1.0).then_some(())
    });
}

#[test]
fn bounds_left_to_the_server_are_off_on_loopback_without_credentials() {
    let server = TestServer::start();
    let held: Vec<_> = (0..300)
        .map(|_| try_session(&server, PATH, "").expect("room"))
        .collect();
    let mut client = server.connect("protocols=json");
    for _ in 0..5000 {
        client.send_text("{\"type\":\"heartbeat\",\"timestamp\":1}");
    }
    for _ in 0..5000 {
        let heard = client.json();
        assert_ne!(heard["type"], "error", "{heard}");
    }
    drop(held);
}

/// A session that shows its token only in the handshake.
fn shows_later(server: &TestServer, token: &str) -> Result<(Client, Value), Answer> {
    let mut client = try_session(server, PATH, "")?;
    let handshake = json!({"type": "handshake", "capabilities": ["binary"], "token": token});
    client.send_text(&handshake.to_string());
    let told = client.json();
    Ok((client, told))
}

#[test]
fn who_shows_a_token_in_the_handshake_is_counted_for_it_from_then_on() {
    let server = tokens::server_with(|config| {
        config.connections_per_address = Bound::At(2);
        config.connections_per_credential = Bound::At(3);
    });
    let token = tokens::good("someone", &["read"]);
    let mut held: Vec<_> = (0..3)
        .map(|_| {
            let (client, told) = shows_later(&server, &token).unwrap();
            assert_eq!(told["type"], "handshake_ack", "{told}");
            client
        })
        .collect();
    let (mut full, told) = shows_later(&server, &token).unwrap();
    assert_eq!(told["payload"]["code"], "RATE_LIMIT_EXCEEDED", "{told}");
    assert_eq!(
        told["payload"]["details"]["reason"], "connections",
        "{told}"
    );
    assert_eq!(full.until_close().1, 4429);
    drop(full);
    // The same places, however a session shows it.
    let refused = try_session(&server, PATH, &tokens::bearer(&token)).err();
    assert_eq!(refused.map(|answer| answer.status), Some(429));
    held.pop();
    eventually("the place comes back", || {
        // The address has no place until the server has forgotten those that left.
        let (client, told) = shows_later(&server, &token).ok()?;
        (told["type"] == "handshake_ack").then_some(client)
    });
    let other = tokens::good("another", &["read"]);
    let other = eventually("a place of the address", || {
        shows_later(&server, &other).ok()
    });
    assert_eq!(other.1["type"], "handshake_ack");
}
