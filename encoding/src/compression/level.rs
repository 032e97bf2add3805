//! The classes of levels: how hard a compressor tries.

use std::fmt;

/// How hard a compressor tries. There are three and not nine, so that viewers who ask for
/// different levels share what is made once for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LevelClass {
    /// Levels 1 to 3.
    Fast,
    /// Levels 4 to 6.
    #[default]
    Default,
    /// Levels 7 to 9.
    Best,
}

impl LevelClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Default, Self::Best];

    /// The class of a level that a client asks for, 1 to 9; none for any other.
    pub const fn of_level(level: u8) -> Option<Self> {
        match level {
            1..=3 => Some(Self::Fast),
            4..=6 => Some(Self::Default),
            7..=9 => Some(Self::Best),
            _ => None,
        }
    }

    /// The class's name, for logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Default => "default",
            Self::Best => "best",
        }
    }
}

impl fmt::Display for LevelClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
