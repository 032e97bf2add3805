//! How a setting's text becomes its typed value, and what text is allowed.
//!
//! A [`Rule`] both checks a value and says in words what it accepts, so the sentence a user reads
//! cannot drift from the check. Nothing here knows where the text came from.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use agnt_outbound::HostPattern;
use tracing_subscriber::EnvFilter;

use crate::domain::{Bound, Network, PositionGrid, RedisAddress, WebOrigin};

/// What is allowed as the text of one setting; its `Display` is the sentence shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An IP address and a port.
    Address,
    /// An IP address and a port, or nothing.
    AddressIfAny,
    /// A directory, given by any text that is not empty.
    Directory,
    /// A whole number between both bounds, the bounds included.
    Whole {
        /// The least that is allowed.
        min: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// A whole number between both bounds, or 0 with a meaning of its own.
    WholeOrZero {
        /// The least that is allowed beside 0.
        min: u64,
        /// The most that is allowed.
        max: u64,
        /// What 0 stands for.
        zero: &'static str,
    },
    /// A whole number between both bounds, 0 for none, or `auto`.
    Bound {
        /// The least that is allowed beside 0.
        min: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// A switch that is on or off.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Entries of an allow-list of hosts, with commas between.
    Hosts,
    /// Origins of pages, with commas between.
    Origins,
    /// Networks, with commas between.
    Networks,
    /// A file, or nothing.
    FileIfAny,
    /// Files, or none.
    Files,
    /// A file or the address of a document, or nothing.
    FileOrUrl,
    /// The address of an issuer, or nothing.
    IssuerIfAny,
    /// A text.
    Text,
    /// A text, or nothing.
    TextIfAny,
    /// Texts, or none.
    Texts,
    /// The address of a server, or nothing.
    UrlIfAny,
    /// The address of a Redis, or nothing.
    RedisIfAny,
    /// Steps of the position grid.
    Grid,
    /// A filter of log lines, as the `tracing` ecosystem writes it.
    LogFilter,
}

/// When changes reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Before they are answered.
    Disk,
    /// A moment later.
    Relaxed,
}

/// Whether clients show a certificate, where they are asked for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Who has none is not let in.
    Required,
    /// Who has none comes in without; who has one must have a good one.
    Optional,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                out.write_str("an IP address and a port, as in 127.0.0.1:8080 or [::1]:0")
            }
            Self::AddressIfAny => {
                out.write_str("an IP address and a port, as in 127.0.0.1:9090, or nothing for none")
            }
            Self::Directory => out.write_str("the path of a directory"),
            Self::Whole { min, max } => write!(out, "a whole number from {min} to {max}"),
            Self::WholeOrZero { min, max, zero } => {
                write!(out, "a whole number from {min} to {max}, or 0 for {zero}")
            }
            Self::Bound { min, max } => write!(
                out,
                "a whole number from {min} to {max}, 0 for no limit, or auto"
            ),
            Self::OneOf(words) => out.write_str(&words.join(" or ")),
            Self::Hosts => out.write_str(
                "nothing, or NAME, *.NAME, ADDRESS, NETWORK/BITS or *, each with :PORT or :* if \
                 need be, with commas between",
            ),
            Self::Origins => out.write_str(
                "nothing, or http://HOST[:PORT] or https://HOST[:PORT], with commas between",
            ),
            Self::Networks => {
                out.write_str("nothing, or ADDRESS or NETWORK/BITS, with commas between")
            }
            Self::FileIfAny => out.write_str("the path of a file, or nothing for none"),
            Self::Files => out.write_str("paths of files with commas between, or nothing"),
            Self::FileOrUrl => {
                out.write_str("the path of a file, https://HOST[:PORT]/PATH, or nothing for none")
            }
            Self::IssuerIfAny => {
                out.write_str("https://HOST[:PORT][/PATH], or nothing for none")
            }
            Self::Text => out.write_str("1 to 255 bytes without control characters"),
            Self::TextIfAny => {
                out.write_str("1 to 255 bytes without control characters, or nothing for none")
            }
            Self::Texts => out.write_str(
                "texts of 1 to 255 bytes without control characters, with commas between, or nothing",
            ),
            Self::UrlIfAny => {
                out.write_str("http://HOST[:PORT] or https://HOST[:PORT], or nothing for none")
            }
            Self::RedisIfAny => {
                out.write_str("redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or nothing for none")
            }
            Self::Grid => out.write_str(PositionGrid::ALLOWED),
            Self::Switch => out.write_str("true or false"),
            Self::LogFilter => {
                out.write_str("a level (error, warn, info, debug, trace, off) or TARGET=LEVEL,...")
            }
        }
    }
}

impl Rule {
    /// Reads `text` as a number that this rule allows.
    pub fn number(self, text: &str) -> Option<u64> {
        let number = text.parse().ok()?;
        let allowed = match self {
            Self::Whole { min, max } => (min..=max).contains(&number),
            Self::WholeOrZero { min, max, .. } => number == 0 || (min..=max).contains(&number),
            _ => false,
        };
        allowed.then_some(number)
    }
}

/// A type that a setting can have: read from text under a rule, and shown as a TOML value.
pub(super) trait Value: Sized {
    /// The value of `text`, or nothing where `rule` forbids it.
    fn read(text: &str, rule: Rule) -> Option<Self>;
    /// The value as it stands on the right of `=` in a TOML file.
    fn toml(&self) -> String;
}

