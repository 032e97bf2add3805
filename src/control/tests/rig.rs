//! A hub with a real stream, and sessions that talk to it: what tests of hubs share.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use serde_json::Value;

use super::hub::Hub;
use super::hubs::Hubs;
use super::last_heard::LastHeard;
use super::members::{Joining, MemberId, SessionPath};
use super::refusal::Refusal;
use super::settings::{AlertSettings, HubSettings};
use crate::domain::{PositionGrid, StreamName};
use crate::engine::label::Label;
use crate::engine::mailbox::{Mailbox, QueueId};
use crate::engine::stream::Lanes;
use crate::engine::{Call, Encoders, Lane, Limits, Publisher, Streams, Wake};

/// A sealed message is its length as four bytes, and itself.
const ENCODERS: Encoders = Encoders {
    seal_frame: seal,
    seal_text: seal,
    seal_positions_json: |_, _| {},
    read_label,
    sealed_bytes: |sealed| {
        let head = sealed.first_chunk::<4>()?;
        Some(4 + u32::from_le_bytes(*head) as usize)
    },
};

fn seal(message: &[u8], out: &mut BytesMut) {
    out.put_u32_le(message.len() as u32);
    out.put_slice(message);
}

fn read_label(metadata: &[u8]) -> Option<Label> {
    let value: Value = serde_json::from_slice(metadata).ok()?;
    Some(Label {
        agent_id: None,
        name: value["name"].as_str()?.into(),
        kind: value["type"].as_str().map(Into::into),
    })
}

fn limits() -> Limits {
    Limits {
        log_bytes_max: 1 << 20,
        events_bytes_max: 1 << 20,
        resume_bytes_max: 1 << 20,
        position_grid: PositionGrid::default(),
        tick_bytes_max: 1 << 20,
        agents_per_stream_max: 100,
        streams_max: 3,
        staleness_max: Duration::from_millis(250),
        agent_ttl: None,
        publisher_linger: Duration::from_secs(5),
        room: Arc::default(),
    }
}

/// The hub of a stream, and the time.
pub(super) struct Rig {
    pub(super) hubs: Hubs,
    pub(super) hub: Arc<Hub>,
    pub(super) now: Instant,
    /// Each reader has an event loop of its own.
    readers: Cell<usize>,
}

/// A session.
pub(super) struct Peer {
    pub(super) id: MemberId,
    pub(super) publisher: Publisher,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) heard: Arc<LastHeard>,
}

/// A message of a lane.
pub(super) struct Told {
    pub(super) text: Vec<u8>,
    /// Who does not get it back.
    pub(super) own: Option<u32>,
    pub(super) expires_at: Option<Instant>,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.text).expect("JSON")
    }
}

