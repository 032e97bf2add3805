//! Proves the limit on requests: exactly so many a minute for each credential, told on every answer,
//! refused in the dialect of the path; and that signs of life never draw on it.

use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::rest::Rest;
use crate::support::server::{PATH, TestServer};
use crate::support::ws;

fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name);
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .unwrap()
}

#[test]
fn the_limit_is_exact_and_told_on_every_answer() {
    const LIMIT: u64 = 20;
    let server = TestServer::with(|config| config.rate_limit = LIMIT as u32);
    let mut rest = Rest::to(server.address);
    let targets = [
        "/v1/agents",
        "/api/v1/tasks",
        "/v1/nothing",
        "/v1/agents/nobody",
    ];
    for (granted, target) in targets.iter().cycle().take(LIMIT as usize).enumerate() {
        let answer = rest.exchange("GET", target, "", None);
        assert!(
            answer.status == 200 || answer.status == 404,
            "{}",
            answer.status
        );
        assert_eq!(number(&answer, "x-ratelimit-limit"), LIMIT);
        assert_eq!(
            number(&answer, "x-ratelimit-remaining"),
            LIMIT - 1 - granted as u64
        );
        assert!(number(&answer, "x-ratelimit-reset") > 1_700_000_000);
    }
    for (target, pointer) in [
        ("/v1/agents", "/error_code"),
        ("/api/v1/agents", "/error/code"),
    ] {
        let answer = rest.exchange("GET", target, "", None);
        assert_eq!(answer.status, 429);
        assert!(
            (1..=60).contains(&number(&answer, "retry-after")),
            "{:?}",
            answer.headers
        );
        assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            body.pointer(pointer),
            Some(&json!("RATE_LIMIT_EXCEEDED")),
            "{body}"
        );
    }
    // What is not the agent API's goes on.
    for target in ["/", "/healthz", "/metrics", "/openapi/v1.json"] {
        assert_eq!(http::get(server.address, target).status, 200, "{target}");
    }
}

#[test]
fn each_key_has_its_own_and_a_heartbeat_draws_on_none() {
    const LIMIT: u32 = 10;
    let server = TestServer::with(|config| config.rate_limit = LIMIT);
    let mut admin = Rest::to(server.address);
    let key = |admin: &mut Rest| {
        let body = json!({"name": "k", "scopes": ["admin"]});
        let made = admin.expect(201, "POST", "/admin/keys", Some(&body));
        made["key"].as_str().unwrap().to_owned()
    };
    let first = key(&mut admin);
    let mut first = Rest::with_key(server.address, &first);
    let second = key(&mut first);
    let mut second = Rest::with_key(server.address, &second);
    let agent = json!({"agent_id": "a1", "capabilities": ["x"]});
    first.expect(201, "POST", "/v1/agents", Some(&agent));
    for _ in 0..50 {
        first.expect(200, "POST", "/v1/agents/a1/heartbeat", Some(&json!({})));
    }
    for _ in 0..LIMIT - 2 {
        first.expect(200, "GET", "/v1/agents", None);
    }
    assert_eq!(first.ask("GET", "/v1/agents", None).0, 429);
    first.expect(200, "POST", "/v1/agents/a1/heartbeat", Some(&json!({})));
    second.expect(200, "GET", "/v1/agents", None);
}

#[test]
fn bad_credentials_are_counted_for_their_address() {
    const LIMIT: u32 = 5;
    let server = TestServer::with(|config| config.rate_limit = LIMIT);
    let body = json!({"name": "k", "scopes": ["admin"]});
    let made = Rest::to(server.address).expect(201, "POST", "/admin/keys", Some(&body));
    let mut guessing = Rest::with_key(server.address, "agnt_guess");
    for _ in 0..LIMIT - 1 {
        let beat = guessing.ask("POST", "/v1/agents/a1/heartbeat", Some(&json!({})));
        assert_eq!(beat.0, 401);
    }
    assert_eq!(guessing.ask("GET", "/v1/agents", None).0, 429);
    let key = made["key"].as_str().unwrap();
    Rest::with_key(server.address, key).expect(200, "GET", "/v1/agents", None);
}

#[test]
fn nothing_is_limited_or_told_when_the_limit_is_off() {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let mut rest = Rest::to(server.address);
    for _ in 0..1200 {
        let answer = rest.exchange("GET", "/v1/agents/nobody", "", None);
        assert_eq!(
            (answer.status, answer.header("x-ratelimit-limit")),
            (404, None)
        );
    }
}

#[test]
fn a_body_that_is_encoded_is_refused_for_that() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let task = json!({"type": "analysis"});
    for (encoding, status) in [("gzip", 415), ("identity", 201)] {
        let header = format!("Content-Encoding: {encoding}\r\n");
        let answer = rest.exchange("POST", "/v1/tasks", &header, Some(&task));
        assert_eq!(answer.status, status, "{encoding}: {}", answer.text());
    }
}

/// Wherever credentials are tried out: bad ones draw on the limit of their address, good ones and none
/// at all don't.
#[test]
fn bad_credentials_at_upgrades_and_metrics_count_for_their_address() {
    const LIMIT: u32 = 8;
    let server = TestServer::with(|config| config.rate_limit = LIMIT);
    let body = json!({"name": "k", "scopes": ["admin"]});
    let made = Rest::to(server.address).expect(201, "POST", "/admin/keys", Some(&body));
    let good = format!("X-API-Key: {}\r\n", made["key"].as_str().unwrap());
    let bad = "Authorization: Bearer agnt_wrong\r\n";
    let ask = |target: &str, header: &str| {
        let mut socket = http::open(server.address);
        let request = ws::upgrade_request(target, header);
        http::exchange(&mut socket, &request).0
    };
    let metrics = |header: &str| {
        let mut rest = Rest::to(server.address);
        rest.exchange("GET", "/metrics", header, None)
    };
    let targets = [PATH, "/v1/ws", "/api/v1/ws", PATH];
    // One request of the address was that for the key.
    for (nth, target) in targets.iter().cycle().take(LIMIT as usize - 2).enumerate() {
        let answer = ask(target, bad);
        assert_eq!(answer.status, 401, "{nth}: {target}");
        assert!(answer.header("x-ratelimit-remaining").is_some(), "{target}");
    }
    assert_eq!(metrics(bad).status, 401);
    for (target, pointer) in [
        (PATH, "/payload/code"),
        ("/v1/ws", "/error_code"),
        ("/api/v1/ws", "/error/code"),
    ] {
        let answer = ask(target, bad);
        assert_eq!(answer.status, 429, "{target}");
        assert!((1..=60).contains(&number(&answer, "retry-after")));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let told = body.pointer(pointer);
        assert_eq!(told, Some(&json!("RATE_LIMIT_EXCEEDED")), "{body}");
        assert_eq!(ask(target, &good).status, 101, "{target}");
    }
    assert_eq!(metrics(bad).status, 429);
    assert_eq!(metrics(&good).status, 200);
    assert_eq!(ask(PATH, "").status, 101, "the handshake may bring some");
    // They are the requests of the address.
    let (status, _) = Rest::to(server.address).ask("GET", "/v1/agents", None);
    assert_eq!(status, 429);
}
