//! What a filter asks: an event together with what it is about.

use std::borrow::Cow;

use serde_json::Value;

/// Something that filters can look into. Who implements it decides where a key is looked up: in
/// an event first, then in its task, then in its workflow.
pub trait Subject {
    /// What the subject has under a key.
    fn value(&self, key: &str) -> Lookup<'_>;
}

/// What was found under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup<'a> {
    /// This value.
    Value(Cow<'a, Value>),
    /// Nothing, though subjects of its kind may have the key: no demand on it is met.
    Missing,
    /// Subjects of its kind never have the key: every demand on it passes.
    NotApplicable,
}
