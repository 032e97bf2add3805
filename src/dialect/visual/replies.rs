//! What the server says in JSON on the visualisation paths.

use serde_json::{Value, json};

use agnt_codec::{FRAME_BYTES_MAX, StateCode};

use super::session::VisualSettings;
use super::wire::{Handshake, Message, Protocols, Role};
use crate::domain::{ErrorCode, time};

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
    pub(super) role: Option<Role>,
    pub(super) stream: &'a str,
    pub(super) handshake: Option<&'a Handshake>,
}

/// The lowest version of the protocol that has all that was asked for (document C, Backward
/// Compatibility: binary and compression from 1.1, multiplexing from 2.0).
fn protocol_version(grant: &Grant<'_>) -> &'static str {
    let asks = |asked: fn(&Handshake) -> bool| grant.handshake.is_some_and(asked);
    if asks(|handshake| handshake.multiplexing) {
        "2.0"
    } else if grant.protocols.binary || asks(|handshake| handshake.compression) {
        "1.1"
    } else {
        "1.0"
    }
}

pub(super) fn handshake_ack(grant: &Grant<'_>, settings: &VisualSettings) -> String {
    let mut protocols = Vec::new();
    if grant.protocols.binary {
        protocols.push("binary");
    }
    if grant.protocols.json {
        protocols.push("json");
    }
    let mut capabilities = Vec::new();
    if grant.protocols.binary {
        capabilities.push("binary");
    }
    if grant
        .handshake
        .is_some_and(|handshake| handshake.state_metadata)
    {
        capabilities.push("state-metadata");
    }
    let states: serde_json::Map<String, Value> = NAMED_STATES
        .iter()
        .map(|state| (state.0.to_string(), Value::from(state.name())))
        .collect();
    let mut ack = json!({
        "type": "handshake_ack",
        "sessionId": grant.session_id,
        "protocols": protocols,
        "heartbeatInterval": settings.heartbeat_ms,
        "compression": "none",
        "serverTime": time::iso_8601(),
        "version": env!("CARGO_PKG_VERSION"),
        "protocolVersion": protocol_version(grant),
        "byteOrder": "little",
        "stream": grant.stream,
        "capabilities": capabilities,
        "stateCodes": states,
        "limits": {
            "messageBytes": settings.message_bytes_max,
            "frameBytes": FRAME_BYTES_MAX,
            "inflateBytes": 0,
        },
    });
    if let (Some(role), Some(object)) = (grant.role, ack.as_object_mut()) {
        let role = match role {
            Role::Viewer => "viewer",
            Role::Publisher => "publisher",
        };
        object.insert("role".to_owned(), Value::from(role));
    }
    ack.to_string()
}

pub(super) fn heartbeat_ack(message: &Message<'_>) -> String {
    let said = message.timestamp.map(serde_json::value::RawValue::get);
    let timestamp = said
        .filter(|text| text.len() <= TIMESTAMP_BYTES_MAX)
        .unwrap_or("null");
    let server_time = time::iso_8601();
    format!(r#"{{"type":"heartbeat_ack","timestamp":{timestamp},"serverTime":"{server_time}"}}"#)
}

pub(super) fn error(code: ErrorCode, text: &str, request_id: Option<&str>) -> String {
    let mut details = json!({ "component": "visualisation" });
    if let (Some(id), Some(object)) = (request_id, details.as_object_mut()) {
        object.insert("requestId".to_owned(), Value::from(id));
    }
    json!({
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
    })
    .to_string()
}
