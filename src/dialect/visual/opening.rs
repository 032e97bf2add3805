//! What a session is granted when it opens, what it is shown from then on, and how that changes.

use std::sync::Arc;

use agnt_fleet::Id;
use bytes::Bytes;
use serde_json::json;

use super::handshake::{Handshake, Resume};
use super::replies::{self, Grant, Resumption};
use super::session::VisualSession;
use super::terms::{Terms, Wishes};
use super::version::Version;
use super::wire::{Protocols, Role};
use crate::control::{Joining, SessionPath};
use crate::dialect::{Turn, Wish};
use crate::engine::encoding::{CodecSpec, Encoding, Form, Lease};
use crate::engine::retained::Entry;
use crate::engine::{Call, Feed, Lane, RetainedLanes, ViewerKind};

/// The logs that a session can resume, by their names.
const LOGS: [(&str, Lane); 2] = [
    ("events", Lane::EventsJson),
    ("critical", Lane::CriticalJson),
];

/// Why a session that sends positions gets no codec that keeps a reference.
const NO_OWN_DELTAS: &str = "the session sends positions itself; role viewer does not";

/// How often positions come in JSON, a second, to who does not say.
const JSON_HZ: u8 = 10;

/// From where a session calls the engine.
pub(super) fn call(turn: &Turn<'_>) -> Call {
    Call {
        loop_id: Some(turn.loop_id),
        now: turn.now,
    }
}

impl VisualSession {
    /// Opens with a handshake.
    pub(super) fn open_with(&mut self, handshake: &Handshake, turn: &mut Turn<'_>) {
        let otherwise = self.introduction.protocols.or(self.introduction.preferred);
        let is_basic = self.version == Some(Version::V1_0);
        self.capabilities = handshake.capabilities;
        // Capabilities win over a version that was negotiated; a preference does not.
        self.protocols = match handshake.capabilities.binary {
            true => Protocols {
                binary: true,
                json: true,
            },
            false if is_basic => Protocols::JSON,
            false => otherwise.unwrap_or(Protocols::JSON),
        };
        self.role = handshake.role.or(self.role);
        self.json_hz = handshake.json_hz.or(self.json_hz);
        self.terms = self.terms_for(handshake);
        self.capabilities.binary = self.protocols.binary;
        self.capabilities.compression = self.terms.compression.is_some();
        self.capabilities.position_encodings = self.terms.codec != CodecSpec::Plain;
        self.capabilities.resume |= handshake.resume.is_some();
        self.lease_encoding();
        self.join(handshake.client_id.as_deref(), turn);
        let (entries, resumption) = self.resumption(handshake.resume.as_ref(), turn);
        let id = self.session_id.to_string();
        let grant = self.grant(&id, Some(&resumption));
        let ack = replies::handshake_ack(&grant, &self.settings);
        turn.wishes.push(Wish::Text(ack));
        turn.wishes
            .extend(resumption.gaps.into_iter().map(Wish::Text));
        let client = handshake.client_id.as_deref().unwrap_or("-");
        let version = handshake.version.as_deref().unwrap_or("-");
        tracing::debug!(session = %id, client, version, stream = %self.stream.name(), "session open");
        self.show(entries, turn);
    }

    /// Opens by `protocols=` alone.
    pub(super) fn open_without(&mut self, protocols: Protocols, turn: &mut Turn<'_>) {
        self.protocols = protocols;
        self.capabilities.binary = protocols.binary;
        self.lease_encoding();
        self.join(None, turn);
        // Who came by `protocols=binary` alone asked for nothing but frames.
        if protocols.json {
            let id = self.session_id.to_string();
            let grant = self.grant(&id, None);
            let ack = replies::handshake_ack(&grant, &self.settings);
            turn.wishes.push(Wish::Text(ack));
        }
        self.show(Vec::new(), turn);
    }

