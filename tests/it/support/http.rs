//! Plain HTTP/1.1 over a socket: a request as text, an answer in parts.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters, in the order that they came in.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The only header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(held, _)| held == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(
            found.next().is_none(),
            "{name} came twice: {:?}",
            self.headers
        );
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends a whole request and reads the answer to the end of its body. Bytes behind it, which an
/// upgrade has, come back too.
pub(crate) fn exchange(socket: &mut TcpStream, request: &str) -> (Answer, Vec<u8>) {
    socket.write_all(request.as_bytes()).unwrap();
    read_answer(socket, request.starts_with("HEAD"))
}

/// Reads one answer.
pub(crate) fn read_answer(socket: &mut TcpStream, is_head: bool) -> (Answer, Vec<u8>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let got = read_some(socket, &mut bytes);
        assert!(
            got,
            "the answer ended early: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    };
    let mut body = bytes.split_off(head_end);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let has_body = !is_head && !matches!(status, 101 | 204 | 304);
    let length = length
        .filter(|_| has_body)
        .map_or(0, |(_, value)| value.parse().unwrap());
    while body.len() < length {
        assert!(read_some(socket, &mut body), "the body ended early");
    }
    let rest = body.split_off(length);
    (
        Answer {
            status,
            headers,
            body,
        },
        rest,
    )
}

/// Appends what comes next; false at the end.
fn read_some(socket: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut part = [0; 4096];
    loop {
        match socket.read(&mut part) {
            Ok(0) => return false,
            Ok(count) => {
                bytes.extend_from_slice(&part[..count]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

/// A connection for [`exchange`].
pub(crate) fn open(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// One request on a connection of its own. `headers` are whole lines, each with its end.
pub(crate) fn request(address: SocketAddr, method: &str, target: &str, headers: &str) -> Answer {
    let text = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    exchange(&mut open(address), &text).0
}

/// The body of a GET that succeeds.
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", target, "Connection: close\r\n")
}

/// The value of one sample of `/metrics`, named with its labels.
pub(crate) fn metric(address: SocketAddr, sample: &str) -> f64 {
    let answer = get(address, "/metrics");
    let value = answer
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no sample {sample}"))
        .parse()
        .unwrap()
}
