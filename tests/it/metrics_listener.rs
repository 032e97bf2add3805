//! Proves that the listener for those who watch the server needs no credentials and shows nothing
//! else, and that it answers while the public one is full and while connections to itself say nothing.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::http::{self, open, request};
use crate::support::rest::Rest;
use crate::support::server::TestServer;

/// As many connections as it serves at a time.
const CONNECTIONS_MAX: usize = 32;

fn server() -> (TestServer, SocketAddr) {
    let server = TestServer::with(|config| {
        config.metrics_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.max_connections = 1;
    });
    let watched = server.metrics_address().unwrap();
    assert_ne!(watched, server.address);
    (server, watched)
}

#[test]
fn it_shows_numbers_and_health_to_everyone_and_nothing_else() {
    let (server, watched) = server();
    let key = json!({"name": "first", "scopes": ["admin"]});
    Rest::to(server.address).expect(201, "POST", "/admin/keys", Some(&key));
    assert_eq!(http::get(server.address, "/metrics").status, 401);
    let numbers = http::get(watched, "/metrics");
    assert_eq!(numbers.status, 200);
    let kind = numbers.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    for family in [
        "agnt_ready 1",
        "agnt_api_keys 1",
        "agnt_fleet_commit_seconds_count 1",
        "agnt_store_journal_bytes ",
        "agnt_store_syncs_total{file=\"journal\"} ",
    ] {
        let begins = |line: &str| line.starts_with(family);
        assert!(numbers.text().lines().any(begins), "{family}");
    }
    assert_eq!(http::get(watched, "/healthz").text(), "alive\n");
    assert_eq!(http::get(watched, "/readyz").status, 200);
    assert_eq!(request(watched, "HEAD", "/metrics", "").status, 200);
    for target in ["/", "/v1/agents", "/admin/keys", "/agents/ws", "/metrics/"] {
        assert_eq!(http::get(watched, target).status, 404, "{target}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(
            request(watched, method, "/metrics", "").status,
            405,
            "{method}"
        );
    }
}

#[test]
fn it_answers_while_the_public_one_is_full_and_its_own_places_are_given_back() {
    let (server, watched) = server();
    let _viewer = server.viewer("main");
    let refused = request(
        server.address,
        "GET",
        "/agents/ws",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    assert_eq!(refused.status, 503);
    assert_eq!(http::get(watched, "/healthz").status, 200);
    let silent: Vec<_> = (0..CONNECTIONS_MAX).map(|_| open(watched)).collect();
    drop(silent);
    let sessions = http::metric(watched, "agnt_connections{kind=\"websocket\"}");
    assert!((sessions - 1.0).abs() < f64::EPSILON, "{sessions}");
}
