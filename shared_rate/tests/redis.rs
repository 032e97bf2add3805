//! Proves, against a real Redis, that several servers together never grant more than the limit within a
//! minute, that what they grant an even sender is nearly all of it, and what they do without Redis.
//!
//! The script goes by Redis' clock, so the minute is not waited for: a copy of the script is tried whose
//! only difference is the length of its window.

#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod redis_server;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_shared_rate::{Away, SharedWindows};
use redis::Script;
use redis_server::Redis;

/// A connection to it, once it answers.
fn connection(redis: &Redis) -> redis::Connection {
    let client = redis::Client::open(redis.url()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match client.get_connection() {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Windows that watch over Redis, once it is there.
async fn windows(address: &str) -> Arc<SharedWindows> {
    let windows = Arc::new(SharedWindows::at(address).unwrap());
    let watched = Arc::clone(&windows);
    tokio::spawn(async move { watched.watch(|| ()).await });
    while windows.is_away() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    windows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_and_64_clients_of_one_name_get_the_limit_and_no_more() {
    const LIMIT: u32 = 500;
    let redis = Redis::start();
    drop(connection(&redis));
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(windows(&redis.url()).await);
    }
    let asking = (0..64).map(|client| {
        let server = Arc::clone(&servers[client % 3]);
        tokio::spawn(async move {
            let mut granted = 0;
            for _ in 0..30 {
                if let Ok(standing) = server.ask("key k1", LIMIT).await {
                    granted += u32::from(standing.refused_for_us.is_none());
                }
            }
            granted
        })
    });
    let mut granted = 0;
    for asked in asking.collect::<Vec<_>>() {
        granted += asked.await.unwrap();
    }
    assert!(servers.iter().all(|server| !server.is_away()));
    assert_eq!(granted, LIMIT);
    let refused = servers[0].ask("key k1", LIMIT).await.unwrap();
    assert_eq!(refused.remaining, 0);
    assert!(refused.refused_for_us.unwrap() <= 60_000_000);
    assert!((1..=60_000_000).contains(&refused.full_in_us));
    let other = servers[1].ask("key k2", LIMIT).await.unwrap();
    assert_eq!((other.remaining, other.refused_for_us), (LIMIT - 1, None));
}

#[test]
fn no_span_holds_more_and_an_even_sender_gets_nearly_all() {
    const LIMIT: usize = 200;
    const WINDOW_MS: usize = 1200;
    let text = include_str!("../src/window.lua");
    // A fiftieth of the real lengths.
    let short = text
        .replace("WINDOW_US = 60000000", "WINDOW_US = 1200000")
        .replace("SUB_WINDOW_US = 500000", "SUB_WINDOW_US = 10000");
    assert_ne!(short, text);
    let script = Script::new(&short);
    let redis = Redis::start();
    let mut connection = connection(&redis);
    let mut granted_at = Vec::new();
    let began = Instant::now();
    // Asked at three times the limit, evenly, for four windows.
    for step in 0..(4 * 3 * LIMIT) {
        let due = began + Duration::from_micros((step * WINDOW_MS * 1000 / (3 * LIMIT)) as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let before = Instant::now();
        let (remaining, _, refused): (i64, i64, i64) =
            script.key("w").arg(LIMIT).invoke(&mut connection).unwrap();
        if refused < 0 {
            granted_at.push((before, Instant::now()));
        } else {
            assert_eq!(remaining, 0);
            assert!(refused <= 1000 * WINDOW_MS as i64);
        }
    }
    let window = Duration::from_millis(WINDOW_MS as u64);
    for (first, (_, after)) in granted_at.iter().enumerate() {
        // It was granted between the two looks at the clock: the span is at least this long.
        let within = granted_at[first..]
            .iter()
            .take_while(|(before, _)| before.saturating_duration_since(*after) < window);
        // Of two at the very ends it can't be said.
        assert!(within.count() <= LIMIT + 2, "from the {first}th on");
    }
    let spans = began.elapsed().as_secs_f64() / window.as_secs_f64();
    let fair = LIMIT as f64 * spans;
    assert!(
        granted_at.len() as f64 >= 0.9 * fair,
        "{} of {fair}",
        granted_at.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_nothing_is_waited_for_and_it_is_used_when_it_is_back() {
    let redis = Redis::start();
    let port = redis.port;
    drop(connection(&redis));
    let windows = windows(&redis.url()).await;
    assert!(windows.ask("a", 5).await.is_ok());
    drop(redis);
    let began = Instant::now();
    assert_eq!(windows.ask("a", 5).await, Err(Away));
    assert!(windows.is_away());
    assert_eq!(windows.departures(), 1);
    for _ in 0..10_000 {
        assert_eq!(windows.ask("a", 5).await, Err(Away));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    let redis = Redis::at(port);
    drop(connection(&redis));
    while windows.is_away() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What it knew is gone with it.
    assert_eq!(windows.ask("a", 5).await.unwrap().remaining, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_says_nothing_any_more_is_away() {
    let redis = Redis::start();
    drop(connection(&redis));
    let windows = windows(&redis.url()).await;
    assert!(windows.ask("a", 5).await.is_ok());
    let stopped = Command::new("kill")
        .args(["-STOP", &redis.process.id().to_string()])
        .status();
    assert!(stopped.unwrap().success());
    assert_eq!(windows.ask("a", 5).await, Err(Away));
    assert!(windows.is_away());
}

#[tokio::test]
async fn what_is_no_address_is_refused_and_none_is_shown() {
    let windows = SharedWindows::at("redis://:secret@127.0.0.1:1").unwrap();
    assert_eq!(windows.ask("a", 5).await, Err(Away));
    assert!(SharedWindows::at("http://localhost").is_err());
    assert!(!format!("{windows:?}").contains("secret"));
}
