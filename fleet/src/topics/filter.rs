//! What somebody wants of the events on their topics.

use std::io;

use serde_json::Value;

use super::dotted::shown;
use super::scalar::Scalar;
use super::subject::{Lookup, Subject};

/// The key whose values are compared as priorities.
const PRIORITY: &str = "priority";

/// Demands on keys, all of which are to be met; a demand is met by any one of its values.
///
/// Texts and booleans are compared exactly, numbers by value. The key `priority` is compared by
/// its word where a word was asked (`high` is 7, 8 and `"HIGH"`), by its number where a number was.
/// Where a subject has a list, one of its elements is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    demands: Box<[Demand]>,
}

/// A key and the values that it may have, ascending.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Demand {
    key: Box<str>,
    values: Box<[Scalar<'static>]>,
}

/// Why a JSON value is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// Not an object at all.
    #[error("filters: {0} is not allowed; an object is, of keys with a value or a list of values")]
    NotAnObject(String),
    /// More JSON than is looked at.
    #[error(
        "filters: more than {} bytes; that many are allowed",
        Filter::BYTES_MAX
    )]
    Bytes,
    /// Too many keys.
    #[error("filters: {0} keys are not allowed; at most {max} are", max = Filter::KEYS_MAX)]
    Keys(usize),
    /// Too many values.
    #[error("filters: {0} values are not allowed; at most {max} are over all keys", max = Filter::VALUES_MAX)]
    Values(usize),
    /// A value that can't be compared.
    #[error(
        "filters.{key}: {value} is not allowed; a string, a number, a boolean or a list of these is"
    )]
    Value {
        /// The key that it stands under.
        key: String,
        /// The value, cut to its beginning.
        value: String,
    },
    /// A value that no priority has.
    #[error("filters.priority: {0} is not allowed; low, normal, high, critical or 1 to 10 is")]
    Priority(String),
}

impl Filter {
    /// The most keys of a filter.
    pub const KEYS_MAX: usize = 32;

    /// The most values of a filter, over all its keys.
    pub const VALUES_MAX: usize = 256;

    /// The longest filter, in bytes of compact JSON.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// Reads `{"priority":["high","critical"],"project_id":"proj-456"}`; an empty list asks for
    /// nothing.
    pub fn read(json: &Value) -> Result<Self, InvalidFilter> {
        let Value::Object(fields) = json else {
            return Err(InvalidFilter::NotAnObject(shown_json(json)));
        };
        serde_json::to_writer(Allowance(Self::BYTES_MAX), json)
            .map_err(|_| InvalidFilter::Bytes)?;
        if fields.len() > Self::KEYS_MAX {
            return Err(InvalidFilter::Keys(fields.len()));
        }
        let count = fields.values().map(|value| listed(value).len()).sum();
        if count > Self::VALUES_MAX {
            return Err(InvalidFilter::Values(count));
        }
        let asking = fields.iter().filter(|(_, value)| !listed(value).is_empty());
        let demands = asking.map(|(key, value)| Demand::read(key, value));
        Ok(Self {
            demands: demands.collect::<Result<_, _>>()?,
        })
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.demands.is_empty()
    }

    /// Whether the subject meets every demand. At most one lookup a key, and a search in its sorted
    /// values for each element that the subject has there.
    pub fn passes(&self, subject: &impl Subject) -> bool {
        let mut demands = self.demands.iter();
        demands.all(|demand| match subject.value(&demand.key) {
            Lookup::Value(value) => listed(&value).iter().any(|it| demand.is_met_by(it)),
            Lookup::Missing => false,
            Lookup::NotApplicable => true,
        })
    }
}

impl Demand {
    fn read(key: &str, value: &Value) -> Result<Self, InvalidFilter> {
        let wanted = listed(value).iter().map(|value| {
            if key == PRIORITY {
                Scalar::of_priority(value).ok_or_else(|| InvalidFilter::Priority(shown_json(value)))
            } else {
                Scalar::of(value).ok_or_else(|| InvalidFilter::Value {
                    key: shown(key),
                    value: shown_json(value),
                })
            }
        });
        let mut values = wanted
            .map(|scalar| Ok(scalar?.into_owned()))
            .collect::<Result<Vec<_>, _>>()?;
        values.sort_unstable();
        values.dedup();
        Ok(Self {
            key: key.into(),
            values: values.into(),
        })
    }

    fn is_met_by(&self, value: &Value) -> bool {
        if &*self.key == PRIORITY {
            let faces = Scalar::faces_of_priority(value);
            faces.is_some_and(|faces| faces.iter().any(|face| self.holds(face)))
        } else {
            Scalar::of(value).is_some_and(|scalar| self.holds(&scalar))
        }
    }

    fn holds(&self, scalar: &Scalar<'_>) -> bool {
        let values: &[Scalar<'_>] = &self.values;
        values.binary_search(scalar).is_ok()
    }
}

/// The elements of a list, or the one value that is no list.
fn listed(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        value => std::slice::from_ref(value),
    }
}

/// A value as an error shows it.
fn shown_json(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", shown(text)),
        value => shown(&value.to_string()),
    }
}

/// Takes that many bytes, keeps none, and refuses the next.
struct Allowance(usize);

impl io::Write for Allowance {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::{Value, json};

    use super::{Filter, InvalidFilter, Lookup, Subject};

    /// A JSON object, in which the key `elsewhere` is one that it never has.
    struct Facts(Value);