    fn grant<'a>(&'a self, id: &'a str, resumption: Option<&'a Resumption>) -> Grant<'a> {
        Grant {
            session_id: id,
            protocols: self.protocols,
            capabilities: self.capabilities,
            version: self.version,
            terms: &self.terms,
            role: self.role,
            stream: &self.stream,
            resumption: resumption.filter(|_| self.capabilities.resume),
        }
    }

    fn terms_for(&self, handshake: &Handshake) -> Terms {
        if !self.protocols.binary {
            return Terms::PLAIN;
        }
        let wishes = handshake.compression.unwrap_or_default();
        let codec = handshake.codec.or(wishes.codec).unwrap_or(CodecSpec::Plain);
        let chosen = match (handshake.compression, handshake.capabilities.compression) {
            (Some(wishes), _) => wishes.compression,
            // A codec of its own leaves an algorithm little to do.
            (None, true) if codec == CodecSpec::Plain => Some(Terms::DEFAULT_COMPRESSION),
            _ => None,
        };
        Terms {
            compression: chosen,
            codec,
        }
    }

    fn join(&mut self, client_id: Option<&str>, turn: &mut Turn<'_>) {
        turn.tally.handshakes_accepted += 1;
        let named = self.introduction.agent.as_ref().map(Id::as_str);
        let own = || self.desk.as_ref()?.own_name();
        let name = client_id.or(named).map(str::to_owned).or_else(own);
        let speaks_json = self.speaks_json();
        let joining = Joining {
            session_id: self.session_id.to_string(),
            client_id: name.clone(),
            path: self.path,
            speaks_json,
            publisher_number: self.publisher_number,
            mailbox: Arc::clone(turn.mailbox),
            heard: Arc::clone(&self.heard),
        };
        let before = self.member.replace(self.hub.join(joining, call(turn)));
        // Who was opened by its query alone and shakes hands now is one member, not two.
        if let Some(before) = before {
            self.hub.leave(before, call(turn));
            self.heard_events = true;
        }
        let may_act = self.may_act();
        if let (Some(desk), Some(name), true) = (&mut self.desk, name, may_act) {
            desk.act_as(&name, speaks_json.then_some(turn.mailbox));
        }
    }

    /// Whether it is told things in JSON.
    pub(super) fn speaks_json(&self) -> bool {
        self.protocols.json && self.role != Some(Role::Publisher)
    }

    /// Whether it may act as an agent: a viewer says nothing, so it answers for nobody.
    pub(super) fn may_act(&self) -> bool {
        self.role != Some(Role::Viewer)
    }

    /// `compression.negotiate`: other terms from now on.
    pub(super) fn agree(&mut self, wishes: Wishes, id: Option<&str>, turn: &mut Turn<'_>) {
        let mut reason = None;
        let asked = if self.protocols.binary {
            Terms::of(wishes)
        } else {
            reason = Some("binary is not in use");
            Terms::PLAIN
        };
        let before = self.lease.as_ref().map(Lease::lane);
        self.terms = asked;
        self.lease_encoding();
        let is_refused = self.sends_positions && asked.codec.codec().is_stateful();
        if is_refused && self.role.is_none() {
            reason = Some(NO_OWN_DELTAS);
        }
        let is_nearest = self.terms != asked && reason.is_none();
        turn.wishes
            .push(Wish::Text(self.terms.selected(is_nearest, id, reason)));
        if before != self.lease.as_ref().map(Lease::lane) {
            self.show_again(turn);
        }
    }

    /// Has the encoding made that the terms say, or the nearest to it, and brings the terms to that.
    pub(super) fn lease_encoding(&mut self) {
        let wanted = self.encoding_wanted();
        if self.lease.as_ref().map(Lease::encoding) == wanted {
            return;
        }
        // The old one is given up last: it may be the very one that is wanted.
        let leased = wanted.and_then(|wanted| self.stream.lease_encoding(wanted));
        let granted = leased.as_ref().map(Lease::encoding);
        self.lease = leased;
        if !self.protocols.binary {
            return;
        }
        let granted = granted.unwrap_or(Encoding::PLAIN);
        if wanted.is_none() && !self.is_deaf() {
            self.terms = Terms::PLAIN;
        }
        if wanted.is_some() {
            // What a publisher compresses with is not bound to what is made for viewers.
            self.terms.compression = granted
                .compression
                .or(self.terms.compression.filter(|_| self.is_deaf()));
            if let Form::Binary(codec) = granted.form {
                self.terms.codec = codec;
            }
            self.capabilities.tick_info = granted.has_tick_info;
            self.capabilities.frame_concat = granted.is_concatenated;
        }
    }

    /// Whether it is shown no positions.
    fn is_deaf(&self) -> bool {
        let shows_positions = self.is_shown && self.path == SessionPath::Visualisation;
        self.role == Some(Role::Publisher) || !shows_positions
    }

    fn encoding_wanted(&self) -> Option<Encoding> {
        if self.is_deaf() {
            return None;
        }
        if !self.protocols.binary {
            let hz = self.json_hz.filter(|hz| *hz != JSON_HZ)?;
            return Some(Encoding {
                form: Form::Json { hz },
                ..Encoding::PLAIN
            });
        }
        let channel = self
            .member
            .and_then(|member| self.hub.positions_channel(member));
        let mut terms = self.terms;
        if self.sends_positions && self.role.is_none() && terms.codec.codec().is_stateful() {
            terms.codec = CodecSpec::Plain;
        }
        let wanted = terms.encoding(&self.capabilities, channel);
        (wanted != Encoding::PLAIN).then_some(wanted)
    }

    /// A delta can't leave out a viewer's own records: who sends positions too gets frames that
    /// stand alone from then on.
    pub(super) fn publish_plain(&mut self, turn: &mut Turn<'_>) {
        if self.sends_positions || self.role.is_some() {
            return;
        }
        self.sends_positions = true;
        let is_stateful = |lease: &Lease| lease.encoding().is_stateful();
        if self.lease.as_ref().is_some_and(is_stateful) {
            self.lease_encoding();
            let selected = self.terms.selected(false, None, Some(NO_OWN_DELTAS));
            turn.wishes.push(Wish::Text(selected));
            self.show_again(turn);
        }
    }

    /// Whether it reads the logs of events and of the graph: who has channels of them gets all by mail.
    pub(super) fn hears_events(&self) -> bool {
        let has_channel = |member| self.hub.has_content_channel(member);
        self.protocols.json && !self.member.is_some_and(has_channel)
    }

    /// What the session is shown.
    fn feed(&self) -> Option<Feed> {
        if self.role == Some(Role::Publisher) || !self.is_shown {
            return None;
        }
        let mut retained = RetainedLanes::NONE;
        match self.path {
            SessionPath::Control => None,
            SessionPath::Graph => {
                if self.hears_events() {
                    retained = retained.with(Lane::GraphJson);
                }
                if self.protocols.binary && self.capabilities.edge_batch {
                    retained = retained.with(Lane::GraphBinary);
                }
                Some(Feed {
                    retained,
                    ..Feed::NOTHING
                })
            }
            SessionPath::Visualisation => {
                if self.hears_events() {
                    retained = retained.with(Lane::EventsJson).with(Lane::CriticalJson);
                }
                if self.capabilities.agent_index && self.protocols.json {
                    retained = retained.with(Lane::AgentIndex);
                }
                let kind = match (self.protocols.binary, self.capabilities.state_metadata) {
                    (false, _) => ViewerKind::Json,
                    (true, false) => ViewerKind::Binary,
                    (true, true) => ViewerKind::BinaryWithMetadata,
                };
                let leased = self.lease.as_ref().map(Lease::lane);
                Some(Feed {
                    positions: Some(leased.unwrap_or(kind.positions())),
                    retained,
                    ..Feed::of(kind)
                })
            }
        }
    }

    /// Shows the stream from now on, what was missed first.
    fn show(&mut self, mut entries: Vec<Entry>, turn: &mut Turn<'_>) {
        let Some(feed) = self.feed() else {
            turn.wishes.push(Wish::Unwatch);
            return;
        };
        let lanes: Vec<Lane> = feed.retained.iter().collect();
        if lanes.contains(&Lane::AgentIndex) {
            let (texts, after) = self.hub.agent_index(call(turn));
            turn.wishes.extend(texts.into_iter().map(Wish::Text));
            entries.push(Entry::after(Lane::AgentIndex, after));
        }
        if self.path == SessionPath::Graph {
            let snapshot = self.hub.graph_snapshot(call(turn));
            if lanes.contains(&Lane::GraphJson) {
                turn.wishes
                    .extend(snapshot.texts.into_iter().map(Wish::Text));
                entries.push(Entry::after(Lane::GraphJson, snapshot.sequence_json));
            }
            if lanes.contains(&Lane::GraphBinary) {
                let frames = snapshot.frames.into_iter().map(Bytes::from);
                turn.wishes.extend(frames.map(Wish::Binary));
                let after = snapshot.sequence_binary;
                entries.push(Entry::after(Lane::GraphBinary, after));
            }
        }
        turn.wishes.push(Wish::Watch(feed, entries));
    }

    /// Shows the stream in another form; events go on where they are.
    pub(super) fn show_again(&mut self, turn: &mut Turn<'_>) {
        self.show_from(Vec::new(), turn);
    }

    /// The same; lanes that are new, or that it reads no longer, from or up to these entries.
    pub(super) fn show_from(&mut self, entries: Vec<Entry>, turn: &mut Turn<'_>) {
        match self.feed() {
            Some(feed) => turn.wishes.push(Wish::Watch(feed, entries)),
            None => turn.wishes.push(Wish::Unwatch),
        }
    }

    /// From where the session goes on, and what it is told of that.
    fn resumption(&self, resume: Option<&Resume>, turn: &Turn<'_>) -> (Vec<Entry>, Resumption) {
        let mut entries = Vec::new();
        let mut resumption = Resumption::default();
        if !self.capabilities.resume {
            return (entries, resumption);
        }
        self.stream.want_json_events(turn.now);
        for (name, lane) in LOGS {
            let held = resume.and_then(|resume| {
                let channel = resume.channels.iter().find(|(channel, _)| channel == name);
                Some((resume.epoch == self.stream.epoch().to_string(), channel?.1))
            });
            // Another epoch counts anew: all that is kept may be news, and how much is lost nobody
            // knows.
            let after = match held {
                Some((true, held)) => held,
                Some((false, _)) => 0,
                None => u64::MAX,
            };
            let back = self.stream.welcome_back(lane, after);
            let gap = match (held, back.lost) {
                (Some((false, held)), _) => {
                    Some(replies::gap(name, held.saturating_add(1), None, "epoch"))
                }
                (Some((true, _)), Some(lost)) => {
                    Some(replies::gap(name, lost.from, Some(lost.to), "log bound"))
                }
                _ => None,
            };
            resumption.gaps.extend(gap);
            resumption
                .channels
                .push((name, json!({ "sequence": back.last })));
            if held.is_some() {
                let range = json!({ "from": back.entry.after + 1, "to": back.last });
                resumption.resumed.push((name, range));
            }
            entries.push(back.entry);
        }
        (entries, resumption)
    }
}
