//! What the server says in JSON on the visualisation paths.

use serde_json::{Map, Value, json};

use agnt_codec::{FRAME_BYTES_MAX, StateCode};

use super::capabilities::Capabilities;
use super::session::VisualSettings;
use super::terms::{Terms, encoding_json};
use super::version::Version;
use super::wire::{Asked, Message, Protocols, Role};
use crate::control::Refusal;
use crate::dialect::{Traffic, Turn};
use crate::domain::{ErrorCode, time};
use crate::engine::Stream;
use crate::engine::encoding::CodecSpec;

/// The states that have a name, as `handshake_ack.stateCodes` lists them.
const NAMED_STATES: [StateCode; 7] = [
    StateCode::OFFLINE,
    StateCode::STARTING,
    StateCode::IDLE,
    StateCode::BUSY,
    StateCode::ERROR,
    StateCode::STOPPING,
    StateCode::PAUSED,
];

/// A longer timestamp is none and is not sent back.
const TIMESTAMP_BYTES_MAX: usize = 64;

/// What a session was granted.
pub(super) struct Grant<'a> {
    pub(super) session_id: &'a str,
    pub(super) protocols: Protocols,
    pub(super) capabilities: Capabilities,
    /// The version of `version.negotiate`.
    pub(super) version: Option<Version>,
    pub(super) terms: &'a Terms,
    pub(super) role: Option<Role>,
    pub(super) stream: &'a Stream,
    pub(super) resumption: Option<&'a Resumption>,
}

