//! Proves every bound: what is beyond it is refused with a clear word, creates nothing, takes no
//! memory, and leaves what is within it alone.

use std::io::Write;

use crate::support::http;
use crate::support::program::Program;
use crate::support::server::{PATH, TestServer};
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Frame, MORE, RECORDS_MAX, Record};
use crate::support::ws::{self, Client, FIN};
use crate::support::{PATIENCE, eventually};

fn refused(server: &TestServer, query: &str) -> http::Answer {
    let target = format!("{PATH}?{query}");
    match Client::try_upgrade(http::open(server.address), &target, "", &[]) {
        Ok(_) => panic!("{query} was taken"),
        Err(answer) => answer,
    }
}

/// The code and text of an ERROR frame.
fn error(client: &mut Client) -> (u16, String) {
    Frame::read(&client.binary()).error()
}

#[test]
fn sessions_beyond_max_connections_get_503_and_metrics_still_answer() {
    let server = TestServer::with(|config| config.max_connections = 3);
    let mut held: Vec<Client> = (0..3).map(|_| server.viewer("main")).collect();
    for _ in 0..20 {
        let answer = refused(&server, "protocols=binary");
        assert_eq!(answer.status, 503);
        assert!(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                > 0
        );
        assert!(
            answer.text().contains("max_connections"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(
        server.metric("agnt_connections_refused_total{reason=\"full\"}") as u32,
        20
    );
    assert_eq!(
        server.metric("agnt_connections{kind=\"websocket\"}") as u32,
        3
    );
    assert_eq!(http::get(server.address, "/healthz").status, 200);
    for client in &mut held {
        assert_eq!(state_tick(client), []);
    }
    drop(held.pop());
    let mut next = eventually("the place is given on", || {
        let target = format!("{PATH}?protocols=binary&role=viewer");
        Client::try_upgrade(http::open(server.address), &target, "", &[]).ok()
    });
    assert_eq!(state_tick(&mut next), []);
}

#[test]
fn streams_beyond_streams_max_are_refused_and_not_created() {
    let server = TestServer::with(|config| config.streams_max = 2);
    let mut viewers = [server.viewer("one"), server.viewer("two")];
    for name in ["three", "four"] {
        let answer = refused(&server, &format!("protocols=binary&stream={name}"));
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("streams_max"), "{}", answer.text());
    }
    for viewer in &mut viewers {
        assert_eq!(state_tick(viewer), []);
    }
    eventually("two streams", || {
        (server.metric("agnt_streams") as u32 == 2).then_some(())
    });
    drop(viewers);
    eventually("a stream that nobody uses makes room", || {
        let target = format!("{PATH}?protocols=binary&stream=three");
        Client::try_upgrade(http::open(server.address), &target, "", &[]).ok()
    });
}

#[test]
fn agents_beyond_agents_per_stream_max_are_refused_and_not_created() {
    let server = TestServer::with(|config| config.agents_per_stream_max = 3);
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.publisher("main");
    let known = [1, 2].map(|id| Record::counted(id, 1));
    publisher.send_binary(&wire::positions(0, &known));
    assert_eq!(next_tick(&mut viewer).records, known);
    for _ in 0..12 {
        publisher.send_binary(&wire::positions(
            0,
            &[2, 3, 4].map(|id| Record::counted(id, 2)),
        ));
        let (code, text) = error(&mut publisher);
        assert_eq!((code, text.contains("agents")), (6, true), "{text}");
    }
    publisher.send_binary(&wire::states(&[(10, 1), (11, 1), (12, 1), (13, 1)]));
    assert_eq!(error(&mut publisher).0, 6);
    let last = [Record::counted(2, 3), Record::counted(3, 3)];
    publisher.send_binary(&wire::positions(0, &last));
    assert_eq!(
        next_tick(&mut viewer).records,
        last,
        "what is within the bound goes on"
    );
    let mut late = server.viewer("main");
    let mut state = state_tick(&mut late);
    state.sort_unstable_by_key(|record| record.id);
    assert_eq!(state, [known[0], last[0], last[1]]);
    assert_eq!(late.settle(), [], "no state was created either");
    assert_eq!(
        server.metric("agnt_dropped_total{reason=\"over_bound\"}") as u32,
        13
    );
}

#[test]
fn a_tick_beyond_tick_bytes_max_is_refused_as_a_whole() {
    let server = TestServer::with(|config| config.tick_bytes_max = 2 * 65_600);
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut publisher = server.publisher("main");
    let part = |first: u32| -> Vec<Record> {
        (first..first + RECORDS_MAX as u32)
            .map(|id| Record::counted(id, 1))
            .collect()
    };
    for first in [10_000, 20_000, 30_000, 40_000] {
        publisher.send_binary(&wire::positions(MORE, &part(first)));
    }
    publisher.send_binary(&wire::positions(0, &part(50_000)));
    let (code, text) = error(&mut publisher);
    assert_eq!((code, text.contains("tick")), (6, true), "{text}");
    let good = [Record::counted(1, 1)];
    publisher.send_binary(&wire::positions(0, &good));
    assert_eq!(
        next_tick(&mut viewer).records,
        good,
        "nothing of the refused tick is shown"
    );
    assert_eq!(state_tick(&mut server.viewer("main")), good);
}

#[test]
fn a_message_of_the_announced_size_is_taken_and_a_longer_one_is_not() {
    let server = TestServer::with(|config| config.message_bytes_max = 4096);
    let mut client = server.publisher("main");
    let beat = wire::frame(wire::HEARTBEAT, 0, &[]);
    let filler = wire::frame(0x77, 0, &[0; 4096 - 8 - 8]);
    client.send_binary(&[filler.clone(), beat.clone()].concat());
    assert_eq!(client.binary(), beat, "4096 bytes are allowed");
    client.send_binary(&[filler, beat, vec![0]].concat());
    let (_, code, reason) = client.until_close();
    assert_eq!(code, 1009, "{reason}");
}

/// Floods the server with `chunk` and reads nothing, until the server has closed the connection
/// or TCP takes no more.
fn flood(client: &mut Client, chunk: &[u8]) {
    client.socket.set_write_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2000 {
        if client.socket.write_all(chunk).is_err() {
            return;
        }
    }
}

#[test]
fn who_asks_and_never_reads_is_closed_and_takes_no_memory() {
    const GROWTH_BYTES_MAX: u64 = 32 << 20;
    let (program, address) = Program::serve(&["--max-connections", "100"]);
    let mut steady = Client::connect(address, &format!("{PATH}?protocols=binary&role=viewer"));
    state_tick(&mut steady);
    let before = program.resident_bytes();
    let heartbeat = wire::frame(wire::HEARTBEAT, 0, &[]);
    let floods = [
        ws::frame(FIN | ws::PING, &[7; 125], [1; 4]),
        ws::frame(FIN | ws::PING, &[], [1; 4]),
        ws::frame(FIN | ws::BINARY, &heartbeat, [1; 4]),
        ws::frame(FIN | ws::BINARY, &heartbeat.repeat(100), [1; 4]),
    ];
    let mut held = Vec::new();
    for frame in &floods {
        let target = format!("{PATH}?protocols=binary&role=publisher");
        let mut client = Client::connect_narrow(address, &target, 4096);
        flood(&mut client, &frame.repeat(16 * 1024 / frame.len() + 1));
        let grown = program.resident_bytes().saturating_sub(before);
        assert!(
            grown < GROWTH_BYTES_MAX,
            "{grown} bytes more for one connection"
        );
        held.push(client);
    }
    eventually("those that don't read are closed", || {
        let closed = http::metric(address, "agnt_disconnects_total{reason=\"too_slow\"}");
        (closed as usize == floods.len()).then_some(())
    });
    steady.settle();
}
