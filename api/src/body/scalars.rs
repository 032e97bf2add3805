//! Values of fields: each is made from JSON, or says what is allowed instead.

#![allow(
    clippy::needless_pass_by_value,
    reason = "a field hands its value over"
)]

use agnt_fleet::mutation::PriorityWish;
use agnt_fleet::{Fields, Id, Priority, PriorityWord, Timestamp};
use serde_json::Value;

use crate::limits::{
    COMMAND_TIMEOUT_MS_MIN, DURATION_MS_MAX, LABEL_CHARS_MAX, REASON_CHARS_MAX, TEXT_CHARS_MAX,
    URL_CHARS_MAX,
};

/// How much of a value an issue repeats, in bytes.
const SHOWN_BYTES_MAX: usize = 96;

/// What a label is.
const LABEL_ALLOWED: &str = "a text of 1 to 128 characters, none of them a control character,";

/// What is read of a field.
pub(crate) type Reading<T> = Result<T, String>;

/// The beginning of a text.
pub(crate) fn clipped(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The value is not allowed; `allowed` is.
pub(crate) fn not_allowed(value: &Value, allowed: &str) -> String {
    let shown = match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Null => return format!("null is not allowed; leave it out, or {allowed}"),
        Value::String(text) => format!("{:?}", clipped(text, SHOWN_BYTES_MAX)),
        scalar => clipped(&scalar.to_string(), SHOWN_BYTES_MAX).to_owned(),
    };
    format!("{shown} is not allowed; {allowed} is")
}

/// Any JSON.
#[allow(clippy::unnecessary_wraps, reason = "it is read like every field")]
pub(crate) fn any(value: Value) -> Reading<Value> {
    Ok(value)
}

/// An object.
pub(crate) fn object(value: Value) -> Reading<Fields> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(not_allowed(&other, "an object")),
    }
}

/// `true` or `false`.
pub(crate) fn boolean(value: Value) -> Reading<bool> {
    value
        .as_bool()
        .ok_or_else(|| not_allowed(&value, "true or false"))
}

/// A list, each of whose entries `read` makes.
pub(crate) fn list<T>(
    value: Value,
    len_max: usize,
    allowed: &str,
    mut read: impl FnMut(Value) -> Reading<T>,
) -> Reading<Vec<T>> {
    let Value::Array(entries) = value else {
        return Err(not_allowed(&value, allowed));
    };
    if entries.len() > len_max {
        let given = entries.len();
        return Err(format!(
            "has {given} entries; at most {len_max} are allowed"
        ));
    }
    let read = |(place, entry)| read(entry).map_err(|issue| format!("entry {place}: {issue}"));
    entries.into_iter().enumerate().map(read).collect()
}

/// A text of that many characters.
fn chars(value: Value, chars_min: usize, chars_max: usize, allowed: &str) -> Reading<String> {
    let Value::String(text) = value else {
        return Err(not_allowed(&value, allowed));
    };
    // Bytes first, so that a long text is not counted.
    let count = match text.len() > 4 * chars_max {
        true => chars_max + 1,
        false => text.chars().count(),
    };
    match (chars_min..=chars_max).contains(&count) {
        true => Ok(text),
        false => Err(not_allowed(&Value::String(text), allowed)),
    }
}

/// 1 to 128 characters, none of them a control character.
pub(crate) fn label(value: Value) -> Reading<String> {
    visible(value, LABEL_CHARS_MAX, LABEL_ALLOWED)
}

/// A text without control characters, that is not empty.
fn visible(value: Value, chars_max: usize, allowed: &str) -> Reading<String> {
    let text = chars(value, 1, chars_max, allowed)?;
    match text.chars().any(char::is_control) {
        true => Err(not_allowed(&Value::String(text), allowed)),
        false => Ok(text),
    }
}

/// Any text for people.
pub(crate) fn text(value: Value) -> Reading<String> {
    chars(
        value,
        0,
        TEXT_CHARS_MAX,
        "a text of at most 4096 characters",
    )
}

/// Why something is called off. It stands in queries, which are short.
pub(crate) fn reason(value: Value) -> Reading<String> {
    chars(
        value,
        0,
        REASON_CHARS_MAX,
        "a text of at most 512 characters",
    )
}

/// Something that may be a URL; who calls it judges it.
pub(crate) fn url(value: Value) -> Reading<String> {
    let allowed = "a URL of 1 to 2048 characters, none of them a control character,";
    visible(value, URL_CHARS_MAX, allowed)
}

/// An id.
pub(crate) fn id(value: Value) -> Reading<Id> {
    let allowed = "a text of 1 to 128 of A-Z a-z 0-9 _ -";
    let checked = value.as_str().and_then(|text| Id::new(text).ok());
    checked.ok_or_else(|| not_allowed(&value, allowed))
}

/// An integer in a range; 5.0 is one.
pub(crate) fn integer(value: Value, min: u64, max: u64) -> Reading<u64> {
    let whole = |number: f64| {
        let is_exact = number.fract() == 0.0 && (0.0..9e15).contains(&number);
        is_exact.then_some(number as u64)
    };
    let given = value.as_u64().or_else(|| value.as_f64().and_then(whole));
    given
        .filter(|given| value.is_number() && (min..=max).contains(given))
        .ok_or_else(|| not_allowed(&value, &format!("an integer from {min} to {max}")))
}

