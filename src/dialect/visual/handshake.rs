//! The client's handshake, checked once (document C, Handshake Protocol).

use std::borrow::Cow;

use crate::control::fields::{Fields, text_of};
use crate::domain::HiddenText;
use crate::engine::encoding::CodecSpec;

use super::admission::read_token;
use super::capabilities::Capabilities;
use super::terms::{Wishes, read_encodings};
use super::wire::{JSON_HZ, Role};

/// The longest clientId, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// The most capabilities that a handshake may list.
const CAPABILITIES_MAX: usize = 64;

/// The greatest sequence that JSON numbers carry exactly.
const SEQUENCE_MAX: u64 = 1 << 53;

/// A handshake.
#[derive(Debug, PartialEq)]
pub(super) struct Handshake {
    pub(super) client_id: Option<String>,
    /// Of the client's software.
    pub(super) version: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) capabilities: Capabilities,
    /// What the client chose of compressions, if it said anything.
    pub(super) compression: Option<Wishes>,
    /// The first of its encodings that is known.
    pub(super) codec: Option<CodecSpec>,
    pub(super) resume: Option<Resume>,
    pub(super) json_hz: Option<u8>,
    /// What the session is let in by, if its request has shown nothing (ruling 64).
    pub(super) token: Option<HiddenText>,
}

/// Where a session was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    /// The stream's epoch then.
    pub(super) epoch: String,
    /// The last sequence of each log that the client has.
    pub(super) channels: Vec<(String, u64)>,
}

impl Handshake {
    /// Reads the message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields = Fields::of_text("handshake", text)?.at_the_root();
        let raws = fields
            .list("capabilities", 0..=CAPABILITIES_MAX)?
            .unwrap_or_default();
        let mut names: Vec<Cow<'_, str>> = Vec::with_capacity(raws.len());
        for raw in raws {
            let name =
                text_of(raw).ok_or_else(|| fields.refused("capabilities", "a list of texts"))?;
            names.push(name);
        }
        let role = fields.text("role", usize::MAX)?;
        let hz = u64::from(*JSON_HZ.start())..=u64::from(*JSON_HZ.end());
        let compression = fields.object("compression")?;
        Ok(Self {
            client_id: fields
                .text("clientId", CLIENT_ID_BYTES_MAX)?
                .map(Cow::into_owned),
            version: fields
                .text("version", CLIENT_ID_BYTES_MAX)?
                .map(Cow::into_owned),
            role: role.as_deref().map(Role::parse).transpose()?,
            capabilities: Capabilities::of(&names),
            compression: compression.as_ref().map(Wishes::read).transpose()?,
            codec: read_encodings(&fields)?,
            resume: fields
                .object("resume")?
                .map(|it| Resume::read(&it))
                .transpose()?,
            json_hz: fields.whole("jsonHz", hz)?.map(|hz| hz as u8),
            token: read_token(&fields)?,
        })
    }
}

impl Resume {
    fn read(fields: &Fields<'_>) -> Result<Self, String> {
        let channels = fields.required_object("channels")?;
        let mut held = Vec::new();
        for (name, _) in channels.members() {
            let sequence = channels.whole(name, 0..=SEQUENCE_MAX)?.unwrap_or(0);
            held.push((name.to_string(), sequence));
        }
        Ok(Self {
            epoch: fields
                .required_text("epoch", CLIENT_ID_BYTES_MAX)?
                .into_owned(),
            channels: held,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_own_handshake_is_understood() {
        let text = r#"{"type":"handshake","version":"1.0.0",
            "capabilities":["binary","compression","multiplexing"],
            "clientId":"client-uuid","timestamp":"2024-01-10T12:00:00Z"}"#;
        let read = Handshake::parse(text).expect("good");
        assert_eq!(read.client_id.as_deref(), Some("client-uuid"));
        assert_eq!(read.version.as_deref(), Some("1.0.0"));
        assert_eq!(
            read.capabilities.names(),
            ["binary", "compression", "multiplexing"]
        );
        assert_eq!(
            (read.role, read.compression, read.codec),
            (None, None, None)
        );
        assert_eq!((read.resume, read.json_hz), (None, None));
    }

    #[test]
    fn our_own_fields_are_read() {
        let text = r#"{"type":"handshake","capabilities":["binary","resume","unheard-of"],
            "encodings":["predict"],"compression":{"algorithms":["zstd"],"level":9},"jsonHz":30,
            "resume":{"sessionId":"s","epoch":"7","channels":{"events":12,"critical":0}}}"#;
        let read = Handshake::parse(text).expect("good");
        assert_eq!(read.codec, Some(CodecSpec::Predict));
        assert!(
            read.compression
                .is_some_and(|wishes| wishes.compression.is_some())
        );
        assert_eq!(read.json_hz, Some(30));
        let resume = read.resume.expect("a resume");
        assert_eq!(resume.epoch, "7");
        assert_eq!(
            resume.channels,
            [("events".to_owned(), 12), ("critical".to_owned(), 0)]
        );
    }

    #[test]
    fn a_bad_field_is_named_with_its_value_and_what_is_allowed() {
        let long = format!(r#"{{"clientId":"{}"}}"#, "x".repeat(129));
        for (text, begins) in [
            (
                r#"{"type":"handshake","role":"king\n"}"#,
                r"role: 'king\n' is not allowed; viewer or publisher",
            ),
            (long.as_str(), "clientId: "),
            (r#"{"capabilities":"binary"}"#, "capabilities: "),
            (r#"{"capabilities":[1]}"#, "capabilities: "),
            (r#"{"jsonHz":0}"#, "jsonHz: 0 "),
            (r#"{"resume":{"epoch":"1"}}"#, "resume.channels: "),
            (
                r#"{"resume":{"epoch":"1","channels":{"events":-1}}}"#,
                "resume.channels.events: ",
            ),
        ] {
            let error = Handshake::parse(text).expect_err(text);
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
