//! The body of the fuzz target over sessions: any sequence of messages of two sessions of one stream.
//!
//! Bytes are a script: each step is a byte that says who acts and how, and for messages a u16 length
//! and that many bytes, or a template with a hole. What must hold:
//!
//! - nothing panics, and no session is closed for the server's own fault;
//! - what a session is told as text is a JSON object with a `type`, or one in a channel; what it is told in
//!   binary is whole AGNT frames;
//! - before the handshake nothing is shown;
//! - whatever was agreed before, a good handshake or negotiation that follows is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::Frames;
use serde_json::Value;

use super::session::{VisualSession, VisualSettings};
use super::wire::Introduction;
use crate::control::{AlertSettings, HubSettings, Hubs, SessionPath};
use crate::dialect::{Session, SessionTally, Traffic, Turn, Wish};
use crate::domain::{DisconnectReason, PositionGrid, StreamName};
use crate::engine::mailbox::Mailbox;
use crate::engine::{Encoders, Limits, Streams};

/// Steps of one input; more of them find no more.
const STEPS_MAX: usize = 200;

/// What lies between the first and the second half of a template is taken from the input.
const TEMPLATES: [(&str, &str); 12] = [
    (
        r#"{"type":"handshake","clientId":"a","capabilities":["binary","compression","resume","#,
        r#""multiplexing"]}"#,
    ),
    (
        r#"{"type":"handshake","encodings":["fixed"],"capabilities":["#,
        "]}",
    ),
    (
        r#"{"type":"compression.negotiate","algorithms":["#,
        r#""zlib"]}"#,
    ),
    (r#"{"type":"version.negotiate","supported":["#, r#""2.0"]}"#),
    (
        r#"{"id":"m","type":"agent.state.changed","payload":{"agentId":"7","newState":"#,
        "}}",
    ),
    (
        r#"{"id":"m","type":"coordination.initiated","payload":{"#,
        r#""pattern":"CONSENSUS"}}"#,
    ),
    (
        r#"{"id":"m","type":"control.execute","payload":{"targetAgent":"b","command":"#,
        "}}",
    ),
    (
        r#"{"type":"control.result","payload":{"commandId":"m","status":"#,
        "}}",
    ),
    (
        r#"{"type":"channel.create","channelId":"c","content":"#,
        "}",
    ),
    (r#"{"channel":"c","message":{"type":"#, "}}"),
    (
        r#"{"id":"m","type":"message.sent","metadata":{"ack":true},"payload":{"#,
        r#""messageId":"x"}}"#,
    ),
    (r#"{"type":"graph.update","payload":{"#, "}}"),
];

/// One session and its mailbox.
struct Seat {
    session: VisualSession,
    mailbox: Arc<Mailbox>,
    is_over: bool,
    is_shown: bool,
}

/// Runs the script that `bytes` are; panics if an invariant of sessions does not hold.
pub fn session(bytes: &[u8], start: Instant, encoders: Encoders) {
    let streams = Arc::new(Streams::new(limits(), encoders));
    let hubs = Hubs::new(
        Arc::clone(&streams),
        HubSettings::default(),
        AlertSettings::default(),
    );
    let settings = Arc::new(VisualSettings {
        heartbeat_ms: 30_000,
        handshake_within: Duration::from_secs(10),
        message_bytes_max: 1 << 20,
        inflate_bytes_max: 1 << 16,
        inflate_bytes_per_s: 1 << 20,
        json_bytes_max: 1 << 12,
    });
    let Ok(hub) = hubs.open(&StreamName::default(), start) else {
        return;
    };
    let paths = [SessionPath::Visualisation, SessionPath::Control];
    let mut seats = paths.map(|path| {
        let settings = Arc::clone(&settings);
        let session = VisualSession::new(
            settings,
            Arc::clone(&hub),
            path,
            Introduction::default(),
            start,
        );
        Seat {
            session,
            mailbox: Arc::new(Mailbox::new(1 << 16, Box::new(|| {}))),
            is_over: false,
            is_shown: false,
        }
    });
    let mut now = start;
    let mut rest = bytes;
    for _ in 0..STEPS_MAX {
        let Some((&step, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        let seat = &mut seats[usize::from(step & 1)];
        match step >> 1 & 7 {
            0 | 1 => seat.text(&take(&mut rest), now),
            2 => {
                let message = take(&mut rest);
                seat.turn(now, |session, turn| session.on_binary(&message, turn));
            }
            3..=5 => {
                let (before, behind) = TEMPLATES[usize::from(step >> 4) % TEMPLATES.len()];
                let hole = take(&mut rest);
                seat.text(&[before.as_bytes(), &hole, behind.as_bytes()].concat(), now);
            }
            6 => seat.turn(now, |session, turn| {
                session.on_mail(1 << 12, turn);
            }),
            _ => {
                now += Duration::from_millis(u64::from(step) * 40);
                hubs.tick(now);
            }
        }
    }
    for seat in &mut seats {
        seat.finish(now);
    }
}

/// The next bytes of the script: as many as a u16 before them says, if they are there.
fn take(rest: &mut &[u8]) -> Vec<u8> {
    let Some((length, after)) = rest.split_first_chunk::<2>() else {
        return std::mem::take(rest).to_vec();
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
    let (taken, after) = after.split_at(length);
    *rest = after;
    taken.to_vec()
}

impl Seat {
    fn text(&mut self, message: &[u8], now: Instant) {
        // What isn't UTF-8 never reaches a session.
        if let Ok(text) = std::str::from_utf8(message) {
            self.turn(now, |session, turn| session.on_text(text, turn));
        }
    }

    fn turn(&mut self, now: Instant, act: impl FnOnce(&mut VisualSession, &mut Turn<'_>)) {
        if self.is_over {
            return;
        }
        let mut wishes = Vec::new();
        act(
            &mut self.session,
            &mut Turn {
                now,
                loop_id: 0,
                mailbox: &self.mailbox,
                traffic: Traffic::default(),
                wishes: &mut wishes,
                tally: &mut SessionTally::default(),
            },
        );
        for wish in wishes {
            self.check(wish);
        }
    }

    fn check(&mut self, wish: Wish) {
        match wish {
            Wish::Text(text) => {
                let value: Value = serde_json::from_str(&text).expect("the server says JSON");
                let is_known = value["type"].is_string() || value["channel"].is_string();
                assert!(is_known, "neither type nor channel: {text}");
            }
            Wish::Binary(bytes) => {
                assert!(
                    Frames::new(&bytes).all(|frame| frame.is_ok()),
                    "no whole frames"
                );
            }
            Wish::Watch(..) => {
                assert!(
                    self.session.handshake_due().is_none(),
                    "shown before the handshake"
                );
                self.is_shown = true;
            }
            Wish::Close(reason, text) => {
                assert_ne!(reason, DisconnectReason::InternalError, "{text}");
                self.is_over = true;
            }
            Wish::Unwatch | Wish::Pong(_) | Wish::CountIn(_) => {}
        }
    }

    /// Whatever came before, the session still answers.
    fn finish(&mut self, now: Instant) {
        let mut wishes = Vec::new();
        let mut tally = SessionTally::default();
        let mut turn = Turn {
            now,
            loop_id: 0,
            mailbox: &self.mailbox,
            traffic: Traffic::default(),
            wishes: &mut wishes,
            tally: &mut tally,
        };
        if !self.is_over {
            let ask = r#"{"type":"version.negotiate","supported":["1.1"]}"#;
            self.session.on_text(ask, &mut turn);
            let is_answer =
                |wish: &Wish| matches!(wish, Wish::Text(text) if text.contains("version.selected"));
            assert!(
                turn.wishes.iter().any(is_answer),
                "no answer: {:?}",
                turn.wishes
            );
        }
        self.session.end(&mut turn);
    }
}

fn limits() -> Limits {
    Limits {
        log_bytes_max: 1 << 16,
        events_bytes_max: 1 << 16,
        resume_bytes_max: 1 << 14,
        position_grid: PositionGrid::default(),
        tick_bytes_max: 1 << 16,
        agents_per_stream_max: 1000,
        streams_max: 1,
        staleness_max: Duration::from_millis(250),
        agent_ttl: None,
        publisher_linger: Duration::from_secs(5),
        room: Arc::default(),
    }
}
