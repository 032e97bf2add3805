//! How urgent a task or a command is.

use serde::{Deserialize, Serialize};

/// A number from 1 to 10, and the word for its range (decision X7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

/// The words for ranges of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriorityWord {
    /// 1 to 3; as a number 2.
    Low,
    /// 4 to 6; as a number 5.
    Normal,
    /// 7 and 8; as a number 8.
    High,
    /// 9 and 10; as a number 10.
    Critical,
}

impl PriorityWord {
    /// Reads a word, whatever its case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High, Self::Critical]
            .into_iter()
            .find(|word| word.as_str().eq_ignore_ascii_case(text))
    }

    /// The word, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Priority {
    /// Checks a number.
    pub const fn new(level: u8) -> Option<Self> {
        match level {
            1..=10 => Some(Self(level)),
            _ => None,
        }
    }

    /// 1 to 10.
    pub const fn level(self) -> u8 {
        self.0
    }

    /// The word for its range.
    pub const fn word(self) -> PriorityWord {
        match self.0 {
            ..=3 => PriorityWord::Low,
            4..=6 => PriorityWord::Normal,
            7..=8 => PriorityWord::High,
            9.. => PriorityWord::Critical,
        }
    }

    /// What a write of `word` makes of this one: the number stays where the word is the same
    /// (ruling 48).
    #[must_use]
    pub fn rewritten(self, word: PriorityWord) -> Self {
        match self.word() == word {
            true => self,
            false => word.into(),
        }
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl From<PriorityWord> for Priority {
    fn from(word: PriorityWord) -> Self {
        Self(match word {
            PriorityWord::Low => 2,
            PriorityWord::Normal => 5,
            PriorityWord::High => 8,
            PriorityWord::Critical => 10,
        })
    }
}

impl TryFrom<u8> for Priority {
    type Error = &'static str;

    fn try_from(level: u8) -> Result<Self, Self::Error> {
        Self::new(level).ok_or("priority: 1 to 10 are allowed")
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}
