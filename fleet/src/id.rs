//! Names of things: agents, tasks, workflows, commands.

use std::borrow::Borrow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest id.
pub const ID_BYTES_MAX: usize = 128;

/// A checked name: `[A-Za-z0-9_-]{1,128}` (decision X8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(Arc<str>);

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing, or too much.
    #[error("has {0} bytes; 1 to {ID_BYTES_MAX} are allowed")]
    Length(usize),
    /// A character that no id has.
    #[error("has a character other than A-Z, a-z, 0-9, _ and -")]
    Character,
}

impl Id {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > ID_BYTES_MAX {
            return Err(IdError::Length(text.len()));
        }
        match text.bytes().all(is_id_byte) {
            true => Ok(Self(Arc::from(text))),
            false => Err(IdError::Character),
        }
    }

    /// A new id that nothing else has: `UUIDv7`.
    pub fn unique() -> Self {
        let mut buffer = uuid::Uuid::encode_buffer();
        Self(Arc::from(
            &*uuid::Uuid::now_v7().hyphenated().encode_lower(&mut buffer),
        ))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a UUID in the hyphenated form that document A's clients expect.
    pub fn is_uuid(&self) -> bool {
        self.0.len() == 36 && uuid::Uuid::try_parse(&self.0).is_ok()
    }
}

/// Whether a byte may stand in an id.
pub fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl std::fmt::Display for Id {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_characters_are_checked() {
        assert!(Id::new("agent-001").is_ok());
        assert!(Id::new(&"a".repeat(128)).is_ok());
        assert_eq!(Id::new(&"a".repeat(129)), Err(IdError::Length(129)));
        assert_eq!(Id::new(""), Err(IdError::Length(0)));
        for bad in ["a b", "a/b", "ä", "a\u{0}", "a.b"] {
            assert_eq!(Id::new(bad), Err(IdError::Character), "{bad:?}");
        }
        assert!(Id::unique().is_uuid());
        assert!(!Id::new("task-001").unwrap().is_uuid());
    }
}
