//! Proves how the program stops: every peer is told to come back and when, nothing new is taken,
//! the exit code is 0; a second signal ends at once; a port that is taken is named.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::program::Program;
use crate::support::server::PATH;
use crate::support::wire::{Frame, Record};
use crate::support::ws::{Client, FIN, Message};
use crate::support::{eventually, http, swarm};

/// Reads to the close frame, answers it, and checks what it says.
fn read_goodbye(client: &mut Client, reconnect_ms_max: u64) {
    let (code, reason) = loop {
        match client.message() {
            Message::Close(code, reason) => break (code, reason),
            Message::End | Message::Reset => panic!("a bare end"),
            _ => {}
        }
    };
    assert_eq!(code, Some(1001));
    let hint: serde_json::Value = serde_json::from_str(&reason).unwrap();
    let reconnect_ms = hint["reconnect_ms"].as_u64().unwrap();
    assert!(reconnect_ms <= reconnect_ms_max, "{reason}");
    client.send_frame(FIN | crate::support::ws::CLOSE, &1001u16.to_be_bytes());
    assert_eq!(client.next(), Message::End);
}

#[test]
fn sigterm_and_sigint_tell_everyone_and_exit_with_0() {
    for signal in ["TERM", "INT"] {
        let (program, address) = Program::serve(&["--drain-ms", "8000", "--handshake-ms", "60000"]);
        let mut clients: Vec<Client> = [
            "protocols=binary",
            "protocols=json&stream=s",
            "protocols=binary&role=publisher",
            "",
        ]
        .iter()
        .map(|query| Client::connect(address, &format!("{PATH}?{query}")))
        .collect();
        for client in &mut clients {
            drop(client.settle());
        }
        program.signal(signal);
        for client in &mut clients {
            // Half of the drain is the window; who leaves comes back within the next.
            read_goodbye(client, 8000);
        }
        let ended = program.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "standard output had the ready line alone");
        assert!(ended.stderr.contains("draining"), "{}", ended.stderr);
        assert!(
            TcpStream::connect(address).is_err(),
            "nobody listens any more"
        );
    }
}

#[test]
fn a_request_under_way_is_answered_and_told_that_the_server_drains() {
    let (program, address) = Program::serve(&["--drain-window-ms", "0", "--drain-ms", "30000"]);
    let mut client = Client::connect(address, &format!("{PATH}?protocols=binary"));
    client.settle();
    let begin = |head: &str| {
        let mut socket = http::open(address);
        socket.write_all(head.as_bytes()).unwrap();
        socket
    };
    let mut ready = begin("GET /readyz HTTP/1.1\r\n");
    let upgrade = crate::support::ws::upgrade_request(PATH, "");
    let mut late = begin(&upgrade[..30]);
    // Its body is still to come, which the server waits for however long the others take.
    let mut unended = begin(
        "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n{",
    );
    // All requests are in the server's hands before the signal.
    eventually_held(address, 3);
    eventually("a body is waited for", || {
        (http::metric(address, "agnt_requests_under_way") > 0.5).then_some(())
    });
    program.signal("TERM");
    while !matches!(client.message(), Message::Close(..)) {}
    let (answer, _) = http::exchange(&mut ready, "Host: localhost\r\n\r\n");
    assert_eq!((answer.status, answer.text()), (503, "draining\n"));
    let (answer, _) = http::exchange(&mut late, &upgrade[30..]);
    assert_eq!(
        (answer.status, answer.header("retry-after").is_some()),
        (503, true)
    );
    let (answer, _) = http::exchange(&mut unended, "}");
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(program.wait().code, Some(0));
}

/// Waits until the server holds this many connections that speak HTTP besides the asking one.
fn eventually_held(address: std::net::SocketAddr, connections: u32) {
    eventually("the connections are accepted", || {
        let held = http::metric(address, "agnt_connections{kind=\"http\"}") as u32;
        (held > connections).then_some(())
    });
}

#[test]
fn the_swarm_stays_for_those_who_leave_last() {
    let (program, address) = Program::serve(&["--publisher-linger-s", "0", "--drain-ms", "8000"]);
    let mut viewer = Client::connect(address, &format!("{PATH}?protocols=binary&role=viewer"));
    assert_eq!(swarm::state_tick(&mut viewer), []);
    let mut publisher =
        Client::connect(address, &format!("{PATH}?protocols=binary&role=publisher"));
    publisher.send_tick(&[Record::counted(7, 1)]);
    assert_eq!(swarm::next_tick(&mut viewer).records.len(), 1);
    program.signal("TERM");
    eventually("nobody listens", || {
        TcpStream::connect(address).is_err().then_some(())
    });
    // The publisher doesn't wait for its turn; the viewer's comes after 2 s at the earliest.
    drop(publisher);
    let (messages, code, _) = viewer.until_close();
    assert_eq!(code, 1001);
    let frames = swarm::position_frames(&messages);
    let mut records = frames.iter().flat_map(Frame::records);
    assert!(
        !records.any(|record| record.is_gone()),
        "it was taken from the screen"
    );
    drop(viewer);
    assert_eq!(program.wait().code, Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let (program, address) = Program::serve(&[]);
    // Never answers the close frame, so that the drain has someone to wait for.
    let mut client = Client::connect(address, &format!("{PATH}?protocols=binary"));
    client.settle();
    program.signals(&["TERM", "INT"]);
    let ended = program.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
}

#[test]
fn a_port_that_is_taken_is_named_and_the_exit_code_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Program::start(&["serve", "--listen", &address]).wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let lines: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("listen"))
        .collect();
    assert!(
        lines.len() == 1 && lines[0].contains(&address),
        "{}",
        ended.stderr
    );
}

/// The server waits a second for those who have come and not asked yet.
const ASKED_WITHIN: Duration = Duration::from_millis(900);

#[test]
fn who_has_just_come_is_answered_before_the_end() {
    for _ in 0..20 {
        let (program, address) = Program::serve(&["--drain-ms", "60000"]);
        let mut fresh: Vec<TcpStream> = (0..20).map(|_| http::open(address)).collect();
        // It came last, so that those before it are in.
        assert_eq!(http::get(address, "/healthz").status, 200);
        let signalled = Instant::now();
        program.signal("TERM");
        thread::sleep(Duration::from_millis(200));
        let asked = b"GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let is_asked = fresh
            .iter_mut()
            .all(|socket| socket.write_all(asked).is_ok());
        if signalled.elapsed() > ASKED_WITHIN {
            // This machine was too slow to ask in time; another program is asked.
            continue;
        }
        assert!(is_asked, "a connection was ended at once");
        for socket in &mut fresh {
            assert_eq!(http::read_answer(socket, false).0.status, 200);
        }
        assert_eq!(program.wait().code, Some(0));
        return;
    }
    panic!("never asked in time");
}
