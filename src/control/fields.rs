//! A JSON object of a peer, read shallowly: its members stay raw text until somebody asks.
//!
//! What is passed on is passed on as it came, so nothing is read that nobody needs. Every error
//! names the member by its path, the value, and what is allowed. A member that is `null` counts as
//! absent; of two of one name the last one stands, as in browsers.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The longest piece of a peer's text that is quoted back, in characters.
const SHOWN_CHARS_MAX: usize = 64;

/// An object and where it lies in its message.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    path: String,
    members: Members<'a>,
}

impl<'a> Fields<'a> {
    /// The object of that path.
    pub fn read(path: &str, raw: &'a RawValue) -> Result<Self, String> {
        if !raw.get().starts_with('{') {
            return Err(format!(
                "{path}: {} is not allowed; an object is",
                shown_raw(raw)
            ));
        }
        Self::of_text(path, raw.get())
    }

    /// The same from text that has not been looked at.
    pub fn of_text(path: &str, text: &'a str) -> Result<Self, String> {
        let object: Object<'a> =
            serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        Ok(Self {
            path: path.to_owned(),
            members: object.0,
        })
    }

    /// The same object as the message itself, whose members need no path.
    #[must_use]
    pub fn at_the_root(self) -> Self {
        Self {
            path: String::new(),
            ..self
        }
    }

    /// All members.
    pub fn members(&self) -> &Members<'a> {
        &self.members
    }

    /// A member's own path.
    pub fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => shown(key),
            path => format!("{path}.{}", shown(key)),
        }
    }

    /// A member as it came.
    pub fn raw(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.members.iter().rfind(|(name, _)| name == key);
        found.map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    /// A refusal of a member's value.
    pub fn refused(&self, key: &str, allowed: &str) -> String {
        let path = self.path_of(key);
        match self.raw(key) {
            None => format!("{path}: missing; {allowed}"),
            Some(raw) => format!("{path}: {} is not allowed; {allowed}", shown_raw(raw)),
        }
    }

    /// A text of at most so many bytes; an empty one is none.
    pub fn text(&self, key: &str, bytes_max: usize) -> Result<Option<Cow<'a, str>>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        text_of(raw)
            .filter(|text| (1..=bytes_max).contains(&text.len()))
            .map(Some)
            .ok_or_else(|| self.refused(key, &allowed_text(bytes_max)))
    }

    /// The same, and it must be there.
    pub fn required_text(&self, key: &str, bytes_max: usize) -> Result<Cow<'a, str>, String> {
        self.text(key, bytes_max)?
            .ok_or_else(|| self.refused(key, &allowed_text(bytes_max)))
    }

    /// One of the given words, in any case; the word as it is given here.
    pub fn word(
        &self,
        key: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        let said = text_of(raw).unwrap_or_default();
        let found = allowed.iter().find(|word| word.eq_ignore_ascii_case(&said));
        match found {
            Some(word) => Ok(Some(*word)),
            None => Err(self.refused(key, &allowed.join(", "))),
        }
    }

    /// A whole number within bounds.
    pub fn whole(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        let number = serde_json::from_str(raw.get()).ok();
        let number = number.filter(|number| range.contains(number));
        let refused = || {
            let (least, most) = (range.start(), range.end());
            self.refused(key, &format!("a whole number from {least} to {most}"))
        };
        number.map(Some).ok_or_else(refused)
    }

    /// A number within bounds; the upper one may be infinite.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        let number = serde_json::from_str(raw.get()).ok();
        let number = number.filter(|number| range.contains(number));
        let refused = || {
            let (least, most) = (range.start(), range.end());
            let allowed = match most.is_finite() {
                true => format!("a number from {least} to {most}"),
                false => format!("a number of {least} or more"),
            };
            self.refused(key, &allowed)
        };
        number.map(Some).ok_or_else(refused)
    }

    /// Yes or no.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        match self.raw(key).map(RawValue::get) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.refused(key, "true or false")),
        }
    }

    /// An object within this one.
    pub fn object(&self, key: &str) -> Result<Option<Self>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        Self::read(&self.path_of(key), raw).map(Some)
    }

    /// The same, and it must be there.
    pub fn required_object(&self, key: &str) -> Result<Self, String> {
        self.object(key)?
            .ok_or_else(|| self.refused(key, "an object"))
    }

    /// The entries of a list within bounds.
    pub fn list(
        &self,
        key: &str,
        lengths: RangeInclusive<usize>,
    ) -> Result<Option<Vec<&'a RawValue>>, String> {
        let Some(raw) = self.raw(key) else {
            return Ok(None);
        };
        let (least, most) = (lengths.start(), lengths.end());
        let allowed = format!("a list of {least} to {most} entries");
        let Ok(entries) = serde_json::from_str::<Vec<&'a RawValue>>(raw.get()) else {
            return Err(self.refused(key, &allowed));
        };
        if lengths.contains(&entries.len()) {
            return Ok(Some(entries));
        }
        let (path, count) = (self.path_of(key), entries.len());
        Err(format!("{path}: {count} entries; {allowed} is allowed"))
    }

    /// The objects of a list within bounds, each with its own path.
    pub fn objects(
        &self,
        key: &str,
        lengths: RangeInclusive<usize>,
    ) -> Result<Option<Vec<Self>>, String> {
        let Some(entries) = self.list(key, lengths)? else {
            return Ok(None);
        };
        let path = self.path_of(key);
        let read = |(index, raw)| Self::read(&format!("{path}[{index}]"), raw);
        entries
            .into_iter()
            .enumerate()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The object as text with some members set; every other value is as it came.
    pub fn with(&self, set: &[(&str, &str)]) -> String {
        let is_set = |name: &str| set.iter().any(|(key, _)| *key == name);
        let kept = self
            .members
            .iter()
            .filter(|(name, _)| !is_set(name))
            .map(|(name, raw)| (name.as_ref(), raw.get()));
        let mut text = String::from("{");
        for (name, json) in kept.chain(set.iter().copied()) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&quoted(name));
            text.push(':');
            text.push_str(json);
        }
        text.push('}');
        text
    }
}

