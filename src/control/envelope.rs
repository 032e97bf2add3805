//! The envelope of a message (document C, Message Envelope), opened and checked; the payload stays
//! raw.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{Fields, Members};
use super::moment::parse_iso_8601;
use crate::domain::Priority;

/// The longest `id`, `type` and `correlationId`, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The longest time to live: a day.
const TTL_MS_MAX: u64 = 86_400_000;

/// How deep objects and lists may lie within each other: readers on the other side may recurse.
const DEPTH_MAX: usize = 64;

/// Members that the envelope itself explains; all others are passed on as they came.
const OWN_KEYS: [&str; 5] = ["id", "type", "timestamp", "payload", "metadata"];

/// Members that only the server writes.
const SERVER_KEYS: [&str; 2] = ["sequence", "log"];

/// A message in its envelope.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The sender's id of the message.
    pub id: Option<Cow<'a, str>>,
    /// `type`.
    pub kind: Cow<'a, str>,
    /// When it was made, by the sender's word.
    pub timestamp: Option<Cow<'a, str>>,
    /// The same in milliseconds since 1970.
    pub stamped_unix_ms: Option<i64>,
    /// What it says.
    pub payload: Option<&'a RawValue>,
    /// `metadata` as it came.
    pub metadata: Option<Fields<'a>>,
    /// `metadata.correlationId`.
    pub correlation_id: Option<Cow<'a, str>>,
    /// `metadata.priority`.
    pub priority: Option<Priority>,
    /// `metadata.ttl`, counted from the server's receipt.
    pub ttl_ms: Option<u64>,
    /// `metadata.ack`.
    pub wants_ack: bool,
    /// Members beside those of document C.
    pub rest: Members<'a>,
    /// The length of the whole text.
    pub bytes: usize,
}

impl<'a> Envelope<'a> {
    /// Opens a text message. What is wrong is said with the field, its value and what is allowed.
    pub fn parse(text: &'a str, json_bytes_max: usize) -> Result<Self, String> {
        check_text(text, json_bytes_max)?;
        let fields = Fields::of_text("message", text)?.at_the_root();
        let kind = fields.required_text("type", ID_BYTES_MAX)?;
        let timestamp = fields.text("timestamp", usize::MAX)?;
        let stamped_unix_ms = timestamp.as_deref().map(|text| {
            parse_iso_8601(text).ok_or_else(|| {
                fields.refused("timestamp", "ISO 8601, such as 2024-01-10T12:00:00Z")
            })
        });
        let metadata = fields.object("metadata")?;
        let is_rest = |name: &str| !OWN_KEYS.contains(&name) && !SERVER_KEYS.contains(&name);
        let rest = fields.members().iter();
        Ok(Self {
            id: fields.text("id", ID_BYTES_MAX)?,
            kind,
            timestamp,
            stamped_unix_ms: stamped_unix_ms.transpose()?,
            payload: fields.raw("payload"),
            correlation_id: read(metadata.as_ref(), |it| {
                it.text("correlationId", ID_BYTES_MAX)
            })?,
            priority: read(metadata.as_ref(), |it| priority(it, "priority"))?,
            ttl_ms: read(metadata.as_ref(), |it| it.whole("ttl", 0..=TTL_MS_MAX))?,
            wants_ack: read(metadata.as_ref(), |it| it.flag("ack"))?.unwrap_or(false),
            metadata,
            rest: rest.filter(|(name, _)| is_rest(name)).cloned().collect(),
            bytes: text.len(),
        })
    }

    /// The payload of a type that needs one.
    pub fn payload(&self) -> Result<Fields<'a>, String> {
        match self.payload {
            Some(raw) => Fields::read("payload", raw),
            None => Err("payload: missing; an object".to_owned()),
        }
    }

    /// What a reply names: the request's own correlation, else its id.
    pub fn correlation(&self) -> Option<&str> {
        self.correlation_id.as_deref().or(self.id.as_deref())
    }
}

/// A priority as a word or as a number from 1 to 10.
pub fn priority(fields: &Fields<'_>, key: &str) -> Result<Option<Priority>, String> {
    let Some(raw) = fields.raw(key) else {
        return Ok(None);
    };
    let text = super::fields::text_of(raw).unwrap_or(Cow::Borrowed(raw.get()));
    let parsed = Priority::parse(&text).map(Some);
    parsed.map_err(|_| {
        fields.refused(
            key,
            "low, normal, high, critical or a whole number from 1 to 10",
        )
    })
}

fn read<'f, 'a, T>(
    fields: Option<&'f Fields<'a>>,
    field: impl FnOnce(&'f Fields<'a>) -> Result<Option<T>, String>,
) -> Result<Option<T>, String> {
    fields.map_or(Ok(None), field)
}

