//! Which topics somebody wants.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::dotted::{self, Fault};
use super::topic::Topic;

/// A topic in which `*` stands for exactly one segment and `**` or `>`, as the last one, for one
/// segment or more. Cheap to clone; `a.**` equals `a.>`, and each is shown as it was given.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<str>);

/// One segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step<'a> {
    /// This segment and no other.
    Exactly(&'a str),
    /// Any one segment.
    One,
    /// All segments that are left, at least one. Always the last step.
    Rest,
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pattern: '{shown}' is not allowed: {fault}; {}", Pattern::ALLOWED)]
pub struct InvalidPattern {
    shown: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Pattern {
    /// What is allowed, for people.
    pub const ALLOWED: &str = "1 to 16 segments joined by dots, each of A-Z a-z 0-9 _ - or *, \
        the last one also ** or >";

    /// Checks a pattern once; the type is the proof.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        check(text)
            .map(|()| Self(Arc::from(text)))
            .map_err(|fault| InvalidPattern {
                shown: dotted::shown(text),
                fault,
            })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its steps, first to last.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.0.split('.').map(step)
    }

    /// Whether that name matches. One look at each segment, whatever the pattern.
    pub fn matches(&self, topic: &Topic) -> bool {
        let mut segments = topic.segments();
        for step in self.steps() {
            let Some(segment) = segments.next() else {
                return false;
            };
            match step {
                Step::Exactly(word) if word != segment => return false,
                Step::Exactly(_) | Step::One => {}
                Step::Rest => return true,
            }
        }
        segments.next().is_none()
    }

    /// Whether the topic or its [alias](Topic::alias) matches.
    pub fn matches_either_name(&self, topic: &Topic) -> bool {
        self.matches(topic) || topic.alias().is_some_and(|alias| self.matches(&alias))
    }
}

fn step(segment: &str) -> Step<'_> {
    match segment {
        "*" => Step::One,
        "**" | ">" => Step::Rest,
        word => Step::Exactly(word),
    }
}

fn check(text: &str) -> Result<(), Fault> {
    dotted::check_size(text)?;
    let mut segments = (1..).zip(text.split('.')).peekable();
    while let Some((number, segment)) = segments.next() {
        match step(segment) {
            Step::Exactly(word) => dotted::check_segment(number, word)?,
            Step::Rest if segments.peek().is_some() => return Err(Fault::RestNotLast(number)),
            Step::One | Step::Rest => {}
        }
    }
    Ok(())
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.steps().eq(other.steps())
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.steps().for_each(|step| step.hash(state));
    }
}

impl From<&Topic> for Pattern {
    /// The pattern that this one name matches.
    fn from(topic: &Topic) -> Self {
        Self(Arc::from(topic.as_str()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Fault, Pattern, Topic};

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_star_is_one_segment_and_the_rest_is_at_least_one() {
        for (text, matching, others) in [
            (
                "task.*.completed",
                &["task.code_generation.completed", "task.x.completed"][..],
                &["task.completed", "task.x.y.completed", "task.x.failed"][..],
            ),
            (
                "workflow.stage_completed",
                &["workflow.stage_completed"],
                &["workflow.stage", "workflow.stage_completed.x", "workflow"],
            ),
            ("*", &["a"], &["a.b"]),
            ("a.**", &["a.b", "a.b.c.d"], &["a", "b.a", "ab.c"]),
            (">", &["a", "a.b.c"], &[]),
            ("*.>", &["a.b", "a.b.c"], &["a"]),
            ("*.*", &["a.b"], &["a", "a.b.c"]),
        ] {
            let pattern = pattern(text);
            for (names, expected) in [(matching, true), (others, false)] {
                for name in names {
                    let topic = Topic::parse(name).unwrap();
                    assert_eq!(pattern.matches(&topic), expected, "{text} {name}");
                }
            }
        }
    }

    #[test]
    fn an_events_type_reaches_its_topic() {
        let topic = Topic::parse("task.code_generation.completed").unwrap();
        for text in ["task.completed", "task.*.completed", "task.*", "task.>"] {
            assert!(pattern(text).matches_either_name(&topic), "{text}");
        }
        for text in ["task.failed", "task", "*", "*.code_generation"] {
            assert!(!pattern(text).matches_either_name(&topic), "{text}");
        }
        let alert = Topic::parse("system.alert").unwrap();
        assert!(pattern("system.alerts").matches_either_name(&alert));
    }

    #[test]
    fn names_what_is_wrong() {
        let foreign = |segment, character| Fault::Character { segment, character };
        for (bad, fault) in [
            ("", Fault::Empty),
            ("a.>.b", Fault::RestNotLast(2)),
            ("**.a", Fault::RestNotLast(1)),
            ("**.", Fault::RestNotLast(1)),
            ("a..*", Fault::EmptySegment(2)),
            ("a*", foreign(1, '*')),
            ("a.***", foreign(2, '*')),
            ("a.>>", foreign(2, '>')),
            ("a.#", foreign(2, '#')),
            (&["*"; 17].join("."), Fault::Segments(17)),
            (&"*".repeat(256), Fault::Bytes(256)),
        ] {
            assert_eq!(Pattern::parse(bad).unwrap_err().fault, fault, "{bad:?}");
        }
        let told = Pattern::parse("a.>.b").unwrap_err().to_string();
        assert!(told.contains("'a.>.b'") && told.contains("segment 2") && told.contains("** or >"));
    }

    #[test]
    fn both_ways_to_write_the_rest_are_one_pattern() {
        let distinct: HashSet<Pattern> = ["a.**", "a.>", "a.*", "a"].map(pattern).into();
        assert_eq!(distinct.len(), 3);
        assert_eq!(pattern("a.**").to_string(), "a.**");
        let topic = Topic::parse("a.b").unwrap();
        assert!(Pattern::from(&topic).matches(&topic));
    }
}
