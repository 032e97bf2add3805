//! How a setting's text becomes its typed value, and what text is allowed.
//!
//! A [`Rule`] both checks a value and says in words what it accepts, so the sentence a user reads
//! cannot drift from the check. Nothing here knows where the text came from.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

/// What is allowed as the text of one setting; its `Display` is the sentence shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An IP address and a port.
    Address,
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
    /// A switch that is on or off.
    Switch,
    /// A filter of log lines, as the `tracing` ecosystem writes it.
    LogFilter,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                out.write_str("an IP address and a port, as in 127.0.0.1:8080 or [::1]:0")
            }
            Self::Directory => out.write_str("the path of a directory"),
            Self::Whole { min, max } => write!(out, "a whole number from {min} to {max}"),
            Self::WholeOrZero { min, max, zero } => {
                write!(out, "a whole number from {min} to {max}, or 0 for {zero}")
            }
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

impl Value for bool {
    fn read(text: &str, _: Rule) -> Option<Self> {
        text.parse().ok()
    }
    fn toml(&self) -> String {
        self.to_string()
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
fn quoted(text: &str) -> String {
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
