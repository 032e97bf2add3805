//! What a session is answered.

use agnt_api::{Manner, refuse};
use agnt_fleet::{Id, Refusal, Timestamp};
use serde_json::{Value, json};

use crate::domain::time;
use crate::relay::{Speech, envelope_a};

/// The wall clock, as the fleet writes it.
pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(time::unix_us())
}

/// An answer in document A's envelope, or, in document B's words, under its name.
pub(super) fn reply(speech: Speech, to: Option<&str>, name: &str, payload: Value) -> String {
    let message = match speech {
        Speech::A => {
            let mut payload = payload;
            payload["status"] = name.into();
            envelope_a("response", Id::unique().as_str(), now(), to, &payload)
        }
        Speech::B => {
            let mut payload = payload;
            if let Some(to) = to {
                payload["id"] = to.into();
            }
            json!({ name: payload })
        }
    };
    message.to_string()
}

/// A sign of life, answered.
pub(super) fn heartbeat(speech: Speech, to: Option<&str>) -> String {
    match speech {
        Speech::A => envelope_a("heartbeat", Id::unique().as_str(), now(), to, &json!({})),
        Speech::B => json!({ "type": "heartbeat", "id": to, "timestamp": now().to_string() }),
    }
    .to_string()
}

/// A refusal, in the words of the dialect.
pub(super) fn error(speech: Speech, to: Option<&str>, refusal: &Refusal) -> String {
    let manner = Manner {
        dialect: speech.dialect(),
        is_problem: false,
        is_head: false,
        path: "/ws".to_owned(),
        trace_id: None,
        correlation_id: to.map(str::to_owned),
        now: now(),
    };
    let body = refuse(&manner, refusal).body;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match speech {
        Speech::A => envelope_a("error", Id::unique().as_str(), now(), to, &body).to_string(),
        Speech::B => body.to_string(),
    }
}
