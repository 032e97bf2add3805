//! A message in a channel: `{"channel":...,"sequence":...,"message":{...}}` (document C, Channel
//! Message).

use std::io::Write;

use serde_json::value::RawValue;

use super::channel_kind::ChannelKind;
use super::channel_name::ChannelName;
use super::channel_refusal::{ChannelErrorCode, ChannelRefusal};
use super::fields::{Fields, shown, text_of};

/// A message that a client sent in a channel.
#[derive(Clone, Debug)]
pub struct ChannelMessage<'a> {
    /// The channel.
    pub name: ChannelName,
    /// The sender's own number of it.
    pub sequence: Option<u64>,
    /// What it says.
    pub message: &'a RawValue,
}

impl<'a> ChannelMessage<'a> {
    /// Reads a text without `type` that has `channel`.
    pub fn parse(text: &'a str) -> Result<Self, ChannelRefusal> {
        let refused = |name: Option<String>, text: String| ChannelRefusal {
            kind: ChannelKind::Channel,
            name,
            code: ChannelErrorCode::InvalidMessage,
            text,
        };
        let fields = match Fields::of_text("message", text) {
            Ok(fields) => fields.at_the_root(),
            Err(text) => return Err(refused(None, text)),
        };
        let said = fields.raw("channel").and_then(text_of);
        let read = || {
            let name = said.as_deref().and_then(ChannelName::parse);
            let name = name.ok_or_else(|| fields.refused("channel", ChannelName::ALLOWED))?;
            let sequence = fields.whole("sequence", 0..=u64::MAX)?;
            let message = fields
                .raw("message")
                .filter(|raw| raw.get().starts_with('{'));
            let message = message.ok_or_else(|| fields.refused("message", "an object"))?;
            Ok(Self {
                name,
                sequence,
                message,
            })
        };
        read().map_err(|text| refused(said.as_deref().map(shown), text))
    }
}

/// Appends the wrapper round a finished message.
pub fn write_wrapper(name: &ChannelName, sequence: Option<u64>, message: &[u8], out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(out, r#"{{"channel":"{name}""#);
    if let Some(sequence) = sequence {
        let _ = write!(out, r#","sequence":{sequence}"#);
    }
    out.extend_from_slice(br#","message":"#);
    out.extend_from_slice(message);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_wrapped_as_the_document_has_it() {
        let name = ChannelName::parse("perf-metrics").expect("a name");
        let mut out = Vec::new();
        write_wrapper(&name, Some(12_345), br#"{"type":"x", "n":1.50}"#, &mut out);
        let expected =
            r#"{"channel":"perf-metrics","sequence":12345,"message":{"type":"x", "n":1.50}}"#;
        assert_eq!(String::from_utf8_lossy(&out), expected);
        let read = ChannelMessage::parse(expected).expect("good");
        assert_eq!(
            (read.name.as_str(), read.sequence),
            ("perf-metrics", Some(12_345))
        );
        assert_eq!(read.message.get(), r#"{"type":"x", "n":1.50}"#);
        out.clear();
        write_wrapper(&name, None, b"{}", &mut out);
        assert_eq!(&out[..], br#"{"channel":"perf-metrics","message":{}}"#);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_channel() {
        for (text, name, begins) in [
            ("[1]", None, "message: "),
            (
                r#"{"channel":7,"message":{}}"#,
                None,
                "channel: 7 is not allowed; 1 to 64",
            ),
            (
                r#"{"channel":"a b","message":{}}"#,
                Some("a b"),
                "channel: 'a b'",
            ),
            (
                r#"{"channel":"a"}"#,
                Some("a"),
                "message: missing; an object",
            ),
            (
                r#"{"channel":"a","message":"x"}"#,
                Some("a"),
                "message: 'x'",
            ),
            (
                r#"{"channel":"a","sequence":-1,"message":{}}"#,
                Some("a"),
                "sequence: -1",
            ),
        ] {
            let refusal = ChannelMessage::parse(text).expect_err(text);
            assert_eq!(refusal.name.as_deref(), name, "{text}");
            assert!(refusal.text.starts_with(begins), "{}", refusal.text);
        }
    }
}
