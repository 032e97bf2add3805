//! Proves that states, metrics and coordination are never dropped silently: a slow viewer gets
//! every one in order, and one that falls beyond the bound is closed with 4409.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::support::eventually;
use crate::support::server::{PATH, TestServer};
use crate::support::swarm::state_tick;
use crate::support::wire::{self, Frame, Record};
use crate::support::ws::{Client, Message};

/// Records of one `STATE_BATCH`: with its head nearly a whole frame.
const RECORDS: u32 = 10_000;

fn narrow_viewer(server: &TestServer, stream: &str) -> Client {
    let target = format!("{PATH}?protocols=binary&role=viewer&stream={stream}");
    Client::connect_narrow(server.address, &target, 4096)
}

/// A large `STATE_BATCH` in which the first agent's state says which one it is.
fn batch(number: u32) -> Vec<u8> {
    let states: Vec<(u32, u8)> = (0..RECORDS)
        .map(|id| (id, (number >> (8 * (id % 4))) as u8))
        .collect();
    wire::states(&states)
}

fn number_of(frame: &Frame) -> u32 {
    let states = frame.states();
    u32::from_le_bytes(std::array::from_fn(|at| states[at].1))
}

#[test]
fn a_slow_viewer_gets_every_event_in_order_while_positions_are_conflated() {
    const BATCHES: u32 = 150;
    let server = TestServer::with(|config| {
        config.events_bytes_max = 64 << 20;
        config.staleness_max_ms = 250;
    });
    let mut slow = narrow_viewer(&server, "main");
    state_tick(&mut slow);
    let mut publisher = server.publisher("main");
    let records: Vec<Record> = (0..1000).map(|id| Record::counted(id, 1)).collect();
    for number in 0..BATCHES {
        publisher.send_binary(&batch(number));
        publisher.send_binary(&wire::positions(0, &records));
    }
    publisher.settle();
    // Far longer than positions may be old.
    std::thread::sleep(Duration::from_millis(600));
    publisher.send_binary(&wire::positions(0, &[Record::counted(5000, 9)]));
    let (mut expected, mut has_last_position) = (0, false);
    while expected < BATCHES || !has_last_position {
        let frame = Frame::read(&slow.binary());
        if frame.kind == wire::STATE_BATCH {
            assert_eq!(number_of(&frame), expected, "in order, none left out");
            expected += 1;
        } else {
            has_last_position |= frame.records().iter().any(|record| record.id == 5000);
        }
    }
    assert!(
        server.metric("agnt_conflations_total") >= 1.0,
        "positions were conflated"
    );
}

/// A viewer that was closed because it read nothing.
struct Closed {
    /// What came before, and what closed it; none if the connection ended without a close frame.
    before: Vec<Message>,
    close: Option<(Option<u16>, String)>,
    /// How many batches were sent.
    sent: u32,
    /// How long after it was closed the last of it was read, at most.
    read_within: Duration,
}

fn read_nothing() -> Closed {
    const BATCHES: u32 = 300;
    let server = TestServer::with(|config| {
        config.events_bytes_max = 1 << 20;
        config.message_bytes_max = 1 << 20;
    });
    let mut good = server.viewer("main");
    state_tick(&mut good);
    let mut stalled = narrow_viewer(&server, "main");
    state_tick(&mut stalled);
    let mut publisher = server.publisher("main");
    let sample = "agnt_disconnects_total{reason=\"too_slow\"}";
    let mut sent = 0;
    let mut open_at = Instant::now();
    while server.metric(sample) < 1.0 {
        assert!(sent < BATCHES, "{sent} batches wait and nobody was closed");
        open_at = Instant::now();
        publisher.send_binary(&batch(sent));
        assert_eq!(number_of(&Frame::read(&good.binary())), sent);
        sent += 1;
    }
    let mut before = Vec::new();
    let close = loop {
        match stalled.parse() {
            Some(Message::Close(code, reason)) => break Some((code, reason)),
            Some(message) => before.push(message),
            // The end may come within a message.
            None => match stalled.fill(64 * 1024) {
                Ok(0) => break None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break None,
                read => _ = read.unwrap(),
            },
        }
    };
    let read_within = open_at.elapsed();
    assert_eq!(good.settle(), []);
    Closed {
        before,
        close,
        sent,
        read_within,
    }
}

