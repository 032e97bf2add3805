//! What stands behind the `?`.

use std::borrow::Cow;

use agnt_fleet::{FieldIssue, Id, Refusal, RefusalKind};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::body::fields::refuse_all;
use crate::body::scalars;
use crate::limits::{ISSUES_MAX, QUERY_BYTES_MAX};

/// The parameters of a query, and what is wrong with those that were looked at.
///
/// Unknown ones are passed over; of one that is given twice the last counts, and all are checked.
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    issues: Vec<FieldIssue>,
}

impl<'a> Query<'a> {
    /// Reads a query; nothing is an empty one.
    pub(crate) fn read(query: Option<&'a str>) -> Result<Self, Refusal> {
        let query = query.unwrap_or("");
        if query.len() > QUERY_BYTES_MAX {
            let message = format!(
                "query: {} bytes are not allowed; at most {QUERY_BYTES_MAX} are",
                query.len()
            );
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decoded(name)?, decoded(value)?));
        }
        Ok(Self {
            pairs,
            issues: Vec::new(),
        })
    }

    /// A parameter; `read` makes its value, or says what is allowed instead.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let mut found = None;
        for (_, value) in self.pairs.iter().filter(|(given, _)| given == name) {
            match read(value) {
                Ok(value) => found = Some(value),
                Err(issue) if self.issues.len() < ISSUES_MAX => self.issues.push(FieldIssue {
                    field: name.to_owned(),
                    issue,
                }),
                Err(_) => {}
            }
        }
        found
    }

    /// An integer in a range. One beyond `u64` is its largest number.
    pub(crate) fn integer(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        self.take(name, |text| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_number.then(|| text.parse().unwrap_or(u64::MAX));
            number
                .filter(|number| (min..=max).contains(number))
                .ok_or_else(|| refused(text, &format!("an integer from {min} to {max}")))
        })
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.take(name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(refused(other, "true or false")),
        })
    }

    /// An id.
    pub(crate) fn id(&mut self, name: &str) -> Option<Id> {
        self.take(name, |text| {
            let allowed = "a text of 1 to 128 of A-Z a-z 0-9 _ -";
            Id::new(text).map_err(|_| refused(text, allowed))
        })
    }

    /// A text of 1 to 128 characters, none of them a control character.
    pub(crate) fn label(&mut self, name: &str) -> Option<String> {
        self.take(name, |text| scalars::label(Value::from(text)))
    }

    /// Words of a list, separated by commas.
    pub(crate) fn words<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> Option<Vec<T>> {
        self.take(name, |text| {
            let words = text.split(',').map(str::trim).map(&read);
            words
                .collect::<Option<_>>()
                .ok_or_else(|| refused(text, &format!("{allowed}, or several with commas,")))
        })
    }

    /// Ends reading: all that is wrong, or nothing.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        refuse_all(self.issues)
    }
}

/// The value is not allowed; `allowed` is.
pub(crate) fn refused(text: &str, allowed: &str) -> String {
    scalars::not_allowed(&Value::from(scalars::clipped(text, 128)), allowed)
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let text = match text.contains('+') {
        true => Cow::Owned(text.replace('+', " ")),
        false => Cow::Borrowed(text),
    };
    let decoded = match text {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8(),
        Cow::Owned(text) => percent_decode_str(&text)
            .decode_utf8()
            .map(|text| Cow::Owned(text.into_owned())),
    };
    let refusal = |_| {
        let message = "query: percent-encoded bytes that are not UTF-8 are not allowed; UTF-8 is";
        Refusal::new(RefusalKind::Invalid, message)
    };
    decoded.map_err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_the_last_counts() {
        let mut query = Query::read(Some("a=1&name=a+b%20%C3%A9&&a=2&flag")).unwrap();
        assert_eq!(query.integer("a", 1, 9), Some(2));
        assert_eq!(query.label("name").as_deref(), Some("a b é"));
        assert_eq!(query.label("absent"), None);
        assert!(query.end().is_ok());
    }

    #[test]
    fn each_value_is_checked() {
        let mut query = Query::read(Some("page=0&page=2&limit=&wait=1&id=a%2Fb&s=a,c")).unwrap();
        assert_eq!(query.integer("page", 1, 9), Some(2));
        assert_eq!(query.integer("limit", 1, 9), None);
        assert_eq!(query.boolean("wait"), None);
        assert_eq!(query.id("id"), None);
        let known = |word: &str| ["a", "b"].contains(&word).then(|| word.to_owned());
        assert_eq!(query.words("s", known, "a or b"), None);
        let refusal = query.end().unwrap_err();
        let fields: Vec<_> = refusal.issues.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["page", "limit", "wait", "id", "s"]);
    }

    #[test]
    fn numbers_have_no_end_that_overflows() {
        let mut query = Query::read(Some("a=99999999999999999999999999&b=-1&c=1.5&d=%31")).unwrap();
        assert_eq!(query.integer("a", 1, u64::MAX), Some(u64::MAX));
        assert_eq!(query.integer("b", 0, 9), None);
        assert_eq!(query.integer("c", 0, 9), None);
        assert_eq!(query.integer("d", 0, 9), Some(1));
        assert!(Query::read(Some("a=%ff")).is_err());
        assert!(Query::read(Some(&"a".repeat(QUERY_BYTES_MAX + 1))).is_err());
    }
}
