//! Proves order: records arrive bit for bit and in order per agent, from several publishers at
//! several viewers; a tick is whole and contiguous; events are in order among themselves.

use std::collections::BTreeMap;

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Frame, MORE, Record};
use crate::support::ws::{Client, FIN, Message};

const PUBLISHERS: u32 = 3;
const AGENTS_EACH: u32 = 50;
const TICKS: u32 = 200;

/// Reads until every agent has been seen `TICKS` times, each time one count further.
fn read_everything(viewer: &mut Client) {
    let mut seen = BTreeMap::new();
    let mut left = PUBLISHERS * AGENTS_EACH * TICKS;
    while left > 0 {
        let tick = next_tick(viewer);
        assert!(
            !tick.is_state,
            "a viewer that reads isn't moved to a state tick"
        );
        for record in tick.records {
            let count = seen.entry(record.id).or_insert(0);
            *count += 1;
            assert_eq!(record, Record::counted(record.id, *count));
            left -= 1;
        }
    }
}

#[test]
fn several_publishers_reach_several_viewers_in_order_and_bit_for_bit() {
    let server = TestServer::with(|config| config.staleness_max_ms = 60_000);
    let mut viewers: Vec<Client> = (0..3).map(|_| server.viewer("main")).collect();
    for viewer in &mut viewers {
        assert_eq!(state_tick(viewer), []);
    }
    std::thread::scope(|threads| {
        for viewer in &mut viewers {
            threads.spawn(|| read_everything(viewer));
        }
        for publisher in 0..PUBLISHERS {
            let mut client = server.publisher("main");
            threads.spawn(move || {
                let ids = publisher * 1000..publisher * 1000 + AGENTS_EACH;
                for count in 1..=TICKS {
                    let records: Vec<Record> =
                        ids.clone().map(|id| Record::counted(id, count)).collect();
                    client.send_binary(&wire::positions(0, &records));
                }
                client.settle();
            });
        }
    });
}

#[test]
fn ticks_that_interleave_on_the_way_in_are_contiguous_on_the_way_out() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let (mut one, mut two) = (server.publisher("main"), server.publisher("main"));
    let part = |id| Record::counted(id, 1);
    for _ in 0..20 {
        one.send_binary(&wire::positions(MORE, &[part(1)]));
        one.settle();
        two.send_binary(&wire::positions(MORE, &[part(11)]));
        two.settle();
        one.send_binary(&wire::positions(MORE, &[part(2)]));
        one.settle();
        two.send_binary(&wire::positions(0, &[part(12)]));
        let tick = next_tick(&mut viewer);
        assert_eq!((tick.frames, tick.records), (2, vec![part(11), part(12)]));
        one.send_binary(&wire::positions(0, &[part(3)]));
        let tick = next_tick(&mut viewer);
        assert_eq!(
            (tick.frames, tick.records),
            (3, vec![part(1), part(2), part(3)])
        );
    }
}

#[test]
fn a_tick_that_never_ends_is_never_shown() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut leaving = server.publisher("main");
    leaving.send_binary(&wire::positions(MORE, &[Record::counted(1, 1)]));
    leaving.settle();
    leaving.send_frame(FIN | crate::support::ws::CLOSE, &[]);
    leaving.until_close();
    let last = Record::counted(2, 1);
    server
        .publisher("main")
        .send_binary(&wire::positions(0, &[last]));
    assert_eq!(next_tick(&mut viewer).records, [last]);
    crate::support::eventually("the incomplete tick is counted", || {
        (server.metric("agnt_ticks_incomplete_total") > 0.0).then_some(())
    });
}

#[test]
fn frames_behind_one_another_in_one_message_each_get_a_message_of_their_own() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let frames: Vec<Vec<u8>> = (0..500)
        .map(|count| wire::positions(0, &[Record::counted(1, count)]))
        .collect();
    server.publisher("main").send_binary(&frames.concat());
    for frame in frames {
        assert_eq!(viewer.binary(), frame);
    }
}

#[test]
fn a_message_in_fragments_is_one_message() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let frame = wire::positions(0, &[Record::counted(1, 1), Record::counted(2, 2)]);
    let mut publisher = server.publisher("main");
    let parts: Vec<&[u8]> = frame.chunks(7).collect();
    for (at, part) in parts.iter().enumerate() {
        let opcode = if at == 0 {
            crate::support::ws::BINARY
        } else {
            0
        };
        let last = if at + 1 == parts.len() { FIN } else { 0 };
        publisher.send_frame(last | opcode, part);
    }
    assert_eq!(viewer.binary(), frame);
}

#[test]
fn events_arrive_as_they_were_sent_and_in_order() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let events: Vec<Vec<u8>> = (0..600)
        .map(|at| match at % 3 {
            0 => wire::states(&[(at, 1), (at + 1, 0xFE)]),
            1 => wire::metrics(at, at),
            _ => wire::coordination(at),
        })
        .collect();
    let mut publisher = server.publisher("main");
    for event in &events {
        publisher.send_binary(event);
        publisher.send_binary(&wire::positions(0, &[Record::counted(1, 1)]));
    }
    let mut expected = events.iter();
    let mut positions = 0;
    while expected.len() > 0 || positions < events.len() {
        let Message::Binary(bytes) = viewer.message() else {
            panic!("binary was due")
        };
        let frame = Frame::read(&bytes);
        if frame.kind == wire::POSITION_UPDATE {
            positions += 1;
        } else {
            assert_eq!(Some(&bytes), expected.next());
        }
    }
}