impl Value for SocketAddr {
    fn read(text: &str, _: Rule) -> Option<Self> {
        text.parse().ok()
    }
    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for PathBuf {
    fn read(text: &str, _: Rule) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self::from(text))
    }
    fn toml(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Value for Vec<PathBuf> {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|_| !text.trim().is_empty());
        entries.map(|entry| PathBuf::read(entry, rule)).collect()
    }
    fn toml(&self) -> String {
        let entries = self.iter().map(|path| path.to_string_lossy());
        quoted(&entries.collect::<Vec<_>>().join(","))
    }
}

impl Value for Option<PathBuf> {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        match text {
            "" => Some(None),
            path => PathBuf::read(path, rule).map(Some),
        }
    }
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Value::toml)
    }
}

impl Value for Option<String> {
    fn read(text: &str, _: Rule) -> Option<Self> {
        if text.is_empty() {
            return Some(None);
        }
        let url: hyper::Uri = text.parse().ok()?;
        let has_scheme = matches!(url.scheme_str(), Some("http" | "https"));
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let is_server = has_scheme && is_bare && url.authority().is_some();
        is_server.then(|| Some(text.trim_end_matches('/').to_owned()))
    }
    fn toml(&self) -> String {
        quoted(self.as_deref().unwrap_or(""))
    }
}

impl Value for Option<SocketAddr> {
    fn read(text: &str, _: Rule) -> Option<Self> {
        match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }
    fn toml(&self) -> String {
        quoted(&self.map(|address| address.to_string()).unwrap_or_default())
    }
}

impl Value for Option<RedisAddress> {
    fn read(text: &str, _: Rule) -> Option<Self> {
        match text {
            "" => Some(None),
            address => address.parse().ok().map(Some),
        }
    }
    fn toml(&self) -> String {
        let shown = self.as_ref().map(RedisAddress::without_password);
        quoted(&shown.unwrap_or_default())
    }
}

/// Lists of what a text can be read as.
macro_rules! lists {
    ($($entry:ty),+) => {$(
        impl Value for Vec<$entry> {
            fn read(text: &str, _: Rule) -> Option<Self> {
                let entries = text.split(',').map(str::trim);
                let entries = entries.filter(|_| !text.trim().is_empty());
                entries.map(|entry| entry.parse().ok()).collect()
            }
            fn toml(&self) -> String {
                let entries = self.iter().map(ToString::to_string);
                quoted(&entries.collect::<Vec<_>>().join(","))
            }
        }
    )+};
}
lists!(HostPattern, Network, WebOrigin);

impl Value for Durability {
    fn read(text: &str, _: Rule) -> Option<Self> {
        match text {
            "disk" => Some(Self::Disk),
            "relaxed" => Some(Self::Relaxed),
            _ => None,
        }
    }
    fn toml(&self) -> String {
        quoted(match self {
            Self::Disk => "disk",
            Self::Relaxed => "relaxed",
        })
    }
}

impl Value for ClientAuth {
    fn read(text: &str, _: Rule) -> Option<Self> {
        match text {
            "required" => Some(Self::Required),
            "optional" => Some(Self::Optional),
            _ => None,
        }
    }
    fn toml(&self) -> String {
        quoted(match self {
            Self::Required => "required",
            Self::Optional => "optional",
        })
    }
}

impl Value for Bound {
    fn read(text: &str, rule: Rule) -> Option<Self> {
        let read = text.parse().ok()?;
        let is_allowed = match (rule, read) {
            (Rule::Bound { min, max }, Self::At(most)) => (min..=max).contains(&most),
            _ => true,
        };
        is_allowed.then_some(read)
    }
    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for bool {
    fn read(text: &str, _: Rule) -> Option<Self> {
        text.parse().ok()
    }
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Value for PositionGrid {
    fn read(text: &str, _: Rule) -> Option<Self> {
        Self::parse(text)
    }
    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for String {
    fn read(text: &str, _: Rule) -> Option<Self> {
        EnvFilter::try_new(text).ok().map(|_| text.to_owned())
    }
    fn toml(&self) -> String {
        quoted(self)
    }
}

/// Whole numbers: the rule's bounds first, then the width of the type.
macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl Value for $number {
            fn read(text: &str, rule: Rule) -> Option<Self> {
                rule.number(text)?.try_into().ok()
            }
            fn toml(&self) -> String {
                self.to_string()
            }
        }
    )+};
}
whole_numbers!(u32, u64, usize);

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|letter| match letter {
        '"' | '\\' => format!("\\{letter}"),
        letter if letter.is_control() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_holds_its_bounds() {
        let rule = Rule::Whole { min: 100, max: 200 };
        for (text, want) in [
            ("99", None),
            ("100", Some(100)),
            ("200", Some(200)),
            ("201", None),
            ("0", None),
            ("-1", None),
            ("1e2", None),
            (" 150", None),
            ("", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(u64::read(text, rule), want, "{text:?}");
        }
        let or_zero = Rule::WholeOrZero {
            min: 100,
            max: 200,
            zero: "never",
        };
        assert_eq!(u64::read("0", or_zero), Some(0));
        assert_eq!(u64::read("1", or_zero), None);
    }

    #[test]
    fn a_number_wider_than_its_type_is_refused() {
        let rule = Rule::Whole {
            min: 0,
            max: u64::MAX,
        };
        assert_eq!(u32::read("4294967295", rule), Some(u32::MAX));
        assert_eq!(u32::read("4294967296", rule), None);
    }

    #[test]
    fn toml_text_reads_back_as_it_was() {
        let wild = "a \"b\" \\ c\nd\t\u{7f}é";
        let table: toml::Table = toml::from_str(&format!("key = {}", quoted(wild))).unwrap();
        assert_eq!(table["key"].as_str(), Some(wild));
    }
}
