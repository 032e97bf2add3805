//! Proves that a viewer that joins knows everything at once and exactly: the whole state as a
//! state tick, bit for bit, then live frames; and that agents go when they should.

use std::time::{Duration, Instant};

use crate::support::server::TestServer;
use crate::support::swarm::{Swarm, next_tick, state_tick};
use crate::support::wire::{self, Frame, GONE, KEYFRAME, MORE, RECORDS_MAX, Record};
use crate::support::ws::Client;

/// A day, so that no heartbeat helps.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Records of floats that careless code would change.
fn special_records() -> Vec<Record> {
    let negative_zero = 0x8000_0000;
    let (subnormal, smallest) = (0x0000_1234, 0x8000_0001);
    let (infinity, negative_infinity) = (0x7F80_0000, 0xFF80_0000);
    let (quiet, signalling, negative_nan) = (0x7FC0_BEEF, 0x7F80_0001, 0xFFFF_FFFF);
    let record = |id, bits| Record { id, bits };
    vec![
        record(
            0,
            [
                negative_zero,
                quiet,
                subnormal,
                smallest,
                signalling,
                negative_nan,
            ],
        ),
        record(
            u32::MAX,
            [infinity, negative_nan, signalling, quiet, 0, negative_zero],
        ),
        record(
            0x4000_0000,
            [negative_infinity, signalling, 0, infinity, quiet, subnormal],
        ),
        record(
            1,
            [
                smallest,
                negative_zero,
                0x7F7F_FFFF,
                0x0080_0000,
                0x3F80_0000,
                0,
            ],
        ),
    ]
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_unstable_by_key(|record| record.id);
    records
}

#[test]
fn the_state_and_live_frames_are_bit_for_bit() {
    let server = TestServer::start();
    let mut early = server.viewer("main");
    assert_eq!(state_tick(&mut early), []);
    let records = special_records();
    let mut publisher = server.publisher("main");
    publisher.send_binary(&wire::positions(0, &records));
    assert_eq!(next_tick(&mut early).records, records, "live");
    let mut late = server.viewer("main");
    assert_eq!(
        sorted(state_tick(&mut late)),
        sorted(records.clone()),
        "on join"
    );
    let moved = Record::counted(1, 2);
    publisher.send_binary(&wire::positions(0, &[moved]));
    for viewer in [&mut early, &mut late] {
        let tick = next_tick(viewer);
        assert_eq!(
            (tick.is_state, tick.records),
            (false, vec![moved]),
            "then live frames"
        );
    }
}

#[test]
fn an_empty_stream_has_a_state_tick_of_nothing() {
    let server = TestServer::start();
    let expected = wire::positions(KEYFRAME, &[]);
    assert_eq!(server.viewer("main").binary(), expected);
    assert_eq!(server.viewer("other").binary(), expected);
}

#[test]
fn a_large_state_is_one_tick_of_several_frames() {
    let server = TestServer::start();
    let records: Vec<Record> = (0..5000).map(|id| Record::counted(id, id)).collect();
    let mut publisher = server.publisher("main");
    publisher.send_tick(&records);
    publisher.settle();
    let mut viewer = server.viewer("main");
    let frames: Vec<Frame> = (0..3).map(|_| Frame::read(&viewer.binary())).collect();
    let flags: Vec<u8> = frames.iter().map(|frame| frame.flags).collect();
    assert_eq!(flags, [KEYFRAME | MORE, KEYFRAME | MORE, KEYFRAME]);
    let found: Vec<Record> = frames.iter().flat_map(Frame::records).collect();
    assert_eq!(sorted(found), records);
    assert!(
        frames
            .iter()
            .all(|frame| frame.records().len() <= RECORDS_MAX)
    );
}