#[test]
fn a_viewer_beyond_the_bound_of_events_is_closed_with_4409_and_others_are_not() {
    // The server forgets a connection a second after its close, read or not.
    let is_told =
        |closed: &Closed| closed.close.is_some() || closed.read_within < Duration::from_millis(900);
    let closed = (0..20).map(|_| read_nothing()).find(is_told).unwrap();
    let (code, reason) = closed.close.expect("a close frame");
    assert_eq!(code, Some(4409), "{reason}");
    assert!(reason.contains("events_bytes_max"), "{reason}");
    for (number, message) in closed.before.iter().enumerate() {
        let Message::Binary(bytes) = message else {
            panic!("{message:?}")
        };
        assert_eq!(
            number_of(&Frame::read(bytes)),
            number as u32,
            "what came is unbroken"
        );
    }
    assert!(
        closed.before.len() < closed.sent as usize,
        "it lacks the rest, and is told so"
    );
}

#[test]
fn an_event_between_joining_and_a_second_state_tick_is_not_lost() {
    const AGENTS: u32 = 200_000;
    let server = TestServer::with(|config| {
        config.staleness_max_ms = 250;
        config.agent_ttl_s = 0;
    });
    let mut publisher = server.publisher("main");
    let records: Vec<Record> = (0..AGENTS).map(|id| Record::counted(id, 1)).collect();
    publisher.send_tick(&records);
    publisher.settle();
    let mut good = server.viewer("main");
    assert_eq!(state_tick(&mut good).len(), AGENTS as usize);
    // Joins, is sent the beginning of its state, and reads nothing for so long that the state is
    // old by the time that it goes on.
    let mut stalled = narrow_viewer(&server, "main");
    eventually("both watch", || {
        (server.metric("agnt_sessions{role=\"viewer\"}") > 1.5).then_some(())
    });
    publisher.send_binary(&wire::coordination(77));
    assert_eq!(good.binary(), wire::coordination(77));
    std::thread::sleep(Duration::from_secs(1));
    publisher.send_binary(&wire::coordination(78));
    let mut seen = Vec::new();
    while seen.last() != Some(&wire::coordination(78)) {
        let bytes = stalled.binary();
        if Frame::read(&bytes).kind == wire::COORDINATION_EVENT {
            seen.push(bytes);
        }
    }
    assert_eq!(seen, [wire::coordination(77), wire::coordination(78)]);
}

#[test]
fn a_state_tick_that_is_shared_does_not_come_behind_newer_states() {
    let server = TestServer::with(|config| config.events_bytes_max = 256 << 20);
    // Holds the events of the stream in the server's memory, since it reads nothing.
    let mut stalled = narrow_viewer(&server, "main");
    state_tick(&mut stalled);
    let mut publisher = server.publisher("main");
    for number in 0..100 {
        publisher.send_binary(&batch(number));
    }
    publisher.send_binary(&wire::positions(0, &[Record::counted(1, 1)]));
    publisher.settle();
    for round in 1..40 {
        let mut first = server.viewer("main");
        state_tick(&mut first);
        publisher.send_binary(&wire::states(&[(1, round)]));
        while !Frame::read(&first.binary())
            .states()
            .contains(&(1, round, None))
        {}
        let mut second = server.viewer("main");
        // Each batch that came: whether it was of the state, and what it says of agent 1.
        let mut said = Vec::new();
        for message in second.settle() {
            let Message::Binary(bytes) = message else {
                panic!("{message:?}")
            };
            let frame = Frame::read(&bytes);
            if frame.kind == wire::STATE_BATCH {
                let state = frame.states().into_iter().find(|(id, ..)| *id == 1);
                said.extend(state.map(|(_, state, _)| (frame.has(wire::KEYFRAME), state)));
            }
        }
        let newest = said.last().map(|(_, state)| *state);
        assert_eq!(newest, Some(round), "the last word on agent 1: {said:?}");
    }
}