/// Refuses what is too long or nested too deep to be passed on.
pub fn check_text(text: &str, json_bytes_max: usize) -> Result<(), String> {
    if text.len() > json_bytes_max {
        let bytes = text.len();
        return Err(format!(
            "message: {bytes} bytes; json_bytes_max allows {json_bytes_max}"
        ));
    }
    check_depth(text)
}

/// Looks at brackets outside texts only; whether they match is the parser's business.
fn check_depth(text: &str) -> Result<(), String> {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(format!(
                "message: nested more than {DEPTH_MAX} deep; allowed are {DEPTH_MAX} levels"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Envelope<'_>, String> {
        Envelope::parse(text, 1 << 16)
    }

    #[test]
    fn the_documents_envelope_is_opened_and_its_payload_left_as_it_is() {
        let text = r#"{"id":"msg-123","type":"agent.state.changed",
            "timestamp":"2024-01-10T12:00:00Z","payload":{ "agentId" : "agent-001" },
            "metadata":{"correlationId":"c-1","priority":"HIGH","ttl":5000,"ack":true,"own":1},
            "extra":[1,2],"sequence":7,"log":"critical"}"#;
        let envelope = parse(text).expect("good");
        assert_eq!(envelope.id.as_deref(), Some("msg-123"));
        assert_eq!(envelope.kind, "agent.state.changed");
        assert_eq!(envelope.stamped_unix_ms, Some(1_704_888_000_000));
        assert_eq!(
            envelope.payload.map(RawValue::get),
            Some(r#"{ "agentId" : "agent-001" }"#)
        );
        assert_eq!(envelope.correlation(), Some("c-1"));
        assert_eq!(envelope.priority, Some(Priority::High));
        assert_eq!((envelope.ttl_ms, envelope.wants_ack), (Some(5000), true));
        let rest: Vec<_> = envelope
            .rest
            .iter()
            .map(|(name, raw)| (name.as_ref(), raw.get()))
            .collect();
        assert_eq!(
            rest,
            [("extra", "[1,2]")],
            "the server's own words are not taken"
        );
    }

    #[test]
    fn only_the_type_is_needed() {
        let envelope = parse(r#"{"type":"x"}"#).expect("good");
        assert_eq!(envelope.correlation(), None);
        assert_eq!(
            envelope.payload().unwrap_err(),
            "payload: missing; an object"
        );
        let envelope = parse(r#"{"type":"x","id":"m","payload":[1]}"#).expect("good");
        assert_eq!(envelope.correlation(), Some("m"));
        assert_eq!(
            envelope.payload().unwrap_err(),
            "payload: [1] is not allowed; an object is"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!(r#"{{"type":"x","id":"{}"}}"#, "i".repeat(129));
        for (text, begins) in [
            (r"[1]", "message: "),
            (r#"{"id":"m"}"#, "type: missing; "),
            (r#"{"type":7}"#, "type: 7 is not allowed; "),
            (long.as_str(), "id: 'iiii"),
            (
                r#"{"type":"x","id":""}"#,
                "id: '' is not allowed; a text of 1 to 128 bytes",
            ),
            (
                r#"{"type":"x","timestamp":"noon"}"#,
                "timestamp: 'noon' is not allowed; ISO 8601",
            ),
            (
                r#"{"type":"x","timestamp":12}"#,
                "timestamp: 12 is not allowed",
            ),
            (
                r#"{"type":"x","metadata":1}"#,
                "metadata: 1 is not allowed; an object",
            ),
            (
                r#"{"type":"x","metadata":{"priority":"urgent"}}"#,
                "metadata.priority: 'urgent' is not allowed; low, normal",
            ),
            (
                r#"{"type":"x","metadata":{"priority":11}}"#,
                "metadata.priority: 11 is not allowed",
            ),
            (
                r#"{"type":"x","metadata":{"ttl":86400001}}"#,
                "metadata.ttl: 86400001 is not allowed; a whole number from 0 to 86400000",
            ),
            (
                r#"{"type":"x","metadata":{"ttl":1.5}}"#,
                "metadata.ttl: 1.5",
            ),
            (
                r#"{"type":"x","metadata":{"ack":"yes"}}"#,
                "metadata.ack: 'yes'",
            ),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(begins), "{error}");
        }
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_refused() {
        let text = format!(r#"{{"type":"{}"}}"#, "x".repeat(99));
        assert_eq!(
            Envelope::parse(&text, 64).unwrap_err(),
            "message: 110 bytes; json_bytes_max allows 64"
        );
        let nested = |deep: usize| {
            let (open, close) = ("[".repeat(deep), "]".repeat(deep));
            format!(r#"{{"type":"x","payload":{{"a":"[\"[[","b":{open}{close}}}}}"#)
        };
        assert!(parse(&nested(DEPTH_MAX - 2)).is_ok());
        let error = parse(&nested(DEPTH_MAX - 1)).unwrap_err();
        assert!(error.contains("allowed are 64 levels"), "{error}");
    }
}
