//! Many clients: each has its own quota while there is room, and nobody more than one beyond it.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::super::window::WINDOW_US;
use super::*;

fn client(number: u32) -> Client {
    Client::at(Ipv4Addr::from_bits(number).into())
}

fn granted(standing: Standing) -> bool {
    standing.refused_for_us.is_none()
}

#[test]
fn each_client_has_its_own_quota() {
    let windows = Windows::default();
    for round in 0..5 {
        for number in 0..1000 {
            let standing = windows.ask(&client(number), round, 3);
            assert_eq!(
                granted(standing),
                round < 3,
                "client {number}, round {round}"
            );
        }
    }
    assert_eq!(windows.len(), 1000);
}

#[test]
fn a_flood_of_clients_is_bounded_and_nobody_gets_more_by_it() {
    let windows = Windows::default();
    let flood = 2 * CLIENTS_MAX as u32;
    let mut granted_in_all = 0;
    for round in 0..3 {
        for number in 0..flood {
            let standing = windows.ask(&client(number), round, 2);
            granted_in_all += usize::from(granted(standing));
        }
    }
    assert_eq!(windows.len(), CLIENTS_MAX, "every shard is full");
    // Those with a window of their own had both; all the others together had two in each shard.
    assert_eq!(granted_in_all, 2 * (CLIENTS_MAX + SHARDS));

    // A minute later the newcomers are as welcome as anyone.
    let later_us = 2 + WINDOW_US;
    for number in flood..flood + 1000 {
        assert_eq!(windows.ask(&client(number), later_us, 2).remaining, 1);
    }
    assert!(windows.len() < CLIENTS_MAX);
}

#[test]
fn who_shared_a_window_gets_no_second_quota_with_its_own() {
    const LIMIT: u32 = 4;
    let mut shard = Shard::default();
    let mut random = fastrand::Rng::with_seed(7);
    let mut granted_at_us: HashMap<u32, Vec<u64>> = HashMap::new();
    let (mut shared, mut taken_over) = (0, 0);
    let mut now_us = 0;
    for _ in 0..200_000 {
        now_us += random.u64(0..4000);
        // Few of them ask often and all of them now and then, so that windows come and go.
        let number = match random.u8(0..4) {
            0 => random.u32(0..40),
            _ => random.u32(0..3000),
        };
        let client = client(number);
        let had_own = shard.windows.contains_key(&client);
        let others_share = !shard.shared.is_empty(now_us);
        if granted(shard.ask(&client, now_us, LIMIT)) {
            granted_at_us.entry(number).or_default().push(now_us);
        }
        let has_own = shard.windows.contains_key(&client);
        shared += usize::from(!has_own);
        taken_over += usize::from(!had_own && has_own && others_share);
        assert!(shard.windows.len() <= CLIENTS_PER_SHARD_MAX);
    }
    assert!(shared > 1000 && taken_over > 1000, "{shared} {taken_over}");
    for (number, times_us) in granted_at_us {
        for run in times_us.windows(LIMIT as usize + 1) {
            let span_us = run[LIMIT as usize] - run[0];
            assert!(span_us >= WINDOW_US, "client {number}: {run:?}");
        }
    }
}

#[test]
fn idle_clients_are_forgotten_on_request() {
    let windows = Windows::default();
    for number in 0..100 {
        windows.ask(&client(number), u64::from(number), 2);
    }
    windows.forget_idle(WINDOW_US - 1);
    assert_eq!(windows.len(), 100);
    windows.forget_idle(WINDOW_US + 49);
    assert_eq!(windows.len(), 50);
    windows.forget_idle(2 * WINDOW_US);
    assert_eq!(windows.len(), 0);
}
