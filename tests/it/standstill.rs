//! Proves that a server that stood still, as when its machine was paused, keeps those who were there
//! all the time, and still finds those who are gone; and that whose turn to leave never came before
//! the server ended is told so.

use std::thread;
use std::time::Duration;

use crate::support::program::Program;
use crate::support::server::PATH;
use crate::support::ws::{Client, FIN, Message, PONG};

/// Nothing heard for 10 s is the end of a session; pings come after 4 s.
const HEARTBEAT_MS: &str = "4000";
const STANDSTILL: Duration = Duration::from_secs(11);

#[test]
fn who_was_there_all_the_time_stays_and_who_is_silent_goes() {
    let (program, address) = Program::serve(&["--heartbeat-ms", HEARTBEAT_MS]);
    let path = format!("{PATH}?protocols=binary&role=publisher");
    let mut present = Client::connect(address, &path);
    let mut silent = Client::connect(address, &path);
    assert_eq!((present.settle(), silent.settle()), (vec![], vec![]));
    program.signal("STOP");
    thread::sleep(STANDSTILL);
    program.signal("CONT");
    let Message::Ping(payload) = present.next() else {
        panic!("nobody was asked")
    };
    present.send_frame(FIN | PONG, &payload);
    assert_eq!(present.settle(), []);
    let code = loop {
        match silent.next() {
            Message::Ping(_) => {}
            Message::Close(code, _) => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(4408));
}

#[test]
fn who_is_left_when_the_time_is_over_is_told() {
    // Its place in the order of leaving comes after the end of the drain, which has no time at all.
    let (program, address) = Program::serve(&["--drain-ms", "1", "--drain-window-ms", "1"]);
    let mut clients: Vec<Client> = (0..20)
        .map(|_| Client::connect(address, &format!("{PATH}?protocols=binary&role=publisher")))
        .collect();
    for client in &mut clients {
        assert_eq!(client.settle(), []);
    }
    program.signal("TERM");
    for client in &mut clients {
        let (_, code, reason) = client.until_close();
        assert_eq!(code, 1001, "{reason}");
    }
    assert_eq!(program.wait().code, Some(0));
}
