//! The fields of a body, taken one after the other; what is wrong with them is collected.

use agnt_fleet::{FieldIssue, Fields, Refusal, RefusalKind};
use serde_json::Value;

use super::scalars;
use crate::limits::ISSUES_MAX;

/// The fields that were not taken yet.
///
/// A field has several names: each is understood in `snake_case` and in `camelCase`, the first that
/// is given counts, and all that are given are checked.
pub(crate) struct FieldReader {
    fields: Fields,
    /// Where in the body they stand: nothing, or `stages[2].`.
    place: String,
    issues: Vec<FieldIssue>,
}

impl FieldReader {
    /// The fields of a whole body.
    pub(crate) fn new(fields: Fields) -> Self {
        Self::at(String::new(), fields)
    }

    fn at(place: String, fields: Fields) -> Self {
        Self {
            fields,
            place,
            issues: Vec::new(),
        }
    }

    /// Takes a field; `read` makes its value, or says what is allowed instead.
    pub(crate) fn take<T>(
        &mut self,
        names: &[&str],
        mut read: impl FnMut(Value) -> Result<T, String>,
    ) -> Option<T> {
        let mut found = None;
        for name in names {
            let camel = name.contains('_').then(|| camel_case(name));
            let given = self.fields.remove_entry(*name);
            let given = given
                .into_iter()
                .chain(camel.and_then(|camel| self.fields.remove_entry(camel.as_str())));
            for (name, value) in given.collect::<Vec<_>>() {
                match read(value) {
                    Ok(value) => found = found.or(Some(value)),
                    Err(issue) => self.refuse(&name, issue),
                }
            }
        }
        found
    }

    /// Takes a field that must be given.
    pub(crate) fn need<T>(
        &mut self,
        names: &[&str],
        allowed: &str,
        read: impl FnMut(Value) -> Result<T, String>,
    ) -> Option<T> {
        let issues = self.issues.len();
        let found = self.take(names, read);
        if found.is_none() && self.issues.len() == issues {
            self.refuse(names[0], format!("is missing; {allowed} is needed"));
        }
        found
    }

    /// Takes a field that is an object.
    pub(crate) fn take_object(&mut self, names: &[&str]) -> Option<Fields> {
        self.take(names, scalars::object)
    }

    /// Takes an object whose own fields are taken in turn.
    pub(crate) fn enter(&mut self, name: &str) -> Option<Self> {
        let fields = self.take_object(&[name])?;
        Some(Self::at(format!("{}{name}.", self.place), fields))
    }

    /// The reader of an entry of a list.
    pub(crate) fn enter_entry(&self, list: &str, place: usize, fields: Fields) -> Self {
        Self::at(format!("{}{list}[{place}].", self.place), fields)
    }

    /// Leaves an object; what was not taken of it is returned.
    pub(crate) fn leave(&mut self, inner: Self) -> Fields {
        let room = ISSUES_MAX.saturating_sub(self.issues.len());
        self.issues.extend(inner.issues.into_iter().take(room));
        inner.fields
    }

    /// Drops fields that views have and nobody sets.
    pub(crate) fn drop_shown(&mut self, names: &[&str]) {
        for name in names {
            self.fields.remove(*name);
            self.fields.remove(camel_case(name).as_str());
        }
    }

    /// Whether a field of that very name is still there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, field: &str, issue: impl Into<String>) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(FieldIssue {
                field: format!("{}{}", self.place, scalars::clipped(field, 128)),
                issue: issue.into(),
            });
        }
    }

    /// What was not taken.
    pub(crate) fn rest(&mut self) -> Fields {
        std::mem::take(&mut self.fields)
    }

    /// Takes the metadata, and with it everything that has no other place; what the metadata
    /// themselves name counts, as a name of a dialect's own does.
    pub(crate) fn metadata(&mut self) -> Fields {
        let named = self.take_object(&["metadata"]).unwrap_or_default();
        let mut metadata = self.rest();
        metadata.extend(named);
        metadata
    }

    /// Ends reading: all that is wrong, or nothing.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        refuse_all(self.issues)
    }
}

/// One refusal of all wrong fields.
pub(crate) fn refuse_all(issues: Vec<FieldIssue>) -> Result<(), Refusal> {
    if issues.is_empty() {
        return Ok(());
    }
    let told = issues.iter().take(4);
    let told: Vec<_> = told
        .map(|issue| format!("{}: {}", issue.field, issue.issue))
        .collect();
    let more = match issues.len() - told.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message = format!("{}{more}", told.join("; "));
    let mut refusal = Refusal::new(RefusalKind::Invalid, message);
    refusal.issues = issues;
    Err(refusal)
}

/// `max_tasks` as `maxTasks`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or("").to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(json: &str) -> FieldReader {
        FieldReader::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn both_spellings_are_understood_and_all_are_checked() {
        let mut fields = reader(r#"{"maxTasks":3,"max_tasks":"x","other":1}"#);
        let found = fields.take(&["max_tasks"], |value| scalars::integer(value, 1, 9));
        assert_eq!(found, Some(3));
        let refusal = fields.end().unwrap_err();
        assert_eq!(refusal.issues[0].field, "max_tasks");
        assert_eq!(
            refusal.issues[0].issue,
            "\"x\" is not allowed; an integer from 1 to 9 is"
        );
        assert_eq!(camel_case("a_bc_d"), "aBcD");
    }

    #[test]
    fn everything_wrong_is_told_with_its_place() {
        let mut fields = reader(r#"{"outer":{"inner":null},"list":[{"x":1}]}"#);
        let mut outer = fields.enter("outer").unwrap();
        outer.take(&["inner"], scalars::label);
        fields.leave(outer);
        let mut entry = fields.enter_entry("list", 0, Fields::new());
        entry.need(&["x"], "a label", scalars::label);
        fields.leave(entry);
        let refusal = fields.end().unwrap_err();
        let places: Vec<_> = refusal.issues.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(places, ["outer.inner", "list[0].x"]);
    }

    #[test]
    fn unknown_fields_become_metadata() {
        let mut fields = reader(r#"{"a":1,"metadata":{"b":2}}"#);
        assert_eq!(
            Value::from(fields.metadata()),
            serde_json::json!({"a":1,"b":2})
        );
        let mut fields = reader(r#"{"a":1,"b":3,"metadata":{"a":2}}"#);
        assert_eq!(
            Value::from(fields.metadata()),
            serde_json::json!({"a":2,"b":3})
        );
        assert!(fields.end().is_ok());
    }
}
