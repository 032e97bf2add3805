//! Segments joined by dots: what topics and patterns have in common, and what can be wrong with it.

/// The longest text, in bytes.
pub(super) const BYTES_MAX: usize = 255;

/// The most segments.
pub(super) const SEGMENTS_MAX: usize = 16;

/// How much of a wrong text an error shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// What is wrong with a topic or a pattern. Segments are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no text at all.
    #[error("it is empty")]
    Empty,
    /// Too many bytes.
    #[error("it has {0} bytes, at most {BYTES_MAX} are allowed")]
    Bytes(usize),
    /// Too many segments.
    #[error("it has {0} segments, at most {SEGMENTS_MAX} are allowed")]
    Segments(usize),
    /// Nothing between two dots, before the first or behind the last.
    #[error("segment {0} is empty")]
    EmptySegment(usize),
    /// A character that no segment has.
    #[error("segment {segment} has '{}'", character.escape_default())]
    Character {
        /// The segment that it stands in.
        segment: usize,
        /// The first such character.
        character: char,
    },
    /// `**` or `>` before the last segment.
    #[error("segment {0} stands for all the rest and isn't the last")]
    RestNotLast(usize),
}

/// Checks everything about a text but its segments.
pub(super) fn check_size(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.len() > BYTES_MAX {
        return Err(Fault::Bytes(text.len()));
    }
    let segments = text.split('.').count();
    if segments > SEGMENTS_MAX {
        return Err(Fault::Segments(segments));
    }
    Ok(())
}

/// Checks one literal segment, the `number`th from 1.
pub(super) fn check_segment(number: usize, segment: &str) -> Result<(), Fault> {
    if segment.is_empty() {
        return Err(Fault::EmptySegment(number));
    }
    let allowed = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    match segment.chars().find(|character| !allowed(character)) {
        Some(character) => Err(Fault::Character {
            segment: number,
            character,
        }),
        None => Ok(()),
    }
}

/// A text as an error shows it: its beginning, without line breaks or other tricks.
pub(super) fn shown(text: &str) -> String {
    let beginning = text.chars().take(SHOWN_CHARACTERS_MAX);
    beginning.flat_map(char::escape_default).collect()
}
