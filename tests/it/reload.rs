//! Proves that a running server takes what can change from its file, by signal and by itself, with
//! every session staying; that it names what waits for a restart; and that a file which is wrong
//! changes nothing and is told in one line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::support::program::Program;
use crate::support::server::PATH;
use crate::support::wire::Record;
use crate::support::ws::Client;
use crate::support::{eventually, http, swarm};

fn write(path: &Path, text: &str) {
    // As editors do it: nobody ever reads half of it.
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// How often the configuration was read anew, with this result.
fn reloads(address: std::net::SocketAddr, result: &str) -> u64 {
    let sample = format!("agnt_reloads_total{{result=\"{result}\"}}");
    http::metric(address, &sample) as u64
}

fn await_reloads(address: std::net::SocketAddr, result: &str, count: u64) {
    eventually(result, || (reloads(address, result) == count).then_some(()));
}

#[test]
fn what_can_change_does_and_what_cannot_is_named_while_every_session_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agnt.toml");
    write(&file, "rate_limit = 0\nmax_connections = 100\n");
    let (program, address) = Program::serve(&["--config", file.to_str().unwrap(), "--loops", "1"]);
    let mut viewer = Client::connect(address, &format!("{PATH}?protocols=binary&role=viewer"));
    let mut publisher =
        Client::connect(address, &format!("{PATH}?protocols=binary&role=publisher"));
    publisher.settle();
    viewer.settle();
    assert!(
        http::get(address, "/v1/agents")
            .header("x-ratelimit-limit")
            .is_none()
    );

    // The file alone, without a signal.
    write(
        &file,
        "rate_limit = 3\nmax_connections = 2\nloops = 7\nevents_kept_count = 5000\n",
    );
    await_reloads(address, "applied", 1);
    let statuses: Vec<u16> = (0..4)
        .map(|_| http::get(address, "/v1/agents").status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let full = http::request(address, "GET", PATH, &upgrade_headers());
    assert_eq!(
        full.status, 503,
        "two sessions are open, and two are allowed"
    );
    // The flag stands over the file, so that `loops` did not change at all.
    assert_eq!(
        http::metric(address, "agnt_settings_awaiting_restart").to_bits(),
        1f64.to_bits()
    );

    // What was granted before counts when the limit grows.
    write(&file, "rate_limit = 5\nevents_kept_count = 5000\n");
    program.signal("HUP");
    await_reloads(address, "applied", 2);
    let statuses: Vec<u16> = (0..3)
        .map(|_| http::get(address, "/v1/agents").status)
        .collect();
    assert_eq!(statuses, [200, 200, 429]);

    program.signal("HUP");
    // The file may have been looked at without the signal as well.
    eventually("unchanged", || {
        (reloads(address, "unchanged") >= 1).then_some(())
    });
    publisher.send_tick(&[Record::counted(7, 1)]);
    let seen = swarm::next_tick(&mut viewer);
    assert!(
        seen.records.iter().any(|record| record.id == 7),
        "the sessions have stayed"
    );

    program.signal("TERM");
    drop((viewer, publisher));
    let ended = program.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for told in [
        "changed: rate_limit, max_connections",
        "only after a restart: events_kept_count",
    ] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agnt.toml");
    write(&file, "rate_limit = 2\n");
    let (program, address) = Program::serve(&["--config", file.to_str().unwrap()]);
    let wrong = [
        "rate_limit = 1\nrate_limits = 4\n",
        "rate_limit = 1\nhandshake_ms = \"soon\"\n",
        "rate_limit = 1\nmax_connections = 9999999\n",
        // Each is allowed, and the second waits for a restart, without which the first can't be.
        "rate_limit = 1\nmessage_bytes_max = 8388608\nevents_bytes_max = 8388608\n",
        "rate_limit = \n",
        "",
    ];
    for (index, text) in wrong.iter().enumerate() {
        write(&file, text);
        await_reloads(address, "refused", index as u64 + 1);
    }
    let statuses: Vec<u16> = (0..3)
        .map(|_| http::get(address, "/v1/agents").status)
        .collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(reloads(address, "applied"), 0);
    program.signal("TERM");
    let ended = program.wait();
    let told: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("the configuration stays as it is"))
        .collect();
    assert_eq!(told.len(), wrong.len(), "{}", ended.stderr);
    let named = [
        "rate_limits",
        "handshake_ms",
        "max_connections",
        "message_bytes_max",
        "line 1",
        "is empty",
    ];
    for (line, name) in told.iter().zip(named) {
        assert!(line.contains(name), "{name}: {line}");
    }
}

/// A start that lasts as long as the test likes: it waits for what is written into its configuration.
fn starting(path: &Path) -> (Program, File) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
    let config = path.to_str().unwrap();
    let program = Program::start(&["serve", "--listen", "127.0.0.1:0", "--config", config]);
    let writer = OpenOptions::new().write(true).open(path).unwrap();
    (program, writer)
}

#[test]
fn a_signal_that_comes_while_it_starts_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agnt.toml");
    let (program, mut writer) = starting(&path);
    write(&path, "rate_limit = 3\n");
    program.signal("HUP");
    writer.write_all(b"rate_limit = 7\n").unwrap();
    drop(writer);
    let (program, address) = program.await_ready();
    await_reloads(address, "applied", 1);
    let answer = http::get(address, "/v1/agents");
    assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
}

#[test]
fn a_stop_that_comes_while_it_starts_is_obeyed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut writer) = starting(&folder.path().join("agnt.toml"));
    program.signal("TERM");
    writer.write_all(b"loops = 1\n").unwrap();
    drop(writer);
    let ended = program.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("draining"), "{}", ended.stderr);
}

#[test]
fn the_filter_of_log_lines_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agnt.toml");
    write(&file, "log = \"error\"\n");
    let (program, address) = Program::serve(&["--config", file.to_str().unwrap()]);
    write(&file, "log = \"debug\"\n");
    await_reloads(address, "applied", 1);
    drop(Client::connect(
        address,
        &format!("{PATH}?protocols=binary"),
    ));
    program.signal("TERM");
    let ended = program.wait();
    assert!(ended.stderr.contains("DEBUG"), "{}", ended.stderr);
}

#[test]
fn a_configuration_can_be_checked_without_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agnt.toml");
    let path = file.to_str().unwrap();
    write(&file, "rate_limit = 2\n");
    let good = Program::start(&["serve", "--check-config", "--config", path]).wait();
    assert_eq!(
        (good.code, good.stdout.as_str()),
        (Some(0), "the configuration is good\n")
    );
    write(&file, "rate_limit = -2\n");
    let bad = Program::start(&["serve", "--check-config", "--config", path]).wait();
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(2), ""));
    assert!(
        bad.stderr
            .starts_with("error: rate_limit: \"-2\" from file "),
        "{}",
        bad.stderr
    );
}

fn upgrade_headers() -> String {
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned()
}