/// What a session that can be resumed is told.
#[derive(Debug, Default)]
pub(super) struct Resumption {
    /// The last sequence of each log.
    pub(super) channels: Vec<(&'static str, Value)>,
    /// What comes again of each log that was asked for.
    pub(super) resumed: Vec<(&'static str, Value)>,
    /// What can't come again, as messages.
    pub(super) gaps: Vec<String>,
}

/// The version in force: what was negotiated, or the lowest that has all that was granted
/// (document C, Backward Compatibility: binary and compression from 1.1, multiplexing from 2.0).
fn protocol_version(grant: &Grant<'_>) -> Version {
    let needed = if grant.capabilities.multiplexing {
        Version::V2_0
    } else if grant.protocols.binary || grant.capabilities.compression {
        Version::V1_1
    } else {
        Version::V1_0
    };
    grant.version.map_or(needed, |version| version.max(needed))
}

pub(super) fn handshake_ack(grant: &Grant<'_>, settings: &VisualSettings) -> String {
    let mut protocols = Vec::new();
    if grant.protocols.binary {
        protocols.push("binary");
    }
    if grant.protocols.json {
        protocols.push("json");
    }
    let states: Map<String, Value> = NAMED_STATES
        .iter()
        .map(|state| (state.0.to_string(), Value::from(state.name())))
        .collect();
    let mut ack = json!({
        "type": "handshake_ack",
        "sessionId": grant.session_id,
        "protocols": protocols,
        "heartbeatInterval": settings.heartbeat_ms,
        "compression": grant.terms.algorithm(),
        "serverTime": time::iso_8601(),
        "version": env!("CARGO_PKG_VERSION"),
        "protocolVersion": protocol_version(grant).name(),
        "byteOrder": "little",
        "stream": grant.stream.name().as_str(),
        "epoch": grant.stream.epoch().to_string(),
        "capabilities": grant.capabilities.names(),
        "stateCodes": states,
        "limits": {
            "messageBytes": settings.message_bytes_max,
            "frameBytes": FRAME_BYTES_MAX,
            "inflateBytes": settings.inflate_bytes_max,
            "jsonBytes": settings.json_bytes_max,
        },
    });
    let Some(object) = ack.as_object_mut() else {
        return ack.to_string();
    };
    let mut add = |key: &str, value: Value| object.insert(key.to_owned(), value);
    if let Some(role) = grant.role {
        add("role", Value::from(role.name()));
    }
    if grant.terms.codec != CodecSpec::Plain {
        add("encoding", encoding_json(grant.terms.codec));
    }
    if let Some(resumption) = grant.resumption {
        let object = |pairs: &[(&'static str, Value)]| -> Value {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            Value::Object(pairs.collect())
        };
        add("resume", object(&resumption.channels));
        if !resumption.resumed.is_empty() {
            add("resumed", object(&resumption.resumed));
        }
    }
    ack.to_string()
}

/// Messages of a log that can't come any more: once, before those that can.
pub(super) fn gap(channel: &str, from: u64, to: Option<u64>, reason: &str) -> String {
    json!({
        "id": uuid::Uuid::now_v7().to_string(),
        "type": "gap",
        "timestamp": time::iso_8601(),
        "payload": { "channel": channel, "from": from, "to": to, "reason": reason },
    })
    .to_string()
}

/// What the connection carried so far.
pub(super) fn connection_metrics(
    session_id: uuid::Uuid,
    turn: &Turn<'_>,
    correlation_id: Option<&str>,
) -> String {
    let Traffic {
        bytes_in,
        bytes_out,
        messages_in,
        messages_out,
        queue_bytes,
        round_trip,
        connected_at,
    } = turn.traffic;
    let mail = turn.mailbox.usage();
    let age = connected_at.map(|at| turn.now.saturating_duration_since(at));
    let age_s = age.map_or(0.0, |age| age.as_secs_f64());
    let per_second = if age_s > 0.0 {
        bytes_out as f64 / age_s
    } else {
        0.0
    };
    let mut reply = json!({
        "id": uuid::Uuid::now_v7().to_string(),
        "type": "connection.metrics",
        "timestamp": time::iso_8601(),
        "payload": {
            "sessionId": session_id.to_string(),
            "roundTripMs": round_trip.map(|it| it.as_secs_f64() * 1000.0),
            "bytesIn": bytes_in,
            "bytesOut": bytes_out,
            "messagesIn": messages_in,
            "messagesOut": messages_out,
            "queueBytes": queue_bytes + mail.bytes,
            "queueMessages": mail.messages,
            "messagesDropped": mail.dropped,
            "messagesExpired": mail.expired,
            "throughputBytesPerSecond": per_second,
            "connectedSeconds": age_s,
        },
    });
    correlate(&mut reply, correlation_id);
    reply.to_string()
}

fn correlate(reply: &mut Value, correlation_id: Option<&str>) {
    if let (Some(id), Some(object)) = (correlation_id, reply.as_object_mut()) {
        object.insert("metadata".to_owned(), json!({ "correlationId": id }));
    }
}

pub(super) fn heartbeat_ack(message: &Message<'_>) -> String {
    let said = message.timestamp.map(serde_json::value::RawValue::get);
    let timestamp = said
        .filter(|text| text.len() <= TIMESTAMP_BYTES_MAX)
        .unwrap_or("null");
    let server_time = time::iso_8601();
    format!(r#"{{"type":"heartbeat_ack","timestamp":{timestamp},"serverTime":"{server_time}"}}"#)
}

/// What a client is told that gets no connection.
pub fn connection_failed(text: &str) -> String {
    let refusal = Refusal {
        code: ErrorCode::ConnectionFailed,
        text: text.to_owned(),
        reason: None,
    };
    error(&refusal, text, Asked::default())
}

/// What a client is told that has too many connections.
pub fn too_many(text: &str, what: &'static str) -> String {
    let refusal = Refusal {
        code: ErrorCode::RateLimitExceeded,
        text: text.to_owned(),
        reason: Some(what),
    };
    error(&refusal, text, Asked::default())
}

/// What a client is told that may not do this, and for which reason.
pub fn not_allowed(text: &str, reason: &'static str) -> String {
    let refusal = Refusal {
        code: ErrorCode::AuthFailed,
        text: text.to_owned(),
        reason: Some(reason),
    };
    error(&refusal, text, Asked::default())
}

pub(super) fn error(refusal: &Refusal, text: &str, asked: Asked<'_>) -> String {
    let code = refusal.code;
    let mut details = Map::new();
    details.insert("component".to_owned(), Value::from("visualisation"));
    if let Some(id) = asked.id {
        details.insert("requestId".to_owned(), Value::from(id));
    }
    if let Some(reason) = refusal.reason {
        details.insert("reason".to_owned(), Value::from(reason));
    }
    let mut error = json!({
        "id": uuid::Uuid::now_v7().to_string(),
        "type": "error",
        "timestamp": time::iso_8601(),
        "payload": {
            "code": code.name(),
            "message": text,
            "details": details,
            "recoverable": code.recoverable(),
            "suggestedAction": code.suggested_action(),
        },
    });
    correlate(&mut error, asked.correlation);
    error.to_string()
}
