//! The algorithms, by the names that the wire has for them.

use std::fmt;

use super::LevelClass;

/// What compresses a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RFC 1950.
    Zlib,
    /// RFC 1952.
    Gzip,
    /// RFC 1950 too: what HTTP calls "deflate", and browsers' `DecompressionStream("deflate")`.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [
        Self::Zlib,
        Self::Gzip,
        Self::Deflate,
        Self::Brotli,
        Self::Zstd,
    ];

    /// The algorithm of this name, as the wire writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The name as the wire writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
        }
    }

    /// The level, in the algorithm's own counting, that is in force for a class. Figures are of one
    /// tick of 2,340 moving agents, the hardest case.
    pub const fn level(self, class: LevelClass) -> u8 {
        let [fast, default, best] = match self {
            // Level 1 of zlib-rs is a trap: it looks for so few matches that the tick grows by 3 %
            // and positions on a grid save a third of what they do at level 3. Level 9 saves up to
            // 2 % more of raw floats than 6, in two to five times the time; those between save
            // nothing more.
            Self::Zlib | Self::Gzip | Self::Deflate => [3, 6, 9],
            // 6 saves no more than 5, and the highest levels take tenths of a second.
            Self::Brotli => [1, 4, 5],
            // Its counting goes to 22; what lies beyond 9 is for files that are packed once.
            Self::Zstd => [1, 3, 9],
        };
        match class {
            LevelClass::Fast => fast,
            LevelClass::Default => default,
            LevelClass::Best => best,
        }
    }

    /// Whether `data` can be the beginning of a stream of this algorithm, however short it is.
    pub(super) fn begins(self, data: &[u8]) -> bool {
        let starts = |magic: &[u8]| data.iter().zip(magic).all(|(byte, magic)| byte == magic);
        match self {
            Self::Zlib | Self::Deflate => match *data {
                [] => true,
                [method] => is_deflate(method),
                // RFC 1950, 2.2: the two bytes are a multiple of 31.
                [method, check, ..] => {
                    is_deflate(method) && u16::from_be_bytes([method, check]).is_multiple_of(31)
                }
            },
            Self::Gzip => starts(&[0x1F, 0x8B]),
            Self::Zstd => starts(&[0x28, 0xB5, 0x2F, 0xFD]),
            // A brotli stream begins with the bits of its window, so with nearly anything.
            Self::Brotli => true,
        }
    }

    /// What the first bytes of a stream are, in words.
    pub(super) const fn beginning(self) -> &'static str {
        match self {
            Self::Zlib | Self::Deflate => "78 (RFC 1950)",
            Self::Gzip => "1f 8b (RFC 1952)",
            Self::Brotli => "the size of its window (RFC 7932)",
            Self::Zstd => "28 b5 2f fd (RFC 8878)",
        }
    }

    /// The algorithm that the first bytes of `data` are typical of. A guess, for errors only: the
    /// algorithm in force is what was negotiated.
    pub(super) fn guess(data: &[u8]) -> Option<Self> {
        let long_enough = data.len() >= 4;
        [Self::Gzip, Self::Zstd, Self::Zlib]
            .into_iter()
            .find(|known| long_enough && known.begins(data))
    }
}

/// RFC 1950, 2.2: method 8 in the low half, a window of at most 32 KiB in the high one. Nearly
/// every encoder writes 78.
const fn is_deflate(method: u8) -> bool {
    method & 0x0F == 8 && method >> 4 <= 7
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
