//! Whole replays over a real socket: what the server receives is what the log says.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::publish::peer::{self, Peer};
use crate::publish::recording::COLUMNS;

/// A file of its own for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("agnt-replay-{}-{name}", std::process::id())))
    }

    fn with(name: &str, text: &str) -> Self {
        let scratch = Self::new(name);
        std::fs::write(&scratch.0, text).expect("a writable directory");
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is missing only where a test has failed before it was written.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Two agents that move for two seconds, the second of them a second later.
fn recording() -> String {
    let mut text = format!("{COLUMNS}\n");
    for second in 0..=3 {
        for (id, name) in [(7, "SEVEN"), (9, "NINE")] {
            if (id == 7 && second <= 2) || (id == 9 && second >= 1) {
                writeln!(
                    text,
                    "{},{id},{name},{second},2,{id},1,0,-0.5",
                    second * 1_000
                )
                .expect("memory");
            }
        }
    }
    text
}

fn options(file: &Scratch, peer: &Peer, hz: f64, repeat: bool) -> ReplayOptions {
    ReplayOptions {
        tls: Tls::default(),
        file: file.0.clone(),
        url: peer.url(),
        stream: Some(StreamName::parse("sky").expect("a good name")),
        pace: Pace {
            speed: 100.0,
            hz,
            repeat,
            align: false,
        },
        log: None,
        agent_type: "aircraft".to_owned(),
        credential: None,
    }
}

/// FNV-1a as its authors describe it, over the bytes as they arrived.
fn fnv1a_64(bytes: &[u8]) -> String {
    let mut hash: u64 = 14_695_981_039_346_656_037;
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    format!("{hash:016x}")
}

#[tokio::test]
async fn the_log_agrees_with_the_bytes_that_arrived() {
    let peer = Peer::bind().await;
    let (file, log) = (
        Scratch::with("agrees.csv", &recording()),
        Scratch::new("agrees.json"),
    );
    let mut options = options(&file, &peer, 300.0, false);
    options.log = Some(log.0.clone());
    let (_keep, shutdown) = watch::channel(false);
    let serve = async {
        let (target, mut socket) = peer.accept().await;
        assert!(target.ends_with("?stream=sky"), "{target}");
        assert_eq!(peer::shake_hands(&mut socket).await["role"], "publisher");
        peer::frames_to_the_end(&mut socket).await
    };
    let (summary, messages) = tokio::join!(run(options, shutdown), serve);
    let summary = summary.expect("it ran to its end");

    // The bytes are taken apart by hand: type at 4, count at 8, records of 28 bytes from 12 on.
    let mut by_agent: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let (mut frames, mut records, mut states) = (0, 0, Vec::new());
    for message in &messages {
        let word = |at: usize| u32::from_le_bytes(message[at..at + 4].try_into().expect("four"));
        if message[4] == 2 {
            assert_eq!(word(8), 1, "each agent comes alone in this recording");
            assert!(
                !by_agent.contains_key(&word(12)),
                "introduced after its first record"
            );
            states.push((
                word(12),
                serde_json::from_slice::<Value>(&message[20..]).expect("JSON"),
            ));
            continue;
        }
        assert_eq!((message[4], message.len()), (1, 12 + 28 * word(8) as usize));
        frames += 1;
        for record in message[12..].chunks(28) {
            records += 1;
            let id = u32::from_le_bytes(record[..4].try_into().expect("four"));
            by_agent.entry(id).or_default().extend_from_slice(record);
        }
    }
    let introduced = [
        (7, json!({"name": "SEVEN", "type": "aircraft"})),
        (9, json!({"name": "NINE", "type": "aircraft"})),
    ];
    assert_eq!(states, introduced);
    let agents: serde_json::Map<String, Value> = by_agent
        .iter()
        .map(|(id, bytes)| {
            (
                id.to_string(),
                json!({"records": bytes.len() / 28, "fnv1a_64": fnv1a_64(bytes)}),
            )
        })
        .collect();
    let log: Value =
        serde_json::from_slice(&std::fs::read(&log.0).expect("the log")).expect("JSON");
    let expected = json!({"frames": frames, "ticks": frames, "records": records, "agents": agents});
    assert_eq!(log, expected);

    // Three seconds of recording are 30 ms at speed 100, which at 300 Hz are ticks 0 to 9; in the
    // tick after an agent's last second it is gone, and 30 ms is on the ninth tick.
    assert_eq!(
        (summary.ticks, summary.records, summary.agents),
        (11, 16, 2)
    );
    assert_eq!(
        (summary.frames, summary.errors, summary.stopped),
        (frames, 0, false)
    );
}

#[tokio::test]
async fn a_replay_without_end_stops_when_it_is_told_to() {
    let peer = Peer::bind().await;
    let file = Scratch::with("stops.csv", &recording());
    let (stop, shutdown) = watch::channel(false);
    let serve = async {
        let (_, mut socket) = peer.accept().await;
        peer::shake_hands(&mut socket).await;
        for _ in 0..40 {
            peer::message(&mut socket).await;
        }
        stop.send_replace(true);
        peer::frames_to_the_end(&mut socket).await;
    };
    let (summary, ()) = tokio::join!(run(options(&file, &peer, 0.0, true), shutdown), serve);
    let summary = summary.expect("it stopped in order");
    assert!(summary.stopped && summary.ticks >= 38, "{summary:?}");
}

#[tokio::test]
async fn a_server_that_goes_ends_the_replay_with_its_reason() {
    let peer = Peer::bind().await;
    let file = Scratch::with("goes.csv", &recording());
    let (_keep, shutdown) = watch::channel(false);
    let serve = async {
        let (_, mut socket) = peer.accept().await;
        peer::shake_hands(&mut socket).await;
        let close = fastwebsockets::Frame::close(1001, b"going away");
        socket.write_frame(close).await.expect("sent");
        // The client's frames are read until its end, so that the reason isn't lost by a reset.
        while socket.read_frame().await.is_ok() {}
    };
    let (summary, ()) = tokio::join!(run(options(&file, &peer, 60.0, true), shutdown), serve);
    let error = summary.expect_err("the server went").to_string();
    assert_eq!(
        error,
        "the server closed the connection with code 1001 \"going away\""
    );
}

#[tokio::test]
async fn mistakes_are_named_before_anything_is_connected() {
    let peer = Peer::bind().await;
    let file = Scratch::with("mistakes.csv", &recording());
    let good = options(&file, &peer, 60.0, false);
    let failed = async |change: &dyn Fn(&mut ReplayOptions)| {
        let mut options = good.clone();
        change(&mut options);
        let (_keep, shutdown) = watch::channel(false);
        run(options, shutdown)
            .await
            .expect_err("a mistake")
            .to_string()
    };
    assert_eq!(
        failed(&|o| o.pace.speed = 0.0).await,
        "speed is 0; allowed is a number above 0"
    );
    let hz = failed(&|o| o.pace.hz = -1.0).await;
    assert_eq!(
        hz,
        "hz is -1; allowed is 0 for the recorded points only, or 0.001 to 1000"
    );
    let url = failed(&|o| o.url = "ftp://h".to_owned()).await;
    assert!(url.contains("wss://HOST:PORT/PATH"), "{url}");
    let log = failed(&|o| o.log = Some("no/such/directory/log.json".into())).await;
    assert!(
        log.starts_with("log: cannot write no/such/directory/log.json: "),
        "{log}"
    );
    let missing = failed(&|o| o.file = "no/such/recording.csv".into()).await;
    assert!(
        missing.starts_with("cannot read the recording no/such/recording.csv: "),
        "{missing}"
    );
}