#[test]
fn states_and_metrics_of_agents_belong_to_the_state() {
    let server = TestServer::start();
    let mut publisher = server.publisher("main");
    publisher.send_binary(&wire::positions(
        0,
        &[Record::counted(1, 1), Record::counted(2, 1)],
    ));
    publisher.send_binary(&wire::states(&[(1, 2), (2, 0x80)]));
    publisher.send_binary(&wire::states(&[(1, 3)]));
    publisher.send_binary(&wire::metrics(1, 5));
    publisher.send_binary(&wire::metrics(1, 6));
    publisher.settle();
    let mut viewer = server.viewer("main");
    assert_eq!(state_tick(&mut viewer).len(), 2);
    let frame = Frame::read(&viewer.binary());
    let mut states = frame.states();
    states.sort_unstable();
    assert_eq!(
        (frame.flags, states),
        (KEYFRAME, vec![(1, 3, None), (2, 0x80, None)])
    );
    let metrics = viewer.binary();
    assert_eq!(metrics[8..], wire::metrics(1, 6)[8..], "the newest");
    assert_eq!(Frame::read(&metrics).flags, KEYFRAME);
    assert_eq!(viewer.settle(), []);
}

#[test]
fn metadata_is_for_those_who_asked_for_it() {
    let server = TestServer::start();
    let open = |capabilities: &[&str]| {
        let mut client = server.connect("");
        client.shake_hands(capabilities, Some("viewer"));
        state_tick(&mut client);
        client
    };
    let (mut plain, mut asked) = (open(&["binary"]), open(&["binary", "state-metadata"]));
    let text = "{\"name\":\"AFR9455\",\"type\":\"aircraft\"}";
    let with_metadata = wire::state_with_metadata(7, 2, text);
    let mut publisher = server.publisher("main");
    publisher.send_binary(&wire::positions(0, &[Record::counted(7, 1)]));
    for client in [&mut plain, &mut asked] {
        next_tick(client);
    }
    publisher.send_binary(&with_metadata);
    assert_eq!(
        plain.binary(),
        wire::states(&[(7, 2)]),
        "the bare six bytes"
    );
    assert_eq!(asked.binary(), with_metadata, "as it came");
    let late = |capabilities: &[&str]| {
        let mut client = server.connect("");
        client.shake_hands(capabilities, Some("viewer"));
        state_tick(&mut client);
        Frame::read(&client.binary()).states()
    };
    assert_eq!(late(&["binary"]), [(7, 2, None)]);
    assert_eq!(
        late(&["binary", "state-metadata"]),
        [(7, 2, Some(text.to_owned()))]
    );
}

#[test]
fn streams_are_isolated() {
    let server = TestServer::start();
    let names = ["main", "blue", "Blue"];
    let mut viewers: Vec<Client> = names.iter().map(|name| server.viewer(name)).collect();
    for viewer in &mut viewers {
        assert_eq!(state_tick(viewer), []);
    }
    for (at, name) in names.iter().enumerate() {
        // The same agent in each.
        let record = Record::counted(1, at as u32);
        let mut publisher = server.publisher(name);
        publisher.send_binary(&wire::positions(0, &[record]));
        assert_eq!(next_tick(&mut viewers[at]).records, [record]);
        publisher.send_binary(&wire::states(&[(1, at as u8)]));
        assert_eq!(
            Frame::read(&viewers[at].binary()).states(),
            [(1, at as u8, None)]
        );
        assert_eq!(state_tick(&mut server.viewer(name)), [record]);
    }
    for viewer in &mut viewers {
        assert_eq!(viewer.settle(), []);
    }
}

#[test]
fn updates_are_partial_and_nan_removes() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.publisher("main");
    let odd_nan = Record {
        id: 2,
        bits: [0xFFC1_2345, 1, 2, 3, 4, 5],
    };
    let mut swarm = Swarm::default();
    for records in [
        (1..=4).map(|id| Record::counted(id, 1)).collect::<Vec<_>>(),
        vec![Record::counted(3, 2)],
        vec![odd_nan, Record::new(4, [f32::NAN; 6])],
        vec![Record::counted(4, 9)],
    ] {
        publisher.send_binary(&wire::positions(0, &records));
        assert_eq!(
            next_tick(&mut viewer).records,
            records,
            "live, as it was sent"
        );
        swarm.apply(&records);
    }
    let expected: Vec<Record> = swarm.agents.into_values().collect();
    assert_eq!(
        expected.iter().map(|record| record.id).collect::<Vec<_>>(),
        [1, 3, 4]
    );
    assert_eq!(sorted(state_tick(&mut server.viewer("main"))), expected);
}