    impl Subject for Facts {
        fn value(&self, key: &str) -> Lookup<'_> {
            match (key, self.0.get(key)) {
                ("elsewhere", _) => Lookup::NotApplicable,
                (_, Some(value)) => Lookup::Value(Cow::Borrowed(value)),
                (_, None) => Lookup::Missing,
            }
        }
    }

    fn passes(filter: &Value, facts: &Value) -> bool {
        Filter::read(filter).unwrap().passes(&Facts(facts.clone()))
    }

    #[test]
    fn one_value_of_each_key_is_enough_and_each_key_counts() {
        let filter = json!({"priority": ["high", "critical"], "project_id": "proj-456"});
        for (facts, expected) in [
            (json!({"priority": 7, "project_id": "proj-456"}), true),
            (json!({"priority": 10, "project_id": "proj-456"}), true),
            (json!({"priority": "HIGH", "project_id": "proj-456"}), true),
            (
                json!({"priority": "normal", "project_id": "proj-456"}),
                false,
            ),
            (json!({"priority": 6, "project_id": "proj-456"}), false),
            (json!({"priority": 7, "project_id": "proj-457"}), false),
            (json!({"priority": 7, "project_id": "PROJ-456"}), false),
            (json!({"priority": 7, "project_id": null}), false),
            (json!({"priority": 7}), false),
            (json!({}), false),
        ] {
            assert_eq!(passes(&filter, &facts), expected, "{facts}");
        }
    }

    #[test]
    fn priorities_compare_by_word_or_by_number_as_asked() {
        for (asked, matching) in [
            (json!("low"), &[1, 2, 3][..]),
            (json!("Normal"), &[4, 5, 6]),
            (json!("HIGH"), &[7, 8]),
            (json!("critical"), &[9, 10]),
            (json!(7), &[7]),
            (json!(8.0), &[8]),
            (json!(["low", 10]), &[1, 2, 3, 10]),
        ] {
            let filter = json!({"priority": asked});
            for number in 0..=11 {
                let expected = matching.contains(&number);
                assert_eq!(passes(&filter, &json!({"priority": number})), expected);
            }
        }
        for (asked, facts, expected) in [
            (json!(8), json!("high"), true),
            (json!(7), json!("high"), false),
            (json!("high"), json!("urgent"), false),
            (json!("high"), json!(null), false),
        ] {
            let filter = json!({"priority": asked});
            assert_eq!(passes(&filter, &json!({"priority": facts})), expected);
        }
    }

    #[test]
    fn what_cannot_have_a_key_passes_and_what_only_lacks_it_does_not() {
        let facts = json!({"status": "idle", "capabilities": ["rust", "sql"]});
        for (filter, expected) in [
            (json!({}), true),
            (json!({"elsewhere": "x"}), true),
            (json!({"elsewhere": "x", "status": "idle"}), true),
            (json!({"elsewhere": "x", "status": "busy"}), false),
            (json!({"missing": "x"}), false),
            (json!({"missing": []}), true),
            (json!({"capabilities": ["go", "sql"]}), true),
            (json!({"capabilities": "go"}), false),
        ] {
            assert_eq!(passes(&filter, &facts), expected, "{filter}");
        }
        assert!(Filter::read(&json!({"missing": []})).unwrap().is_empty());
        assert!(Filter::default().passes(&Facts(json!({}))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many_keys: Value = (0..33).map(|at| (at.to_string(), json!(0))).collect();
        let many_values = vec![1; 129];
        for (json, begins) in [
            (json!("all"), "filters: 'all' is not allowed; an object is"),
            (json!([]), "filters: [] is not allowed"),
            (many_keys, "filters: 33 keys are not allowed; at most 32"),
            (
                json!({"a": many_values, "b": many_values}),
                "filters: 258 values are not allowed; at most 256",
            ),
            (
                json!({"a": "x".repeat(1 << 14)}),
                "filters: more than 16384 bytes",
            ),
            (
                json!({"a": null}),
                "filters.a: null is not allowed; a string",
            ),
            (json!({"a": {"b": 1}}), "filters.a: "),
            (json!({"a": [[1]]}), "filters.a: [1] is not"),
            (json!({"a\n": null}), "filters.a\\n: null is not"),
            (
                json!({"priority": "urgent"}),
                "filters.priority: 'urgent' is not allowed; low, normal",
            ),
            (json!({"priority": 11}), "filters.priority: 11 is not"),
            (
                json!({"priority": ["low", true]}),
                "filters.priority: true is",
            ),
        ] {
            let told = Filter::read(&json).unwrap_err().to_string();
            assert!(told.starts_with(begins) && told.len() < 200, "{told}");
        }
    }

    #[test]
    fn bounds_are_reached_but_not_passed() {
        let keys: Value = (0..32).map(|at| (at.to_string(), json!(0))).collect();
        assert!(Filter::read(&keys).is_ok());
        assert!(Filter::read(&json!({"a": vec![1; 128], "b": vec![true; 128]})).is_ok());
        // `{"a":""}` has 8 bytes.
        let fills = |bytes: usize| json!({"a": "x".repeat(bytes - 8)});
        assert!(Filter::read(&fills(Filter::BYTES_MAX)).is_ok());
        let beyond = Filter::read(&fills(Filter::BYTES_MAX + 1));
        assert_eq!(beyond, Err(InvalidFilter::Bytes));
    }
}
