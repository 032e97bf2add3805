//! Settings that are words of others: names of issuers and audiences, and where keys are.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::value::{Rule, Value, quoted};

/// A name, as tokens have it; 1 to 255 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In this file.
    File(PathBuf),
    /// At this URL.
    Url(String),
}

const BYTES_MAX: usize = 255;

impl Text {
    /// That text, which is known to be one.
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether keys may be fetched from there: encrypted, or from this machine.
fn is_safe_url(text: &str) -> bool {
    let Ok(url) = text.parse::<hyper::Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or("");
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_local = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_local,
        _ => false,
    }
}

impl Value for Text {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        let is_text = (1..=BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        let is_good = is_text && (rule != Rule::IssuerIfAny || is_safe_url(text));
        is_good.then(|| Self(text.to_owned()))
    }
    fn toml(&self) -> String {
        quoted(&self.0)
    }
}

impl Value for Option<Text> {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        match text {
            "" => Some(None),
            text => Text::read(text, rule).map(Some),
        }
    }
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Value::toml)
    }
}

impl Value for Vec<Text> {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|_| !text.trim().is_empty());
        entries.map(|entry| Text::read(entry, rule)).collect()
    }
    fn toml(&self) -> String {
        let entries = self.iter().map(|entry| entry.0.as_str());
        quoted(&entries.collect::<Vec<_>>().join(","))
    }
}

impl Value for Option<KeySource> {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        match text {
            "" => Some(None),
            url if url.contains("://") => {
                is_safe_url(url).then(|| Some(KeySource::Url(url.to_owned())))
            }
            path => PathBuf::read(path, rule).map(|path| Some(KeySource::File(path))),
        }
    }
    fn toml(&self) -> String {
        match self {
            None => quoted(""),
            Some(KeySource::File(path)) => quoted(&path.to_string_lossy()),
            Some(KeySource::Url(url)) => quoted(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_files_from_this_machine_or_encrypted() {
        for (text, is_allowed) in [
            ("keys.json", true),
            ("https://issuer.example/keys", true),
            ("http://127.0.0.1:9000/keys", true),
            ("http://[::1]:9000/keys", true),
            ("http://localhost/keys", true),
            ("http://issuer.example/keys", false),
            ("http://127.0.0.1.example/keys", false),
            ("ftp://issuer.example/keys", false),
            ("https://", false),
        ] {
            let read = Option::<KeySource>::read(text, Rule::FileOrUrl);
            assert_eq!(read.is_some(), is_allowed, "{text}");
        }
    }

    #[test]
    fn names_have_no_control_characters_and_lists_come_back() {
        assert!(Text::read("a b", Rule::Text).is_some());
        assert!(Text::read("", Rule::Text).is_none());
        assert!(Text::read("a\nb", Rule::Text).is_none());
        let list = Vec::<Text>::read("a, b", Rule::Texts).unwrap();
        assert_eq!(list.toml(), r#""a,b""#);
        assert!(Vec::<Text>::read("a,,b", Rule::Texts).is_none());
        assert_eq!(Vec::<Text>::read(" ", Rule::Texts), Some(Vec::new()));
    }
}