fn allowed_text(bytes_max: usize) -> String {
    format!("a text of 1 to {bytes_max} bytes")
}

/// The text of a raw value that is one.
pub fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get())
        .ok()
        .map(|text| text.0)
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number as JSON; `null` for what JSON can't say.
pub fn number_json(number: f64) -> String {
    serde_json::Value::from(number).to_string()
}

/// A peer's text as it may stand in an answer: short and without control characters.
pub fn shown(text: &str) -> String {
    text.chars()
        .take(SHOWN_CHARS_MAX)
        .flat_map(char::escape_default)
        .collect()
}

fn shown_raw(raw: &RawValue) -> String {
    match text_of(raw) {
        Some(text) => format!("'{}'", shown(&text)),
        None => shown(raw.get()).replace("\\\"", "\""),
    }
}

/// A text, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Cow<'de, str>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        from.deserialize_str(Reader).map(Text)
    }
}

/// An object, its values unread.
struct Object<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((key.0, raw));
                }
                Ok(members)
            }
        }
        from.deserialize_map(Reader).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields<'_> {
        Fields::of_text("payload", text).expect("an object")
    }

    #[test]
    fn members_are_read_when_asked_for() {
        let all =
            fields(r#"{"a":"x\ny","b":7,"c":[{"d":1}],"e":null,"a":"last","f":0.5,"g":true}"#);
        assert_eq!(all.text("a", 9), Ok(Some(Cow::Borrowed("last"))));
        assert_eq!(all.whole("b", 1..=7), Ok(Some(7)));
        assert_eq!(all.number("f", 0.0..=1.0), Ok(Some(0.5)));
        assert_eq!(all.flag("g"), Ok(Some(true)));
        assert_eq!(all.text("e", 9), Ok(None));
        assert_eq!(all.text("absent", 9), Ok(None));
        let list = all.objects("c", 1..=1).expect("good").expect("there");
        assert_eq!(
            list[0].whole("d", 2..=3).expect_err("out of bounds"),
            "payload.c[0].d: 1 is not allowed; a whole number from 2 to 3"
        );
    }

    #[test]
    fn an_error_names_path_value_and_what_is_allowed() {
        let all = fields(r#"{"a":"long","b":-1,"c":[],"d":"Ab","e":[1]}"#);
        for (error, expected) in [
            (
                all.text("a", 3).unwrap_err(),
                "payload.a: 'long' is not allowed; a text of 1 to 3 bytes",
            ),
            (
                all.required_text("z", 3).unwrap_err(),
                "payload.z: missing; a text of 1 to 3 bytes",
            ),
            (
                all.whole("b", 0..=9).unwrap_err(),
                "payload.b: -1 is not allowed; a whole number from 0 to 9",
            ),
            (
                all.list("c", 1..=2).unwrap_err(),
                "payload.c: 0 entries; a list of 1 to 2 entries is allowed",
            ),
            (
                all.word("d", &["xy", "z"]).unwrap_err(),
                "payload.d: 'Ab' is not allowed; xy, z",
            ),
            (
                all.objects("e", 0..=1).unwrap_err(),
                "payload.e[0]: 1 is not allowed; an object is",
            ),
            (
                all.required_object("a").unwrap_err(),
                "payload.a: 'long' is not allowed; an object is",
            ),
        ] {
            assert_eq!(error, expected);
        }
        assert_eq!(all.word("d", &["AB"]), Ok(Some("AB")));
    }

    #[test]
    fn setting_members_leaves_the_others_byte_for_byte() {
        let all = fields(r#"{ "a" : 1.50 , "b": {"x": [1, 2]}, "c":"\u0041" }"#);
        assert_eq!(
            all.with(&[("b", "2"), ("d", "\"new\"")]),
            r#"{"a":1.50,"c":"\u0041","b":2,"d":"new"}"#
        );
        assert_eq!(fields("{}").with(&[("a", "1")]), r#"{"a":1}"#);
    }

    #[test]
    fn what_is_quoted_is_short_and_has_no_control_characters() {
        assert_eq!(shown(&"é\n".repeat(99)).len(), 32 * "\\u{e9}\\n".len());
        assert_eq!(number_json(f64::NAN), "null");
        assert_eq!(number_json(0.25), "0.25");
    }
}
