//! The name of a stream, that is, of one isolated swarm.

use std::fmt;
use std::sync::Arc;

/// A name of 1 to 128 characters of `A-Z a-z 0-9 _ -`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamName(Arc<str>);

/// A text that is no stream's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream: '{0}' is not a name; allowed are 1 to 128 characters of A-Z a-z 0-9 _ -")]
pub struct InvalidStreamName(String);

impl StreamName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 128;

    /// Checks a name once; the type is the proof.
    pub fn parse(text: &str) -> Result<Self, InvalidStreamName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(Arc::from(text)))
        } else {
            let shown: String = text
                .chars()
                .take(Self::BYTES_MAX)
                .flat_map(char::escape_default)
                .collect();
            Err(InvalidStreamName(shown))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StreamName {
    fn default() -> Self {
        Self(Arc::from("main"))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::StreamName;

    #[test]
    fn accepts_what_the_rule_allows_and_nothing_else() {
        for good in ["main", "A-z_09", &"x".repeat(128)] {
            assert_eq!(
                StreamName::parse(good).map(|name| name.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "a b", "a/b", "é", "a\n", &"x".repeat(129)] {
            let error = StreamName::parse(bad).unwrap_err().to_string();
            assert!(
                error.contains("1 to 128") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}
