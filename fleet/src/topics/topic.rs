//! The name that an event is published under.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::dotted::{self, Fault};

/// 1 to 16 segments of `A-Z a-z 0-9 _ -` joined by dots, at most 255 bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

/// A text that is no topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("topic: '{shown}' is not allowed: {fault}; {}", Topic::ALLOWED)]
pub struct InvalidTopic {
    shown: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Topic {
    /// The longest topic, in bytes.
    pub const BYTES_MAX: usize = dotted::BYTES_MAX;

    /// The most segments of a topic.
    pub const SEGMENTS_MAX: usize = dotted::SEGMENTS_MAX;

    /// What is allowed, for people.
    pub const ALLOWED: &str = "1 to 16 segments of A-Z a-z 0-9 _ - joined by dots";

    /// Checks a name once; the type is the proof.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        let segments = || (1..).zip(text.split('.'));
        dotted::check_size(text)
            .and_then(|()| segments().try_for_each(|(at, it)| dotted::check_segment(at, it)))
            .map(|()| Self(Arc::from(text)))
            .map_err(|fault| InvalidTopic {
                shown: dotted::shown(text),
                fault,
            })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, first to last.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The other name of the same events: `task.TYPE.completed` is also `task.completed`, the type
    /// of its event, for any third segment; `system.alert` and `system.alerts` are each other's.
    pub fn alias(&self) -> Option<Self> {
        match &*self.0 {
            "system.alert" => return Some(Self(Arc::from("system.alerts"))),
            "system.alerts" => return Some(Self(Arc::from("system.alert"))),
            _ => {}
        }
        let (kind, what) = self.0.strip_prefix("task.")?.split_once('.')?;
        let is_task = !kind.is_empty() && !what.contains('.');
        is_task.then(|| Self(format!("task.{what}").into()))
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Topic};

    #[test]
    fn accepts_what_the_rule_allows() {
        let deepest = ["x"; 16].join(".");
        let longest = "y".repeat(255);
        for good in ["task", "task.code_generation.completed", "A-z.0_9"]
            .into_iter()
            .chain([&*deepest, &longest])
        {
            assert_eq!(Topic::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let foreign = |segment, character| Fault::Character { segment, character };
        for (bad, fault) in [
            ("", Fault::Empty),
            (".", Fault::EmptySegment(1)),
            ("a..b", Fault::EmptySegment(2)),
            ("a.", Fault::EmptySegment(2)),
            ("a b", foreign(1, ' ')),
            ("a.*", foreign(2, '*')),
            ("a.b.>", foreign(3, '>')),
            ("é", foreign(1, 'é')),
            ("a.b\n", foreign(2, '\n')),
            (&"z".repeat(256), Fault::Bytes(256)),
            (&["x"; 17].join("."), Fault::Segments(17)),
        ] {
            assert_eq!(Topic::parse(bad).unwrap_err().fault, fault, "{bad:?}");
        }
        let told = Topic::parse("a.b\n.c").unwrap_err().to_string();
        assert_eq!(
            told,
            "topic: 'a.b\\n.c' is not allowed: segment 2 has '\\n'; \
             1 to 16 segments of A-Z a-z 0-9 _ - joined by dots"
        );
        let long = Topic::parse(&"\u{7f}".repeat(1 << 20)).unwrap_err();
        assert!(long.to_string().len() < 600);
    }

    #[test]
    fn the_type_of_a_tasks_event_is_its_other_name() {
        for (topic, alias) in [
            ("task.code_generation.completed", Some("task.completed")),
            ("task.x.progress", Some("task.progress")),
            ("system.alerts", Some("system.alert")),
            ("system.alert", Some("system.alerts")),
            ("task.completed", None),
            ("task.x.y.completed", None),
            ("tasks.x.completed", None),
            ("workflow.stage_completed", None),
            ("system.alerts.x", None),
            ("task", None),
        ] {
            let found = Topic::parse(topic).unwrap().alias();
            assert_eq!(found.as_ref().map(Topic::as_str), alias, "{topic}");
            assert!(found.is_none_or(|it| Topic::parse(it.as_str()).is_ok()));
        }
    }
}
