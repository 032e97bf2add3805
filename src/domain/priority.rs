//! How urgent a message is.

use std::fmt;

/// The urgency of a message, the least first, so that priorities compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// May wait behind all others; 1 to 3 as a number.
    Low,
    /// The usual one; 4 to 6.
    #[default]
    Normal,
    /// Before the usual ones; 7 and 8.
    High,
    /// Before all others; 9 and 10.
    Critical,
}

/// A text that is no priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("priority: '{0}' is not allowed; low, normal, high, critical or a number from 1 to 10")]
pub struct InvalidPriority(String);

/// How much of a wrong value an error shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 64;

impl Priority {
    /// Every priority, the least urgent first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// Reads a word in any case, or a whole number from 1 to 10.
    pub fn parse(text: &str) -> Result<Self, InvalidPriority> {
        let word = Self::ALL
            .into_iter()
            .find(|priority| text.eq_ignore_ascii_case(priority.name()));
        let number = || text.parse().ok().and_then(Self::from_number);
        word.or_else(number).ok_or_else(|| {
            let shown = text.chars().take(SHOWN_CHARACTERS_MAX);
            InvalidPriority(shown.flat_map(char::escape_default).collect())
        })
    }

    /// The priority of a number from 1 to 10; others are none.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1..=3 => Some(Self::Low),
            4..=6 => Some(Self::Normal),
            7 | 8 => Some(Self::High),
            9 | 10 => Some(Self::Critical),
            _ => None,
        }
    }

    /// The word, in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The number that stands for the word where numbers are written.
    pub const fn number(self) -> u8 {
        match self {
            Self::Low => 2,
            Self::Normal => 5,
            Self::High => 8,
            Self::Critical => 10,
        }
    }

    /// Where the priority stands in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn words_are_read_in_any_case_and_numbers_by_their_band() {
        let bands = [
            (Priority::Low, ["low", "LOW", "1", "3"]),
            (Priority::Normal, ["normal", "Normal", "4", "6"]),
            (Priority::High, ["high", "HIGH", "7", "8"]),
            (Priority::Critical, ["critical", "CriTical", "9", "10"]),
        ];
        for (priority, texts) in bands {
            for text in texts {
                assert_eq!(Priority::parse(text), Ok(priority), "{text}");
            }
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_value_and_what_is_allowed() {
        for text in ["", "urgent", "0", "11", "-1", "5.5", "low ", "1\n"] {
            let error = Priority::parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("priority: '{}'", text.escape_default()))
                    && error.ends_with("critical or a number from 1 to 10"),
                "{error}"
            );
        }
        let long = Priority::parse(&"x".repeat(1_000)).unwrap_err().to_string();
        assert!(long.len() < 200, "{} bytes", long.len());
    }

    #[test]
    fn what_is_written_is_read_as_the_same_and_order_is_urgency() {
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.name()), Ok(priority));
            assert_eq!(
                Priority::from_number(priority.number().into()),
                Some(priority)
            );
            assert_eq!(Priority::ALL[priority.index()], priority);
        }
        assert!(Priority::ALL.is_sorted());
    }
}
