//! What clients say in JSON, parsed and checked once (document C, Handshake Protocol).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::domain::StreamName;

/// What a session may do, as its client asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Only receives.
    Viewer,
    /// Only sends.
    Publisher,
}

impl Role {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "publisher" => Ok(Self::Publisher),
            other => Err(format!(
                "role: '{}' is not allowed; viewer or publisher",
                shown(other)
            )),
        }
    }
}

/// Which protocols a client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// AGNT frames.
    pub binary: bool,
    /// JSON text.
    pub json: bool,
}

impl Protocols {
    /// Where nobody names `binary`, a client gets JSON only.
    pub const JSON: Self = Self {
        binary: false,
        json: true,
    };

    /// What is known of a list of preferences; a preference that we don't know is no mistake.
    fn known(list: &str) -> Option<Self> {
        let names = |name: &str| list.split(',').any(|item| item.trim() == name);
        let found = Self {
            binary: names("binary"),
            json: names("json"),
        };
        (found.binary || found.json).then_some(found)
    }

    /// A comma list of `binary` and `json`.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut found = Self {
            binary: false,
            json: false,
        };
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name {
                "binary" => found.binary = true,
                "json" => found.json = true,
                other => {
                    let other = shown(other);
                    return Err(format!(
                        "protocols: '{other}' is not allowed; binary, json or both"
                    ));
                }
            }
        }
        if found.binary || found.json {
            Ok(found)
        } else {
            Err("protocols: the list is empty; allowed are binary, json or both".to_owned())
        }
    }
}

/// What the HTTP request of the upgrade says about the session.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// The stream, from `stream=`.
    pub stream: StreamName,
    /// From `protocols=`: stands in for a handshake.
    pub protocols: Option<Protocols>,
    /// From the header `X-Requested-Protocols`: what a handshake that names nothing gets.
    pub preferred: Option<Protocols>,
    /// From `role=`.
    pub role: Option<Role>,
}

/// A query value that is not allowed; the text names the key, the value and what is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidQuery(pub String);

impl Introduction {
    /// Reads the query and the header; unknown keys belong to other dialects and are left alone.
    pub fn read(query: &str, preferred: Option<&str>) -> Result<Self, InvalidQuery> {
        let mut found = Self {
            preferred: preferred.and_then(Protocols::known),
            ..Self::default()
        };
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match key {
                "stream" => {
                    let parsed = StreamName::parse(&value);
                    found.stream = parsed.map_err(|error| InvalidQuery(error.to_string()))?;
                }
                "protocols" => {
                    found.protocols = Some(Protocols::parse(&value).map_err(InvalidQuery)?);
                }
                "role" => found.role = Some(Role::parse(&value).map_err(InvalidQuery)?),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// A text message, as far as every type shares it.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<&'a serde_json::value::RawValue>,
}

/// A handshake, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) client_id: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) binary: bool,
    pub(super) compression: bool,
    pub(super) multiplexing: bool,
    pub(super) state_metadata: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHandshake<'a> {
    #[serde(borrow, default)]
    capabilities: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
}

/// The longest clientId, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// The most capabilities that a handshake may list.
const CAPABILITIES_MAX: usize = 64;

impl Handshake {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: RawHandshake<'_> =
            serde_json::from_str(text).map_err(|error| format!("handshake: {error}"))?;
        let capabilities = raw.capabilities.unwrap_or_default();
        if capabilities.len() > CAPABILITIES_MAX {
            let count = capabilities.len();
            return Err(format!(
                "capabilities: {count} entries; allowed are {CAPABILITIES_MAX}"
            ));
        }
        if let Some(id) = raw
            .client_id
            .as_deref()
            .filter(|id| id.len() > CLIENT_ID_BYTES_MAX)
        {
            let bytes = id.len();
            return Err(format!(
                "clientId: {bytes} bytes; allowed are {CLIENT_ID_BYTES_MAX}"
            ));
        }
        let lists = |name: &str| capabilities.iter().any(|capability| capability == name);
        Ok(Self {
            client_id: raw.client_id.map(Cow::into_owned),
            role: raw.role.as_deref().map(Role::parse).transpose()?,
            binary: lists("binary"),
            compression: lists("compression"),
            multiplexing: lists("multiplexing"),
            state_metadata: lists("state-metadata"),
        })
    }
}

/// A peer's text as it may stand in an answer: short and without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(64)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_own_handshake_is_understood() {
        let text = r#"{"type":"handshake","version":"1.0.0",
            "capabilities":["binary","compression","multiplexing"],
            "clientId":"client-uuid","timestamp":"2024-01-10T12:00:00Z"}"#;
        let expected = Handshake {
            client_id: Some("client-uuid".to_owned()),
            role: None,
            binary: true,
            compression: true,
            multiplexing: true,
            state_metadata: false,
        };
        assert_eq!(Handshake::parse(text), Ok(expected));
    }

    #[test]
    fn a_bad_field_is_named_with_its_value_and_what_is_allowed() {
        let error = Handshake::parse(r#"{"type":"handshake","role":"king\n"}"#).unwrap_err();
        assert_eq!(error, r"role: 'king\n' is not allowed; viewer or publisher");
        let long = format!(r#"{{"clientId":"{}"}}"#, "x".repeat(129));
        assert_eq!(
            Handshake::parse(&long).unwrap_err(),
            "clientId: 129 bytes; allowed are 128"
        );
    }

    #[test]
    fn the_query_is_read_and_foreign_keys_are_left_alone() {
        let read = Introduction::read("stream=s1&protocols=binary%2Cjson&role=viewer&x=1", None);
        let read = read.expect("a good query");
        assert_eq!(read.stream.as_str(), "s1");
        assert_eq!(
            read.protocols,
            Some(Protocols {
                binary: true,
                json: true
            })
        );
        assert_eq!(read.role, Some(Role::Viewer));
        for (query, key) in [
            ("stream=a%20b", "stream"),
            ("protocols=xml", "protocols"),
            ("role=x", "role"),
        ] {
            let error = Introduction::read(query, None)
                .expect_err("a bad query")
                .to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
