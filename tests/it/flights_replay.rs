//! Proves that what `agnt replay` publishes is what viewers see: the recording of the repository
//! over the real program, and every record at every viewer compared by count and hash with the
//! publisher's own log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::eventually;
use crate::support::http;
use crate::support::program::Program;
use crate::support::server::PATH;
use crate::support::swarm::state_tick;
use crate::support::wire::{self, Frame, KEYFRAME, Record};
use crate::support::ws::Client;

/// What ends the viewers' reading; the recording has no such agent.
const SENTINEL: u32 = u32::MAX;

/// How much faster than recorded: the flights take hours.
const SPEED: &str = "200";

/// How long the replay may take: hours of flights, and what a slow machine adds.
const REPLAY_MAX: Duration = Duration::from_mins(5);

/// Records of one agent: how many, and FNV-1a of their bytes in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    records: u64,
    hash: u64,
}

impl Seen {
    const NOTHING: Self = Self {
        records: 0,
        hash: 0xCBF2_9CE4_8422_2325,
    };

    fn note(&mut self, bytes: &[u8]) {
        self.records += 1;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
        }
    }
}

/// Reads to the sentinel; the bytes of every record count.
fn watch(mut viewer: Client) -> BTreeMap<u32, Seen> {
    let mut agents = BTreeMap::new();
    loop {
        let frame = Frame::read(&viewer.binary());
        if frame.kind != wire::POSITION_UPDATE {
            continue;
        }
        assert_eq!(
            frame.flags & KEYFRAME,
            0,
            "a viewer that keeps up gets no state tick"
        );
        for bytes in frame.payload[4..].chunks(28) {
            let id = wire::u32_at(bytes, 0);
            if id == SENTINEL {
                return agents;
            }
            agents.entry(id).or_insert(Seen::NOTHING).note(bytes);
        }
    }
}

/// The publisher's log: by agent, and how many records in all.
fn logged(path: &Path) -> (BTreeMap<u32, Seen>, u64) {
    let log: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let read = |(id, about): (&String, &Value)| {
        let hash = u64::from_str_radix(about["fnv1a_64"].as_str().unwrap(), 16).unwrap();
        (
            id.parse().unwrap(),
            Seen {
                records: about["records"].as_u64().unwrap(),
                hash,
            },
        )
    };
    let agents = log["agents"]
        .as_object()
        .unwrap()
        .iter()
        .map(read)
        .collect();
    (agents, log["records"].as_u64().unwrap())
}

#[test]
fn three_viewers_see_every_record_of_the_flights_in_order() {
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flights-replay.json");
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/recordings/flights-sample.csv.gz"
    );
    let (server, address) = Program::serve(&[
        "--staleness-max-ms",
        "60000",
        "--publisher-linger-s",
        "3600",
    ]);
    let target = format!("{PATH}?protocols=binary&role=viewer");
    let viewers: Vec<Client> = (0..3)
        .map(|_| {
            let mut viewer = Client::connect(address, &target);
            assert_eq!(state_tick(&mut viewer), []);
            viewer
        })
        .collect();
    let watching: Vec<_> = viewers
        .into_iter()
        .map(|viewer| std::thread::spawn(move || watch(viewer)))
        .collect();
    let url = format!("ws://{address}{PATH}");
    let replay = Program::start(&[
        "replay",
        recording,
        "--url",
        &url,
        "--align",
        "--speed",
        SPEED,
        "--hz",
        "60",
        "--log",
        log.to_str().unwrap(),
    ]);
    let ended = replay.wait_within(REPLAY_MAX);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Its last frame has been taken in when its session is over.
    eventually("the publisher has left", || {
        let sample = "agnt_sessions{role=\"publisher\"}";
        (http::metric(address, sample) < 0.5).then_some(())
    });
    let mut last = Client::connect(address, &format!("{PATH}?protocols=binary&role=publisher"));
    last.send_binary(&wire::positions(0, &[Record::counted(SENTINEL, 1)]));
    let (expected, records) = logged(&log);
    assert!(
        expected.len() > 20 && records > 10_000,
        "{records} records of {}",
        expected.len()
    );
    assert_eq!(
        expected.values().map(|seen| seen.records).sum::<u64>(),
        records
    );
    for viewer in watching {
        assert!(
            viewer.join().unwrap() == expected,
            "count and hash of every agent"
        );
    }
    assert_eq!(http::metric(address, "agnt_conflations_total") as u32, 0);
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
}
