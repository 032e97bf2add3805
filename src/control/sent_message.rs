//! A `message.sent` of a peer: that one agent told others something.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::agent_id::agent_id;
use super::envelope;
use super::fields::{Fields, text_of};
use super::moment::parse_iso_8601;
use crate::domain::Priority;

/// The longest `messageId`, `messageType` and `namespace`, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The most receivers.
const RECEIVERS_MAX: usize = 256;

/// The message; see the module.
#[derive(Debug)]
pub struct SentMessage<'a> {
    /// Who sent it.
    pub from: Cow<'a, str>,
    /// To whom; each once.
    pub to: Vec<Cow<'a, str>>,
    /// How urgent it is, if that was said.
    pub priority: Option<Priority>,
    /// When it is of no use any more, in milliseconds since 1970.
    pub expiry_unix_ms: Option<i64>,
    /// Whether it says that what the receivers had asked for failed.
    pub is_failure: bool,
}

impl<'a> SentMessage<'a> {
    /// Reads the payload at a moment; an expiry that has passed is refused.
    pub fn read(payload: &Fields<'a>, now_unix_ms: i64) -> Result<Self, String> {
        payload.required_text("messageId", NAME_BYTES_MAX)?;
        let kind = payload.required_text("messageType", NAME_BYTES_MAX)?;
        let from = party(&payload.required_object("from")?)?;
        let listed = payload.objects("to", 1..=RECEIVERS_MAX)?;
        let listed = listed.ok_or_else(|| {
            payload.refused("to", &format!("a list of 1 to {RECEIVERS_MAX} agents"))
        })?;
        let mut to = Vec::with_capacity(listed.len());
        for one in &listed {
            let id = party(one)?;
            if !to.contains(&id) {
                to.push(id);
            }
        }
        Ok(Self {
            from,
            to,
            priority: envelope::priority(payload, "priority")?,
            expiry_unix_ms: expiry(payload, now_unix_ms)?,
            is_failure: kind.eq_ignore_ascii_case("RESPONSE") && is_error(payload.raw("content")),
        })
    }
}

fn party<'a>(fields: &Fields<'a>) -> Result<Cow<'a, str>, String> {
    fields.text("namespace", NAME_BYTES_MAX)?;
    agent_id(fields, "id")
}

fn expiry(payload: &Fields<'_>, now_unix_ms: i64) -> Result<Option<i64>, String> {
    let Some(raw) = payload.raw("expiry") else {
        return Ok(None);
    };
    let text = text_of(raw);
    let expiry = text.as_deref().and_then(parse_iso_8601);
    match expiry.ok_or_else(|| payload.refused("expiry", "ISO 8601, later than now"))? {
        passed if passed <= now_unix_ms => {
            let text = super::fields::shown(&text.unwrap_or_default());
            Err(format!(
                "payload.expiry: '{text}' has passed; a later time is allowed"
            ))
        }
        later => Ok(Some(later)),
    }
}

/// Whether the content of a response says that it is an error.
fn is_error(content: Option<&RawValue>) -> bool {
    let Some(Ok(content)) = content.map(|raw| Fields::read("payload.content", raw)) else {
        return false;
    };
    let status = content.raw("status").and_then(text_of);
    status.is_some_and(|status| status.eq_ignore_ascii_case("error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Document C, Message Sent.
    const EXAMPLE: &str = r#"{"messageId":"msg-789","from":{"id":"agent-001","namespace":"research"},
        "to":[{"id":"agent-002","namespace":"analysis"}],"messageType":"REQUEST","priority":"HIGH",
        "content":{"action":"analyze_data","data":{"source":"dataset-123"}},
        "expiry":"2024-01-10T12:05:00Z"}"#;

    const NOON: i64 = 1_704_888_000_000;

    fn read(text: &str) -> Result<SentMessage<'_>, String> {
        let payload = Fields::of_text("payload", text).expect("an object");
        SentMessage::read(&payload, NOON)
    }

    #[test]
    fn the_documents_message_is_read() {
        let message = read(EXAMPLE).expect("good");
        assert_eq!(message.from, "agent-001");
        assert_eq!(message.to, ["agent-002"]);
        assert_eq!(message.priority, Some(Priority::High));
        assert_eq!(message.expiry_unix_ms, Some(NOON + 300_000));
        assert!(!message.is_failure);
    }

    #[test]
    fn a_response_with_an_error_is_a_failure() {
        let response = EXAMPLE.replace("REQUEST", "response");
        let failed = response.replace(r#""action":"analyze_data""#, r#""status":"Error""#);
        for (text, is_failure) in [
            (response.clone(), false),
            (failed.clone(), true),
            (failed.replace("response", "REQUEST"), false),
            (failed.replace("Error", "ok"), false),
        ] {
            assert_eq!(read(&text).expect("good").is_failure, is_failure, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (old, new, begins) in [
            (
                r#""messageId":"msg-789","#,
                "",
                "payload.messageId: missing",
            ),
            (
                r#""messageType":"REQUEST","#,
                "",
                "payload.messageType: missing",
            ),
            (
                r#""to":[{"id":"agent-002","namespace":"analysis"}],"#,
                "",
                "payload.to: missing; a list of 1 to 256",
            ),
            (
                r#"[{"id":"agent-002","namespace":"analysis"}]"#,
                "[]",
                "payload.to: 0 entries",
            ),
            ("agent-002", "a b", "payload.to[0].id: 'a b'"),
            ("agent-001", "", "payload.from.id: ''"),
            (
                "HIGH",
                "URGENT",
                "payload.priority: 'URGENT' is not allowed; low",
            ),
            (
                "2024-01-10T12:05:00Z",
                "2024-01-10T12:00:00Z",
                "payload.expiry: '2024-01-10T12:00:00Z' has passed",
            ),
            (
                "2024-01-10T12:05:00Z",
                "soon",
                "payload.expiry: 'soon' is not allowed; ISO 8601",
            ),
        ] {
            let error = read(&EXAMPLE.replace(old, new)).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
        let many = vec![r#"{"id":"a"}"#; 257].join(",");
        let text = EXAMPLE.replace(r#"{"id":"agent-002","namespace":"analysis"}"#, &many);
        assert!(
            read(&text)
                .unwrap_err()
                .starts_with("payload.to: 257 entries")
        );
    }

    #[test]
    fn a_receiver_counts_once() {
        let text = EXAMPLE.replace(r"[{", r#"[{"id":"agent-002"},{"#);
        assert_eq!(read(&text).expect("good").to, ["agent-002"]);
    }
}