/// A number in a range.
pub(crate) fn number(value: Value, min: f64, max: f64) -> Reading<f64> {
    value
        .as_f64()
        .filter(|given| (min..=max).contains(given))
        .ok_or_else(|| not_allowed(&value, &format!("a number from {min} to {max}")))
}

/// A moment of the years 1 to 9999; what the fleet can't say is the nearest that it can.
pub(crate) fn moment(value: Value) -> Reading<Timestamp> {
    let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let at = value.as_str().and_then(|text| {
        // The last two days of the year 9999 are beyond the calendar's end.
        let is_last = text.starts_with("9999-12-3");
        let earlier = || is_last.then(|| read(&text.replacen("9999", "9998", 1)));
        let last = || earlier().flatten().map(|_| Timestamp::MAX);
        read(text).map(nearest).or_else(last)
    });
    at.ok_or_else(|| not_allowed(&value, "an RFC 3339 date-time"))
}

fn nearest(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(u64::try_from(at.as_microsecond()).unwrap_or(0))
}

/// A duration in ms.
pub(crate) fn milliseconds(value: Value) -> Reading<u64> {
    integer(value, 1, DURATION_MS_MAX)
}

/// A duration in s, as ms.
pub(crate) fn seconds(value: Value) -> Reading<u64> {
    seconds_from(value, 0.001)
}

/// The timeout of a command in ms.
pub(crate) fn command_milliseconds(value: Value) -> Reading<u64> {
    integer(value, COMMAND_TIMEOUT_MS_MIN, DURATION_MS_MAX)
}

/// The timeout of a command in s, as ms.
pub(crate) fn command_seconds(value: Value) -> Reading<u64> {
    seconds_from(value, COMMAND_TIMEOUT_MS_MIN as f64 / 1000.0)
}

fn seconds_from(value: Value, min: f64) -> Reading<u64> {
    let seconds = number(value, min, DURATION_MS_MAX as f64 / 1000.0)?;
    Ok((seconds * 1000.0).round() as u64)
}

/// How urgent: a number from 1 to 10 or a word.
pub(crate) fn priority(value: Value) -> Reading<PriorityWish> {
    if let Some(word) = value.as_str().and_then(PriorityWord::parse) {
        return Ok(PriorityWish::Word(word));
    }
    let level = value.is_number().then(|| integer(value.clone(), 1, 10));
    let level = level.and_then(|level| u8::try_from(level.ok()?).ok());
    let allowed = "low, normal, high, critical or an integer from 1 to 10";
    level
        .and_then(Priority::new)
        .map(PriorityWish::Level)
        .ok_or_else(|| not_allowed(&value, allowed))
}

/// A word out of a list.
pub(crate) fn word<T>(value: Value, read: impl Fn(&str) -> Option<T>, allowed: &str) -> Reading<T> {
    let found = value.as_str().and_then(read);
    found.ok_or_else(|| not_allowed(&value, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers_are_whole_numbers_in_range() {
        assert_eq!(integer(json!(5), 1, 10), Ok(5));
        assert_eq!(integer(json!(5.0), 1, 10), Ok(5));
        for bad in [
            json!(0),
            json!(11),
            json!(5.5),
            json!(-1),
            json!("5"),
            json!(true),
        ] {
            assert!(integer(bad.clone(), 1, 10).is_err(), "{bad}");
        }
        assert!(integer(json!(1e300), 0, u64::MAX).is_err());
        assert!(integer(json!(null), 0, 9).unwrap_err().starts_with("null"));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(label(json!("ä".repeat(128))).is_ok());
        assert!(label(json!("ä".repeat(129))).is_err());
        assert!(label(json!("a\u{85}")).is_err());
        assert!(label(json!("")).is_err());
        assert!(text(json!("")).is_ok());
        assert!(text(json!("x".repeat(4097))).is_err());
    }

    #[test]
    fn durations_are_milliseconds_inside() {
        assert_eq!(seconds(json!(0.5)), Ok(500));
        assert_eq!(seconds(json!(300)), Ok(300_000));
        assert!(seconds(json!(0)).is_err());
        assert!(seconds(json!(31_536_001)).is_err());
        assert!(command_seconds(json!(0.5)).is_err());
        assert_eq!(command_seconds(json!(1)), Ok(1000));
    }

    #[test]
    fn priorities_are_words_or_numbers() {
        assert_eq!(
            priority(json!("HIGH")),
            Ok(PriorityWish::Word(PriorityWord::High))
        );
        let seven = Priority::new(7).unwrap();
        assert_eq!(priority(json!(7)), Ok(PriorityWish::Level(seven)));
        for bad in [
            json!("urgent"),
            json!(0),
            json!(11),
            json!(null),
            json!([]),
            json!("7"),
        ] {
            let issue = priority(bad.clone()).unwrap_err();
            assert!(
                issue.contains("low, normal, high, critical"),
                "{bad}: {issue}"
            );
        }
    }

    #[test]
    fn issues_repeat_no_more_than_a_beginning() {
        let long = id(json!("é".repeat(100_000))).unwrap_err();
        assert!(long.len() < 300);
        assert!(text(json!({"a": 1})).unwrap_err().starts_with("an object"));
    }
}
