//! Proves that a server whose memory is full of what it keeps goes on showing it, takes nothing more to keep,
//! still lets sessions in, and has room again once something was taken away; and that what sessions had is given
//! back to the kernel when they have gone, though nobody asks anything of the server; and that a small text
//! whose values would take much is refused before it is read.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::PATH;
use crate::support::wire::{self, MORE, Record};
use crate::support::{eventually, http, ws::Client};

/// The least that may be set is 64 MiB.
const MEMORY_BYTES_MAX: u64 = 160 << 20;
const NOTES_BYTES: usize = 60_000;

#[test]
fn what_fills_the_memory_can_be_read_and_taken_away() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let bound = MEMORY_BYTES_MAX.to_string();
    let args = [
        "--data-dir",
        folder,
        "--memory-max",
        &bound,
        "--rate-limit",
        "0",
    ];
    let (program, address) = Program::serve(&args);
    let mut rest = Rest::to(address);
    let worker = json!({"agent_id": "worker", "capabilities": ["x"]});
    rest.expect(201, "POST", "/v1/agents", Some(&worker));
    let command = json!({"command_type": "execute", "payload": {}, "timeout_ms": 3_600_000});
    let command = rest.expect(202, "POST", "/v1/agents/worker/commands", Some(&command));
    let answer_to = format!(
        "/v1/commands/{}/response",
        command["command_id"].as_str().unwrap()
    );
    let mut kept = 0;
    loop {
        let notes = "x".repeat(NOTES_BYTES);
        let agent = json!({"agent_id": format!("agent-{kept}"), "capabilities": ["x"],
            "metadata": {"notes": notes}});
        match rest.ask("POST", "/v1/agents", Some(&agent)) {
            (201, _) => kept += 1,
            (503, refusal) => {
                assert!(refusal.to_string().contains("memory"), "{refusal}");
                break;
            }
            other => panic!("{other:?}"),
        }
        assert!(kept < 20_000, "nothing was ever refused");
    }
    assert!(program.resident_bytes() < MEMORY_BYTES_MAX);
    let large = json!({"status": "success", "result": {"notes": "x".repeat(NOTES_BYTES)}});
    rest.expect(503, "POST", &answer_to, Some(&large));
    let small = json!({"status": "success", "result": {}});
    rest.expect(200, "POST", &answer_to, Some(&small));
    rest.expect(200, "GET", "/v1/agents?limit=5", None);
    rest.expect(200, "GET", "/v1/agents/agent-0", None);
    rest.expect(200, "GET", "/api/v1/events?limit=5", None);
    assert_eq!(http::get(address, "/readyz").status, 200);
    let target = format!("{PATH}?protocols=json");
    assert!(Client::try_upgrade(http::open(address), &target, "", &[]).is_ok());
    for id in 0..kept {
        rest.expect(204, "DELETE", &format!("/v1/agents/agent-{id}"), None);
    }
    eventually("something is taken again", || {
        let task = json!({"type": "any"});
        let (status, _) = rest.ask("POST", "/v1/tasks", Some(&task));
        thread::sleep(Duration::from_millis(50));
        (status == 201).then_some(())
    });
}

/// The allocator's own delay is so long that it gives back nothing unless it is told to.
#[test]
fn what_sessions_had_is_given_back_without_being_asked_for() {
    let (program, address) = Program::serve_with(&[("MIMALLOC_PURGE_DELAY", "600000")], &[]);
    let records: Vec<Record> = (0..2000).map(|id| Record::counted(id, 1)).collect();
    let part = wire::positions(MORE, &records);
    let before = program.resident_bytes();
    let mut sessions: Vec<Client> = (0..4)
        .map(|stream| {
            let target = format!("{PATH}?protocols=binary&stream=unended-{stream}");
            Client::try_upgrade(http::open(address), &target, "", &[]).unwrap()
        })
        .collect();
    for _ in 0..300 {
        for session in &mut sessions {
            session.send_binary(&part);
        }
    }
    eventually("ticks without an end lie in memory", || {
        (program.resident_bytes() > before + (40 << 20)).then_some(())
    });
    drop(sessions);
    eventually("they don't any more", || {
        (program.resident_bytes() < before + (20 << 20)).then_some(())
    });
}

#[test]
fn a_text_of_many_values_is_refused_before_it_is_read() {
    let (program, address) = Program::serve(&["--memory-max", &(100 << 20).to_string()]);
    let mut rest = Rest::to(address);
    // A tree of them takes eighty times their text.
    let objects = vec![json!({"a": 0}); 110_000];
    let task = json!({"type": "any", "task_data": {"objects": objects}});
    let before = program.resident_bytes();
    let refusal = rest.expect(413, "POST", "/v1/tasks", Some(&task));
    assert!(refusal.to_string().contains("values"), "{refusal}");
    let message = json!({"type": "publish", "event_type": "x", "payload": {"objects": objects}});
    let mut session = Client::connect(address, "/api/v1/ws");
    session.send_text(&message.to_string());
    let told = format!("{:?}", session.settle());
    assert!(told.contains("so many values"), "{told}");
    let grown_mib = program.resident_bytes().saturating_sub(before) >> 20;
    assert!(grown_mib < 32, "{grown_mib} MiB");
    rest.expect(201, "POST", "/v1/tasks", Some(&json!({"type": "any"})));
}
