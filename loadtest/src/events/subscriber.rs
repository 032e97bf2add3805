//! A subscriber to all events, by WebSocket or by Server-Sent Events.

use std::io::{self, Read, Write};

use clap::ValueEnum;
use mio::net::TcpStream;
use serde::Serialize;
use serde_json::json;

use super::event_stream::EventStream;
use super::heard::{self, Heard};
use super::origin::{Origin, ask};
use crate::connect::{code, header};
use crate::failure::{Context, Failure, Result};
use crate::inbox::{Filled, Inbox};
use crate::wire::{CLOSE, PING, PONG, TEXT, write_client_frame};

/// How subscribers hear of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Means {
    /// A WebSocket at `/api/v1/ws`
    Ws,
    /// Server-Sent Events at `/api/v1/events`
    Sse,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Subscriber {
    stream: TcpStream,
    feed: Feed,
}

#[derive(Debug)]
enum Feed {
    Socket(Inbox),
    Stream(EventStream),
}

/// The upgrade; the key is the example of RFC 6455.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Subscriber {
    /// Subscribes to everything behind `after`; returns once the subscription stands.
    pub(crate) fn open(
        origin: &Origin,
        means: Means,
        after: u64,
        scratch: &mut [u8],
    ) -> Result<Self> {
        match means {
            Means::Ws => Self::open_socket(origin, after, scratch),
            Means::Sse => Self::open_stream(origin, after),
        }
    }

    fn open_socket(origin: &Origin, after: u64, scratch: &mut [u8]) -> Result<Self> {
        let mut stream = origin.connect()?;
        let mut request = Vec::new();
        origin.write_request("GET", "/api/v1/ws", UPGRADE, None, &mut request);
        let (status, _, rest) = ask(&mut stream, &request)?;
        if status != 101 {
            let text = format!("the upgrade of /api/v1/ws was answered {status}");
            return Err(Failure::new(text));
        }
        let subscription = json!({"subscription": {"topics": [">"], "after": after}});
        let mut frame = Vec::new();
        write_client_frame(TEXT, &[subscription.to_string().as_bytes()], &mut frame);
        stream.write_all(&frame).context("subscribing")?;
        let (mut inbox, mut is_subscribed) = (Inbox::default(), false);
        let mut early = rest.as_slice().chain(&mut stream);
        while !is_subscribed {
            let mut ear = Ear::new("", |heard| is_subscribed |= heard == Heard::Subscribed);
            let read = inbox.read(&mut early, scratch, |head, payload| {
                ear.frame(head.opcode, payload);
            });
            ear.end()?;
            if read.context("subscribing")? == Filled::Closed {
                return Err(closed());
            }
        }
        stream.set_nonblocking(true).context("socket")?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            feed: Feed::Socket(inbox),
        })
    }

    fn open_stream(origin: &Origin, after: u64) -> Result<Self> {
        let mut stream = origin.connect()?;
        let mut request = Vec::new();
        let target = format!("/api/v1/events?after={after}");
        let fields = "Accept: text/event-stream\r\n";
        origin.write_request("GET", &target, fields, None, &mut request);
        let (status, head, rest) = ask(&mut stream, &request)?;
        let is_chunked = header(&head, "transfer-encoding") == Some("chunked");
        if status != 200 || !is_chunked {
            let text = format!("a stream of events was answered {status}, chunked: {is_chunked}");
            return Err(Failure::new(text));
        }
        let mut events = EventStream::default();
        events.feed(&rest, |_| {
            Err(Failure::new("an event before anything was published"))
        })?;
        stream.set_nonblocking(true).context("socket")?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            feed: Feed::Stream(events),
        })
    }

    /// The socket.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads until nothing is there and hands over what was heard; publications on `topic` are those
    /// of this run.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        topic: &str,
        on_heard: impl FnMut(Heard),
    ) -> Result<()> {
        match &mut self.feed {
            Feed::Socket(inbox) => {
                let mut ear = Ear::new(topic, on_heard);
                loop {
                    let read = inbox.read(&mut self.stream, scratch, |head, payload| {
                        ear.frame(head.opcode, payload);
                    });
                    match read.context("a subscriber's socket")? {
                        Filled::Full => {}
                        Filled::Drained => break,
                        Filled::Closed => return Err(closed()),
                    }
                }
                let pongs = ear.end()?;
                // Few and short: the socket's buffer takes them.
                self.stream.write_all(&pongs).context("a pong")
            }
            Feed::Stream(events) => read_stream(events, &mut self.stream, scratch, topic, on_heard),
        }
    }
}

/// What the frames of one read come to.
struct Ear<'a, F> {
    topic: &'a str,
    on_heard: F,
    pongs: Vec<u8>,
    wrong: Option<Failure>,
}

impl<'a, F: FnMut(Heard)> Ear<'a, F> {
    fn new(topic: &'a str, on_heard: F) -> Self {
        Self {
            topic,
            on_heard,
            pongs: Vec::new(),
            wrong: None,
        }
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let heard = match opcode {
            TEXT => heard::parse(payload, self.topic),
            PING => {
                write_client_frame(PONG, &[payload], &mut self.pongs);
                return;
            }
            CLOSE => Err(Failure::new(format!(
                "a subscriber was closed with {}",
                code(payload)
            ))),
            _ => return,
        };
        match heard {
            Ok(heard) => (self.on_heard)(heard),
            Err(failure) => drop(self.wrong.get_or_insert(failure)),
        }
    }

    fn end(self) -> Result<Vec<u8>> {
        self.wrong.map_or(Ok(self.pongs), Err)
    }
}

fn read_stream(
    events: &mut EventStream,
    stream: &mut TcpStream,
    scratch: &mut [u8],
    topic: &str,
    mut on_heard: impl FnMut(Heard),
) -> Result<()> {
    loop {
        let bytes = match stream.read(scratch) {
            Ok(0) => return Err(closed()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("a subscriber's stream"),
        };
        events.feed(&scratch[..bytes], |message| {
            if message.name == "gap" {
                on_heard(Heard::Gap);
                return Ok(());
            }
            let heard = heard::parse(message.data.as_bytes(), topic)?;
            if let Heard::Event { sequence, .. } = heard
                && message.id != Some(sequence)
            {
                let text = format!("event {sequence} came with the id {:?}", message.id);
                return Err(Failure::new(text));
            }
            on_heard(heard);
            Ok(())
        })?;
    }
}

fn closed() -> Failure {
    Failure::new("the server closed a subscriber's connection")
}
