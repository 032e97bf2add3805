//! The agent API over one connection that is kept: requests in JSON, answers in JSON.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{self, Answer};

/// A connection that has been idle for so long isn't used again: the server ends idle ones, far later.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// A client of the agent API.
pub(crate) struct Rest {
    address: SocketAddr,
    socket: TcpStream,
    used_at: Instant,
    /// Whole header lines that every request has, each with its end.
    pub(crate) headers: String,
}

impl Rest {
    /// A client without credentials.
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            socket: http::open(address),
            used_at: Instant::now(),
            headers: String::new(),
        }
    }

    /// A client that shows this API key.
    pub(crate) fn with_key(address: SocketAddr, key: &str) -> Self {
        Self {
            headers: format!("X-API-Key: {key}\r\n"),
            ..Self::to(address)
        }
    }

    /// The connection, or a new one where the server may have ended it.
    fn socket(&mut self) -> &mut TcpStream {
        if self.used_at.elapsed() > IDLE_MAX {
            self.socket = http::open(self.address);
        }
        &mut self.socket
    }

    /// One request with these header lines beside its own, and its answer.
    pub(crate) fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: Option<&Value>,
    ) -> Answer {
        let own = &self.headers;
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{own}{headers}");
        let body = body.map(ToString::to_string).unwrap_or_default();
        if !body.is_empty() {
            let kind = "Content-Type: application/json";
            let _ = write!(text, "{kind}\r\nContent-Length: {}\r\n", body.len());
        }
        text.push_str("\r\n");
        text.push_str(&body);
        let socket = self.socket();
        socket.write_all(text.as_bytes()).unwrap();
        let (answer, rest) = http::read_answer(socket, method == "HEAD");
        self.used_at = Instant::now();
        // A body that comes in pieces is only begun, so that its connection can't be asked again.
        assert!(
            rest.is_empty() || answer.header("transfer-encoding") == Some("chunked"),
            "something follows the answer to {method} {target}"
        );
        answer
    }

    /// The status and the body of an answer; null if it has none.
    pub(crate) fn ask(&mut self, method: &str, target: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.exchange(method, target, "", body);
        let value = match answer.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&answer.body).unwrap(),
        };
        (answer.status, value)
    }

    /// The body of an answer with this status.
    pub(crate) fn expect(
        &mut self,
        status: u16,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Value {
        let (got, value) = self.ask(method, target, body);
        assert_eq!(got, status, "{method} {target}: {value}");
        value
    }

    /// A request whose answer never ends by itself: the bytes as they come.
    pub(crate) fn stream(mut self, target: &str, headers: &str) -> EventStream {
        let own = &self.headers;
        let text = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{own}{headers}\r\n"
        );
        self.socket().write_all(text.as_bytes()).unwrap();
        let mut stream = EventStream {
            socket: self.socket,
            raw: Vec::new(),
            text: String::new(),
        };
        let head = stream.head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let lowered = head.to_ascii_lowercase();
        assert!(
            lowered.contains("\r\ncontent-type: text/event-stream\r\n"),
            "{head}"
        );
        assert!(
            lowered.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        stream
    }
}

/// Server-Sent Events, read by their description alone.
pub(crate) struct EventStream {
    socket: TcpStream,
    raw: Vec<u8>,
    text: String,
}

/// One event.
#[derive(Debug)]
pub(crate) struct SentEvent {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl EventStream {
    fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.raw.split_off(at + 4);
                let head = std::mem::replace(&mut self.raw, rest);
                return String::from_utf8(head).unwrap();
            }
            assert!(self.read(), "the answer ended in its head");
        }
    }

    fn read(&mut self) -> bool {
        let mut part = [0; 4096];
        let len = self.socket.read(&mut part).unwrap();
        self.raw.extend_from_slice(&part[..len]);
        len > 0
    }

    /// Takes one chunk of the body; false after the last.
    fn take_chunk(&mut self) -> bool {
        loop {
            if let Some(line_end) = self.raw.windows(2).position(|two| two == b"\r\n") {
                let size = std::str::from_utf8(&self.raw[..line_end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                let whole = line_end + 2 + size + 2;
                if self.raw.len() >= whole {
                    let data = &self.raw[line_end + 2..line_end + 2 + size];
                    self.text.push_str(std::str::from_utf8(data).unwrap());
                    self.raw.drain(..whole);
                    return size > 0;
                }
            }
            assert!(self.read(), "the answer broke off in a chunk");
        }
    }

    /// The next event; none at the end. Comments are passed over.
    pub(crate) fn next(&mut self) -> Option<SentEvent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                let lines = message.lines().filter(|line| !line.starts_with(':'));
                let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
                let field = |name: &str| {
                    let mut found = fields.iter().filter(|(held, _)| *held == name);
                    found.next().map(|(_, value)| *value)
                };
                if fields.is_empty() {
                    continue;
                }
                return Some(SentEvent {
                    id: field("id").map(|id| id.parse().unwrap()),
                    name: field("event").unwrap().to_owned(),
                    data: serde_json::from_str(field("data").unwrap()).unwrap(),
                });
            }
            if !self.take_chunk() {
                return None;
            }
        }
    }
}
