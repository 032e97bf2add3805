//! Proves what a viewer sees that reads too little: fewer frames, never old ones, and that it
//! costs nobody else anything.
//!
//! The stalled viewer has a receive buffer of 64 kB. The others are read in step with the
//! publisher, so that they keep up however busy the machine is.

use std::time::{Duration, Instant};

use crate::support::server::{PATH, TestServer};
use crate::support::swarm::{Swarm, Tick, next_tick, state_tick};
use crate::support::wire::{self, Record};
use crate::support::ws::Client;
use crate::support::{PATIENCE, eventually};

const RCVBUF_BYTES: usize = 64 * 1024;

/// The most that may come out of the kernel's buffers before the state tick.
const OLDER_BYTES_MAX: usize = 320 * 1000;

const AGENTS: u32 = 1000;

/// How old a tick may be when a viewer is sent it.
const STALENESS_MAX: Duration = Duration::from_millis(250);

/// Longer than that, with room for the patrol of the loop.
const STALL: Duration = Duration::from_millis(1500);

/// So many ticks have more bytes than lie between the server and a viewer that reads nothing.
const TICKS_MIN: u32 = 60;

/// A server that conflates soon. One loop does all the work: what a publisher sends is never old by
/// waiting for another loop, so that who reads keeps up.
fn server() -> TestServer {
    TestServer::with(|config| {
        config.staleness_max_ms = STALENESS_MAX.as_millis() as u64;
        config.loops = 1;
        config.agent_ttl_s = 0;
    })
}

fn stalled_viewer(server: &TestServer) -> Client {
    let target = format!("{PATH}?protocols=binary&role=viewer");
    let mut client = Client::connect_narrow(server.address, &target, RCVBUF_BYTES);
    state_tick(&mut client);
    client
}

fn bytes_of(tick: &Tick) -> usize {
    tick.records.len() * 28 + tick.frames * 16
}

