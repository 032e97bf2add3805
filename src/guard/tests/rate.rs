//! The limiter as clients meet it: what they are told, and 64 of them at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use super::*;

const MINUTE_US: u64 = 60_000_000;

/// Some microseconds since 1970, in the middle of a second.
const UNIX_US: u64 = 1_642_579_140_400_000;

/// A limiter and both clocks.
struct Rig {
    limiter: RateLimiter,
    started: Instant,
}

impl Rig {
    fn new(limit: u32) -> Self {
        let started = Instant::now();
        let limit = NonZeroU32::new(limit);
        Self {
            limiter: RateLimiter::new(limit, started),
            started,
        }
    }

    /// Asks so many microseconds after the start.
    fn check(&self, client: &Client, at_us: u64) -> Verdict {
        let now = self.started + Duration::from_micros(at_us);
        let verdict = self.limiter.check(client, now, UNIX_US + at_us);
        verdict.expect("a limit above zero")
    }
}

fn key(id: &str) -> Client {
    Client::Key(id.into())
}

fn at(address: &str) -> Client {
    Client::at(address.parse().expect("an address"))
}

#[test]
fn a_client_that_does_as_it_is_told_is_granted_each_time() {
    let rig = Rig::new(3);
    let client = key("a");
    let mut random = fastrand::Rng::with_seed(3);
    let mut at_us = 0;
    let mut refused = 0;
    for _ in 0..1000 {
        at_us += random.u64(0..15_000_000);
        let mut verdict = rig.check(&client, at_us);
        if let Some(retry_after_s) = verdict.retry_after_s {
            refused += 1;
            assert!(!verdict.is_granted() && verdict.remaining == 0);
            assert!((1..=60).contains(&retry_after_s), "{verdict:?}");
            at_us += retry_after_s * 1_000_000;
            verdict = rig.check(&client, at_us);
            assert!(verdict.is_granted());
        }
        if random.u8(0..10) == 0 {
            let reset_us = verdict.reset_epoch_s * 1_000_000 - UNIX_US;
            at_us = at_us.max(reset_us);
            assert_eq!(
                rig.check(&client, at_us).remaining,
                2,
                "the full quota is back"
            );
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn one_second_less_is_too_early() {
    let rig = Rig::new(2);
    let client = key("a");
    rig.check(&client, 0);
    rig.check(&client, 10_000_000);
    let verdict = rig.check(&client, 20_500_000);
    let expected = Verdict {
        limit: 2,
        remaining: 0,
        // 140.4 s and 10 s and a minute, rounded up; from now on it is 49.5 s.
        reset_epoch_s: 1_642_579_211,
        reset_after_s: 50,
        // The first is back at 60 s: in 39.5 s.
        retry_after_s: Some(40),
    };
    assert_eq!(verdict, expected);
    assert!(!rig.check(&client, 59_500_000).is_granted());
    assert!(rig.check(&client, 60_500_000).is_granted());
}

#[test]
fn keys_and_addresses_are_counted_each_for_itself() {
    let rig = Rig::new(1);
    let clients = [
        key("a"),
        key("b"),
        at("192.0.2.1"),
        at("192.0.2.2"),
        at("2001:db8::1"),
    ];
    for client in &clients {
        assert!(rig.check(client, 0).is_granted(), "{client:?}");
        assert!(!rig.check(client, 1).is_granted(), "{client:?}");
    }
    assert!(
        !rig.check(&at("2001:db8::2"), 2).is_granted(),
        "the same network"
    );
    assert!(
        rig.check(&at("2001:db8:0:1::1"), 2).is_granted(),
        "another one"
    );
    assert_eq!(rig.limiter.clients(), 6);
    rig.limiter
        .forget_idle(rig.started + Duration::from_secs(61));
    assert_eq!(rig.limiter.clients(), 0);
}

#[test]
fn a_flood_from_many_addresses_leaves_the_keys_their_quota() {
    let rig = Rig::new(10);
    for number in 0..200_000_u32 {
        rig.check(&Client::at(std::net::Ipv4Addr::from_bits(number).into()), 0);
    }
    for number in 0..1000 {
        assert_eq!(rig.check(&key(&number.to_string()), 1).remaining, 9);
    }
}

#[test]
fn sixty_four_clients_at_once_get_what_one_after_another_would() {
    const THREADS: usize = 64;
    const ASKED: u64 = 20;
    const ROUNDS: u64 = 100;
    let moment_us = |round: u64| round * round * 12_345;
    let rig = Rig::new(1000);
    let client = key("shared");
    let barrier = Barrier::new(THREADS);
    let granted: Vec<AtomicU64> = (0..ROUNDS).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    barrier.wait();
                    let ask = || rig.check(&client, moment_us(round)).is_granted();
                    let own = (0..ASKED).filter(|_| ask()).count() as u64;
                    granted[round as usize].fetch_add(own, Ordering::Relaxed);
                    barrier.wait();
                }
            });
        }
    });
    let alone = Rig::new(1000);
    let expected = (0..ROUNDS).map(|round| {
        let asks = 0..ASKED * THREADS as u64;
        let granted = asks.filter(|_| alone.check(&client, moment_us(round)).is_granted());
        granted.count() as u64
    });
    let expected: Vec<u64> = expected.collect();
    let granted: Vec<u64> = granted.into_iter().map(AtomicU64::into_inner).collect();
    assert_eq!(granted, expected);
    assert_eq!(granted[0], 1000);
}

#[test]
fn threads_that_are_late_never_get_more_in_any_minute() {
    const LIMIT: u32 = 50;
    let rig = Rig::new(LIMIT);
    let client = key("shared");
    let clock_us = AtomicU64::new(0);
    // Between which two moments each was granted.
    let granted = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let before_us = clock_us.fetch_add(10_000, Ordering::SeqCst);
                    let is_granted = rig.check(&client, before_us).is_granted();
                    let after_us = clock_us.load(Ordering::SeqCst);
                    if is_granted {
                        granted.lock().unwrap().push((before_us, after_us));
                    }
                }
            });
        }
    });
    let granted = granted.into_inner().unwrap();
    assert!(granted.len() > 200, "{}", granted.len());
    for &(begun_us, _) in &granted {
        let within = |&&(before_us, after_us): &&(u64, u64)| {
            before_us >= begun_us && after_us < begun_us + MINUTE_US
        };
        let granted = granted.iter().filter(within).count();
        assert!(granted <= LIMIT as usize, "{granted} from {begun_us} on");
    }
}
