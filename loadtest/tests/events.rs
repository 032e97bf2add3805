//! Proves that `events` passes servers that tell every publication once, in order, to everybody, and
//! fails each server that makes one mistake.

#![allow(clippy::unwrap_used)] // a test ends where it fails

#[path = "fake/http.rs"]
mod http;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use http::{Connection, Request, answer, listen, read_request};

/// What the server does wrong at the twentieth publication.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// It isn't told to the last subscriber.
    Drop,
    /// It is told twice.
    Repeat,
    /// It is told behind the one that follows it.
    Swap,
    /// It is told under the sequence after its own, which is left out.
    Skip,
    /// Its answer names another sequence.
    Elsewhere,
    /// It is answered 503.
    Refuse,
    /// Subscribers are told of a gap.
    Gap,
}

const AT: u64 = 20;
/// Events that were there before.
const HEAD: u64 = 7;

/// One connection, so that the order of publications is that of their numbers.
const ONE: [&str; 2] = ["--connections", "1"];

#[derive(Default)]
struct Site {
    published: u64,
    skipped: u64,
    held_back: Option<String>,
    sockets: Vec<TcpStream>,
    streams: Vec<TcpStream>,
}

fn start(mistake: Mistake) -> String {
    let site = Arc::new(Mutex::new(Site::default()));
    listen(move |connection| serve(connection, &site, mistake))
}

fn serve(mut connection: Connection, site: &Mutex<Site>, mistake: Mistake) {
    while let Some(request) = read_request(&mut connection) {
        if request.method == "POST" {
            let (status, body) = publish(&request, &mut site.lock().unwrap(), mistake);
            answer(&mut connection, status, &body);
        } else if request.target == "/api/v1/ws" {
            // Whoever has heard that it is subscribed is told of all that is published from then on.
            let mut site = site.lock().unwrap();
            let stream = connection.get_mut();
            site.sockets.push(stream.try_clone().unwrap());
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                .unwrap();
            write_frame(stream, r#"{"subscribed":{"from":7}}"#);
        } else if request.target.contains("after=") {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut site = site.lock().unwrap();
            let stream = connection.get_mut();
            site.streams.push(stream.try_clone().unwrap());
            stream.write_all(head).unwrap();
            write_chunk(stream, ": listening\n\n");
        } else {
            answer(&mut connection, 200, &format!(r#"{{"head":{HEAD}}}"#));
        }
    }
}

fn publish(request: &Request, site: &mut Site, mistake: Mistake) -> (u16, String) {
    site.published += 1;
    let mistake = match site.published {
        AT => mistake,
        _ => Mistake::None,
    };
    site.skipped += u64::from(mistake == Mistake::Skip);
    let sequence = HEAD + site.published + site.skipped;
    let message = message_of(request, sequence);
    match mistake {
        Mistake::Swap => site.held_back = Some(message),
        Mistake::Gap => tell(site, r#"{"gap":{"from":1,"to":2}}"#, 0),
        Mistake::Drop => tell(site, &message, 1),
        _ => tell(site, &message, 0),
    }
    if mistake == Mistake::Repeat {
        tell(site, &message_of(request, sequence), 0);
    }
    if site.published > AT
        && let Some(message) = site.held_back.take()
    {
        tell(site, &message, 0);
    }
    match mistake {
        Mistake::Refuse => (503, "{}".to_owned()),
        Mistake::Elsewhere => (202, format!(r#"{{"sequence":{}}}"#, sequence + 1)),
        _ => (202, format!(r#"{{"sequence":{sequence}}}"#)),
    }
}

/// What was asked, and where it stands.
fn message_of(request: &Request, sequence: u64) -> String {
    let inner = request.body.strip_suffix('}').unwrap();
    format!(r#"{{"publication":{inner},"sequence":{sequence}}}}}"#)
}

/// Tells all subscribers but the last `left_out`.
fn tell(site: &mut Site, message: &str, left_out: usize) {
    let (sockets, streams) = (site.sockets.len(), site.streams.len());
    for socket in site
        .sockets
        .iter_mut()
        .take(sockets.saturating_sub(left_out))
    {
        write_frame(socket, message);
    }
    let sequence = message.rsplit(':').next().unwrap().trim_end_matches('}');
    let name = if message.starts_with(r#"{"gap""#) {
        "gap"
    } else {
        "publication"
    };
    let id = if name == "gap" {
        String::new()
    } else {
        format!("id: {sequence}\n")
    };
    for stream in site
        .streams
        .iter_mut()
        .take(streams.saturating_sub(left_out))
    {
        write_chunk(stream, &format!("{id}event: {name}\ndata: {message}\n\n"));
    }
}

/// A text message of RFC 6455, of less than 64 KiB; a subscriber that has gone is no matter.
fn write_frame(stream: &mut TcpStream, text: &str) {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81];
    if length < 126 {
        frame.push(length as u8);
    } else {
        frame.push(126);
        frame.extend(length.to_be_bytes());
    }
    frame.extend(text.as_bytes());
    drop(stream.write_all(&frame));
}

/// A chunk of RFC 9112.
fn write_chunk(stream: &mut TcpStream, text: &str) {
    drop(stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()));
}

fn events(url: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agnt-load"))
        .args(["events", "--url", url, "--rate", "200", "--seconds", "0.4"])
        .args(["--warmup-seconds", "0.1", "--subscribers", "2"])
        .args(options)
        .output()
        .unwrap()
}

fn fails(mistake: Mistake, expected: &str) {
    let output = events(&start(mistake), &ONE);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_server_that_is_right_passes_by_both_means() {
    for means in ["ws", "sse"] {
        let output = events(&start(Mistake::None), &["--by", means, ONE[0], ONE[1]]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{means}: {said}");
        let table = String::from_utf8_lossy(&output.stdout);
        // 0.5 s at 200 a second for two subscribers.
        assert!(table.contains("200 of 200"), "{table}");
    }
}

#[test]
fn what_is_lost_is_found() {
    fails(Mistake::Drop, "subscriber 1 missed 27 to 27");
    fails(Mistake::Skip, "missed 27 to 27");
}

#[test]
fn what_comes_twice_or_in_another_order_is_found() {
    fails(Mistake::Repeat, "heard 27 behind 27");
    fails(Mistake::Swap, "missed 27 to 27");
}

#[test]
fn answers_and_messages_agree() {
    fails(Mistake::Elsewhere, "was answered as 28 and heard as 27");
    fails(Mistake::Refuse, "answered 503");
}

#[test]
fn a_gap_is_a_failure_by_both_means() {
    fails(Mistake::Gap, "was told of a gap");
    let output = events(&start(Mistake::Gap), &["--by", "sse", ONE[0], ONE[1]]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("was told of a gap"), "{said}");
}

#[test]
fn the_least_that_keeps_the_promise_passes() {
    let mut echo = Command::new(env!("CARGO_BIN_EXE_agnt-load"))
        .args(["events", "echo", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(echo.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let output = events(url, &["--connections", "16"]);
    drop(echo.stdin.take());
    echo.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_comparison_needs_a_server() {
    let output = Command::new(env!("CARGO_BIN_EXE_agnt-load"))
        .args(["events", "compare", "--spawn", "/bin/true", "--rounds", "1"])
        .args(["--seconds", "0.1", "--warmup-seconds", "0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("ready line"), "{said}");
}