/// Publishes ticks for longer than a viewer may stall, and until one does, each as soon as all of
/// `viewers` have the one before. Returns how many.
fn publish(
    publisher: &mut Client,
    server: &TestServer,
    viewers: &mut [Client],
    ids: &[u32],
) -> u32 {
    let began = Instant::now();
    let mut count = 1;
    let is_stalled = || server.metric("agnt_viewers_stalled") >= 1.0;
    while began.elapsed() < STALL || count < TICKS_MIN || !is_stalled() {
        assert!(began.elapsed() < 2 * PATIENCE, "{count} ticks stall nobody");
        count += 1;
        let records: Vec<Record> = ids.iter().map(|&id| Record::counted(id, count)).collect();
        let sent_at = Instant::now();
        publisher.send_binary(&wire::positions(0, &records));
        for viewer in &mut *viewers {
            let tick = next_tick(viewer);
            if tick.is_state {
                // The machine stood still, so that the tick was old before it was written.
                let late = sent_at.elapsed() >= STALENESS_MAX;
                assert!(late, "a viewer that reads is left in peace");
            } else {
                assert!(tick.records == records, "tick {count}, bit for bit");
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    count
}

/// Reads live frames up to the state tick; returns how many bytes they had, and the tick.
fn read_to_state(stalled: &mut Client, swarm: &mut Swarm) -> (usize, Tick) {
    let mut older_bytes = 0;
    loop {
        let tick = next_tick(stalled);
        swarm.apply(&tick.records);
        if tick.is_state {
            return (older_bytes, tick);
        }
        older_bytes += bytes_of(&tick);
    }
}

#[test]
fn a_stalled_viewer_resumes_at_the_newest_state_and_disturbs_nobody() {
    let server = server();
    let mut viewers = [server.viewer("main"), server.viewer("main")];
    for viewer in &mut viewers {
        assert_eq!(state_tick(viewer), []);
    }
    let mut stalled = stalled_viewer(&server);
    let mut publisher = server.publisher("main");
    let ids: Vec<u32> = (0..AGENTS).collect();
    let first: Vec<Record> = ids.iter().map(|&id| Record::counted(id, 1)).collect();
    publisher.send_binary(&wire::positions(0, &first));
    for viewer in &mut viewers {
        assert!(next_tick(viewer).records == first);
    }
    let mut swarm = Swarm::default();
    swarm.apply(&next_tick(&mut stalled).records);

    // A part of the agents stays where it is, and one of the others goes.
    let (moving, gone) = (&ids[..600], 599);
    let last = publish(&mut publisher, &server, &mut viewers, moving);
    let removal = [Record::new(gone, [f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0])];
    publisher.send_binary(&wire::positions(0, &removal));
    for viewer in &mut viewers {
        assert_eq!(next_tick(viewer).records.len(), 1);
    }

    let (older_bytes, state) = read_to_state(&mut stalled, &mut swarm);
    assert!(
        older_bytes <= OLDER_BYTES_MAX,
        "{older_bytes} bytes of older frames"
    );
    for record in &state.records {
        if !record.is_gone() && record.id < gone {
            assert_eq!(*record, Record::counted(record.id, last), "the newest");
        }
    }
    let has = |id: u32| state.records.iter().any(|record| record.id == id);
    assert!(
        moving.iter().all(|&id| has(id)),
        "every agent that changed is in it"
    );
    assert_eq!(
        swarm.agents.len(),
        AGENTS as usize - 1,
        "and the one that went is gone"
    );
    for record in swarm.agents.values() {
        let count = if record.id < gone { last } else { 1 };
        assert_eq!(*record, Record::counted(record.id, count));
    }

    let live = [Record::counted(3, last + 1)];
    publisher.send_binary(&wire::positions(0, &live));
    let tick = next_tick(&mut stalled);
    assert_eq!(
        (tick.is_state, &tick.records[..]),
        (false, &live[..]),
        "then live again"
    );
    for viewer in &mut viewers {
        assert_eq!(next_tick(viewer).records, live);
    }
    assert!(server.metric("agnt_conflations_total") >= 1.0);
    for queue in ["outbox", "log", "events"] {
        let sample = format!("agnt_queue_bytes{{queue=\"{queue}\"}}");
        eventually("the queues are empty", || {
            (server.metric(&sample) < 1.0).then_some(())
        });
    }
}

#[test]
fn a_viewer_that_stalls_while_its_first_state_is_sent_still_gets_a_whole_one() {
    const MANY: u32 = 100_000;
    let server = server();
    let mut publisher = server.publisher("main");
    let swarm_at = |count| {
        (0..MANY)
            .map(|id| Record::counted(id, count))
            .collect::<Vec<_>>()
    };
    let mut send = |count| {
        publisher.send_tick(&swarm_at(count));
        publisher.settle();
    };
    send(1);
    let target = format!("{PATH}?protocols=binary&role=viewer");
    let mut stalled = Client::connect_narrow(server.address, &target, RCVBUF_BYTES);
    std::thread::sleep(STALL);
    send(2);
    let mut newest = Swarm::default();
    while newest.agents.len() < MANY as usize
        || newest.agents.values().any(|record| record.count() < 2)
    {
        let frame = wire::Frame::read(&stalled.binary());
        newest.apply(&frame.records());
    }
    for record in newest.agents.values() {
        assert_eq!(*record, Record::counted(record.id, 2));
    }
}

#[test]
fn a_stalled_viewer_that_leaves_gives_everything_back() {
    let server = server();
    let mut viewers = [server.viewer("main")];
    state_tick(&mut viewers[0]);
    let stalled = stalled_viewer(&server);
    let ids: Vec<u32> = (0..AGENTS).collect();
    publish(&mut server.publisher("main"), &server, &mut viewers, &ids);
    drop(stalled);
    for (sample, expected) in [
        ("agnt_sessions{role=\"viewer\"}", 1.0),
        ("agnt_queue_bytes{queue=\"outbox\"}", 0.0),
        ("agnt_queue_bytes{queue=\"log\"}", 0.0),
    ] {
        eventually(sample, || {
            (server.metric(sample).to_bits() == f64::to_bits(expected)).then_some(())
        });
    }
}
