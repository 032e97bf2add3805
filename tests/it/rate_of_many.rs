//! Proves the limit on requests through real sockets: 64 clients at once with one credential get it
//! exactly, on one server and on three that keep it together in a real Redis; each server grants its part
//! when Redis has gone, and all of them the whole again when it is back.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::redis_server::Redis;
use crate::support::eventually;
use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::TestServer;

const CLIENTS: usize = 64;
const LIMIT: u32 = 300;

/// Within this nothing that was granted is forgotten; a machine that needs longer proves less.
const WITHIN: Duration = Duration::from_secs(55);

/// How many of so many requests of 64 clients, spread over the servers, were granted; all others were
/// refused as they should.
fn granted(addresses: &[SocketAddr], key: Option<&str>, requests: usize) -> usize {
    let each = NonZeroUsize::new(requests / CLIENTS).unwrap().get();
    let granted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let address = addresses[client % addresses.len()];
            let granted = &granted;
            scope.spawn(move || {
                let mut rest = match key {
                    Some(key) => Rest::with_key(address, key),
                    None => Rest::to(address),
                };
                for _ in 0..each {
                    let answer = rest.exchange("GET", "/v1/agents", "", None);
                    match answer.status {
                        200 => _ = granted.fetch_add(1, Ordering::Relaxed),
                        429 => assert!(answer.header("retry-after").is_some()),
                        other => panic!("{other}: {}", answer.text()),
                    }
                }
            });
        }
    });
    granted.into_inner()
}

#[test]
fn sixty_four_clients_of_one_key_get_the_limit_and_no_more() {
    let server = TestServer::with(|config| config.rate_limit = LIMIT);
    let body = json!({"name": "k", "scopes": ["read"]});
    let made = Rest::to(server.address).expect(201, "POST", "/admin/keys", Some(&body));
    let key = made["key"].as_str().unwrap();
    let began = Instant::now();
    let found = granted(&[server.address], Some(key), 3 * LIMIT as usize);
    assert!(
        found == LIMIT as usize || began.elapsed() > WITHIN,
        "{found}"
    );
}

/// Three servers that keep the limit together.
fn three(redis: &Redis) -> Vec<TestServer> {
    let url = redis.url();
    let servers = (0..3).map(|_| {
        TestServer::with(|config| {
            config.rate_limit = LIMIT;
            config.rate_limit_instances = 3;
            config.redis_url = Some(url.parse().unwrap());
        })
    });
    servers.collect()
}

fn all_see(servers: &[TestServer], is_away: bool) {
    for server in servers {
        eventually("whether Redis is away shows", || {
            let shown = server.metric("agnt_rate_limit_shared_away");
            ((shown > 0.5) == is_away).then_some(())
        });
    }
}

/// Three servers that granted so many of too many requests, when they began to, and their Redis. It may
/// stand still with the machine for longer than it may take to answer: then each server granted its
/// part, and the next three are asked.
fn asked_together() -> (Redis, Vec<TestServer>, Instant, usize) {
    for _ in 0..10 {
        let redis = Redis::start();
        let servers = three(&redis);
        all_see(&servers, false);
        let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
        let began = Instant::now();
        // All come from one address, which is one client over all servers.
        let found = granted(&addresses, None, 3 * LIMIT as usize);
        let went_away =
            |server: &TestServer| server.metric("agnt_rate_limit_shared_departures_total") > 0.5;
        if !servers.iter().any(went_away) {
            return (redis, servers, began, found);
        }
    }
    panic!("Redis went away each time");
}

#[test]
fn three_servers_keep_one_limit_in_redis_and_each_its_part_without_it() {
    let (redis, servers, began, found) = asked_together();
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    assert!(
        found == LIMIT as usize || began.elapsed() > WITHIN,
        "{found}"
    );
    let port = redis.port;
    drop(redis);
    // What Redis granted counts for each server's part, so that there is no second quota.
    let more = granted(&addresses, None, 3 * LIMIT as usize);
    assert!(more <= LIMIT as usize || began.elapsed() > WITHIN, "{more}");
    all_see(&servers, true);
    let _redis = Redis::at(port);
    all_see(&servers, false);
    // In the minute after, what was granted without it counts too.
    let found = granted(&addresses, None, 2 * LIMIT as usize);
    assert!(found == 0 || began.elapsed() > WITHIN, "{found}");
}

#[test]
fn without_redis_from_the_start_each_server_grants_its_part() {
    let redis = Redis::start();
    let url = redis.url();
    drop(redis);
    let server = TestServer::with(|config| {
        config.rate_limit = LIMIT;
        config.rate_limit_instances = 3;
        config.redis_url = Some(url.parse().unwrap());
    });
    all_see(std::slice::from_ref(&server), true);
    let began = Instant::now();
    let found = granted(&[server.address], None, LIMIT as usize);
    assert!(
        found == LIMIT as usize / 3 || began.elapsed() > WITHIN,
        "{found}"
    );
    let text = http::get(server.address, "/healthz");
    assert_eq!(text.status, 200);
}
