//! Proves that whatever was acknowledged is there after the process was killed at a random moment
//! under load, that the events have no hole and no repeat, and that a server which opens its store
//! says so until it is ready.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::http;
use crate::support::program::Program;
use crate::support::rest::Rest;

/// How often the server is killed.
const CYCLES: u64 = 20;

/// How many clients write at once.
const WRITERS: usize = 4;

/// Creates tasks until the server is gone; the ids of those that were acknowledged. A task whose
/// answer did not come may be there or not.
fn write_until_the_end(address: SocketAddr, cycle: u64, writer: usize, kept: &Mutex<Vec<String>>) {
    let Ok(mut socket) = TcpStream::connect(address) else {
        return;
    };
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    for number in 0.. {
        let id = format!("t-{cycle}-{writer}-{number}");
        let body = json!({"id": id, "type": "analysis"}).to_string();
        let text = format!(
            "POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if socket.write_all(text.as_bytes()).is_err() {
            return;
        }
        match read_status(&mut socket) {
            Some(201) => kept.lock().unwrap().push(id),
            Some(other) => panic!("{id}: {other}"),
            None => return,
        }
    }
}

/// The status of the next answer, whose body is read too; none if the server is gone.
fn read_status(socket: &mut TcpStream) -> Option<u16> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            if bytes.len() >= at + 4 + length {
                return head.split(' ').nth(1).unwrap().parse().ok();
            }
        }
        match socket.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(len) => bytes.extend_from_slice(&part[..len]),
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let args = ["--data-dir", path, "--rate-limit", "0", "--log", "error"];
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut random = fastrand::Rng::with_seed(4);
    let is_enough = || acknowledged.lock().unwrap().len() > CYCLES as usize;
    // On a slow machine more cycles follow, which last longer.
    let cycles = (0..10 * CYCLES).take_while(|cycle| *cycle < CYCLES || !is_enough());
    for cycle in cycles {
        let (program, address) = Program::serve(&args);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let kept = Arc::clone(&acknowledged);
                thread::spawn(move || write_until_the_end(address, cycle, writer, &kept))
            })
            .collect();
        let extra_ms = 50 * cycle.saturating_sub(CYCLES);
        thread::sleep(Duration::from_millis(random.u64(5..150) + extra_ms));
        program.crash();
        for writer in writers {
            writer.join().unwrap();
        }
    }
    let (_program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    let acknowledged = acknowledged.lock().unwrap();
    assert!(
        acknowledged.len() > CYCLES as usize,
        "{}",
        acknowledged.len()
    );
    for id in acknowledged.iter() {
        let task = rest.expect(200, "GET", &format!("/api/v1/tasks/{id}"), None);
        assert_eq!(task["type"], "analysis", "{task}");
    }
    let mut sequences = Vec::new();
    let mut created = BTreeSet::new();
    let mut after = 0;
    loop {
        let target = format!("/api/v1/events?after={after}&limit=1000");
        let page = rest.expect(200, "GET", &target, None);
        for event in page["events"].as_array().unwrap() {
            sequences.push(event["sequence"].as_u64().unwrap());
            if event["event_type"] == "task.created" {
                let id = event["payload"]["task_id"].as_str().unwrap().to_owned();
                assert!(created.insert(id), "created twice: {event}");
            }
        }
        after = page["next_after"].as_u64().unwrap();
        if after == page["head"].as_u64().unwrap() {
            break;
        }
    }
    let dense: Vec<u64> = (1..=sequences.len() as u64).collect();
    assert_eq!(sequences, dense);
    assert!(acknowledged.iter().all(|id| created.contains(id)));
}

#[test]
fn a_server_is_not_ready_before_its_store_is_open() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    // Large enough that opening it takes a while.
    let (program, address) = Program::serve(&["--data-dir", path, "--rate-limit", "0"]);
    let fillers: Vec<_> = (0..16)
        .map(|_| {
            thread::spawn(move || {
                let mut rest = Rest::to(address);
                let body = json!({"type": "analysis", "task_data": {"x": "y".repeat(20_000)}});
                for _ in 0..40 {
                    rest.expect(201, "POST", "/v1/tasks", Some(&body));
                }
            })
        })
        .collect();
    for filler in fillers {
        filler.join().unwrap();
    }
    program.crash();

    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listen.local_addr().unwrap();
    drop(listen);
    let is_over = Arc::new(AtomicBool::new(false));
    let watcher = {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || watch(address, &is_over))
    };
    let listen = address.to_string();
    let (program, address) = Program::serve(&["--data-dir", path, "--listen", &listen]);
    assert_eq!(http::get(address, "/readyz").text(), "ready\n");
    let total = Rest::to(address).expect(200, "GET", "/v1/tasks", None);
    assert_eq!(total["pagination"]["total"], 640);
    is_over.store(true, Ordering::SeqCst);
    for (status, body) in watcher.join().unwrap() {
        let is_known = matches!(
            (status, body.as_str()),
            (200, "ready\n") | (503, "opening the store\n")
        );
        assert!(is_known, "{status} {body}");
    }
    drop(program);
}

/// What `/readyz` says from the first answer on.
fn watch(address: SocketAddr, is_over: &AtomicBool) -> Vec<(u16, String)> {
    let mut seen = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        if TcpStream::connect(address).is_ok() {
            let answer = http::get(address, "/readyz");
            assert_eq!(http::get(address, "/healthz").status, 200);
            seen.push((answer.status, answer.text().to_owned()));
        }
    }
    seen
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let file = data.path().join("agnt.redb");
    std::fs::write(&file, b"something else entirely").unwrap();
    let ended = Program::start(&["serve", "--listen", "127.0.0.1:0", "--data-dir", path]).wait();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(1), ""),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("agnt.redb"), "{}", ended.stderr);
    assert_eq!(std::fs::read(&file).unwrap(), b"something else entirely");
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let (_program, _) = Program::serve(&["--data-dir", path]);
    let second = Program::start(&["serve", "--listen", "127.0.0.1:0", "--data-dir", path]).wait();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(
        second.stderr.contains("another process"),
        "{}",
        second.stderr
    );
}
