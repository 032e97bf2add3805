//! The name of a channel: the `channelId` or `streamId` of a message, checked.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A name of 1 to 64 characters of `A-Z a-z 0-9 _ . : -`, so that it needs no escape in JSON.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// What is allowed, for people.
    pub const ALLOWED: &str = "1 to 64 characters of A-Z a-z 0-9 _ . : -";

    /// Checks a name once; the type is the proof.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        let is_name = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed);
        is_name.then(|| Self(Arc::from(text)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ChannelName;

    #[test]
    fn accepts_what_the_rule_allows_and_nothing_else() {
        for good in ["perf-metrics", "A.b:c_1", &"x".repeat(64)] {
            let name = ChannelName::parse(good);
            assert_eq!(name.as_ref().map(ChannelName::as_str), Some(good));
        }
        for bad in ["", "a b", "a/b", "é", "a\"", "a\n", &"x".repeat(65)] {
            assert_eq!(ChannelName::parse(bad), None, "{bad:?}");
        }
    }
}