#[test]
fn keyframe_is_the_servers_word_alone() {
    let server = TestServer::start();
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    server
        .publisher("main")
        .send_binary(&wire::positions(KEYFRAME, &[Record::counted(1, 1)]));
    assert!(!next_tick(&mut viewer).is_state);
}

/// Reads ticks until every agent of `ids` is gone; nobody else may go.
fn until_gone(viewer: &mut Client, ids: &[u32]) {
    let mut missing: Vec<u32> = ids.to_vec();
    while !missing.is_empty() {
        for record in next_tick(viewer)
            .records
            .iter()
            .filter(|record| record.is_gone())
        {
            assert_eq!(
                record.bits,
                [GONE, 0, 0, 0, 0, 0],
                "how the server says gone"
            );
            let at = missing.iter().position(|id| *id == record.id);
            missing.remove(at.unwrap_or_else(|| panic!("{} went, or went twice", record.id)));
        }
    }
}

#[test]
fn the_agents_of_a_publisher_that_left_go_and_others_stay() {
    let server = TestServer::with(|config| config.publisher_linger_s = 1);
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut leaving = server.publisher("main");
    let mut staying = server.publisher("main");
    leaving.send_binary(&wire::positions(
        0,
        &[1, 2, 3].map(|id| Record::counted(id, 1)),
    ));
    next_tick(&mut viewer);
    staying.send_binary(&wire::positions(
        0,
        &[3, 4].map(|id| Record::counted(id, 1)),
    ));
    next_tick(&mut viewer);
    leaving.send_frame(crate::support::ws::FIN | crate::support::ws::CLOSE, &[]);
    leaving.until_close();
    until_gone(&mut viewer, &[1, 2]);
    let left = sorted(state_tick(&mut server.viewer("main")));
    assert_eq!(
        left,
        [3, 4].map(|id| Record::counted(id, 1)),
        "the last writer has them"
    );
}

#[test]
fn a_publisher_that_ends_right_behind_its_last_frame_is_noticed() {
    for _ in 0..10 {
        let server = TestServer::with(|config| {
            config.publisher_linger_s = 0;
            config.heartbeat_ms = DAY_MS;
            config.agent_ttl_s = 0;
        });
        let mut viewer = server.viewer("main");
        state_tick(&mut viewer);
        let mut publisher = server.publisher("main");
        // Held back by the kernel until the close, so that both travel in one segment.
        socket2::SockRef::from(&publisher.socket)
            .set_tcp_cork(true)
            .unwrap();
        publisher.send_binary(&wire::positions(0, &[Record::counted(1, 1)]));
        drop(publisher);
        next_tick(&mut viewer);
        until_gone(&mut viewer, &[1]);
    }
}

/// What a viewer was told first of agents that went, while agent 2 spoke and agent 1 didn't, who was
/// there afterwards, and for how long agent 2 was silent at most.
fn fall_silent() -> (Vec<Record>, Vec<Record>, Duration) {
    let server = TestServer::with(|config| config.agent_ttl_s = 5);
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.publisher("main");
    publisher.send_binary(&wire::positions(
        0,
        &[1, 2].map(|id| Record::counted(id, 0)),
    ));
    next_tick(&mut viewer);
    let (mut spoke_at, mut silence) = (Instant::now(), Duration::ZERO);
    let mut count = 0;
    loop {
        count += 1;
        publisher.send_binary(&wire::positions(0, &[Record::counted(2, count)]));
        let records = next_tick(&mut viewer).records;
        silence = silence.max(spoke_at.elapsed());
        if records.iter().any(Record::is_gone) {
            let left = state_tick(&mut server.viewer("main"));
            return (records, left, silence.max(spoke_at.elapsed()));
        }
        spoke_at = Instant::now();
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_that_falls_silent_goes_and_others_stay() {
    let mut told = (0..10).map(|_| fall_silent());
    // Where the machine stood still, the other one may have been silent for too long as well.
    let in_time = |(_, _, silence): &(_, _, Duration)| *silence < Duration::from_secs(3);
    let (gone, left, _) = told.find(in_time).unwrap();
    let bits = [GONE, 0, 0, 0, 0, 0];
    assert_eq!(gone, [Record { id: 1, bits }]);
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [2]);
}
