//! Proves, against a real Redis, that several servers together never grant more than the limit within a
//! minute, that what they grant an even sender is nearly all of it, and what they do without Redis.
//!
//! The script goes by Redis' clock, so the minute is not waited for: a copy of the script is tried whose
//! only difference is that it is told the time.

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

/// How long Redis may take where it is to answer: a machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one may take that never answers.
const SHORT: Duration = Duration::from_millis(100);

/// Windows that watch over Redis, once it is there.
async fn windows(address: &str, answer_within: Duration) -> Arc<SharedWindows> {
    let windows = SharedWindows::at(address).unwrap();
    let windows = Arc::new(windows.answering_within(answer_within));
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
        servers.push(windows(&redis.url(), PATIENCE).await);
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
    const LIMIT: u64 = 200;
    const WINDOW_US: u64 = 60_000_000;
    const WINDOWS: u64 = 4;
    /// Asked at three times the limit, evenly.
    const STEP_US: u64 = WINDOW_US / (3 * LIMIT);
    let text = include_str!("../src/window.lua");
    let told = text.replace("redis.call('TIME')", "{ARGV[2], ARGV[3]}");
    assert_ne!(told, text);
    let script = Script::new(&told);
    let redis = Redis::start();
    let mut connection = connection(&redis);
    let mut granted_at_us = Vec::new();
    let began_us = 1_700_000_000_000_000;
    for step in 0..WINDOWS * 3 * LIMIT {
        let now_us = began_us + step * STEP_US;
        let mut question = script.key("w");
        let question = question.arg(LIMIT).arg(now_us / 1_000_000);
        let (remaining, full_in_us, refused_for_us): (u64, u64, i64) = question
            .arg(now_us % 1_000_000)
            .invoke(&mut connection)
            .unwrap();
        assert!((1..=WINDOW_US).contains(&full_in_us));
        if let Ok(refused_for_us) = u64::try_from(refused_for_us) {
            assert_eq!(remaining, 0);
            assert!((1..=WINDOW_US).contains(&refused_for_us));
        } else {
            granted_at_us.push(now_us);
        }
    }
    for (first, at_us) in granted_at_us.iter().enumerate() {
        let span = granted_at_us[first..]
            .iter()
            .take_while(|later_us| *later_us - at_us < WINDOW_US);
        assert!(span.count() <= LIMIT as usize, "from the {first}th on");
    }
    let fair = (LIMIT * WINDOWS) as usize;
    let granted = granted_at_us.len();
    assert!(granted * 100 >= fair * 98, "{granted} of {fair}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_nothing_is_waited_for_and_it_is_used_when_it_is_back() {
    let redis = Redis::start();
    let port = redis.port;
    drop(connection(&redis));
    let windows = windows(&redis.url(), PATIENCE).await;
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
    // Those that wait for long prove that it would answer.
    let patient = windows(&redis.url(), PATIENCE).await;
    assert!(patient.ask("a", 5).await.is_ok());
    let windows = windows(&redis.url(), SHORT).await;
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