/// A reader of one lane; of a retained one from its first message on.
pub(super) struct Reader {
    lane: Lane,
    loop_id: usize,
    copy: Lanes,
    offset: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(AlertSettings {
            system_metrics_ms: 0,
            ..AlertSettings::default()
        })
    }

    pub(super) fn with(alerts: AlertSettings) -> Self {
        let streams = Arc::new(Streams::new(limits(), ENCODERS));
        let hubs = Hubs::new(streams, HubSettings::default(), alerts);
        let hub = hubs
            .open(&StreamName::default(), Instant::now())
            .expect("room");
        Self {
            hubs,
            hub,
            now: Instant::now(),
            readers: Cell::new(0),
        }
    }

    pub(super) fn call(&self) -> Call {
        Call {
            loop_id: None,
            now: self.now,
        }
    }

    pub(super) fn advance_ms(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    pub(super) fn tick(&self) {
        self.hubs.tick(self.now);
    }

    pub(super) fn reader(&self, lane: Lane) -> Reader {
        let wake: Wake = Arc::new(|| {});
        let stream = self.hub.stream();
        let loop_id = self.readers.replace(self.readers.get() + 1);
        let mut copy = Lanes::default();
        let offset = if lane.is_retained() {
            let entry = stream.welcome_back(lane, 0).entry;
            stream.enter(loop_id, &wake, &entry, &mut copy)
        } else {
            stream.watch(loop_id, &wake, lane);
            stream.head(lane)
        };
        Reader {
            lane,
            loop_id,
            copy,
            offset,
        }
    }

    pub(super) fn join(&self, client: &str, path: SessionPath) -> Peer {
        self.join_as(Some(client), path, true)
    }

    pub(super) fn join_as(
        &self,
        client: Option<&str>,
        path: SessionPath,
        speaks_json: bool,
    ) -> Peer {
        let publisher = Publisher::new(true);
        let mailbox = Arc::new(Mailbox::new(1 << 20, Box::new(|| {})));
        let heard = Arc::new(LastHeard::new(self.now));
        let joining = Joining {
            session_id: format!("session-{}", publisher.number()),
            client_id: client.map(str::to_owned),
            path,
            speaks_json,
            publisher_number: publisher.number(),
            mailbox: Arc::clone(&mailbox),
            heard: Arc::clone(&heard),
        };
        Peer {
            id: self.hub.join(joining, self.call()),
            publisher,
            mailbox,
            heard,
        }
    }

    /// A session sends a message; what it is answered.
    pub(super) fn say(&self, peer: &Peer, text: &str) -> Result<Vec<Value>, Refusal> {
        let json_bytes_max = self.hub.settings().json_bytes_max;
        let envelope = super::envelope::Envelope::parse(text, json_bytes_max)?;
        let replies = self
            .hub
            .receive(peer.id, &envelope, &peer.publisher, self.call())?;
        let parse = |text: &String| serde_json::from_str(text).expect("JSON");
        Ok(replies.iter().map(parse).collect())
    }

    /// The same, and it is taken without an answer.
    pub(super) fn tell(&self, peer: &Peer, text: &str) {
        let answers = self
            .say(peer, text)
            .unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
        assert_eq!(answers, Vec::<Value>::new());
    }

    /// The same, and it is refused.
    pub(super) fn refused(&self, peer: &Peer, text: &str) -> String {
        self.say(peer, text).expect_err(text).to_string()
    }

    /// The mail that came, by queue.
    pub(super) fn mail_by_queue(&self, peer: &Peer) -> Vec<(QueueId, Value)> {
        let mut letters = Vec::new();
        while peer.mailbox.take(self.now, usize::MAX, &mut letters) {}
        let letters = letters.into_iter();
        letters
            .map(|(queue, letter)| (queue, serde_json::from_slice(&letter.text).expect("JSON")))
            .collect()
    }

    pub(super) fn mail(&self, peer: &Peer) -> Vec<Value> {
        let mail = self.mail_by_queue(peer).into_iter();
        mail.map(|(_, message)| message).collect()
    }
}

impl Reader {
    /// The messages since the last call.
    pub(super) fn read(&mut self, rig: &Rig) -> Vec<Told> {
        rig.hub.stream().pull(self.loop_id, &mut self.copy);
        let mut told = Vec::new();
        for chunk in self.copy[self.lane.index()].since(self.offset) {
            let mut at = 0;
            while at < chunk.bytes.len() {
                let length = (ENCODERS.sealed_bytes)(&chunk.bytes[at..]).expect("whole");
                let offset = chunk.start + at as u64;
                let own = chunk.own.iter().flat_map(|own| own.iter());
                let own = own.filter(|own| (own.start..own.end).contains(&offset));
                told.push(Told {
                    text: chunk.bytes[at + 4..at + length].to_vec(),
                    own: own.map(|own| own.publisher).next(),
                    expires_at: chunk.expires_at,
                });
                at += length;
            }
            self.offset = chunk.end();
        }
        told
    }

    pub(super) fn json(&mut self, rig: &Rig) -> Vec<Value> {
        self.read(rig).iter().map(Told::json).collect()
    }
}

/// A message in its envelope.
pub(super) fn message(kind: &str, id: &str, payload: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"{kind}","timestamp":"2024-01-10T12:00:00Z","payload":{payload}}}"#
    )
}

/// The same with metadata.
pub(super) fn message_with(kind: &str, id: &str, payload: &str, metadata: &str) -> String {
    let text = message(kind, id, payload);
    let text = text.strip_suffix('}').expect("an object");
    format!(r#"{text},"metadata":{metadata}}}"#)
}
