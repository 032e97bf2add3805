//! What clients say in JSON, parsed and checked once (document C, Handshake Protocol).

use std::borrow::Cow;
use std::ops::RangeInclusive;

use agnt_fleet::Id;
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
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Publisher => "publisher",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
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
    /// The agent that it acts as if its handshake names none, from `agent_id=`.
    pub agent: Option<Id>,
    /// From `json_hz=`: how often positions in JSON are wanted.
    pub json_hz: Option<u8>,
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
                "agent_id" => {
                    let agent = Id::new(&value);
                    let agent =
                        agent.map_err(|error| InvalidQuery(format!("agent_id: it {error}")))?;
                    found.agent = Some(agent);
                }
                "json_hz" => found.json_hz = Some(json_hz(&value).map_err(InvalidQuery)?),
                "role" => found.role = Some(Role::parse(&value).map_err(InvalidQuery)?),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// How many times a second positions in JSON are wanted.
fn json_hz(text: &str) -> Result<u8, String> {
    let hz = text.parse().ok().filter(|hz| JSON_HZ.contains(hz));
    hz.ok_or_else(|| {
        let (least, most) = (JSON_HZ.start(), JSON_HZ.end());
        format!(
            "json_hz: '{}' is not allowed; {least} to {most}",
            shown(text)
        )
    })
}

/// How often positions in JSON may be wanted, a second.
pub(super) const JSON_HZ: RangeInclusive<u8> = 1..=60;

/// A text message, as far as every type shares it.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    /// The channel of a message in a channel, which has no type of its own.
    #[serde(borrow, default)]
    pub(super) channel: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
}

impl Message<'_> {
    /// What a reply names as that which it answers.
    pub(super) fn asked(&self) -> Asked<'_> {
        let metadata = self.metadata.as_ref();
        let own = metadata.and_then(|metadata| metadata.correlation_id.as_deref());
        Asked {
            id: self.id.as_deref(),
            correlation: own.or(self.id.as_deref()),
        }
    }
}

/// What a reply answers, if its request said so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    /// The request's id.
    pub(super) id: Option<&'a str>,
    /// What it is to be matched by: the request's own word, or its id.
    pub(super) correlation: Option<&'a str>,
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
    fn the_query_is_read_and_foreign_keys_are_left_alone() {
        let query = "stream=s1&protocols=binary%2Cjson&role=viewer&agent_id=a-1&x=1";
        let read = Introduction::read(query, None).expect("a good query");
        assert_eq!(read.agent.as_ref().map(Id::as_str), Some("a-1"));
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
            ("agent_id=a%20b", "agent_id"),
            ("json_hz=61", "json_hz"),
            ("json_hz=fast", "json_hz"),
        ] {
            let error = Introduction::read(query, None)
                .expect_err("a bad query")
                .to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
